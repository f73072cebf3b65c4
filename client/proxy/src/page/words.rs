//! Controls in plain words.

use strongroom_attestation::release::{Controls, Detail, Limits, Operation, Rate, RoleControls, Treatment};

/// What holds for everybody.
pub(crate) fn general(controls: &Controls) -> Vec<String> {
    let mut said = vec![
        "Only holders of an API key that the owner listed may ask.".to_owned(),
        "Inputs and outputs are neither logged nor kept beyond the answer and its retries.".to_owned(),
        format!("A request holds at most {} bytes.", controls.max_request_bytes),
        "Limits are counted for each boot of the enclave.".to_owned(),
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
    said.extend(own.clamp.as_ref().map(|own| format!("logits are cut to {} to {}", own.min, own.max)));
    said.extend(own.temperature.map(|by| format!("scores are flattened by temperature {by}")));
    said.extend(own.noise.map(|by| format!("noise of standard deviation {by} is added")));
    said.extend(own.decimals.map(|to| format!("numbers are rounded to {to} decimals")));
    said.join(", ")
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
