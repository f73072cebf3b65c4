//! What a judgement of the log finds.

use std::fmt;

use serde::Serialize;
use strongroom_attestation::FailureClass;

use super::LogId;

/// One finding, one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// What kind of finding.
    pub(crate) id: &'static str,
    /// Which log; absent where it is about all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    pub(crate) detail: String,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// Compared and found in order.
    Pass,
    /// Nothing wrong by itself; something that the reader has to know.
    Note,
    /// The copy is not the whole log, or not the enclave's.
    Fail(FailureClass),
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Note => "NOTE",
            Self::Fail(_) => "FAIL",
        }
    }
}

impl Serialize for Level {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.level.word(), self.id)?;
        if let Some(log) = &self.log {
            write!(f, " {log}")?;
        }
        write!(f, ": {}", self.detail)
    }
}

/// The findings of one judgement, in the order in which they were made.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    pub(super) fn pass(&mut self, id: &'static str, log: Option<LogId>, detail: impl Into<String>) {
        self.push(Level::Pass, id, log, detail.into());
    }

    pub(super) fn note(&mut self, id: &'static str, log: Option<LogId>, detail: impl Into<String>) {
        self.push(Level::Note, id, log, detail.into());
    }

    /// The copy differs from what the enclave wrote.
    pub(super) fn tampered(&mut self, id: &'static str, log: Option<LogId>, detail: impl Into<String>) {
        self.push(Level::Fail(FailureClass::Binding), id, log, detail.into());
    }

    /// A signature that does not verify.
    pub(super) fn unsigned(&mut self, id: &'static str, log: Option<LogId>, detail: impl Into<String>) {
        self.push(Level::Fail(FailureClass::ChainOrSignature), id, log, detail.into());
    }

    pub(super) fn fail(&mut self, class: FailureClass, id: &'static str, log: LogId, detail: String) {
        self.push(Level::Fail(class), id, Some(log), detail);
    }

    fn push(&mut self, level: Level, id: &'static str, log: Option<LogId>, detail: String) {
        self.0.push(Finding { level, id, log: log.map(|log| log.to_string()), detail });
    }
}
