//! What was checked, line by line, for people and machines. A transcript grants nothing.

use std::fmt;

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// Compared and found as demanded.
    Pass,
    /// Compared and refused.
    Fail,
    /// Not compared. Never counts as a pass.
    Skip,
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        })
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// Which check.
    pub id: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was compared, and the reason for a failure or a skip.
    pub detail: String,
}

impl fmt::Display for CheckLine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: {}", self.status, self.id, self.detail)
    }
}

/// The lines of one judgement in the order in which the checks were made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Transcript {
    lines: Vec<CheckLine>,
}

impl Transcript {
    /// A transcript without lines.
    #[must_use]
    pub const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[CheckLine] {
        &self.lines
    }

    /// The first check that failed.
    #[must_use]
    pub fn first_failure(&self) -> Option<&CheckLine> {
        self.lines.iter().find(|line| line.status == Status::Fail)
    }

    /// Records a check that passed.
    pub fn pass(&mut self, id: &'static str, detail: impl Into<String>) {
        self.push(id, Status::Pass, detail.into());
    }

    /// Records a check that failed.
    pub fn fail(&mut self, id: &'static str, detail: impl Into<String>) {
        self.push(id, Status::Fail, detail.into());
    }

    /// Records a check that was not made.
    pub fn skip(&mut self, id: &'static str, reason: impl Into<String>) {
        self.push(id, Status::Skip, reason.into());
    }

    /// Adds the lines of a judgement that was part of this one.
    pub fn append(&mut self, part: Self) {
        self.lines.extend(part.lines);
    }

    /// Records those of `ids` that have no line, after the one that failed.
    pub fn skip_rest(&mut self, ids: &[&'static str]) {
        let Some(failed) = self.first_failure().map(|line| line.id) else { return };
        for id in ids {
            if !self.lines.iter().any(|line| line.id == *id) {
                self.skip(id, format!("not judged, because {failed} failed"));
            }
        }
    }

    fn push(&mut self, id: &'static str, status: Status, detail: String) {
        self.lines.push(CheckLine { id, status, detail });
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}
