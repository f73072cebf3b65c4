//! What an answer has to be beside authentic.
//!
//! The receipt was judged before: it is signed by the key of the claims, about this exchange, and names what
//! the claims name. Here, in this order:
//!
//! 1. its time is not before the document that the enclave's clock goes by;
//! 2. the answer is of the model that was asked for, or of one that the route leads to;
//! 3. that model is claimed, demanded where the trust file pins models, and the one of the receipt;
//! 4. the receipt states a treatment, not finer than every role's for what was asked, and of a sort that is demanded;
//! 5. each output holds as many bytes as its type and shape say.

use bytes::Bytes;
use strongroom_attestation::audit::Checkpoint;
use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::{Receipt, ReceiptError};
use strongroom_attestation::release::{Coarseness, Controls};
use strongroom_proto::name::{Name, PackageId};
use strongroom_seal::message::{Answer, AuditReport};
use strongroom_seal::tensor::Tensor;

use crate::TrustFile;
use crate::call::InferAnswer;
use crate::error::ClientError;

/// What an answer is held against.
pub(crate) struct Against<'a> {
    /// What the enclave claims.
    pub(crate) claims: &'a Claims,
    /// The controls of its release.
    pub(crate) controls: &'a Controls,
    /// What is demanded.
    pub(crate) trust: &'a TrustFile,
    /// The evidence of the session.
    pub(crate) evidence: &'a Bytes,
}

impl Against<'_> {
    /// Accepts an answer to whoever asked for this name, and this version if one was asked for.
    pub(crate) fn answer(
        &self,
        (asked, asked_version): (&Name, Option<&Name>),
        answer: Answer<'_>,
        (receipt, document): (Receipt, &[u8]),
    ) -> Result<InferAnswer, ClientError> {
        let Answer { model, version, outputs } = answer;
        // 2
        if !self.controls.leads_to(asked, &model) || asked_version.is_some_and(|asked| *asked != version) {
            return Err(ClientError::OtherModel);
        }
        // 3
        let id = PackageId { name: model.clone(), version: version.clone() };
        let claimed = self.claims.models.iter().find(|model| model.id == id).map(|model| model.digest);
        if claimed.is_none() || receipt.model != claimed || !self.trust.allows_model(&model, Some(&version)) {
            return Err(ClientError::OtherModel);
        }
        // 4
        self.treatment(asked, &receipt)?;
        // 5
        if outputs.iter().any(|output| output.check().is_err()) {
            return Err(ClientError::NotAnAnswer);
        }
        let outputs = outputs.into_iter().map(Tensor::into_owned).collect();
        let (receipt_document, evidence) = (document.to_vec(), self.evidence.clone());
        Ok(InferAnswer { model, version, outputs, receipt, receipt_document, evidence })
    }

    fn treatment(&self, asked: &Name, receipt: &Receipt) -> Result<(), ClientError> {
        let released = receipt.treatment.map(|treatment| treatment.coarseness());
        match (finest(self.controls, asked), released) {
            (Some(finest), Some(released)) if released >= finest => {
                // A key under suspicion is answered more coarsely than its role says.
                if self.trust.allows_sort(released) { Ok(()) } else { Err(ClientError::OtherSort) }
            }
            _ => Err(ReceiptError::NotVerified.into()),
        }
    }
}

/// The least coarse treatment that a role gets for what is asked; none when no role may ask for it.
fn finest(controls: &Controls, asked: &Name) -> Option<Coarseness> {
    controls
        .treatments()
        .filter(|(name, _)| *name == asked)
        .map(|(_, treatment)| treatment.coarseness())
        .min()
}

/// Step 1.
pub(crate) fn clock(receipt: &Receipt) -> Result<(), ClientError> {
    if receipt.time < receipt.anchor { Err(ReceiptError::NotVerified.into()) } else { Ok(()) }
}

/// Accepts the head of an audit log: signed by the receipt key of the claims, of this boot, and about as many
/// records as the report says. Nothing is signed where no log is kept.
pub(crate) fn report(report: &AuditReport, claims: &Claims) -> Result<(), ClientError> {
    let Some(segment) = report.segment else { return Ok(()) };
    let head = Checkpoint::open_under(&report.checkpoint, &claims.receipt_key, claims.boot, segment);
    match head {
        Ok(head) if head.records == report.records => Ok(()),
        _ => Err(ClientError::AuditHead),
    }
}
