//! What the tests found, for people and for scripts.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::dawn::Dawn;
use super::field::Found;
use super::statistics::written;
use super::triggers::Triggers;

/// All tests that could be made.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    /// Answers that were wrong on purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dawn: Option<Dawn>,
    /// Noise of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<Found>,
    /// Rows with the owner's labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) triggers: Option<Triggers>,
    /// What could not be tested, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) not_tested: Vec<String>,
}

impl Report {
    /// The smallest p-value of any test, as a natural logarithm.
    pub(crate) fn least(&self) -> f64 {
        let dawn = self.dawn.iter().map(|dawn| dawn.ln_p);
        let field = self.field.iter().flat_map(|field| &field.keys).map(|key| key.ln_p);
        let triggers = self.triggers.iter().map(|triggers| triggers.ln_p);
        dawn.chain(field).chain(triggers).fold(0.0, f64::min)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(dawn) = &self.dawn {
            writeln!(
                f,
                "flips: {} of {} flipped cells repeated, {} of {} others; p = {}",
                dawn.repeated,
                dawn.flipped,
                dawn.others_repeated,
                dawn.others,
                written(dawn.ln_p)
            )?;
        }
        if let Some(field) = &self.field {
            let (decoys, largest) = (field.decoys, field.largest_decoy);
            writeln!(f, "noise: against {decoys} decoy keys, the largest at z = {largest:.2}")?;
            for key in &field.keys {
                writeln!(f, "  {}  z = {:.2}  p = {}", key.sha256, key.z, written(key.ln_p))?;
            }
        }
        if let Some(triggers) = &self.triggers {
            let (agreed, rows, chance) = (triggers.agreed, triggers.rows, triggers.chance);
            let p = written(triggers.ln_p);
            writeln!(
                f,
                "triggers: {agreed} of {rows} rows with their label, {chance:.3} by chance; p = {p}"
            )?;
        }
        self.not_tested.iter().try_for_each(|what| writeln!(f, "not tested: {what}"))
    }
}
