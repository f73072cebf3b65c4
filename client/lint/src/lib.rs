//! Judges KMS key policies: whether they let the pinned enclaves, and nobody else, decrypt.
//!
//! The logic is that of an allow-list. Every statement must have one of the few forms in `forms.rs`, which together
//! are what the generator writes; whatever has none is an error, known or not. The rules in `rules/` then say what
//! exactly is wrong, what the policy as a whole lacks, and who could still replace it. A rule can therefore miss
//! an explanation, but no rule is needed for a statement to be refused.
//!
//! Everything comes as an argument and goes back as a value: no files, no network, no clock. Text of the policy
//! is repeated only where its type leaves nothing to misread: account numbers, names of roles and users, plain Sids.

pub mod demands;
mod forms;
mod json;
pub mod key;
pub mod limits;
mod parse;
mod policy;
pub mod register;
pub mod report;
pub mod rule;
pub mod rules;

pub use demands::Demands;
pub use key::{GrantFacts, KeyFacts, Origin};
pub use register::Register;
pub use report::{Finding, Place, Report};
pub use rule::{Example, Rule, Severity};

use forms::{Form, recognise};
use policy::{Policy, Statement};

/// A policy's statements, each with the form it has.
type Judged<'a> = [(&'a Statement, Option<Form>)];

/// Judges a policy, with what is known of its key and what is demanded of both.
///
/// # Security
/// A report without errors says that no caller can decrypt without an attestation document of a pinned pair, as
/// long as the policy stays what it is. Who can change it is named in the report.
#[must_use]
pub fn lint(policy: &[u8], key: &KeyFacts, demands: &Demands) -> Report {
    let mut findings = match parse::parse(policy) {
        Ok(policy) => judge(&policy, key, demands),
        Err(unreadable) => vec![rules::document::unreadable(unreadable)],
    };
    findings.extend(rules::key::check(key));
    Report::new(findings)
}

fn judge(policy: &Policy, key: &KeyFacts, demands: &Demands) -> Vec<Finding> {
    let judged: Vec<_> = policy.statements.iter().map(|s| (s, recognise(s))).collect();
    let mut findings = rules::document::check(policy);
    for (statement, form) in &judged {
        findings.extend(explain(statement, form.is_some()));
    }
    findings.extend(rules::whole::check(&judged));
    findings.extend(rules::demand::check(&judged, demands));
    findings.extend(rules::people::check(&judged, key));
    findings
}

/// What is wrong with one statement. One that has no known form never leaves without an error.
fn explain(statement: &Statement, is_known: bool) -> Vec<Finding> {
    let mut findings = rules::statement::check(statement);
    findings.extend(rules::document::strays(statement));
    findings.extend(rules::condition::check(statement));
    findings.extend(rules::deny::check(statement));
    let is_explained = findings.iter().any(|finding| finding.severity() == Severity::Error);
    if !is_known && !is_explained {
        findings.push(rules::statement::unknown(statement));
    }
    findings
}
