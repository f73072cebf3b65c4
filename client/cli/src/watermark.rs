//! Whether a suspect model was copied from the owner's: what its answers keep of the owner's marks.
//!
//! Three independent tests, each with a p-value: the chance that a model nobody copied answers so. `dawn` looks for
//! answers that were wrong on purpose, `field` for the noise of one API key, `triggers` for rows with labels that
//! only the owner's training set gives.

mod answers;
pub(crate) mod dawn;
pub(crate) mod field;
mod report;
pub(crate) mod statistics;
pub(crate) mod suspect;
#[cfg(test)]
mod tests;
pub(crate) mod triggers;

pub(crate) use answers::{Answers, Reader, read};
pub(crate) use report::Report;
