//! Answers that were wrong on purpose, and whether a suspect repeats them.
//!
//! It sees rows that a thief asked, or rows in the same cells: of other cells a thief learnt nothing wrong.

use std::collections::BTreeSet;

use serde::Serialize;
use strongroom_monitor::{Flips, Rows};

use super::statistics::{binomial_tail, count};

/// What was counted. Rows of one cell count once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Dawn {
    /// Rows whose cell is flipped.
    pub(crate) flipped: u64,
    /// Of those, rows that the suspect answers with exactly the flipped class.
    pub(crate) repeated: u64,
    /// Rows whose cell is not flipped.
    pub(crate) others: u64,
    /// Of those, rows that the suspect answers with exactly the class that a flip would have given.
    pub(crate) others_repeated: u64,
    /// Natural logarithm of the p-value.
    pub(crate) ln_p: f64,
}

impl Dawn {
    /// Rate at which a model that nobody copied would repeat a flip, from rows that are not flipped, with one more
    /// counted so that it is never nothing.
    pub(crate) fn chance(&self) -> f64 {
        count(self.others_repeated + 1) / count(self.others + 1)
    }
}

/// Counts over batches.
pub(crate) struct Counter<'a> {
    flips: &'a Flips,
    cells: BTreeSet<Vec<u8>>,
    found: Dawn,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(flips: &'a Flips) -> Self {
        Self { flips, cells: BTreeSet::new(), found: Dawn::default() }
    }

    /// Takes rows as the owner's model sees them, and the suspect's class of each.
    pub(crate) fn add(&mut self, rows: &Rows, suspect: &[Option<usize>]) {
        for (row, class) in rows.iter().zip(suspect) {
            if !self.cells.insert(self.flips.cell(row.features)) {
                continue;
            }
            let Some(other) = self.flips.alternative(row.features, row.class) else { continue };
            let repeated = u64::from(*class == Some(other));
            if self.flips.target(row.features, row.class).is_some() {
                self.found.flipped += 1;
                self.found.repeated += repeated;
            } else {
                self.found.others += 1;
                self.found.others_repeated += repeated;
            }
        }
    }

    /// The p-value: the chance of so many repeats at the rate of rows that are not flipped.
    pub(crate) fn judge(mut self) -> Dawn {
        self.found.ln_p = binomial_tail(self.found.flipped, self.found.repeated, self.found.chance());
        self.found
    }
}
