//! What a rule is: an id that never changes its meaning, a severity, words, and two examples.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy does not bind the key to the pinned enclaves, or cannot be shown to.
    Error,
    /// It does, but somebody can do more than they should.
    Warning,
    /// A fact that whoever relies on the key should know.
    Notice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}

/// A policy with what is known of its key and what is demanded of it, all as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The policy.
    pub policy: &'static str,
    /// [`crate::KeyFacts`]; absent where nothing is known.
    pub key: Option<&'static str>,
    /// [`crate::Demands`]; absent where nothing is demanded.
    pub demands: Option<&'static str>,
}

impl Example {
    /// A policy alone.
    pub(crate) const fn of(policy: &'static str) -> Self {
        Self { policy, key: None, demands: None }
    }

    pub(crate) const fn with_key(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    pub(crate) const fn with_demands(self, demands: &'static str) -> Self {
        Self { demands: Some(demands), ..self }
    }
}

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its id. Never reused for another rule.
    pub id: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// The fault in a few words.
    pub title: &'static str,
    /// Why it is one.
    pub reason: &'static str,
    /// What breaks it.
    pub fails: Example,
    /// What does not.
    pub passes: Example,
}

/// The examples, read at compile time.
macro_rules! example {
    ($name:literal) => {
        $crate::rule::Example::of(include_str!(concat!("../../examples/", $name, ".json")))
    };
}

pub(crate) use example;
