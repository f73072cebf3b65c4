//! Why evidence was refused, sorted by what the refused party can do about it.
//!
//! Messages never repeat bytes of the document: it is untrusted until the very check that failed.

use std::time::Duration;

use strongroom_proto::cbor::CborError;

use crate::pcr::PcrIndex;

/// Why an attestation document was refused. The numbers are the steps of [`mod@crate::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Steps 1 to 17: not a document.
    #[error("the document is malformed: {0}")]
    Format(#[from] FormatError),
    /// Steps 18 to 22: its certificates do not lead to the pinned root.
    #[error("the certificates are not accepted: {0}")]
    Chain(#[from] ChainError),
    /// Step 23: the leaf did not sign these bytes.
    #[error("the signature does not verify under the leaf certificate")]
    Signature,
    /// Step 24: the image runs in debug mode, where its console is open and its measurements are zero.
    #[error("{0} is zero or absent: a debug image")]
    DebugImage(PcrIndex),
    /// Step 25: a register differs from every demanded value.
    #[error("{0} is not as demanded")]
    Pcr(PcrIndex),
    /// Step 26: older than demanded.
    #[error("the document is {age:?} old, at most {max_age:?} is accepted")]
    Stale {
        /// Age at the given time.
        age: Duration,
        /// The demand.
        max_age: Duration,
    },
    /// Step 27: from further ahead than clocks may disagree.
    #[error("the document is from {ahead:?} ahead of the given time")]
    FromTheFuture {
        /// How far ahead.
        ahead: Duration,
    },
    /// Step 28: answers another challenge.
    #[error("the nonce is not as demanded")]
    Nonce,
    /// Step 29: commits to something else.
    #[error("the user data is not as demanded")]
    UserData,
    /// Step 30: carries another key.
    #[error("the public key is not as demanded")]
    PublicKey,
}

/// Coarse reason for a refusal: one exit code or wire code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// Malformed, not under the pinned root, or not signed.
    ChainOrSignature,
    /// A debug image.
    DebugImage,
    /// Other measurements than demanded.
    Pcr,
    /// Stale, from the future, or an answer to another nonce.
    Time,
    /// Bound to other user data or another public key.
    Binding,
}

impl VerifyError {
    /// The class of this error.
    #[must_use]
    pub const fn class(&self) -> FailureClass {
        match self {
            Self::Format(_) | Self::Chain(_) | Self::Signature => FailureClass::ChainOrSignature,
            Self::DebugImage(_) => FailureClass::DebugImage,
            Self::Pcr(_) => FailureClass::Pcr,
            Self::Stale { .. } | Self::FromTheFuture { .. } | Self::Nonce => FailureClass::Time,
            Self::UserData | Self::PublicKey => FailureClass::Binding,
        }
    }
}

/// Why bytes are not an attestation document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Step 1: more bytes than any document has.
    #[error("longer than any document")]
    TooLong,
    /// Step 2: not one COSE_Sign1 array of four elements in its shortest encoding.
    #[error("not a COSE_Sign1 structure")]
    Envelope,
    /// Step 3: the protected header is not exactly {1: -35}.
    #[error("the algorithm is not ES384, or the protected header holds more")]
    Algorithm,
    /// Step 4: the unprotected header is not empty.
    #[error("the unprotected header is not empty")]
    Unprotected,
    /// Step 5: an empty or too long payload.
    #[error("the payload has {bytes} bytes")]
    PayloadSize {
        /// Its length.
        bytes: usize,
    },
    /// Step 6: a signature that is not r ‖ s of P-384.
    #[error("the signature has {bytes} bytes")]
    SignatureSize {
        /// Its length.
        bytes: usize,
    },
    /// Step 7: the payload is not one CBOR map.
    #[error("the payload is not one map: {0}")]
    Payload(CborError),
    /// Step 8: the payload names a field that no document has, `nitrotpm_pcrs` among them.
    #[error("the payload has a field that no enclave's document has")]
    UnknownField,
    /// Step 8: a required field is absent.
    #[error("the payload has no {0}")]
    Missing(&'static str),
    /// Steps 9 to 17: a field has another type.
    #[error("{0} has another type")]
    Type(&'static str),
    /// Steps 9 to 17: a field is empty, too small or too large.
    #[error("{0} is of a size that is not allowed")]
    Size(&'static str),
    /// Steps 9 to 17: a field has a value that is not allowed.
    #[error("{0} has a value that is not allowed")]
    Value(&'static str),
}

/// Why certificates were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Step 18: a certificate that cannot be read.
    #[error("a certificate is malformed")]
    Malformed,
    /// Step 18: no signed path from the leaf to the pinned root.
    #[error("no path leads to the pinned root")]
    NotUnderRoot,
    /// Step 18: the path does not run through the bundle as listed.
    #[error("the bundle is not the path from root to leaf")]
    NotThePath,
    /// Step 19: a certificate has ended or not yet begun at the given time.
    #[error("a certificate is not valid at the given time")]
    NotValidAtTime,
    /// Step 20: a certificate authority issued a longer chain than it may.
    #[error("a path length is exceeded")]
    PathLength,
    /// Step 21: the leaf is a certificate authority, has a path length, or may not sign documents.
    #[error("the leaf certificate may not sign documents")]
    LeafUsage,
    /// Step 22: an issuer is not a certificate authority or may not sign certificates.
    #[error("an issuer may not sign certificates")]
    IssuerUsage,
    /// Step 23: the leaf's key is not an uncompressed point of P-384.
    #[error("the leaf's key is not on P-384")]
    LeafKey,
}

/// Why a certificate cannot be a trust root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// It cannot be read.
    #[error("the root certificate is malformed")]
    Malformed,
    /// It is not a certificate authority that may sign certificates.
    #[error("the root certificate may not sign certificates")]
    Usage,
}

/// Why expectations cannot be stated: an empty demand is an error, never "anything goes".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemandError {
    /// No alternative at all.
    #[error("no set of PCR values is demanded")]
    NoAlternative,
    /// An alternative without a single register.
    #[error("a set of PCR values is empty")]
    EmptySet,
    /// A demand for an all-zero image register, which every debug image would meet.
    #[error("{0} is demanded to be zero, which every debug image meets")]
    ZeroImagePcr(PcrIndex),
}
