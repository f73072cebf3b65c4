//! Controls in plain words.

use strongroom_attestation::release::{
    Authentication, ClaimKind, Clamp, Controls, Counting, Detail, Limits, ModelControls, Operation,
    OutputKind, Payloads, Rate, RoleControls, RouteControls, Transform, Treatment, Unlike, Watch,
};
use strongroom_proto::name::Name;

/// What holds for everybody.
pub(crate) fn general(controls: &Controls) -> Vec<String> {
    let mut said = vec![
        match controls.authentication {
            Authentication::ApiKey => "Only holders of an API key that the owner listed may ask.".to_owned(),
        },
        match controls.payloads {
            Payloads::NotRecorded => {
                "Inputs and outputs are neither logged nor kept beyond the answer and its retries.".to_owned()
            }
        },
        format!("A request holds at most {} bytes, padding included.", controls.max_request_bytes),
        match controls.counting {
            Counting::PerBoot => "Limits are counted for each boot of each enclave.".to_owned(),
        },
    ];
    said.push(match controls.audit {
        true => "An audit log notes that a request was made and how it ended, never what it said.".to_owned(),
        false => "No audit log is kept.".to_owned(),
    });
    said.extend(controls.rate.as_ref().map(|own| format!("The whole enclave answers {}.", rate(own))));
    said.push(match &controls.telemetry {
        Some(own) => format!(
            "Noisy totals leave the enclave; a day of them tells of any one row at most ε = {} of differential privacy.",
            own.epsilon_per_day
        ),
        None => "No totals leave the enclave.".to_owned(),
    });
    said.push(match controls.answer_quantum_ms {
        Some(quantum) => format!("Answers leave at multiples of {quantum} ms after they were asked for."),
        None => "Answers leave when they are ready, so that the host sees how long each took.".to_owned(),
    });
    said
}

/// What the holders of a role may do.
pub(crate) fn role(controls: &RoleControls) -> Vec<String> {
    let mut said: Vec<String> = controls.operations.iter().map(operation).collect();
    said.extend(controls.models.iter().map(|(name, own)| format!("Of {name}: {}.", treatment(own))));
    said.extend(limits(&controls.limits));
    if said.is_empty() {
        said.push("Nothing is allowed.".to_owned());
    }
    said
}

fn operation(operation: &Operation) -> String {
    match operation {
        Operation::Infer => "May ask models for answers.",
        Operation::Audit => "May read the signed head of the audit log.",
        Operation::Status => "May ask how the enclave does.",
    }
    .to_owned()
}

fn treatment(own: &Treatment) -> String {
    let mut said = vec![match own.detail {
        Detail::Full => "every score is released".to_owned(),
        Detail::TopK(count) => format!("only the {count} highest scores are released"),
        Detail::LabelOnly => "only the winning class is released".to_owned(),
    }];
    said.extend(own.clamp.map(|Clamp { min, max }| format!("scores are cut to {min} to {max}")));
    said.extend(own.temperature.map(|by| format!("scores are flattened by temperature {by}")));
    said.extend(own.noise.map(|by| format!("noise of standard deviation {by} is added")));
    said.extend(own.decimals.map(|to| format!("numbers are rounded to {to} decimals")));
    said.join(", ")
}

/// How a model is treated, whoever asks. Empty where it is served as it is.
pub(crate) fn model(own: &ModelControls) -> Vec<String> {
    let mut said: Vec<String> =
        own.limits.rate.iter().map(|own| format!("All keys together get {}.", rate(own))).collect();
    said.extend(
        own.outputs.iter().map(|(output, kind)| format!("Its output {output} holds {}.", held(*kind))),
    );
    for (input, steps) in &own.transforms {
        let steps: Vec<String> = steps.iter().map(transform).collect();
        said.push(format!("Before the model sees its input {input}, numbers are {}.", steps.join(", then ")));
    }
    said.extend(own.watch.iter().flat_map(watch));
    said.extend(own.provenance.iter().map(|own| {
        let by = match own.kind {
            ClaimKind::Declared => "by the owner's word",
            ClaimKind::Recomputed => "recomputed when it was sealed",
            ClaimKind::Measured => "measured, with a report",
        };
        format!("The owner states its {}, {by}.", own.claim)
    }));
    said.extend(
        own.frozen_until.map(|until| format!("It is not served until {}.", super::html::time(until))),
    );
    said
}

/// Where a name leads that is no model.
pub(crate) fn route(name: &Name, own: &RouteControls) -> String {
    let models: Vec<&str> = own.models.iter().map(Name::as_str).collect();
    let by = if own.votes { "several of them may answer a row together" } else { "one of them answers" };
    let mut said = format!("{name} leads to {}: {by}.", models.join(", "));
    if !own.fields.is_empty() {
        let fields: Vec<&str> = own.fields.iter().map(Name::as_str).collect();
        said += &format!(" A request has to declare {}.", fields.join(", "));
    }
    said
}

const fn held(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Label => "the winning class",
        OutputKind::Probabilities => "probabilities",
        OutputKind::Logits => "scores without bounds",
        OutputKind::Values => "values",
    }
}

fn transform(step: &Transform) -> String {
    match step {
        Transform::Clip { min, max } => format!("cut to {min} to {max}"),
        Transform::Quantize { step } => format!("rounded to multiples of {step}"),
        Transform::Smooth { window, .. } => format!("replaced by the median of {window} neighbours"),
    }
}

fn watch(own: &Watch) -> Vec<String> {
    let mut said = vec![match own.unlike {
        Unlike::Answered => "Rows unlike its training data are answered.".to_owned(),
        Unlike::Refused => "Rows unlike its training data are refused.".to_owned(),
        Unlike::Misinformed => "Rows unlike its training data are answered wrong on purpose.".to_owned(),
    }];
    if own.reacts {
        said.push("Keys that seem to copy it get coarser answers, then none for a time.".to_owned());
    }
    said.extend(own.flips.map(|share| {
        format!("A share of {share} of inputs is answered with another class, as a watermark.")
    }));
    said
}

fn limits(own: &Limits) -> Vec<String> {
    let own_rate = own.rate.as_ref().map(|own| format!("Each key gets {}.", rate(own)));
    let counted = [
        (own.rows_per_day, "rows in a day"),
        (own.rows, "rows altogether"),
        (own.bits_per_day, "bits of released information in a day"),
        (own.bits, "bits of released information altogether"),
    ];
    let counted =
        counted.into_iter().filter_map(|(most, what)| Some(format!("Each key gets {} {what}.", most?)));
    own_rate.into_iter().chain(counted).collect()
}

fn rate(own: &Rate) -> String {
    format!("{} rows in {} ms, and {} at once after a pause", own.rows, own.per_ms, own.burst)
}
