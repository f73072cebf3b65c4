//! Names and shapes of inputs and outputs against the interfaces of sealed models.

use strongroom_attestation::release::{ModelControls, OutputKind, Transform};
use strongroom_seal::model::{Dim, TensorSpec};

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
    for (name, kind) in &controls.outputs {
        match facts.interface.outputs.iter().find(|output| output.name == *name) {
            Some(output) => declared(facts, output, *kind, findings),
            None => {
                let what = format!("model {} has no output '{}'", facts.name, name.escape_debug());
                findings.error(
                    "tensor-unknown",
                    what,
                    "`strongroom inspect` of the sealed model lists its outputs",
                );
            }
        }
    }
}

/// Whether an output can be what it is declared as.
fn declared(facts: &ModelFacts, output: &TensorSpec, kind: OutputKind, findings: &mut Findings) {
    let shown = format!("model {}, output '{}'", facts.name, output.name.escape_debug());
    match kind {
        OutputKind::Label if output.dtype.is_float() => findings.error(
            "label-type",
            format!("{shown}: numbers with fractions are declared as label, and would leave as they are"),
            "declare it as probabilities or logits, or leave it as values",
        ),
        OutputKind::Probabilities | OutputKind::Logits if !output.dtype.is_float() => findings.error(
            "scores-type",
            format!("{shown}: numbers without fractions are declared as scores"),
            "declare it as label, or leave it as values",
        ),
        OutputKind::Probabilities | OutputKind::Logits if is_single(facts, output) => findings.error(
            "scores-width",
            format!("{shown}: a single column has no winner"),
            "export two columns, or leave it as values",
        ),
        _ => {}
    }
}

/// Whether rows along the last dimension have no second element.
fn is_single(facts: &ModelFacts, output: &TensorSpec) -> bool {
    match output.shape.last() {
        Some(Dim::Fixed(columns)) => *columns <= 1,
        Some(Dim::Symbol(symbol)) => facts.interface.symbols.get(symbol).is_some_and(|range| range.max <= 1),
        None => true,
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
