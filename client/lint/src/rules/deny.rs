//! SR4xx: what weakens a Deny. A Deny counts only if it applies to every request that it should stop.

use crate::policy::{Effect, Key, Says, Statement};
use crate::register::names;
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

pub(crate) static SR401: Rule = Rule {
    id: "SR401",
    severity: Severity::Error,
    title: "a Deny on a register that is not negated",
    reason: "It denies the named enclave and nobody else. A negated operator also holds where the register is absent.",
    fails: example!("SR401"),
    passes: example!("good"),
};

pub(crate) static SR402: Rule = Rule {
    id: "SR402",
    severity: Severity::Error,
    title: "several registers in one Deny",
    reason: "Conditions of one statement are ANDed: one right register excuses a wrong one. Each has a Deny of its own.",
    fails: example!("SR402"),
    passes: example!("good"),
};

pub(crate) static SR403: Rule = Rule {
    id: "SR403",
    severity: Severity::Error,
    title: "a Deny with a condition on something other than a register",
    reason: "A further condition only makes a Deny apply to less.",
    fails: example!("SR403"),
    passes: example!("good"),
};

pub(crate) static SR404: Rule = Rule {
    id: "SR404",
    severity: Severity::Error,
    title: "a Deny for fewer than everyone",
    reason: "Whoever it does not name is not stopped by it.",
    fails: example!("SR404"),
    passes: example!("good"),
};

/// What weakens one Deny.
pub(crate) fn check(statement: &Statement) -> Vec<Finding> {
    let says = &statement.says;
    let mut findings = Vec::new();
    if says.effect == Effect::Deny {
        deny(says, &mut |rule, message| findings.push(Finding::at(rule, &statement.place, message)));
    }
    findings
}

fn deny(says: &Says, found: &mut impl FnMut(&'static Rule, String)) {
    for (number, _) in says.registers().filter(|(_, condition)| !condition.operator.is_negated) {
        found(&SR401, format!("on PCR{number}"));
    }
    let mut registers: Vec<u8> = says.registers().map(|(number, _)| number).collect();
    registers.sort_unstable();
    registers.dedup();
    if registers.len() > 1 {
        found(&SR402, format!("it ANDs {}", names(registers)));
    }
    if says.conditions.iter().any(|condition| matches!(condition.key, Key::Other(_))) {
        found(&SR403, "it applies only where that condition holds".to_owned());
    }
    if !says.principals.is_empty() && !says.is_for_everyone() {
        found(&SR404, "its Principal is not * alone".to_owned());
    }
}
