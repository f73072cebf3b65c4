//! SR5xx: what the statements must be together. Only statements of a known form count here.

use std::collections::{BTreeMap, BTreeSet};

use crate::Judged;
use crate::forms::Form;
use crate::policy::{CHARTER, IMAGE, actions};
use crate::register::{Register, names};
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

pub(crate) static SR501: Rule = Rule {
    id: "SR501",
    severity: Severity::Error,
    title: "no negated Deny on PCR0 or PCR16",
    reason: "It is what stops every other Allow, every grant and every request without an attestation document.",
    fails: example!("SR501"),
    passes: example!("good"),
};

pub(crate) static SR502: Rule = Rule {
    id: "SR502",
    severity: Severity::Error,
    title: "no Deny on kms:ReEncrypt* or kms:CreateGrant",
    reason: "A grant lets somebody use the key without a word in the policy; a re-encryption moves a data key to a key \
             that somebody else holds.",
    fails: example!("SR502"),
    passes: example!("good"),
};

pub(crate) static SR503: Rule = Rule {
    id: "SR503",
    severity: Severity::Error,
    title: "Deny and Allows pin different values",
    reason: "A value in the Deny alone is excused for nobody's sake; one in an Allow alone decrypts nothing. One of \
             the two was forgotten.",
    fails: example!("SR503"),
    passes: example!("good"),
};

pub(crate) static SR504: Rule = Rule {
    id: "SR504",
    severity: Severity::Notice,
    title: "nobody can decrypt",
    reason: "All decryption is denied: the key was made before there was a charter to pin, or was shut on purpose.",
    fails: example!("shut"),
    passes: example!("good"),
};

pub(crate) static SR505: Rule = Rule {
    id: "SR505",
    severity: Severity::Notice,
    title: "a statement that repeats another",
    reason: "It changes nothing and makes the policy harder to read.",
    fails: example!("SR505"),
    passes: example!("good"),
};

/// What the policy as a whole lacks.
pub(crate) fn check(judged: &Judged<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if denies_outright(judged, actions::DECRYPT) {
        findings.push(Finding::whole(&SR504, "a Deny stops every decryption"));
    } else {
        findings.extend(registers(judged));
    }
    let detours = [
        ("kms:ReEncrypt*", denies_re_encryption(judged)),
        ("kms:CreateGrant", denies_outright(judged, actions::CREATE_GRANT)),
    ];
    let open = detours.into_iter().filter(|(_, is_denied)| !is_denied);
    findings.extend(
        open.map(|(action, _)| Finding::whole(&SR502, format!("nothing denies {action} to everyone"))),
    );
    findings.extend(repetitions(judged));
    findings
}

fn denies_outright(judged: &Judged<'_>, action: &str) -> bool {
    judged.iter().any(|(s, form)| *form == Some(Form::DeniesOutright) && s.says.covers(action))
}

fn denies_re_encryption(judged: &Judged<'_>) -> bool {
    [actions::RE_ENCRYPT_FROM, actions::RE_ENCRYPT_TO].iter().all(|action| denies_outright(judged, action))
}

/// Each register with all values that Allows pin.
pub(crate) fn allowed(judged: &Judged<'_>) -> BTreeMap<u8, BTreeSet<Register>> {
    let mut allowed: BTreeMap<u8, BTreeSet<Register>> = BTreeMap::new();
    for (_, form) in judged {
        let Some(Form::Decrypts(pins)) = form else { continue };
        for (number, value) in pins {
            allowed.entry(*number).or_default().insert(*value);
        }
    }
    allowed
}

/// PCR0 and PCR16 must have a Deny; so must any other register that an Allow pins, and their values must agree.
fn registers(judged: &Judged<'_>) -> Vec<Finding> {
    let denied = judged.iter().filter_map(|(statement, form)| match form {
        Some(Form::DeniesOthers(number, values)) => Some((statement, *number, values)),
        _ => None,
    });
    let denied: Vec<_> = denied.collect();
    let allowed = allowed(judged);
    let mut findings = Vec::new();
    let has_deny = |number: u8| denied.iter().any(|(_, denied, _)| *denied == number);
    let lacking: Vec<u8> = [IMAGE, CHARTER].into_iter().filter(|number| !has_deny(*number)).collect();
    if !lacking.is_empty() {
        findings.push(Finding::whole(&SR501, format!("on {}", names(lacking))));
    }
    let none = BTreeSet::new();
    for (statement, number, values) in &denied {
        let pinned = allowed.get(number).unwrap_or(&none);
        if *values != pinned {
            findings.push(Finding::at(&SR503, &statement.place, difference(*number, values, pinned)));
        }
    }
    for number in allowed.keys().filter(|number| ![IMAGE, CHARTER].contains(number) && !has_deny(**number)) {
        findings.push(Finding::whole(&SR503, format!("an Allow pins PCR{number} and no Deny does")));
    }
    findings
}

fn difference(number: u8, denied: &BTreeSet<Register>, allowed: &BTreeSet<Register>) -> String {
    let (only_denied, only_allowed) =
        (denied.difference(allowed).count(), allowed.difference(denied).count());
    format!("of PCR{number}: {only_denied} in this Deny alone, {only_allowed} in Allows alone")
}

fn repetitions(judged: &Judged<'_>) -> Vec<Finding> {
    let repeats = |at: usize| {
        let (statement, _) = judged.get(at)?;
        let (first, _) = judged.iter().take(at).find(|(earlier, _)| earlier.says == statement.says)?;
        Some(Finding::at(&SR505, &statement.place, format!("it says what {} says", first.place)))
    };
    (0..judged.len()).filter_map(repeats).collect()
}
