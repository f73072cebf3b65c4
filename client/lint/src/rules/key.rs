//! SR6xx: the key itself. No policy can make up for these.

use crate::key::{KeyFacts, Origin, Told};
use crate::report::Finding;
use crate::rule::{Rule, Severity, example};

const GOOD: &str = include_str!("../../examples/good.key.json");

pub(crate) static SR601: Rule = Rule {
    id: "SR601",
    severity: Severity::Error,
    title: "the key has a grant",
    reason: "A grant works beside the policy and survives its replacement. The Deny stops it from decrypting, not from \
             whatever else it allows.",
    fails: example!("good").with_key(include_str!("../../examples/SR601.key.json")),
    passes: example!("good").with_key(GOOD),
};

pub(crate) static SR602: Rule = Rule {
    id: "SR602",
    severity: Severity::Error,
    title: "the key's material is not of KMS's own making",
    reason: "Whoever imported it, or runs the key store it lives in, can decrypt without KMS and its policy.",
    fails: example!("good").with_key(include_str!("../../examples/SR602.key.json")),
    passes: example!("good").with_key(GOOD),
};

pub(crate) static SR603: Rule = Rule {
    id: "SR603",
    severity: Severity::Error,
    title: "a multi-Region key",
    reason: "A replica in another region has the same material and a policy of its own.",
    fails: example!("good").with_key(include_str!("../../examples/SR603.key.json")),
    passes: example!("good").with_key(GOOD),
};

pub(crate) static SR604: Rule = Rule {
    id: "SR604",
    severity: Severity::Error,
    title: "not a symmetric encryption key",
    reason: "Only such a key makes data keys bound to an encryption context; other kinds have other operations, which \
             the forms do not restrict.",
    fails: example!("good").with_key(include_str!("../../examples/SR604.key.json")),
    passes: example!("good").with_key(GOOD),
};

pub(crate) static SR605: Rule = Rule {
    id: "SR605",
    severity: Severity::Notice,
    title: "the key itself was not judged",
    reason: "Grants, origin and replicas are not in the policy. With --key the linter asks KMS for them.",
    fails: example!("good"),
    passes: example!("good").with_key(GOOD),
};

/// What is wrong with the key.
pub(crate) fn check(key: &KeyFacts) -> Vec<Finding> {
    match &key.told {
        Some(told) => judge(told),
        None => vec![Finding::whole(&SR605, "only the policy was given")],
    }
}

fn judge(told: &Told) -> Vec<Finding> {
    let mut findings: Vec<Finding> = told
        .grants
        .iter()
        .map(|grant| Finding::whole(&SR601, describe(&grant.id, &grant.operations)))
        .collect();
    match told.origin {
        Origin::Kms => {}
        Origin::Imported => findings.push(Finding::whole(&SR602, "it was imported")),
        Origin::CustomKeyStore => findings.push(Finding::whole(&SR602, "it lives in a custom key store")),
        Origin::Unknown => findings.push(Finding::whole(&SR602, "its origin is not known")),
    }
    if told.is_multi_region {
        findings.push(Finding::whole(&SR603, "it has replicas or may get them"));
    }
    if !told.is_symmetric_encryption {
        findings.push(Finding::whole(&SR604, "it is of another kind or for another use"));
    }
    findings
}

/// A grant by its id and operations, as far as they have the form that KMS gives them.
fn describe(id: &str, operations: &[String]) -> String {
    let is_id = id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit());
    let is_name = |name: &&String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
    let names: Vec<&str> = operations.iter().filter(is_name).map(String::as_str).collect();
    let id = if is_id { id } else { "of an unusual id" };
    format!("grant {id} allows {}", names.join(", "))
}
