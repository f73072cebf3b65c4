//! Frames between host and enclave: a fixed header and a body.
//!
//! ```text
//! u32 length of the body in bytes, big endian | u8 kind | u32 id, big endian | body
//! ```
//!
//! The id is chosen by whoever asks and repeated in the reply, so that several requests can be
//! in flight on one connection.

use crate::Code;
use crate::limits::{
    MAX_AUDIT_BATCH_BYTES, MAX_CHARTER_BYTES, MAX_EVIDENCE_BYTES, MAX_FRAME_BYTES, MAX_LOG_LINE_BYTES,
    MAX_RANGE_BYTES, MAX_RELEASE_BYTES, MAX_SMALL_BYTES, MAX_STATE_BYTES,
};
use crate::report::MAX_REPORT_BYTES;

/// Bytes of a frame header.
pub const HEADER_BYTES: usize = 9;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Host asks the enclave for evidence. Body: the client's nonce.
    Hello,
    /// Host relays a client's message. Body: opaque.
    Message,
    /// Host hands the enclave a release bundle.
    Release,
    /// Host asks whether the enclave serves. Body: empty.
    Status,
    /// The enclave's reply to any of these. Body: one [`Code`] byte, then the payload.
    Reply,
    /// Enclave asks the host for the charter and the current release. Body: empty.
    Boot,
    /// Enclave asks for AWS credentials. Body: empty.
    Credentials,
    /// Enclave asks for a range of a package.
    Range,
    /// Enclave hands a public log line to the host. No reply.
    Log,
    /// Enclave hands a batch of its audit log to the host, which answers once it has kept it.
    Audit,
    /// Enclave hands its sealed state to the host, which answers once it has kept it.
    State,
    /// Enclave hands a report on the use of its models to the host, which answers once it has kept it.
    Report,
    /// The host's answer to Boot, Credentials, Range, Audit, State or Report. Empty for the last three.
    HostReply,
    /// The host does not have what was asked for. Body: empty.
    Absent,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Hello,
        Self::Message,
        Self::Release,
        Self::Status,
        Self::Reply,
        Self::Boot,
        Self::Credentials,
        Self::Range,
        Self::Log,
        Self::Audit,
        Self::State,
        Self::Report,
        Self::HostReply,
        Self::Absent,
    ];

    const fn byte(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Message => 2,
            Self::Release => 3,
            Self::Status => 4,
            Self::Reply => 16,
            Self::Boot => 32,
            Self::Credentials => 33,
            Self::Range => 34,
            Self::Log => 35,
            Self::Audit => 36,
            Self::State => 37,
            Self::Report => 38,
            Self::HostReply => 48,
            Self::Absent => 49,
        }
    }

    /// Longest body of this kind in bytes.
    #[must_use]
    pub const fn max_body_bytes(self) -> usize {
        match self {
            Self::Hello => crate::hello::NONCE_BYTES,
            Self::Message => MAX_FRAME_BYTES,
            Self::Release => MAX_RELEASE_BYTES,
            Self::Status | Self::Boot | Self::Credentials | Self::Absent => 0,
            Self::Reply => MAX_FRAME_BYTES + 1,
            Self::Range => MAX_SMALL_BYTES,
            Self::Log => MAX_LOG_LINE_BYTES,
            Self::Audit => MAX_AUDIT_BATCH_BYTES,
            Self::State => MAX_STATE_BYTES,
            Self::Report => MAX_REPORT_BYTES,
            Self::HostReply => MAX_RELEASE_BYTES + MAX_CHARTER_BYTES + MAX_STATE_BYTES + MAX_SMALL_BYTES,
        }
    }
}

// The largest answers of each kind fit their frame.
const _: () = assert!(MAX_EVIDENCE_BYTES < MAX_FRAME_BYTES);
const _: () = assert!(MAX_RANGE_BYTES < Kind::HostReply.max_body_bytes());

/// A frame header whose length is within the bound of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    kind: Kind,
    id: u32,
    body_bytes: u32,
}

/// Why a header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// No such kind.
    #[error("unknown frame kind")]
    UnknownKind,
    /// The body is longer than its kind allows.
    #[error("frame body is longer than its kind allows")]
    TooLong,
    /// A reply without a code.
    #[error("reply carries no known code")]
    NoCode,
}

impl Header {
    /// The header of a frame with this body length.
    ///
    /// # Errors
    /// [`FrameError::TooLong`] when the kind does not allow that many bytes.
    pub fn new(kind: Kind, id: u32, body_bytes: usize) -> Result<Self, FrameError> {
        if body_bytes > kind.max_body_bytes() {
            return Err(FrameError::TooLong);
        }
        let body_bytes = u32::try_from(body_bytes).map_err(|_| FrameError::TooLong)?;
        Ok(Self { kind, id, body_bytes })
    }

    /// Reads a header.
    ///
    /// # Errors
    /// [`FrameError::UnknownKind`], or [`FrameError::TooLong`] when the length exceeds its kind's bound.
    pub fn parse(bytes: [u8; HEADER_BYTES]) -> Result<Self, FrameError> {
        let [a, b, c, d, kind, rest @ ..] = bytes;
        let kind = Kind::ALL.into_iter().find(|k| k.byte() == kind).ok_or(FrameError::UnknownKind)?;
        let body_bytes = u32::from_be_bytes([a, b, c, d]);
        let length = usize::try_from(body_bytes).map_err(|_| FrameError::TooLong)?;
        Self::new(kind, u32::from_be_bytes(rest), length)
    }

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.body_bytes.to_be_bytes();
        let [e, f, g, h] = self.id.to_be_bytes();
        [a, b, c, d, self.kind.byte(), e, f, g, h]
    }

    /// What the frame is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.kind
    }

    /// Which request the frame belongs to.
    #[must_use]
    pub fn id(self) -> u32 {
        self.id
    }

    /// Length of the body in bytes.
    #[must_use]
    pub fn body_bytes(self) -> usize {
        self.body_bytes as usize
    }
}

/// Splits the body of a [`Kind::Reply`] into code and payload.
///
/// # Errors
/// [`FrameError::NoCode`] when the body is empty or its first byte is no [`Code`].
pub fn split_reply(body: &[u8]) -> Result<(Code, &[u8]), FrameError> {
    let (code, payload) = body.split_first().ok_or(FrameError::NoCode)?;
    Ok((Code::from_byte(*code).ok_or(FrameError::NoCode)?, payload))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_has_its_own_byte() {
        for kind in Kind::ALL {
            let header = Header::new(kind, 7, kind.max_body_bytes()).unwrap();
            assert_eq!(Header::parse(header.to_bytes()), Ok(header));
            assert_eq!(Header::new(kind, 7, kind.max_body_bytes() + 1), Err(FrameError::TooLong));
        }
    }

    #[test]
    fn length_lies_are_refused_before_any_allocation() {
        assert_eq!(Header::parse([255, 255, 255, 255, 2, 0, 0, 0, 0]), Err(FrameError::TooLong));
        assert_eq!(Header::parse([0, 0, 0, 0, 99, 0, 0, 0, 0]), Err(FrameError::UnknownKind));
    }

    #[test]
    fn a_reply_needs_a_code() {
        assert_eq!(split_reply(&[]), Err(FrameError::NoCode));
        assert_eq!(split_reply(&[200]), Err(FrameError::NoCode));
        assert_eq!(split_reply(&[3, 1, 2]), Ok((Code::Misdirected, [1, 2].as_slice())));
    }

    proptest! {
        #[test]
        fn a_header_that_parses_is_written_back_unchanged(bytes in any::<[u8; HEADER_BYTES]>()) {
            if let Ok(header) = Header::parse(bytes) {
                prop_assert_eq!(header.to_bytes(), bytes);
            }
        }
    }
}
