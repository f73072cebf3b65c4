//! Labels that keep apart what is signed, hashed or derived for different purposes.

/// A purpose. Every digest, signature and derived key names one, so that bytes made for one purpose
/// are worthless for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(&'static str);

impl Label {
    /// The label's text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.0
    }
}

/// The owner's charter.
pub const CHARTER: Label = Label("strongroom/charter-v1");
/// An owner's release.
pub const RELEASE: Label = Label("strongroom/release-v1");
/// Measurements that an owner publishes.
pub const MEASUREMENTS: Label = Label("strongroom/measurements-v1");
/// The public controls of a release.
pub const CONTROLS: Label = Label("strongroom/controls-v1");
/// The manifest of a sealed model.
pub const MODEL_MANIFEST: Label = Label("strongroom/model-manifest-v1");
/// The manifest of the encrypted private part of a release.
pub const PRIVATE_MANIFEST: Label = Label("strongroom/private-manifest-v1");
/// Claims of an enclave.
pub const CLAIMS: Label = Label("strongroom/claims-v1");
/// The list of offers that share one attestation document.
pub const OFFERS: Label = Label("strongroom/offers-v1");
/// A client's nonce inside that list.
pub const NONCE: Label = Label("strongroom/nonce-v1");
/// What the document of evidence states.
pub const EVIDENCE: Label = Label("strongroom/evidence-v1");
/// HPKE `info` of a channel.
pub const CHANNEL: Label = Label("strongroom/channel-v1");
/// Exporter context of the key that seals requests.
pub const REQUEST_KEY: Label = Label("strongroom/request-key-v1");
/// Exporter context of the key that seals answers.
pub const ANSWER_KEY: Label = Label("strongroom/answer-key-v1");
/// A request as it was sealed.
pub const REQUEST: Label = Label("strongroom/request-v1");
/// An outcome as it was sealed.
pub const OUTCOME: Label = Label("strongroom/outcome-v1");
/// A receipt.
pub const RECEIPT: Label = Label("strongroom/receipt-v1");
/// What begins an audit log; `user_data` of its attestation document.
pub const AUDIT_OPENING: Label = Label("strongroom/audit-opening-v1");
/// HPKE `info` of an audit log.
pub const AUDIT: Label = Label("strongroom/audit-v1");
/// Exporter context of the key that seals the records of an audit log.
pub const AUDIT_KEY: Label = Label("strongroom/audit-key-v1");
/// One step of the chain over the records of an audit log.
pub const AUDIT_CHAIN: Label = Label("strongroom/audit-chain-v1");
/// An enclave's signature under the head of that chain.
pub const AUDIT_CHECKPOINT: Label = Label("strongroom/audit-checkpoint-v1");
/// What a receipt says of the chain.
pub const AUDIT_COMMITMENT: Label = Label("strongroom/audit-commitment-v1");
/// The key that seals an enclave's state for the next boot.
pub const STATE: Label = Label("strongroom/state-v1");
/// The key behind the smooth noise of one model.
pub const FIELD: Label = Label("strongroom/field-v1");
/// The key behind the watermark of one model.
pub const WATERMARK: Label = Label("strongroom/watermark-v1");
/// HPKE `info` of a report of aggregates.
pub const REPORT: Label = Label("strongroom/report-v1");
/// The digest of one statement about how a model was made.
pub const CLAIM: Label = Label("strongroom/claim-v1");
/// `user_data` of an attestation document that is meant for KMS.
pub const KMS: Label = Label("strongroom/kms-v1");
