//! Rates, quotas and budgets against each other.

use strongroom_attestation::release::{Coarseness, Limits, Operation, Rate};
use strongroom_proto::name::Name;

use crate::policy::compile::{Draft, ModelFacts};
use crate::policy::first_digits;

const DAY_MS: u128 = 24 * 3600 * 1000;

pub(super) fn judge(draft: &mut Draft, known: Option<&[ModelFacts]>) {
    for (name, role) in draft.controls.roles.clone() {
        let infers = role.operations.contains(&Operation::Infer);
        if infers && role.limits == Limits::NONE {
            let what = format!("role {name} has no limit");
            draft.findings.warning("role-unlimited", what, "state rate, rows_per_day or bits_per_day");
        }
        let exact = role.models.values().any(|treatment| treatment.coarseness() == Coarseness::Exact);
        let budget = role.limits.bits.is_some() || role.limits.bits_per_day.is_some();
        if infers && exact && !budget {
            let what = format!("role {name} gets unrounded numbers without a budget of bits");
            draft.findings.warning("exact-bits", what, "round them, or state bits_per_day or bits");
        }
        quota(draft, &format!("role {name}"), &role.limits);
        if let Some(rate) = role.limits.rate.filter(|_| infers) {
            let names: Vec<Name> = role.models.keys().cloned().collect();
            names.iter().for_each(|asked| batch(draft, &format!("role {name}"), rate, asked, known));
        }
    }
    for (name, organisation) in draft.organisations.clone() {
        quota(draft, &format!("organisation {name}"), &organisation.limits);
    }
    let models: Vec<_> = draft
        .controls
        .models
        .iter()
        .filter_map(|(name, model)| Some((name.clone(), model.limits.rate?)))
        .collect();
    for (name, rate) in models {
        batch(draft, &format!("model {name}"), rate, &name, known);
    }
    keys(draft);
}

/// Clients see the allowances of roles, so those of a key may only be tighter.
fn keys(draft: &mut Draft) {
    let Draft { controls, keys, findings, .. } = draft;
    for key in keys {
        let Some((own, role)) = key.limits.as_ref().zip(controls.roles.get(&key.role)) else { continue };
        for allowance in loosened(own, &role.limits) {
            let digits = first_digits(&key.key);
            let what = format!("key {digits}: its {allowance} is larger than that of its role {}", key.role);
            findings.error("key-loosens", what, "lower it, leave it out, or give the key a role of its own");
        }
    }
}

/// The allowances of a role that a key states and exceeds.
fn loosened(own: &Limits, role: &Limits) -> Vec<&'static str> {
    let none = Limits::NONE;
    let each = [
        ("rate", Limits { rate: own.rate, ..none }),
        ("rows_per_day", Limits { rows_per_day: own.rows_per_day, ..none }),
        ("rows", Limits { rows: own.rows, ..none }),
        ("bits_per_day", Limits { bits_per_day: own.bits_per_day, ..none }),
        ("bits", Limits { bits: own.bits, ..none }),
    ];
    each.into_iter().filter(|(_, own)| !own.is_within(role)).map(|(name, _)| name).collect()
}

/// A quota that the rate can never reach limits nothing.
fn quota(draft: &mut Draft, who: &str, limits: &Limits) {
    let (Some(rate), Some(rows)) = (limits.rate, limits.rows_per_day) else { return };
    let in_a_day = u128::from(rate.rows) * DAY_MS / u128::from(rate.per_ms.max(1)) + u128::from(rate.burst);
    if u128::from(rows) > in_a_day {
        let what = format!(
            "{who}: rows_per_day is {rows}, and its rate lets at most {in_a_day} rows through in a day"
        );
        draft.findings.warning("quota-rate", what, "lower the quota, or leave it out");
    }
}

/// A request larger than the burst never passes.
fn batch(draft: &mut Draft, who: &str, rate: Rate, asked: &Name, known: Option<&[ModelFacts]>) {
    let largest = |facts: &&ModelFacts| draft.answering(asked).any(|model| *model == facts.name);
    let largest =
        known.unwrap_or_default().iter().filter(largest).map(|facts| facts.interface.most_rows()).max();
    if let Some(rows) = largest.filter(|rows| *rows > rate.burst) {
        let what =
            format!("{who}: the burst is {} rows, and a request of {asked} may have {rows}", rate.burst);
        draft.findings.warning("burst-batch", what, "raise burst, or seal the model with a smaller --dim");
    }
}
