//! Keeping receipts: each with the evidence under which it can be verified later, by whoever holds both.

use bytes::Bytes;
use strongroom_attestation::receipt::Receipt;
use strongroom_seal::digest::EvidenceDigest;

/// Takes each receipt that was judged. Called before the answer is given out, also for refusals.
pub type Keep = dyn Fn(&Kept) + Send + Sync;

/// A receipt whose signature was verified, and what it was verified with.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The receipt as it was signed (COSE_Sign1).
    pub document: Vec<u8>,
    /// What it says.
    pub receipt: Receipt,
    /// The evidence of its session as received. Shared by all receipts of the session.
    pub evidence: Bytes,
    /// Names that evidence.
    pub evidence_digest: EvidenceDigest,
}

impl Kept {
    pub(crate) fn new(document: &[u8], receipt: &Receipt, evidence: (Bytes, EvidenceDigest)) -> Self {
        let (evidence, evidence_digest) = evidence;
        Self { document: document.to_vec(), receipt: receipt.clone(), evidence, evidence_digest }
    }
}
