//! What was verified and what was signed, as JSON for people and programs to read. Digests and registers are hexadecimal.

use serde_json::{Value, json};
use strongroom_attestation::RootKind;
use strongroom_attestation::evidence::Verified;
use strongroom_attestation::receipt::Receipt;

/// The enclave that met every demand.
#[must_use]
pub fn verified(verified: &Verified) -> Value {
    let (claims, charter) = (verified.claims(), verified.charter());
    let models = claims.models.iter().map(|model| {
        json!({ "name": model.id.name.as_str(), "version": model.id.version.as_str(), "digest": model.digest.to_string() })
    });
    let image = verified.attested().image().map(|image| {
        json!({ "pcr0": image.pcr0.to_string(), "pcr1": image.pcr1.to_string(), "pcr2": image.pcr2.to_string() })
    });
    json!({
        "simulation": verified.attested().root() == RootKind::Simulated,
        "deployment": charter.charter().deployment.as_str(),
        "charter": charter.digest().to_string(),
        "release": claims.release.to_string(),
        "epoch": claims.epoch,
        "controls": claims.controls.to_string(),
        "image": image,
        "models": models.collect::<Vec<_>>(),
        "evidence": verified.evidence().to_string(),
        "attested_at": verified.attested().timestamp().as_millis(),
    })
}

/// What an enclave signed with an answer.
#[must_use]
pub fn receipt(receipt: &Receipt) -> Value {
    json!({
        "request": receipt.request.to_string(),
        "outcome": receipt.outcome.to_string(),
        "model": receipt.model.map(|digest| digest.to_string()),
        "release": receipt.release.to_string(),
        "epoch": receipt.epoch,
        "controls": receipt.controls.to_string(),
        "treatment": receipt.treatment,
        "voted": receipt.voted,
        "budget": receipt.budget,
        "index": receipt.index,
        "time": receipt.time.as_millis(),
    })
}
