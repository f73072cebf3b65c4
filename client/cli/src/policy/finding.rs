//! What is found in a policy: one sentence, and what to do about it.

use serde::Serialize;

/// Whether a release can be made in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// No release is made.
    Error,
    /// It may be meant.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Whether it stops a release.
    pub(crate) level: Level,
    /// Its rule in docs/policy.md.
    pub(crate) rule: &'static str,
    /// What is the matter.
    pub(crate) what: String,
    /// What to do.
    pub(crate) remedy: &'static str,
}

/// Findings in the order in which they were made.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn error(&mut self, rule: &'static str, what: impl Into<String>, remedy: &'static str) {
        self.0.push(Finding { level: Level::Error, rule, what: what.into(), remedy });
    }

    pub(super) fn warning(&mut self, rule: &'static str, what: impl Into<String>, remedy: &'static str) {
        self.0.push(Finding { level: Level::Warning, rule, what: what.into(), remedy });
    }

    /// All, errors first.
    pub(crate) fn into_vec(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| finding.level);
        self.0
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(f, "{level} {}: {}; {}", self.rule, self.what, self.remedy)
    }
}
