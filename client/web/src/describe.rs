//! What was verified and what was signed, as JSON text for a page to show.

use serde::Serialize;
use strongroom_attestation::evidence::Verified;
use strongroom_attestation::receipt::Receipt;
use strongroom_core::describe;

/// The enclave that met every demand.
#[must_use]
pub fn verified(verified: &Verified) -> String {
    json(&describe::verified(verified))
}

/// What an enclave signed with an answer.
#[must_use]
pub fn receipt(receipt: &Receipt) -> String {
    json(&describe::receipt(receipt))
}

/// JSON of what has only names for keys, and numbers and texts for values.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
