//! The steps, numbered as above.

#[cfg(test)]
mod tests;

use std::time::Duration;

use strongroom_attestation::evidence::{
    CharterDemand, ControlsDemand, EvidenceError, ModelDemand, Stored, Trust, judge_stored,
};
use strongroom_attestation::receipt::{Receipt, ReceiptError};
use strongroom_attestation::{ImagePcrs, PcrIndex, Statement, Status, Transcript, TrustRoot, VerifyError};
use strongroom_client::{ClientError, TrustFile};
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::CharterDigest;

use crate::error::{CliError, Result};
use crate::words::utc;

/// Lines that compare the evidence with itself where no trust file says what is demanded.
const UNDEMANDED: [(&str, &str); 3] = [
    ("charter", "signed by a key that it names itself; no trust file says whose it is to be"),
    ("pcrs", "PCR16 is that of the charter; no trust file says which image is demanded"),
    ("epoch", "no trust file says which one is demanded"),
];

/// A document is judged at its own time: any age would do.
const ANY_AGE: Duration = Duration::from_secs(1);

pub(super) fn judge(
    document: &[u8],
    evidence: &[u8],
    trust: Option<&TrustFile>,
) -> (Transcript, Result<Receipt>) {
    // 1
    let (mut transcript, stored) = match trust {
        Some(trust) => judge_stored(evidence, trust.root(), trust.trust()),
        None => by_root_alone(evidence),
    };
    let judged = stored.map_err(CliError::from).and_then(|stored| {
        let receipt = receipt(&mut transcript, document, &stored, trust);
        receipt.map_err(|error| CliError::Client(ClientError::Receipt(error)))
    });
    transcript.skip_rest(&["receipt-signature", "receipt-claims", "receipt-time", "receipt-treatment"]);
    (transcript, judged)
}

/// Steps 2 to 5.
fn receipt(
    transcript: &mut Transcript,
    document: &[u8],
    stored: &Stored,
    trust: Option<&TrustFile>,
) -> std::result::Result<Receipt, ReceiptError> {
    let claims = stored.claims();
    // 2
    let opened = Receipt::open(document, &claims.receipt_key);
    let receipt = note(transcript, "receipt-signature", opened, "signed by the receipt key of the claims")?;
    // 3
    let judged = Receipt::judge(document, claims, receipt.request, receipt.outcome);
    let judged = judged.and_then(|receipt| demanded(receipt, trust));
    let said = "names the release, controls, boot and a model of the claims";
    let receipt = note(transcript, "receipt-claims", judged, said)?;
    // 4
    let release = stored.release().release();
    let in_force = receipt.time >= receipt.anchor && release.in_force(receipt.time).is_ok();
    let said = format!("the release was in force at {}", utc(receipt.time));
    note(transcript, "receipt-time", held(in_force), &said)?;
    // 5
    match treatment(&receipt, stored) {
        None => transcript.skip("receipt-treatment", "nothing was let out"),
        Some(within) => {
            let said = "not finer than every role's that may ask for this model";
            note(transcript, "receipt-treatment", held(within), said)?;
        }
    }
    Ok(receipt)
}

/// A model that the trust file pins, if it pins any.
fn demanded(receipt: Receipt, trust: Option<&TrustFile>) -> std::result::Result<Receipt, ReceiptError> {
    let pinned = match trust.map(|trust| &trust.demands().models) {
        Some(ModelDemand::Exactly(models)) => {
            receipt.model.is_none_or(|digest| models.iter().any(|model| model.digest == digest))
        }
        Some(ModelDemand::OwnerMayChange) | None => true,
    };
    held(pinned).map(|()| receipt)
}

/// Whether the treatment is one that some role may get of the model; [`None`] without any.
fn treatment(receipt: &Receipt, stored: &Stored) -> Option<bool> {
    let released = receipt.treatment?.coarseness();
    let model = stored.claims().models.iter().find(|model| Some(model.digest) == receipt.model);
    let Some(model) = model else { return Some(false) };
    let controls = stored.release().controls();
    let finest = controls
        .treatments()
        .filter(|(asked, _)| controls.leads_to(asked, &model.id.name))
        .map(|(_, treatment)| treatment.coarseness())
        .min();
    Some(finest.is_some_and(|finest| released >= finest))
}

fn held(held: bool) -> std::result::Result<(), ReceiptError> {
    if held { Ok(()) } else { Err(ReceiptError::NotVerified) }
}

fn note<T>(
    transcript: &mut Transcript,
    id: &'static str,
    result: std::result::Result<T, ReceiptError>,
    passed: &str,
) -> std::result::Result<T, ReceiptError> {
    match &result {
        Ok(_) => transcript.pass(id, passed),
        Err(error) => transcript.fail(id, error.to_string()),
    }
    result
}

/// Judges evidence by what it names itself, so that every step is taken, under the root of AWS. What was then
/// compared with itself counts as not compared.
fn by_root_alone(evidence: &[u8]) -> (Transcript, std::result::Result<Stored, EvidenceError>) {
    let trust = match named_by(evidence) {
        Ok(trust) => trust,
        Err(error) => {
            let mut transcript = Transcript::new();
            transcript.fail("evidence", error.to_string());
            return (transcript, Err(error));
        }
    };
    let (judged, result) = judge_stored(evidence, &TrustRoot::aws_nitro_g1(), &trust);
    let mut transcript = Transcript::new();
    for line in judged.lines() {
        let itself = UNDEMANDED.iter().find(|(id, _)| *id == line.id && line.status == Status::Pass);
        match (itself, line.status) {
            (Some((_, reason)), _) => transcript.skip(line.id, *reason),
            (None, Status::Pass) => transcript.pass(line.id, line.detail.clone()),
            (None, Status::Fail) => transcript.fail(line.id, line.detail.clone()),
            (None, Status::Skip) => transcript.skip(line.id, line.detail.clone()),
        }
    }
    (transcript, result)
}

fn named_by(evidence: &[u8]) -> std::result::Result<Trust, EvidenceError> {
    let evidence = Evidence::decode(evidence).map_err(|_| EvidenceError::Malformed)?;
    let statement = Statement::peek_unverified(&evidence.document).map_err(VerifyError::Format)?;
    let register = |index| {
        let found = statement.pcr(index).filter(|pcr| !pcr.is_zero());
        found.ok_or(EvidenceError::Document(VerifyError::DebugImage(index)))
    };
    let image = ImagePcrs {
        pcr0: register(PcrIndex::IMAGE)?,
        pcr1: register(PcrIndex::KERNEL)?,
        pcr2: register(PcrIndex::APPLICATION)?,
    };
    let charter = CharterDemand::Exactly(CharterDigest::of(&evidence.charter));
    let (models, controls) = (ModelDemand::OwnerMayChange, ControlsDemand::OwnerDecides);
    Trust::new(vec![image], charter, models, controls, ANY_AGE).map_err(|_| EvidenceError::Demand)
}
