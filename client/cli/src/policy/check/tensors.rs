//! Names and shapes of inputs and outputs against the interfaces of sealed models.

use strongroom_attestation::release::{ModelControls, Transform};
use strongroom_seal::model::TensorSpec;

use crate::policy::compile::{Draft, ModelFacts};
use crate::policy::finding::Findings;
use crate::schema;

pub(super) fn judge(draft: &mut Draft, known: &[ModelFacts]) {
    for facts in known {
        if let Err(wrong) = schema::fits(&facts.schema, &facts.interface) {
            draft.findings.error(
                "schema-list",
                format!("model {}: {wrong}", facts.name),
                "seal it with another --schema",
            );
        }
        if let Some(controls) = draft.controls.models.get(&facts.name) {
            outputs(facts, controls, &mut draft.findings);
            transforms(facts, controls, &mut draft.findings);
        }
    }
}

fn outputs(facts: &ModelFacts, controls: &ModelControls, findings: &mut Findings) {
    for name in controls.outputs.keys() {
        if !facts.interface.outputs.iter().any(|output| output.name == *name) {
            let what = format!("model {} has no output '{}'", facts.name, name.escape_debug());
            findings.error(
                "tensor-unknown",
                what,
                "`strongroom inspect` of the sealed model lists its outputs",
            );
        }
    }
}

fn transforms(facts: &ModelFacts, controls: &ModelControls, findings: &mut Findings) {
    for (name, transforms) in &controls.transforms {
        let shown = format!("model {}, input '{}'", facts.name, name.escape_debug());
        let Some(input) = facts.interface.inputs.iter().find(|input| input.name == *name) else {
            let what = format!("{shown}: there is no such input");
            findings.error(
                "tensor-unknown",
                what,
                "`strongroom inspect` of the sealed model lists its inputs",
            );
            continue;
        };
        for wrong in transforms.iter().filter_map(|transform| unfit(transform, input)) {
            findings.error(
                "transform-input",
                format!("{shown}: {wrong}"),
                "leave the transform out, or correct it",
            );
        }
    }
}

fn unfit(transform: &Transform, input: &TensorSpec) -> Option<&'static str> {
    if !input.dtype.is_float() {
        return Some("a transform is for numbers with fractions");
    }
    match transform {
        Transform::Smooth { axis, .. } if *axis as usize >= input.shape.len() => {
            Some("smooth goes along an axis that the input has not")
        }
        _ => None,
    }
}
