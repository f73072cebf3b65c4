//! What the linter found, worst first.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits::MAX_SID_CHARS;
use crate::rule::{Rule, Severity};

/// Which statement a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Counted from one, in the order of the policy.
    pub number: usize,
    /// Its Sid, where that is short and of letters, digits, spaces, `-` and `_` alone.
    pub sid: Option<String>,
}

impl Place {
    /// Keeps a Sid only if it can be repeated anywhere.
    pub(crate) fn new(number: usize, sid: Option<&str>) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_".contains(c);
        let sid = sid.filter(|sid| (1..=MAX_SID_CHARS).contains(&sid.len()) && sid.chars().all(is_plain));
        Self { number, sid: sid.map(str::to_owned) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "statement {} ({sid})", self.number),
            None => write!(f, "statement {}", self.number),
        }
    }
}

/// One breach of one rule.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// Where; absent when it is about the policy as a whole, or the key.
    pub place: Option<Place>,
    /// What exactly, in words that repeat nothing unchecked of the policy.
    pub message: String,
}

impl Finding {
    pub(crate) fn at(rule: &'static Rule, place: &Place, message: impl Into<String>) -> Self {
        Self { rule, place: Some(place.clone()), message: message.into() }
    }

    pub(crate) fn whole(rule: &'static Rule, message: impl Into<String>) -> Self {
        Self { rule, place: None, message: message.into() }
    }

    /// How bad it is.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.rule.severity
    }
}

impl fmt::Display for Finding {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.rule.severity, self.rule.id)?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}: {}", self.rule.title, self.message)
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: &'static str,
            severity: Severity,
            title: &'static str,
            statement: Option<&'a Place>,
            message: &'a str,
            reason: &'static str,
        }
        let Rule { id, severity, title, reason, .. } = *self.rule;
        let statement = self.place.as_ref();
        Shown { id, severity, title, statement, message: &self.message, reason }.serialize(to)
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    verdict: Verdict,
    findings: Vec<Finding>,
}

/// The worst that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Clean,
    Warning,
    Error,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| order(a).cmp(&order(b)));
        let verdict = match findings.first().map(Finding::severity) {
            Some(Severity::Error) => Verdict::Error,
            Some(Severity::Warning) => Verdict::Warning,
            Some(Severity::Notice) | None => Verdict::Clean,
        };
        Self { verdict, findings }
    }

    /// The findings, worst first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The severity of the worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.first().map(Finding::severity)
    }

    /// How many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity() == severity).count()
    }

    /// Whether a rule was broken.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.findings.iter().any(|finding| finding.rule.id == id)
    }
}

/// Ids rise from single statements to the whole, so a fault stands before what follows from it.
fn order(finding: &Finding) -> (Severity, &'static str, Option<&Place>) {
    (finding.rule.severity, finding.rule.id, finding.place.as_ref())
}

impl fmt::Display for Report {
    /// One line a finding, and a summary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        let counted = |severity| {
            let count = self.count(severity);
            format!("{count} {severity}{}", if count == 1 { "" } else { "s" })
        };
        let [errors, warnings, notices] = [Severity::Error, Severity::Warning, Severity::Notice].map(counted);
        write!(f, "{errors}, {warnings}, {notices}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_sids_are_repeated() {
        let sid = |sid: &str| Place::new(1, Some(sid)).sid;
        assert_eq!(sid("Enable IAM User Permissions").as_deref(), Some("Enable IAM User Permissions"));
        for odd in ["", "\u{1b}[31m", "a\nb", "é", &"a".repeat(MAX_SID_CHARS + 1)] {
            assert_eq!(sid(odd), None);
        }
    }
}
