//! A policy in words: its public part as clients will read it, and who may ask.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use strongroom_attestation::release::{Condition, RouteRule, Target};

use super::Explained;
use crate::error::Result;
use crate::owner;
use crate::policy::words::{controls, limits, treatment};
use crate::policy::{Circumstances, Draft, Policy, time};

/// Keys that are listed one by one; of more, their number is told.
const MAX_LISTED_KEYS: usize = 20;

/// Tables and fields of which a file has at least one if it was meant as a policy.
const MARKS: [&str; 10] = [
    "role",
    "key",
    "treatment",
    "organisation",
    "route",
    "incident",
    "rate",
    "audit_key",
    "max_request_bytes",
    "answer_quantum_ms",
];

/// Explains the file if it was meant as a policy; what is wrong with one is told.
pub(super) fn explain(path: &Path, bytes: &[u8]) -> Option<Result<Explained>> {
    let table: toml::Table = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
    if !MARKS.iter().any(|mark| table.contains_key(*mark)) {
        return None;
    }
    Some(Policy::read(Some(path)).map(|policy| explained(&policy)))
}

fn explained(policy: &Policy) -> Explained {
    let given = Circumstances { grants: &[], models: None, now: owner::now() };
    let draft = policy.draft(policy.incident(), given);
    let measures = policy.incident().lines();
    let content = json!({
        "public": controls(&draft.controls),
        "organisations": organisations(&draft),
        "keys": keys(&draft),
        "routes": draft.routes.iter().map(|(name, rules)| (name.to_string(), routes(rules))).collect::<BTreeMap<_, _>>(),
        "incident": if measures.is_empty() { json!("no measures (the default)") } else { json!(measures) },
        "findings": draft.findings.into_vec().iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    Explained {
        kind: "policy",
        verified: "your own words; names of models are not checked against sealed ones",
        content,
    }
}

fn organisations(draft: &Draft) -> Value {
    let said = draft.organisations.iter().map(|(name, organisation)| {
        let frozen = organisation.frozen_until.map(|until| format!("; frozen until {}", time::text(until)));
        (
            name.to_string(),
            format!("all its keys together: {}{}", limits(&organisation.limits), frozen.unwrap_or_default()),
        )
    });
    json!(said.collect::<BTreeMap<_, _>>())
}

fn keys(draft: &Draft) -> Value {
    if draft.keys.len() > MAX_LISTED_KEYS {
        return json!(format!("{} keys", draft.keys.len()));
    }
    let said = draft.keys.iter().map(|key| {
        let mut text = format!("role {}", key.role);
        text += &key.organisation.as_ref().map_or(String::new(), |name| format!(", of {name}"));
        if let Some(models) = &key.models {
            let models: Vec<&str> = models.iter().map(|name| name.as_str()).collect();
            text += &format!(", only {}", models.join(" and "));
        }
        text +=
            &key.not_after.map_or(", without end".to_owned(), |end| format!(", until {}", time::text(end)));
        text +=
            &key.frozen_until.map_or(String::new(), |until| format!(", frozen until {}", time::text(until)));
        text += &key
            .limits
            .as_ref()
            .map_or(String::new(), |own| format!(", in place of the role's allowances: {}", limits(own)));
        (hex::encode(key.key.as_bytes()), text)
    });
    json!(said.collect::<BTreeMap<_, _>>())
}

fn routes(rules: &[RouteRule]) -> Vec<String> {
    rules.iter().map(rule).collect()
}

fn rule(rule: &RouteRule) -> String {
    let roles: Vec<&str> = rule.roles.iter().map(|name| name.as_str()).collect();
    let whom = if roles.is_empty() { "everybody".to_owned() } else { roles.join(", ") };
    let when = rule.when.as_ref().map_or(String::new(), condition);
    let answer = match &rule.target {
        Target::Model(model) => format!("{model} answers"),
        Target::Ensemble(ensemble) => {
            let members: Vec<&str> = ensemble.members.iter().map(|name| name.as_str()).collect();
            let how = if ensemble.vote { "answer by majority" } else { "are compared and the first answers" };
            let stricter = treatment(&ensemble.stricter);
            format!(
                "{} {how}; where a share of {} rows or more differs: {stricter}",
                members.join(", "),
                ensemble.disagreement
            )
        }
    };
    format!("for {whom}{when}: {answer}")
}

fn condition(when: &Condition) -> String {
    let least = when.at_least.map_or(String::new(), |least| format!(" at least {least}"));
    let below = when.below.map_or(String::new(), |below| format!(" below {below}"));
    format!(" who declare {}{least}{below}", when.field)
}
