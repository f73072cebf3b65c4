//! SR2xx: whom a statement names, what it allows, and on what.

use crate::policy::{Action, Effect, Inversion, Principal, Resource, Says, Statement, actions};
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

pub(crate) static SR201: Rule = Rule {
    id: "SR201",
    severity: Severity::Error,
    title: "a statement of no known form",
    reason: "Only statements whose effect is known to be harmless are accepted; this one is not among them.",
    fails: example!("SR201"),
    passes: example!("good"),
};

pub(crate) static SR202: Rule = Rule {
    id: "SR202",
    severity: Severity::Error,
    title: "NotAction, NotPrincipal or NotResource",
    reason: "It means everything but what it lists, which grows with every new action and every new identity.",
    fails: example!("SR202"),
    passes: example!("good"),
};

pub(crate) static SR203: Rule = Rule {
    id: "SR203",
    severity: Severity::Error,
    title: "a pattern among the actions",
    reason: "It stands for actions that nobody listed. The one pattern of the form is kms:ReEncrypt* in a Deny.",
    fails: example!("SR203"),
    passes: example!("good"),
};

pub(crate) static SR204: Rule = Rule {
    id: "SR204",
    severity: Severity::Error,
    title: "an Allow for a pattern of principals",
    reason: "It lets identities that nobody named, of any account.",
    fails: example!("SR204"),
    passes: example!("good"),
};

pub(crate) static SR205: Rule = Rule {
    id: "SR205",
    severity: Severity::Error,
    title: "an Allow for what is no role, user or account",
    reason: "Services act for others, federated identities are somebody else's to define, sessions choose their own \
             names, and a bare id is what a deleted identity leaves.",
    fails: example!("SR205"),
    passes: example!("good"),
};

pub(crate) static SR206: Rule = Rule {
    id: "SR206",
    severity: Severity::Error,
    title: "a Resource other than *",
    reason: "In a key policy, * is the key itself. A Deny on anything else does not apply to it.",
    fails: example!("SR206"),
    passes: example!("good"),
};

pub(crate) static SR207: Rule = Rule {
    id: "SR207",
    severity: Severity::Error,
    title: "an Allow of what uses or moves a plaintext or the key",
    reason: "Each of these leads around the attestation conditions: by a grant, another key, another region, foreign \
             material, or a data key that no sealed package has.",
    fails: example!("SR207"),
    passes: example!("good"),
};

pub(crate) static SR208: Rule = Rule {
    id: "SR208",
    severity: Severity::Error,
    title: "decryption or data keys allowed beside other actions",
    reason: "kms:Decrypt and kms:GenerateDataKey have statements of their own, so that nobody gets one with the other.",
    fails: example!("SR208"),
    passes: example!("good"),
};

/// The finding on a statement that no other rule explains.
pub(crate) fn unknown(statement: &Statement) -> Finding {
    Finding::at(&SR201, &statement.place, "its effect is not known to be harmless")
}

/// What is wrong with one statement, conditions aside.
pub(crate) fn check(statement: &Statement) -> Vec<Finding> {
    let says = &statement.says;
    let mut findings = Vec::new();
    let mut found = |rule, message: String| findings.push(Finding::at(rule, &statement.place, message));
    for inversion in &says.inversions {
        found(&SR202, format!("it has {}", inversion.name()));
    }
    if says.resources != [Resource::ThisKey] && !says.inversions.contains(&Inversion::Resource) {
        found(&SR206, "its Resource is not * alone".to_owned());
    }
    let is_allow = says.effect == Effect::Allow;
    if says.actions.iter().any(|action| is_stray_pattern(action, is_allow)) {
        found(&SR203, "an action has * or ? in it".to_owned());
    }
    if is_allow {
        allow(says, &mut found);
    }
    findings
}

fn is_stray_pattern(action: &Action, is_allow: bool) -> bool {
    action.is_pattern() && (is_allow || !action.is(actions::RE_ENCRYPT_ANY))
}

fn allow(says: &Says, found: &mut impl FnMut(&'static Rule, String)) {
    if says.principals.iter().any(|p| matches!(p, Principal::Everyone | Principal::Pattern)) {
        found(&SR204, "a principal has * or ? in it".to_owned());
    }
    if says.principals.contains(&Principal::Other) {
        found(&SR205, "a principal is not the ARN of a role, a user or an account's root".to_owned());
    }
    let dangerous = actions::DANGEROUS.iter().filter(|(name, _)| says.covers(name));
    let dangerous: Vec<&str> = dangerous.map(|(_, shown)| *shown).collect();
    if !dangerous.is_empty() {
        found(&SR207, format!("it allows {}", dangerous.join(", ")));
    }
    let alone = [(actions::DECRYPT, "kms:Decrypt"), (actions::GENERATE_DATA_KEY, "kms:GenerateDataKey")];
    for (name, shown) in alone {
        if says.actions.len() > 1 && says.covers(name) {
            found(&SR208, format!("it allows {shown} and more"));
        }
    }
}
