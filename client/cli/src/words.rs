//! What documents say, in words for people.

mod time;

use strongroom_attestation::claims::BootId;
use strongroom_attestation::evidence::Requirement;
use strongroom_attestation::receipt::Budget;
use strongroom_attestation::release::{Detail, Treatment};

pub(crate) use time::{parse as parse_time, utc};

/// A boot's name.
pub(crate) fn boot_words(boot: BootId) -> String {
    hex::encode(boot.as_bytes())
}

/// How outputs were treated.
pub(crate) fn treatment(treatment: &Treatment) -> String {
    let Treatment { detail, clamp, temperature, noise, decimals } = treatment;
    let mut parts = vec![match detail {
        Detail::Full if treatment.is_exact() => "as the model computed them".to_owned(),
        Detail::Full => "every score".to_owned(),
        Detail::TopK(1) => "the highest score".to_owned(),
        Detail::TopK(k) => format!("the {k} highest scores"),
        Detail::LabelOnly => "the winning class alone".to_owned(),
    }];
    parts.extend(clamp.map(|clamp| format!("cut to {} … {}", clamp.min, clamp.max)));
    parts.extend(temperature.map(|t| format!("temperature {t}")));
    parts.extend(noise.map(|deviation| format!("smooth noise of deviation {deviation}")));
    parts.extend(decimals.map(|decimals| format!("rounded to {decimals} decimals")));
    parts.join(", ")
}

/// What is left of a key's allowances.
pub(crate) fn budget(budget: &Budget) -> String {
    let parts = [
        (budget.rows_today, "rows today"),
        (budget.rows, "rows altogether"),
        (budget.bits_today, "bits today"),
        (budget.bits, "bits altogether"),
    ];
    let left = parts.into_iter().filter_map(|(left, of)| Some(format!("{} {of}", left?)));
    let left = left.collect::<Vec<_>>().join(", ");
    if left.is_empty() { "not limited".to_owned() } else { left }
}

/// What is demanded of controls.
pub(crate) fn requirement(requirement: &Requirement) -> String {
    let list = |items: Vec<String>, last: &str| items.join(last);
    match requirement {
        Requirement::Outputs(sorts) => {
            let sorts = list(sorts.iter().map(ToString::to_string).collect(), " or ");
            format!("every answer, to whichever role, is {sorts}")
        }
        Requirement::InputsNotRecorded => "neither inputs nor outputs are recorded".to_owned(),
        Requirement::Audited => "an audit log is kept".to_owned(),
        Requirement::Limited => "every role that may infer has a rate, a quota or a budget".to_owned(),
        Requirement::Provenance(kinds) => {
            let kinds = list(kinds.iter().map(ToString::to_string).collect(), " and ");
            format!("every model has a statement of how it was made that is at least {kinds}")
        }
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::release::Clamp;

    use super::*;

    #[test]
    fn treatments_and_budgets_are_said_in_words() {
        assert_eq!(treatment(&Treatment::EXACT), "as the model computed them");
        let clamp = Some(Clamp { min: -4.0, max: 4.0 });
        let mixed = Treatment { detail: Detail::TopK(3), clamp, decimals: Some(2), ..Treatment::EXACT };
        assert_eq!(treatment(&mixed), "the 3 highest scores, cut to -4 … 4, rounded to 2 decimals");
        assert_eq!(budget(&Budget::default()), "not limited");
        let left = Budget { rows_today: Some(5), bits: Some(9), ..Budget::default() };
        assert_eq!(budget(&left), "5 rows today, 9 bits altogether");
    }
}
