//! All findings, as lines for people or JSON for programs.

use std::fmt;

use serde::Serialize;

use super::{Finding, Status};

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Its name, which does not change.
    pub id: &'static str,
    /// How it ended.
    pub status: Status,
    /// What there is.
    pub found: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// All checks, in their order.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `fail` when any check failed, otherwise `pass`.
    pub verdict: Status,
    /// One line a check.
    pub checks: Vec<Line>,
}

impl Report {
    pub(super) fn new(findings: impl IntoIterator<Item = (&'static str, Finding)>) -> Self {
        let line = |(id, Finding { status, found, remedy })| Line { id, status, found, remedy };
        let checks: Vec<Line> = findings.into_iter().map(line).collect();
        let failed = checks.iter().any(|line| line.status == Status::Fail);
        Self { verdict: if failed { Status::Fail } else { Status::Pass }, checks }
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict == Status::Pass
    }

    /// The JSON form, in one line.
    #[must_use]
    pub fn json(&self) -> String {
        // Text and enumerations alone always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|line| line.status == status).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { id, status, found, remedy } in &self.checks {
            writeln!(f, "{status} {id}: {found}")?;
            if let Some(remedy) = remedy {
                writeln!(f, "     do: {remedy}")?;
            }
        }
        let (failed, warned) = (self.count(Status::Fail), self.count(Status::Warn));
        writeln!(f, "verdict: {failed} of {} failed, {warned} to look at", self.checks.len())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
        })
    }
}
