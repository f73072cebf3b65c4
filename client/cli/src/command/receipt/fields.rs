//! Every field of a receipt, in words.

use std::fmt;

use serde::Serialize;
use strongroom_attestation::receipt::{Budget, Receipt};
use strongroom_attestation::release::Treatment;

use crate::words::{boot_words, budget, treatment, utc};

/// A receipt that was verified.
#[derive(Serialize)]
pub(in crate::command) struct Fields {
    request: String,
    outcome: String,
    model: Option<String>,
    release: String,
    epoch: u64,
    controls: String,
    treatment: Option<Treatment>,
    voted: bool,
    budget: Budget,
    boot: String,
    index: Option<u64>,
    audit: Option<String>,
    time: String,
    anchor: String,
}

impl Fields {
    pub(in crate::command) fn of(receipt: &Receipt) -> Self {
        Self {
            request: receipt.request.to_string(),
            outcome: receipt.outcome.to_string(),
            model: receipt.model.map(|model| model.to_string()),
            release: receipt.release.to_string(),
            epoch: receipt.epoch,
            controls: receipt.controls.to_string(),
            treatment: receipt.treatment,
            voted: receipt.voted,
            budget: receipt.budget,
            boot: boot_words(receipt.boot),
            index: receipt.index,
            audit: receipt.audit.map(|audit| audit.to_string()),
            time: utc(receipt.time),
            anchor: utc(receipt.anchor),
        }
    }
}

impl fmt::Display for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let treated = self.treatment.as_ref().map_or("nothing was let out".to_owned(), treatment);
        let index = self.index.map_or("none: the key was not accepted".to_owned(), |index| {
            format!("{index} of this key in this boot")
        });
        writeln!(f, "request: {}", self.request)?;
        writeln!(f, "outcome: {}", self.outcome)?;
        writeln!(f, "model: {}", self.model.as_deref().unwrap_or("none was reached"))?;
        writeln!(f, "release: {}", self.release)?;
        writeln!(f, "epoch: {}", self.epoch)?;
        writeln!(f, "controls: {}", self.controls)?;
        writeln!(f, "treatment: {treated}")?;
        if self.voted {
            writeln!(
                f,
                "voted: rows may be those of other members of an ensemble than the model named here"
            )?;
        }
        writeln!(f, "left of the allowances: {}", budget(&self.budget))?;
        writeln!(f, "boot: {}", self.boot)?;
        writeln!(f, "number: {index}")?;
        writeln!(f, "audit record: {}", self.audit.as_deref().unwrap_or("none"))?;
        writeln!(
            f,
            "time: {}, by the enclave's monotonic clock from the NSM's document of {}",
            self.time, self.anchor
        )
    }
}
