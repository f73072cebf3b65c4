//! Rows with labels that the owner's training set gave them and no other would, and whether a suspect gives them.

use serde::Serialize;

use super::statistics::binomial_tail;

/// What was counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Triggers {
    /// Rows of the trigger set.
    pub(crate) rows: u64,
    /// Of those, rows that the suspect answers with their label.
    pub(crate) agreed: u64,
    /// Rate at which a model that nobody copied would.
    pub(crate) chance: f64,
    /// Natural logarithm of the p-value.
    pub(crate) ln_p: f64,
}

/// Counts the rows that a suspect answers with their label.
pub(crate) fn judge(wanted: &[usize], suspect: &[Option<usize>], chance: f64) -> Triggers {
    let agreed =
        wanted.iter().zip(suspect).filter(|(wanted, class)| **class == Some(**wanted)).count() as u64;
    let rows = wanted.len() as u64;
    Triggers { rows, agreed, chance, ln_p: binomial_tail(rows, agreed, chance) }
}
