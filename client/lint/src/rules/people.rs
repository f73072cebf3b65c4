//! SR8xx: who can turn what was judged. Whoever may replace the policy is not bound by it.

use std::collections::BTreeSet;

use crate::Judged;
use crate::forms::Form;
use crate::key::KeyFacts;
use crate::policy::{Effect, Says, Statement, actions};
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

pub(crate) static SR801: Rule = Rule {
    id: "SR801",
    severity: Severity::Notice,
    title: "who can replace the policy",
    reason: "Whoever may call PutKeyPolicy can drop every condition and take the data keys. Watch those calls.",
    fails: example!("good"),
    passes: example!("frozen"),
};

pub(crate) static SR802: Rule = Rule {
    id: "SR802",
    severity: Severity::Notice,
    title: "who can switch the key off or delete it",
    reason: "A disabled key stops every enclave at its next boot; a deleted one makes its packages unreadable for ever.",
    fails: example!("good"),
    passes: example!("frozen"),
};

pub(crate) static SR803: Rule = Rule {
    id: "SR803",
    severity: Severity::Notice,
    title: "nobody can replace the policy",
    reason: "Nobody can weaken it, and nobody can pin a new image either; only AWS support can give the key back.",
    fails: example!("frozen"),
    passes: example!("good"),
};

pub(crate) static SR804: Rule = Rule {
    id: "SR804",
    severity: Severity::Warning,
    title: "an Allow for a whole account",
    reason: "The account's root hands the decision to IAM: whoever can attach an IAM policy there can take this right.",
    fails: example!("SR804"),
    passes: example!("good"),
};

pub(crate) static SR805: Rule = Rule {
    id: "SR805",
    severity: Severity::Error,
    title: "whoever decrypts also administers the key",
    reason: "The role of the hosts belongs to machines that are not trusted: with it, a host can replace the policy or \
             delete the key.",
    fails: example!("SR805"),
    passes: example!("good"),
};

pub(crate) static SR806: Rule = Rule {
    id: "SR806",
    severity: Severity::Warning,
    title: "whoever decrypts also makes data keys",
    reason: "A host could have its enclave use a data key that it knows. Signed packages rule that out today; still, only \
             the owner needs this right.",
    fails: example!("SR806"),
    passes: example!("good"),
};

pub(crate) static SR807: Rule = Rule {
    id: "SR807",
    severity: Severity::Warning,
    title: "an Allow for another account than the key's",
    reason: "Who may act under that name is decided where the key's owner has no say.",
    fails: example!("SR807").with_key(include_str!("../../examples/good.key.json")),
    passes: example!("good").with_key(include_str!("../../examples/good.key.json")),
};

/// Who can do what.
pub(crate) fn check(judged: &Judged<'_>, key: &KeyFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let policy = may(judged, &[actions::PUT_KEY_POLICY]);
    match policy.is_empty() {
        true => findings.push(Finding::whole(&SR803, "no statement allows PutKeyPolicy")),
        false => findings.push(Finding::whole(&SR801, list(&policy))),
    }
    let switch = may(judged, &[actions::DISABLE_KEY, actions::SCHEDULE_KEY_DELETION]);
    if !switch.is_empty() {
        findings.push(Finding::whole(&SR802, list(&switch)));
    }
    findings.extend(hosts(judged));
    let account = key.told.as_ref().map(|told| told.account.as_str());
    let allows = judged.iter().map(|(statement, _)| *statement).filter(|s| s.says.effect == Effect::Allow);
    findings.extend(allows.flat_map(|statement| accounts(statement, account)));
    findings
}

/// Who is allowed one of these actions, unless it is denied to everyone. Those that cannot be named are left to SR2xx.
fn may<'a>(judged: &Judged<'a>, wanted: &[&str]) -> BTreeSet<&'a str> {
    let is_denied = |action: &str| {
        judged.iter().any(|(s, form)| *form == Some(Form::DeniesOutright) && s.says.covers(action))
    };
    let wanted: Vec<&str> = wanted.iter().copied().filter(|action| !is_denied(action)).collect();
    let allows =
        |says: &Says| says.effect == Effect::Allow && wanted.iter().any(|action| says.covers(action));
    let allowing = judged.iter().map(|(statement, _)| *statement).filter(|statement| allows(&statement.says));
    allowing.flat_map(|statement| statement.says.named()).map(|arn| arn.as_str()).collect()
}

fn list(names: &BTreeSet<&str>) -> String {
    names.iter().copied().collect::<Vec<_>>().join(", ")
}

/// Those who decrypt and can do more.
fn hosts(judged: &Judged<'_>) -> Vec<Finding> {
    let decrypting = judged.iter().filter(|(_, form)| matches!(form, Some(Form::Decrypts(_))));
    let hosts: BTreeSet<&str> =
        decrypting.flat_map(|(statement, _)| statement.says.named()).map(|arn| arn.as_str()).collect();
    let mut findings = Vec::new();
    for (statement, form) in judged {
        let rule = match form {
            Some(Form::Administers) => &SR805,
            Some(Form::Seals) => &SR806,
            _ => continue,
        };
        let both: BTreeSet<&str> =
            statement.says.named().map(|arn| arn.as_str()).filter(|name| hosts.contains(name)).collect();
        if !both.is_empty() {
            findings.push(Finding::at(rule, &statement.place, list(&both)));
        }
    }
    findings
}

fn accounts(statement: &Statement, own: Option<&str>) -> Vec<Finding> {
    let (mut roots, mut foreign) = (BTreeSet::new(), BTreeSet::new());
    for arn in statement.says.named() {
        if arn.is_root() {
            roots.insert(arn.as_str());
        }
        if own.is_some_and(|own| own != arn.account()) {
            foreign.insert(arn.as_str());
        }
    }
    let found = [(&SR804, roots), (&SR807, foreign)].into_iter().filter(|(_, names)| !names.is_empty());
    found.map(|(rule, names)| Finding::at(rule, &statement.place, list(&names))).collect()
}
