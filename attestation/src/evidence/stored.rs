//! Evidence that was kept, judged once more by who does not hold its nonce.

use strongroom_proto::hello::Evidence;

use super::{EvidenceError, Judgement, OFFER, Trust};
use crate::charter::SignedCharter;
use crate::claims::Claims;
use crate::release::AcceptedRelease;
use crate::verify::{Attested, Transcript};
use crate::{Statement, TrustRoot, UnixMillis};

/// Evidence that passed every step but the fourth at the time of its own document. It says that there was
/// such an enclave then, not that there is one now: no channel can be opened with it.
#[derive(Clone, Debug)]
pub struct Stored {
    pub(super) attested: Attested,
    pub(super) charter: SignedCharter,
    pub(super) claims: Claims,
    pub(super) release: AcceptedRelease,
}

/// Judges kept evidence at the time of its own document. The offer to one client is not looked for, and its
/// line says SKIP: the nonce was another's, and need not have been kept.
///
/// # Errors
/// The result is the [`EvidenceError`] of the first step that failed.
pub fn judge_stored(
    evidence: &[u8],
    root: &TrustRoot,
    trust: &Trust,
) -> (Transcript, Result<Stored, EvidenceError>) {
    let mut judgement = Judgement { transcript: Transcript::new(), root, trust };
    let result = judgement.steps(evidence, own_time(evidence), |judgement, _| {
        let reason = "whose nonce it answered is not asked: the evidence was kept";
        judgement.transcript.skip(OFFER, reason);
        Ok(())
    });
    (judgement.finish(), result.map(|(stored, ())| stored))
}

/// When the document says that it was made. Only a document whose signature then holds was made at that time;
/// what cannot be read fails the first steps, whatever the time.
fn own_time(evidence: &[u8]) -> UnixMillis {
    let document = Evidence::decode(evidence).ok();
    let statement = document.and_then(|evidence| Statement::peek_unverified(&evidence.document).ok());
    statement.map_or(UnixMillis::new(0), |statement| statement.timestamp())
}

impl Stored {
    /// What the enclave claimed, covered by its document.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The release it served.
    #[must_use]
    pub fn release(&self) -> &AcceptedRelease {
        &self.release
    }

    /// The owner's charter.
    #[must_use]
    pub fn charter(&self) -> &SignedCharter {
        &self.charter
    }

    /// The attestation document.
    #[must_use]
    pub fn attested(&self) -> &Attested {
        &self.attested
    }
}
