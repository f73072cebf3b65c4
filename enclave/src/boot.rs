//! Boot: bind this run to the owner's charter before anything secret is asked for.
//!
//! 1. The charter must be signed by one of its own keys.
//! 2. PCR16 is extended with its digest, once, and locked.
//! 3. PCR16 is read back and must hold exactly that.
//! 4. The image registers are read; a debug image has zeros there and gets no key.
//! 5. The clock starts at the time of a document of this NSM.
//!
//! A host that passes another charter gets another PCR16, and KMS refuses the key.

use ring::rand::SecureRandom;
use strongroom_attestation::charter::{CharterError, SignedCharter};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::{DocumentRequest, ImagePcrs, Nsm, NsmError, Pcr, PcrIndex, Statement};
use strongroom_seal::key::{Algorithm, SigningKey};

use crate::clock::EnclaveClock;

/// Why an enclave cannot boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BootError {
    /// Step 1.
    #[error("{0}")]
    Charter(#[from] CharterError),
    /// The NSM failed.
    #[error("{0}")]
    Nsm(#[from] NsmError),
    /// Step 3: PCR16 was extended before, or does not lock.
    #[error("PCR16 does not hold the charter alone, or is not locked")]
    NotMeasured,
    /// Step 5.
    #[error("the NSM's document cannot be read")]
    Document,
    /// The random source failed.
    #[error("no randomness")]
    Random,
}

/// This run of the enclave, bound to its charter. The only constructor is the boot above.
pub(crate) struct Measured {
    charter: SignedCharter,
    image: ImagePcrs,
    clock: EnclaveClock,
    boot: BootId,
    receipt_key: SigningKey,
}

impl Measured {
    pub(crate) fn boot(nsm: &dyn Nsm, charter: &[u8], random: &dyn SecureRandom) -> Result<Self, BootError> {
        // 1
        let charter = SignedCharter::open(charter)?;
        // 2
        nsm.extend(PcrIndex::CHARTER, charter.digest().as_bytes())?;
        nsm.lock(PcrIndex::CHARTER)?;
        // 3
        let state = nsm.describe_pcr(PcrIndex::CHARTER)?;
        if state.value != charter.pcr16() || !state.locked {
            return Err(BootError::NotMeasured);
        }
        // 4
        let pcr = |index| Ok::<Pcr, NsmError>(nsm.describe_pcr(index)?.value);
        let image = ImagePcrs {
            pcr0: pcr(PcrIndex::IMAGE)?,
            pcr1: pcr(PcrIndex::KERNEL)?,
            pcr2: pcr(PcrIndex::APPLICATION)?,
        };
        // 5
        let document = own_document(nsm, &DocumentRequest::new())?;
        let clock = EnclaveClock::start(&document.1);
        let mut boot = [0; 16];
        random.fill(&mut boot).map_err(|_| BootError::Random)?;
        let receipt_key = SigningKey::generate(Algorithm::Es256, random).map_err(|_| BootError::Random)?.0;
        Ok(Self { charter, image, clock, boot: BootId::new(boot), receipt_key })
    }

    pub(crate) fn charter(&self) -> &SignedCharter {
        &self.charter
    }

    pub(crate) fn image(&self) -> &ImagePcrs {
        &self.image
    }

    pub(crate) fn clock(&self) -> &EnclaveClock {
        &self.clock
    }

    pub(crate) fn boot_id(&self) -> BootId {
        self.boot
    }

    pub(crate) fn receipt_key(&self) -> &SigningKey {
        &self.receipt_key
    }

    /// A document of this enclave's NSM, whatever for: the clock goes by its time from now on.
    pub(crate) fn document(
        &self,
        nsm: &dyn Nsm,
        request: &DocumentRequest,
    ) -> Result<(Vec<u8>, Statement), BootError> {
        let (document, statement) = own_document(nsm, request)?;
        self.clock.anchor(&statement);
        Ok((document, statement))
    }
}

/// A document of this enclave's own NSM: its bytes for others, and what it states. Unverified, because the NSM
/// is trusted by the enclave that runs on it.
fn own_document(nsm: &dyn Nsm, request: &DocumentRequest) -> Result<(Vec<u8>, Statement), BootError> {
    let bytes = nsm.attest(request)?;
    let statement = Statement::peek_unverified(&bytes).map_err(|_| BootError::Document)?;
    Ok((bytes, statement))
}
