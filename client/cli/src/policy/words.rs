//! Public controls in sentences: what each field says, with its unit, and what its absence means.

mod treatment;
mod watch;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use strongroom_attestation::release::{
    Controls, Limits, ModelControls, Operation, OutputKind, Priority, Rate, RoleControls, RouteControls,
    Transform,
};
use strongroom_proto::name::Name;

use super::time;

pub(crate) use treatment::treatment;

/// Controls, one sentence or more a field.
pub(crate) fn controls(controls: &Controls) -> Value {
    let audit = if controls.audit {
        "that a request was made and how it ended is logged, sealed to the owner's audit key; never what it said"
    } else {
        "no audit log is kept (the default)"
    };
    let mut said = Map::new();
    let mut say = |field: &str, value: Value| drop(said.insert(field.to_owned(), value));
    say("authentication", json!("who asks shows an API key that the private part lists"));
    say(
        "max_request_bytes",
        json!(format!(
            "a padded request has at most {} bytes (default 134217728)",
            controls.max_request_bytes
        )),
    );
    say(
        "payloads",
        json!("inputs and outputs are neither logged nor kept beyond the answer and its retries"),
    );
    say("audit", json!(audit));
    say(
        "counting",
        json!(
            "allowances are counted for each boot of each enclave: in total at most allowance × boots × replicas"
        ),
    );
    say(
        "rate",
        json!(controls.rate.map_or("the whole enclave: no rate (the default)".to_owned(), |limit| {
            format!("the whole enclave: {}", rate(limit))
        })),
    );
    say("telemetry", json!(watch::telemetry(controls.telemetry.as_ref())));
    say(
        "answer_quantum_ms",
        json!(controls.answer_quantum_ms.map_or(
            "answers leave when they are ready: the host sees how long each took (the default)".to_owned(),
            |quantum| format!("answers leave at multiples of {quantum} ms after they were asked for")
        )),
    );
    say("roles", named(&controls.roles, role));
    say("models", named(&controls.models, model));
    say("routes", named(&controls.routes, route));
    Value::Object(said)
}

fn named<T>(entries: &BTreeMap<Name, T>, said: impl Fn(&T) -> Value) -> Value {
    if entries.is_empty() {
        return json!("none");
    }
    Value::Object(entries.iter().map(|(name, entry)| (name.to_string(), said(entry))).collect())
}

/// What the holders of a role may do, and how they are treated.
fn role(role: &RoleControls) -> Value {
    let operations = role.operations.iter().map(|operation| match operation {
        Operation::Infer => "infer",
        Operation::Audit => "read the head of the audit log",
        Operation::Status => "read the enclave's status",
    });
    let operations: Vec<&str> = operations.collect();
    let may = if operations.is_empty() { "nothing".to_owned() } else { operations.join(", ") };
    let models: Vec<String> = role
        .models
        .iter()
        .map(|(name, treated)| format!("answers of {name}: {}", treatment(treated)))
        .collect();
    let first = match role.priority {
        Priority::High => "before others: eight times their share where cores are scarce",
        Priority::Normal => "as everybody (the default)",
        Priority::Low => "after others: an eighth of their share where cores are scarce",
    };
    json!({ "may": may, "waits for a core": first, "answers": if models.is_empty() { json!("none") } else { json!(models) },
            "each key at most, and less where the private part says so": limits(&role.limits) })
}

/// Allowances in words.
pub(crate) fn limits(limits: &Limits) -> String {
    let rows = |rows: u64, time: &str| format!("{rows} rows {time}");
    let bits = |bits: u64, time: &str| format!("{bits} bits of released information {time}");
    let said: Vec<String> = [
        limits.rate.map(rate),
        limits.rows_per_day.map(|count| rows(count, "a day (UTC)")),
        limits.rows.map(|count| rows(count, "altogether")),
        limits.bits_per_day.map(|count| bits(count, "a day (UTC)")),
        limits.bits.map(|count| bits(count, "altogether")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if said.is_empty() {
        return "not limited (the default)".to_owned();
    }
    format!("{}; per boot: in total at most that × boots × replicas", said.join(", "))
}

fn rate(rate: Rate) -> String {
    let time = match rate.per_ms {
        1000 => "a second".to_owned(),
        whole if whole % 1000 == 0 => format!("in {} s", whole / 1000),
        odd => format!("in {odd} ms"),
    };
    format!("{} rows {time}, {} at once after a pause", rate.rows, rate.burst)
}

fn model(model: &ModelControls) -> Value {
    let mut said = Map::new();
    let mut say = |field: &str, value: Value| drop(said.insert(field.to_owned(), value));
    say("all keys together", json!(limits(&model.limits)));
    let outputs =
        model.outputs.iter().map(|(name, kind)| format!("{} holds {}", printable(name), output(*kind)));
    say(
        "outputs",
        json!(
            outputs
                .chain(["others hold values, withheld where labels alone are released".to_owned()])
                .collect::<Vec<_>>()
        ),
    );
    let transforms = model.transforms.iter().flat_map(|(input, list)| {
        list.iter().map(move |one| format!("{}: {}", printable(input), transform(one)))
    });
    let transforms: Vec<String> = transforms.collect();
    say(
        "inputs before the model sees them",
        if transforms.is_empty() { json!("as they come (the default)") } else { json!(transforms) },
    );
    say("watch", watch::watch(model.watch.as_ref()));
    let stated = model.provenance.iter().map(|one| {
        let kind = serde_json::to_value(one.kind).unwrap_or_default();
        format!("{} ({}): SHA-256 {}", one.claim, kind.as_str().unwrap_or_default(), hex::encode(one.sha256))
    });
    let stated: Vec<String> = stated.collect();
    say(
        "provenance, by the owner's word",
        if stated.is_empty() { json!("nothing stated") } else { json!(stated) },
    );
    say(
        "frozen",
        json!(model.frozen_until.map_or("not frozen (the default)".to_owned(), |until| {
            format!("not served until {}", time::text(until))
        })),
    );
    Value::Object(said)
}

const fn output(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Label => "the winning class, which leaves as it is",
        OutputKind::Probabilities => "rows of probabilities",
        OutputKind::Logits => "rows of logits",
        OutputKind::Values => "values, withheld where labels alone are released",
    }
}

fn transform(transform: &Transform) -> String {
    match transform {
        Transform::Clip { min, max } => format!("cut to {min} to {max}"),
        Transform::Quantize { step } => format!("rounded to multiples of {step}"),
        Transform::Smooth { window, axis } => {
            format!("each element becomes the median of {window} neighbours along axis {axis}")
        }
    }
}

fn route(route: &RouteControls) -> Value {
    let list = |names: &std::collections::BTreeSet<Name>| {
        names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
    };
    let fields =
        if route.fields.is_empty() { "nothing (the default)".to_owned() } else { list(&route.fields) };
    let votes = if route.votes {
        "several models may answer a row by majority"
    } else {
        "one model answers; none is outvoted (the default)"
    };
    json!({ "one of these answers": list(&route.models), "a request declares": fields, "votes": votes })
}

/// Text of a stranger, without what a terminal would act on.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use crate::policy::{Circumstances, Policy};

    #[test]
    fn a_policy_is_explained_in_sentences() {
        let text = r#"
            rate = { rows = 100, seconds = 10 }
            [model.fraud]
            logits = ["scores"]
            transforms.X = [ { quantize = { step = 0.01 } } ]
            frozen_until = 2026-12-01T00:00:00Z
            [treatment.coarse]
            decimals = 3
            noise = 0.05
            [role.analyst]
            models = { fraud = "coarse" }
            rate = { rows = 100, burst = 200 }
            rows_per_day = 10000
        "#;
        let policy = Policy::parse(text, None).unwrap();
        let given =
            Circumstances { grants: &[], models: None, now: strongroom_attestation::UnixMillis::new(1) };
        let said = super::controls(&policy.draft(policy.incident(), given).controls);
        let role = &said["roles"]["analyst"];
        assert_eq!(role["may"], "infer");
        assert!(role["answers"][0].as_str().unwrap().starts_with("answers of fraud: "), "{role}");
        assert_eq!(
            role["each key at most, and less where the private part says so"],
            "100 rows a second, 200 at once after a pause, 10000 rows a day (UTC); per boot: in total at most that × boots × replicas"
        );
        assert_eq!(said["rate"], "the whole enclave: 100 rows in 10 s, 100 at once after a pause");
        assert_eq!(said["models"]["fraud"]["frozen"], "not served until 2026-12-01T00:00:00Z");
        assert_eq!(
            said["models"]["fraud"]["inputs before the model sees them"][0],
            "X: rounded to multiples of 0.01"
        );
        assert_eq!(said["routes"], "none");
    }
}
