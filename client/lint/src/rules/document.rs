//! SR1xx: whether the document can be read as one policy and no other.

use crate::json::JsonError;
use crate::limits::{MAX_DEPTH, MAX_POLICY_BYTES};
use crate::parse::Unreadable;
use crate::policy::{Policy, Statement};
use crate::report::{Finding, Place};
use crate::rule::{Rule, Severity, example};

pub(crate) static SR101: Rule = Rule {
    id: "SR101",
    severity: Severity::Error,
    title: "not a key policy",
    reason: "What cannot be read cannot be judged: nothing else was checked.",
    fails: example!("SR101"),
    passes: example!("good"),
};

pub(crate) static SR102: Rule = Rule {
    id: "SR102",
    severity: Severity::Error,
    title: "a name occurs twice in one object",
    reason: "JSON does not say which of the two counts: the linter might judge one and KMS obey the other.",
    fails: example!("SR102"),
    passes: example!("good"),
};

pub(crate) static SR103: Rule = Rule {
    id: "SR103",
    severity: Severity::Error,
    title: "an element that key policies do not have",
    reason: "It may be a misspelt one that was meant to restrict something.",
    fails: example!("SR103"),
    passes: example!("good"),
};

pub(crate) static SR104: Rule = Rule {
    id: "SR104",
    severity: Severity::Error,
    title: "not version 2012-10-17 of the policy language",
    reason: "Without it KMS reads the policy by older rules, which the forms were not made for.",
    fails: example!("SR104"),
    passes: example!("good"),
};

/// Says why a policy was not read.
pub(crate) fn unreadable(why: Unreadable) -> Finding {
    match why {
        Unreadable::Json(JsonError::Duplicate) => Finding::whole(&SR102, "an object has one name twice"),
        Unreadable::Json(JsonError::Syntax) => Finding::whole(&SR101, "it is not JSON"),
        Unreadable::Json(JsonError::Depth) => {
            Finding::whole(&SR101, format!("it is nested more than {MAX_DEPTH} deep"))
        }
        Unreadable::TooLong => Finding::whole(&SR101, format!("it is longer than {MAX_POLICY_BYTES} bytes")),
        Unreadable::Policy(why) => Finding::whole(&SR101, why),
        Unreadable::Statement(number, why) => Finding::at(&SR101, &Place::new(number, None), why),
    }
}

/// What is wrong with a document that was read.
pub(crate) fn check(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !policy.is_current {
        findings.push(Finding::whole(&SR104, "its Version is another one, or absent"));
    }
    if policy.has_strays {
        findings.push(Finding::whole(&SR103, "beside Version, Id and Statement"));
    }
    findings
}

/// What a statement has beside what statements have.
pub(crate) fn strays(statement: &Statement) -> Option<Finding> {
    let message = "beside those that a statement of a key policy has";
    statement.says.has_strays.then(|| Finding::at(&SR103, &statement.place, message))
}
