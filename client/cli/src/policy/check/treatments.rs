//! Treatments against what the outputs of a model are.

use strongroom_attestation::release::{Detail, OutputKind, Target, Treatment};
use strongroom_proto::name::Name;

use crate::policy::compile::{Draft, ModelFacts};

/// Who gets a treatment from which model, in words.
struct Case {
    who: String,
    model: Name,
    treatment: Treatment,
}

pub(super) fn judge(draft: &mut Draft, known: Option<&[ModelFacts]>) {
    for case in cases(draft) {
        let kinds = Kinds::of(draft, &case.model, known);
        outputs(draft, &case, &kinds);
        noise(draft, &case, &kinds, known);
    }
}

/// One case for each role and answering model, and for each stricter treatment of an ensemble.
fn cases(draft: &Draft) -> Vec<Case> {
    let mut cases = Vec::new();
    for (role, controls) in &draft.controls.roles {
        for (name, treatment) in &controls.models {
            let case = |model: &Name| Case {
                who: format!("role {role}"),
                model: model.clone(),
                treatment: *treatment,
            };
            cases.extend(draft.answering(name).map(case));
        }
    }
    for (route, rules) in &draft.routes {
        for rule in rules {
            let Target::Ensemble(ensemble) = &rule.target else { continue };
            let who = || format!("the stricter treatment of route {route}");
            let case = |model: &Name| Case { who: who(), model: model.clone(), treatment: ensemble.stricter };
            cases.extend(ensemble.members.iter().map(case));
        }
    }
    cases
}

/// Which kinds of outputs a model has.
struct Kinds {
    labels: bool,
    logits: bool,
    /// Logits or probabilities.
    scores: bool,
    /// Anything else, or nobody knows.
    values: bool,
}

impl Kinds {
    fn of(draft: &Draft, model: &Name, known: Option<&[ModelFacts]>) -> Self {
        let kinds = draft.kinds(model, known);
        let has = |output| kinds.contains(&output);
        let scores = has(OutputKind::Probabilities) || has(OutputKind::Logits);
        Self {
            labels: has(OutputKind::Label),
            logits: has(OutputKind::Logits),
            scores,
            values: known.is_none() || has(OutputKind::Values),
        }
    }
}

fn outputs(draft: &mut Draft, Case { who, model, treatment }: &Case, kinds: &Kinds) {
    let declare = "declare the outputs in [model], or choose another treatment";
    let mut wrong =
        |rule, does: &str| draft.findings.error(rule, format!("{who}: {does} of model {model}"), declare);
    if treatment.detail == Detail::LabelOnly && !kinds.labels && !kinds.scores {
        wrong("treatment-output", "labels alone are released, and no output is declared as label or scores,");
    }
    if matches!(treatment.detail, Detail::TopK(_)) && !kinds.scores {
        wrong("treatment-output", "top_k is for scores, and no output is declared as scores");
    }
    if treatment.temperature.is_some() && !kinds.scores {
        wrong("treatment-output", "temperature is for scores, and no output is declared as scores");
    }
    if treatment.clamp.is_some() && !kinds.logits {
        wrong("clamp-logits", "clamp is for logits, and no output is declared as logits");
    }
    if (treatment.noise.is_some() || treatment.decimals.is_some()) && !kinds.scores && !kinds.values {
        wrong("treatment-output", "noise and decimals are for numbers, and labels are all that is there");
    }
    if matches!(treatment.detail, Detail::TopK(_)) && kinds.logits && treatment.clamp.is_none() {
        let what = format!(
            "{who}: top_k of the logits of model {model} has no clamp, whose lower end the others get"
        );
        draft.findings.error("top-k-clamp", what, "add clamp = { min, max } to the treatment");
    }
}

fn noise(draft: &mut Draft, case: &Case, kinds: &Kinds, known: Option<&[ModelFacts]>) {
    let Case { who, model, treatment } = case;
    if treatment.noise.is_none() {
        return;
    }
    if treatment.detail == Detail::LabelOnly {
        let what = format!("{who}: noise on model {model} has no effect where labels alone are released");
        draft.findings.warning("noise-label-only", what, "leave noise out of the treatment");
    }
    let facts = known.and_then(|known| known.iter().find(|facts| facts.name == *model));
    let stated = |facts: &ModelFacts| facts.schema.inputs.values().any(|rule| !rule.lengthscale.is_empty());
    if (kinds.scores || kinds.values) && facts.is_some_and(|facts| !stated(facts)) {
        let what = format!("{who}: noise on model {model}, whose schema states no lengthscale for an input");
        draft.findings.error("noise-lengthscale", what, "seal it with --schema and a lengthscale");
    }
}
