//! The Nitro Secure Module behind `/dev/nsm`, through AWS's own crate.
//!
//! Only the enclave links this. It holds no simulated part: where there is no device it fails.

use aws_nitro_enclaves_nsm_api::api::{ErrorCode, Request, Response};
use aws_nitro_enclaves_nsm_api::driver::{nsm_exit, nsm_init, nsm_process_request};
use serde_bytes::ByteBuf;
use strongroom_attestation::{DocumentRequest, Nsm, NsmError, Pcr, PcrIndex, PcrState};

/// An open descriptor of the device; closed on drop.
#[derive(Debug)]
pub struct DeviceNsm {
    descriptor: i32,
}

impl DeviceNsm {
    /// Opens `/dev/nsm`.
    ///
    /// # Errors
    /// [`NsmError::Unavailable`] when it cannot be opened: this is no enclave.
    pub fn open() -> Result<Self, NsmError> {
        match nsm_init() {
            descriptor @ 0.. => Ok(Self { descriptor }),
            _ => Err(NsmError::Unavailable),
        }
    }

    /// One exchange with the device. Its error codes become errors here and nowhere else.
    fn ask(&self, request: Request) -> Result<Response, NsmError> {
        match nsm_process_request(self.descriptor, request) {
            Response::Error(code) => Err(refusal(&code)),
            response => Ok(response),
        }
    }
}

impl Drop for DeviceNsm {
    fn drop(&mut self) {
        nsm_exit(self.descriptor);
    }
}

impl Nsm for DeviceNsm {
    fn describe_pcr(&self, index: PcrIndex) -> Result<PcrState, NsmError> {
        match self.ask(Request::DescribePCR { index: index.get().into() })? {
            Response::DescribePCR { lock, data } => Ok(PcrState { value: register(&data)?, locked: lock }),
            _ => Err(NsmError::InvalidResponse),
        }
    }

    fn extend(&self, index: PcrIndex, data: &[u8]) -> Result<Pcr, NsmError> {
        match self.ask(Request::ExtendPCR { index: index.get().into(), data: data.to_vec() })? {
            Response::ExtendPCR { data } => register(&data),
            _ => Err(NsmError::InvalidResponse),
        }
    }

    fn lock(&self, index: PcrIndex) -> Result<(), NsmError> {
        match self.ask(Request::LockPCR { index: index.get().into() })? {
            Response::LockPCR => Ok(()),
            _ => Err(NsmError::InvalidResponse),
        }
    }

    fn attest(&self, request: &DocumentRequest) -> Result<Vec<u8>, NsmError> {
        let field = |bytes: Option<&[u8]>| bytes.map(ByteBuf::from);
        let request = Request::Attestation {
            user_data: field(request.user_data()),
            nonce: field(request.nonce()),
            public_key: field(request.public_key()),
        };
        match self.ask(request)? {
            Response::Attestation { document } => Ok(document),
            _ => Err(NsmError::InvalidResponse),
        }
    }

    fn random(&self, out: &mut [u8]) -> Result<(), NsmError> {
        let mut rest = out;
        while !rest.is_empty() {
            let Response::GetRandom { random } = self.ask(Request::GetRandom)? else {
                return Err(NsmError::InvalidResponse);
            };
            // An empty answer would keep this loop running for ever.
            if random.is_empty() {
                return Err(NsmError::InvalidResponse);
            }
            rest = fill(rest, &random);
        }
        Ok(())
    }
}

/// Copies what fits and returns what is left to fill.
fn fill<'a>(out: &'a mut [u8], random: &[u8]) -> &'a mut [u8] {
    let filled = out.len().min(random.len());
    out.iter_mut().zip(random).for_each(|(byte, random)| *byte = *random);
    out.get_mut(filled..).unwrap_or_default()
}

fn register(bytes: &[u8]) -> Result<Pcr, NsmError> {
    Pcr::try_from(bytes).map_err(|_| NsmError::InvalidResponse)
}

/// The closed set that callers know. "Success" as an error is none of the device's answers.
fn refusal(code: &ErrorCode) -> NsmError {
    match code {
        ErrorCode::InvalidArgument => NsmError::InvalidArgument,
        ErrorCode::InvalidIndex => NsmError::InvalidIndex,
        ErrorCode::Success | ErrorCode::InvalidResponse => NsmError::InvalidResponse,
        ErrorCode::ReadOnlyIndex => NsmError::ReadOnlyIndex,
        ErrorCode::InvalidOperation => NsmError::InvalidOperation,
        ErrorCode::BufferTooSmall => NsmError::BufferTooSmall,
        ErrorCode::InputTooLarge => NsmError::InputTooLarge,
        ErrorCode::InternalError => NsmError::Internal,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn without_the_device_there_is_no_nsm() {
        if Path::new("/dev/nsm").exists() {
            eprintln!("SKIPPED: this machine has an NSM");
            return;
        }
        assert_eq!(DeviceNsm::open().err(), Some(NsmError::Unavailable));
    }

    #[test]
    fn a_descriptor_that_is_no_device_fails_and_does_not_panic() {
        let nsm = DeviceNsm { descriptor: -1 };
        assert_eq!(nsm.describe_pcr(PcrIndex::IMAGE), Err(NsmError::Internal));
        assert_eq!(nsm.extend(PcrIndex::CHARTER, &[0; 0x1000]), Err(NsmError::InputTooLarge));
        assert_eq!(nsm.attest(&DocumentRequest::new()), Err(NsmError::Internal));
        assert_eq!(nsm.random(&mut [0; 8]), Err(NsmError::Internal));
        assert_eq!(nsm.random(&mut []), Ok(()));
    }

    #[test]
    fn random_answers_of_any_length_fill_the_buffer() {
        let mut out = [0; 5];
        let rest = fill(&mut out, &[1, 2, 3]);
        assert_eq!(fill(rest, &[4, 5, 6]), &mut [0_u8; 0]);
        assert_eq!(out, [1, 2, 3, 4, 5]);
    }
}
