//! Tensors of a request on their way to a model, and of a model's answer on its way out, without an engine.

use std::borrow::Cow;
use std::sync::OnceLock;

use strongroom_attestation::release::{Clamp, Detail, ModelControls, OutputKind, Transform, Treatment};
use strongroom_controls::{outputs, transform};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_seal::limits::MAX_RANK;
use strongroom_seal::model::{Schema, ValueRule};
use strongroom_seal::tensor::{Tensor, strings};

use crate::rewrite::reads_back;

const BOUNDS: Bounds = Bounds { max_bytes: 1 << 22, max_depth: 4, max_items: 32 };

/// Names under which a tensor is shown to the controls.
const PLAIN: &str = "x";
const STRICT: &str = "strict";

/// Reads `bytes` as a tensor, holds it against schemas, transforms it as an input and treats it as an output.
///
/// It survives being written. One that agrees with itself holds as many elements as its shape says, still agrees with
/// itself behind every transform and treatment, and has kept type and shape behind a transform. What a stricter schema lets in,
/// the looser one lets in.
pub fn tensors(bytes: &[u8]) -> bool {
    let Ok(tensor) = cbor::decode::<Tensor<'_>>(bytes, BOUNDS) else { return false };
    reads_back(&tensor, cbor::encode(&tensor), |bytes, first| {
        Ok(cbor::decode::<Tensor<'_>>(bytes, BOUNDS)? == *first)
    });
    if tensor.check().is_err() {
        return false;
    }
    assert!(tensor.shape.len() <= MAX_RANK);
    let elements = tensor.elements();
    match tensor.dtype.element_bytes() {
        Some(width) => assert_eq!(elements.map(|elements| elements * width), Ok(tensor.data.len())),
        None => assert_eq!(Ok(strings(&tensor.data).filter(Result::is_ok).count()), elements),
    }
    let named = |name: &'static str| Tensor { name: Cow::Borrowed(name), ..tensor.clone() };
    let strict = schema().admit(&[named(STRICT)]).is_ok();
    assert!(!strict || schema().admit(&[named(PLAIN)]).is_ok(), "a rule lets in what no rule does not");
    transformed(named(PLAIN));
    treatments().iter().for_each(|treatment| treated(named(PLAIN).into_owned(), treatment));
    true
}

fn transformed(tensor: Tensor<'_>) {
    let steps = vec![
        Transform::Clip { min: -1.0, max: 1.0 },
        Transform::Quantize { step: 0.125 },
        Transform::Smooth { window: 3, axis: 1 },
    ];
    let before = (tensor.dtype, tensor.shape.clone());
    let mut inputs = [tensor];
    transform::apply(&mut inputs, &[(PLAIN.to_owned(), steps)].into());
    let [after] = &inputs;
    assert!(after.check().is_ok(), "a transform makes a tensor contradict itself");
    assert_eq!((after.dtype, after.shape.clone()), before, "a transform changes type or shape");
}

fn treated(tensor: Tensor<'static>, treatment: &Treatment) {
    for kind in [OutputKind::Label, OutputKind::Probabilities, OutputKind::Logits, OutputKind::Values] {
        let controls =
            ModelControls { outputs: [(PLAIN.to_owned(), kind)].into(), ..ModelControls::default() };
        let left = outputs::treat(vec![tensor.clone()], &controls, treatment, None);
        let good = left.iter().flatten().all(|output| output.check().is_ok());
        assert!(good, "a treatment makes a tensor contradict itself");
    }
}

/// Numbers have to be finite and at most one, ids below eight, texts short; under the other name anything finite goes.
fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let rule = ValueRule {
            min: vec![-1.0],
            max: vec![1.0],
            vocabulary: Some(8),
            max_string_bytes: Some(4),
            ..ValueRule::default()
        };
        Schema { inputs: [(STRICT.to_owned(), rule)].into(), max_bytes: None }
    })
}

fn treatments() -> &'static [Treatment] {
    const ROUNDED: Treatment = Treatment { decimals: Some(2), ..Treatment::EXACT };
    &[
        Treatment::LABEL_ONLY,
        ROUNDED,
        Treatment { detail: Detail::TopK(2), ..ROUNDED },
        Treatment { clamp: Some(Clamp { min: -2.0, max: 2.0 }), temperature: Some(2.0), ..Treatment::EXACT },
    ]
}
