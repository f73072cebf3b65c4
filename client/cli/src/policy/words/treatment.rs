//! One treatment in a sentence.

use strongroom_attestation::release::{Detail, Treatment};

/// What happens to outputs, in the order in which it happens.
pub(crate) fn treatment(treatment: &Treatment) -> String {
    if treatment.is_exact() {
        return "as the model computed them (exact)".to_owned();
    }
    if treatment.detail == Detail::LabelOnly {
        return "the winning class is released and nothing else".to_owned();
    }
    let steps = [
        treatment.clamp.map(|clamp| format!("logits are cut to {} to {}", clamp.min, clamp.max)),
        treatment.temperature.map(|temperature| format!("logits are divided by {temperature}")),
        treatment.noise.map(|noise| {
            format!(
                "smooth noise of standard deviation {noise} is added, the same for the same key and input"
            )
        }),
        treatment.decimals.map(|decimals| format!("numbers are rounded to {decimals} decimals")),
        match treatment.detail {
            Detail::Full | Detail::LabelOnly => None,
            Detail::TopK(top) => {
                Some(format!("the {top} highest scores are released and the others made as low as can be"))
            }
        },
    ];
    let steps: Vec<String> = steps.into_iter().flatten().collect();
    format!("{}; the winner never changes", steps.join(", then "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_in_their_order() {
        let coarse = Treatment {
            decimals: Some(3),
            temperature: Some(2.0),
            detail: Detail::TopK(1),
            ..Treatment::EXACT
        };
        let said = treatment(&coarse);
        let at = |text: &str| said.find(text).unwrap();
        assert!(at("divided by 2") < at("rounded to 3") && at("rounded to 3") < at("1 highest"), "{said}");
        assert!(treatment(&Treatment::EXACT).contains("exact"));
        assert!(treatment(&Treatment::LABEL_ONLY).starts_with("the winning class"));
    }
}
