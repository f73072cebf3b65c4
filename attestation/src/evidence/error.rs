//! Why evidence was refused.

use crate::charter::CharterError;
use crate::error::{FailureClass, VerifyError};
use crate::release::ReleaseError;

/// The first step of [`super::judge`] that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Steps 1 and 4: not evidence.
    #[error("the answer to the hello is not evidence")]
    Malformed,
    /// Step 2: another charter than demanded, so another PCR16.
    #[error("the charter is not the one demanded")]
    OtherCharter,
    /// Step 2: signed by an owner key that is not demanded.
    #[error("the charter is signed by a key that is not demanded")]
    CharterSigner,
    /// Step 2: not a charter.
    #[error("{0}")]
    Charter(#[from] CharterError),
    /// Step 3: the demands themselves cannot be met by any image.
    #[error("the demanded image measurements cannot be met")]
    Demand,
    /// Step 3: the attestation document.
    #[error("{0}")]
    Document(#[from] VerifyError),
    /// Step 4: the offers do not hold this client's nonce.
    #[error("the enclave made no offer to this client's nonce")]
    NoOffer,
    /// Steps 5 and 6: claims and documents do not belong together.
    #[error("the claims do not name the documents that came with them")]
    Claims,
    /// Step 6: the release.
    #[error("{0}")]
    Release(#[from] ReleaseError),
    /// Step 7: an older release than demanded or seen before.
    #[error("the release is older than one that was demanded or seen before")]
    RolledBack,
    /// Step 8: a demanded model is not loaded.
    #[error("a demanded model is not the one that is loaded")]
    OtherModel,
    /// Step 9: other controls than demanded.
    #[error("the controls are not the ones demanded")]
    OtherControls,
}

/// Coarse reason of a refusal, one exit code each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceClass {
    /// A reason of the document's own classes.
    Document(FailureClass),
    /// Signed by somebody who is not accepted.
    Signer,
}

impl EvidenceError {
    /// The class of this error.
    #[must_use]
    pub const fn class(&self) -> EvidenceClass {
        use FailureClass::{Binding, ChainOrSignature, Pcr, Time};
        match self {
            Self::Document(error) => EvidenceClass::Document(error.class()),
            Self::Malformed => EvidenceClass::Document(ChainOrSignature),
            Self::OtherCharter | Self::Demand | Self::Release(ReleaseError::Image { .. }) => {
                EvidenceClass::Document(Pcr)
            }
            Self::CharterSigner | Self::Charter(_) | Self::Release(ReleaseError::Signature(_)) => {
                EvidenceClass::Signer
            }
            Self::NoOffer
            | Self::RolledBack
            | Self::Release(ReleaseError::NotYet | ReleaseError::Expired | ReleaseError::Epoch { .. }) => {
                EvidenceClass::Document(Time)
            }
            Self::Claims | Self::OtherModel | Self::OtherControls | Self::Release(_) => {
                EvidenceClass::Document(Binding)
            }
        }
    }
}
