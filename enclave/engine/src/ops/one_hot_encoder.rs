//! `OneHotEncoder`: each cell becomes a row of zeros with a one at the place of its category.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, List};
use super::places::Places;
use crate::limits::MAX_ENCODED_CELLS;
use crate::trial;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("OneHotEncoder", |_, node| build(node));
}

fn build(node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes(node);
    let categories = attributes.list("cats")?;
    ensure!(
        matches!(categories, List::Ints(_) | List::Texts(_)),
        "categories are neither whole numbers nor texts"
    );
    let places = Arc::new(Places::of(&categories)?);
    let zeros = attributes.int("zeros").unwrap_or(1) != 0;
    Ok((expand(OneHotEncoder { places, categories: categories.len(), zeros }), vec![]))
}

/// The operator. Equal only to its own copies.
#[derive(Clone, Debug)]
struct OneHotEncoder {
    places: Arc<Places>,
    categories: usize,
    /// What is no category becomes zeros alone. Otherwise it is an error.
    zeros: bool,
}

impl PartialEq for OneHotEncoder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.places, &other.places)
    }
}

impl Eq for OneHotEncoder {}

impl Expansion for OneHotEncoder {
    fn name(&self) -> StaticName {
        "OneHotEncoder".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else { bail!("an encoder has one input and output") };
        solver.equals(&output.datum_type, DatumType::F32)?;
        solver.given(&input.shape, move |solver, mut shape| {
            shape.push(self.categories.to_dim());
            solver.equals(&output.shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [input] = inputs else { bail!("an encoder has one input") };
        let texts = model.outlet_fact(*input)?.datum_type == DatumType::String;
        ensure!(
            texts == matches!(*self.places, Places::Texts(_)),
            "categories are of another type than the input"
        );
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for OneHotEncoder {
    fn name(&self) -> StaticName {
        "OneHotEncoder".into()
    }

    op_as_typed_op!();
}

impl EvalOp for OneHotEncoder {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let cells = input.len().checked_mul(self.categories).filter(|cells| *cells <= MAX_ENCODED_CELLS);
        ensure!(cells.is_some(), "too many cells are encoded at once");
        let places = self.places.find(&input)?;
        // Nobody's values, as in a trial, are nobody's error.
        ensure!(self.zeros || trial::is_on() || places.iter().all(Option::is_some), "an unknown category");
        let shape: TVec<usize> = input.shape().iter().copied().chain([self.categories]).collect();
        let mut encoded = Tensor::zero::<f32>(&shape)?;
        let mut plain = encoded.try_as_plain_ram_mut()?;
        let rows = plain.as_slice_mut::<f32>()?.chunks_exact_mut(self.categories.max(1));
        for (row, place) in rows.zip(places) {
            if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
                *cell = 1.0;
            }
        }
        Ok(tvec!(encoded.into_tvalue()))
    }
}

impl TypedOp for OneHotEncoder {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("an encoder has one input") };
        let shape: TVec<TDim> = input.shape.iter().cloned().chain([self.categories.to_dim()]).collect();
        Ok(tvec!(DatumType::F32.fact(shape)))
    }

    as_op!();
}
