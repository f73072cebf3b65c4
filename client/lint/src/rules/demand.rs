//! SR7xx: whether the policy pins exactly what the caller demands.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::Judged;
use crate::demands::Demands;
use crate::policy::{CHARTER, IMAGE};
use crate::register::Register;
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};
use crate::rules::whole::allowed;

const GOOD: &str = include_str!("../../examples/good.demands.json");

pub(crate) static SR701: Rule = Rule {
    id: "SR701",
    severity: Severity::Error,
    title: "other images are pinned than those demanded",
    reason: "An image too many can open the weights; one that is missing cannot.",
    fails: example!("good").with_demands(include_str!("../../examples/SR701.demands.json")),
    passes: example!("good").with_demands(GOOD),
};

pub(crate) static SR702: Rule = Rule {
    id: "SR702",
    severity: Severity::Error,
    title: "other charters are pinned than the one demanded",
    reason: "The charter names the keys whose releases an enclave obeys: with another one, somebody else rules it.",
    fails: example!("good").with_demands(include_str!("../../examples/SR702.demands.json")),
    passes: example!("good").with_demands(GOOD),
};

/// What differs from the demands.
pub(crate) fn check(judged: &Judged<'_>, demands: &Demands) -> Vec<Finding> {
    let allowed = allowed(judged);
    let pairs = [(&SR701, IMAGE, &demands.images), (&SR702, CHARTER, &demands.charters)];
    let mut findings = Vec::new();
    for (rule, number, demanded) in pairs {
        let Some(demanded) = demanded else { continue };
        let pinned = allowed.get(&number).cloned().unwrap_or_default();
        if pinned != *demanded {
            findings.push(Finding::whole(rule, difference(&pinned, demanded)));
        }
    }
    findings
}

/// The values themselves: they are public, and have one form.
fn difference(pinned: &BTreeSet<Register>, demanded: &BTreeSet<Register>) -> String {
    let mut text = format!("{} pinned, {} demanded", pinned.len(), demanded.len());
    for value in pinned.difference(demanded) {
        let _ = write!(text, "; {value} is not demanded");
    }
    for value in demanded.difference(pinned) {
        let _ = write!(text, "; {value} is not pinned");
    }
    text
}
