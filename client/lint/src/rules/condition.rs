//! SR3xx: conditions on registers, and what else restricts an Allow of decryption.

use crate::policy::{CHARTER, Condition, Effect, IMAGE, Key, Quantifier, Says, Statement, actions};
use crate::register::{Register, names};
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

pub(crate) static SR301: Rule = Rule {
    id: "SR301",
    severity: Severity::Error,
    title: "an Allow of decryption without the attestation conditions",
    reason: "Whoever it names can decrypt outside a pinned enclave, or under another charter, unless a Deny happens \
             to stop it.",
    fails: example!("SR301"),
    passes: example!("good"),
};

pub(crate) static SR302: Rule = Rule {
    id: "SR302",
    severity: Severity::Error,
    title: "an …IfExists operator on a register",
    reason: "It also holds for a request without an attestation document.",
    fails: example!("SR302"),
    passes: example!("good"),
};

pub(crate) static SR303: Rule = Rule {
    id: "SR303",
    severity: Severity::Error,
    title: "a negated operator on a register in an Allow",
    reason: "It allows every enclave but the named one, and every request without an attestation document.",
    fails: example!("SR303"),
    passes: example!("good"),
};

pub(crate) static SR304: Rule = Rule {
    id: "SR304",
    severity: Severity::Error,
    title: "ForAnyValue or ForAllValues on a register",
    reason: "They are for keys with several values. ForAllValues holds for a request that has none, and in a Deny \
             ForAnyValue does not apply to it.",
    fails: example!("SR304"),
    passes: example!("good"),
};

pub(crate) static SR305: Rule = Rule {
    id: "SR305",
    severity: Severity::Error,
    title: "an operator on a register that is not an equality of strings",
    reason: "StringLike and its kind take patterns; Null and unknown operators compare no measurement.",
    fails: example!("SR305"),
    passes: example!("good"),
};

pub(crate) static SR306: Rule = Rule {
    id: "SR306",
    severity: Severity::Error,
    title: "a register's value is not 96 hexadecimal digits",
    reason: "It is a pattern or a slip: no measurement has this value.",
    fails: example!("SR306"),
    passes: example!("good"),
};

pub(crate) static SR307: Rule = Rule {
    id: "SR307",
    severity: Severity::Error,
    title: "a register of zeros",
    reason: "Every enclave in debug mode has zeros there, and its operator can read its memory.",
    fails: example!("SR307"),
    passes: example!("good"),
};

pub(crate) static SR308: Rule = Rule {
    id: "SR308",
    severity: Severity::Error,
    title: "capitals in a register's value where case counts",
    reason: "KMS writes registers in lower case: under a case-sensitive operator such a value fits no enclave. Use \
             the IgnoreCase operators.",
    fails: example!("SR308"),
    passes: example!("upper-case"),
};

pub(crate) static SR309: Rule = Rule {
    id: "SR309",
    severity: Severity::Error,
    title: "an Allow of decryption that names several values of one register",
    reason: "Two lists allow every pair of their values, also the image of one deployment under the charter of \
             another. Each pair has an Allow of its own.",
    fails: example!("SR309"),
    passes: example!("two-images"),
};

pub(crate) static SR310: Rule = Rule {
    id: "SR310",
    severity: Severity::Warning,
    title: "a further condition that a request without the key meets",
    reason: "It narrows less than it seems to: a negated, …IfExists or ForAllValues operator holds where the key is \
             absent.",
    fails: example!("SR310"),
    passes: example!("narrowed"),
};

/// What is wrong with the conditions of one statement.
pub(crate) fn check(statement: &Statement) -> Vec<Finding> {
    let says = &statement.says;
    let mut findings = Vec::new();
    let mut found = |rule, message: String| findings.push(Finding::at(rule, &statement.place, message));
    for (number, condition) in says.registers() {
        operator(number, condition, says.effect, &mut found);
        values(number, condition, &mut found);
    }
    if says.effect == Effect::Allow {
        if says.covers(actions::DECRYPT) {
            decryption(says, &mut found);
        }
        let others = says.conditions.iter().filter(|condition| matches!(condition.key, Key::Other(_)));
        if others.into_iter().any(Condition::holds_when_absent) {
            found(&SR310, "a condition also holds where its key is absent".to_owned());
        }
    }
    findings
}

fn operator(
    number: u8,
    condition: &Condition,
    effect: Effect,
    found: &mut impl FnMut(&'static Rule, String),
) {
    let operator = condition.operator;
    if operator.is_if_exists {
        found(&SR302, format!("on PCR{number}"));
    }
    if operator.is_negated && effect == Effect::Allow {
        found(&SR303, format!("on PCR{number}"));
    }
    if operator.quantifier != Quantifier::None {
        found(&SR304, format!("on PCR{number}"));
    }
    if !operator.is_equality() {
        found(&SR305, format!("on PCR{number}"));
    }
}

fn values(number: u8, condition: &Condition, found: &mut impl FnMut(&'static Rule, String)) {
    let values: Vec<Option<Register>> = condition.values.iter().map(|value| value.parse().ok()).collect();
    if values.contains(&None) {
        found(&SR306, format!("on PCR{number}"));
    }
    if values.iter().flatten().any(|value| value.is_zero()) {
        found(&SR307, format!("on PCR{number}"));
    }
    if condition.has_wrong_case() {
        found(&SR308, format!("on PCR{number}"));
    }
}

fn decryption(says: &Says, found: &mut impl FnMut(&'static Rule, String)) {
    let missing = |number: &u8| !says.registers().any(|(found, _)| found == *number);
    let missing: Vec<u8> = [IMAGE, CHARTER].into_iter().filter(missing).collect();
    if !missing.is_empty() {
        found(&SR301, format!("it has no condition on {}", names(missing)));
    }
    let count = |number: u8| -> usize {
        let of_this = says.registers().filter(|(found, _)| *found == number);
        of_this.map(|(_, condition)| condition.values.len()).sum()
    };
    let mut several: Vec<u8> = says.registers().map(|(number, _)| number).collect();
    several.sort_unstable();
    several.dedup();
    several.retain(|number| count(*number) > 1);
    if !several.is_empty() {
        found(&SR309, format!("of {}", names(several)));
    }
}
