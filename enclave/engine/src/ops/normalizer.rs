//! `Normalizer`, answered as onnxruntime answers it: MAX divides by the largest number, not by the
//! largest magnitude, and a row whose divisor is zero stays as it is.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::Attributes;
use super::rows::Rows;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("Normalizer", |_, node| build(node));
}

fn build(node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let norm = match Attributes(node).text("norm", "MAX")? {
        "MAX" => Normalizer::Max,
        "L1" => Normalizer::L1,
        "L2" => Normalizer::L2,
        _ => bail!("a normalizer has an unknown norm"),
    };
    Ok((expand(norm), vec![]))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normalizer {
    Max,
    L1,
    L2,
}

impl Normalizer {
    fn divisor(self, row: &[f32]) -> f32 {
        match self {
            Self::Max => row.iter().copied().fold(f32::NEG_INFINITY, f32::max),
            Self::L1 => row.iter().map(|x| x.abs()).sum(),
            Self::L2 => row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32,
        }
    }
}

impl Expansion for Normalizer {
    fn name(&self) -> StaticName {
        "Normalizer".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else { bail!("a normalizer has one input and output") };
        solver.equals(&input.rank, 2)?;
        solver.equals(&output.datum_type, DatumType::F32)?;
        solver.equals(&output.shape, &input.shape)?;
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, *self, inputs)
    }
}

impl Op for Normalizer {
    fn name(&self) -> StaticName {
        "Normalizer".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Normalizer {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let input = input.cast_to::<f32>()?;
        let rows = Rows::<f32>::of(&input, 1)?;
        let mut cells = Vec::with_capacity(rows.len() * rows.columns());
        for row in rows.blocks(1) {
            let divisor = self.divisor(row);
            cells.extend(row.iter().map(|x| if divisor == 0.0 { *x } else { x / divisor }));
        }
        Ok(tvec!(tensor1(&cells).into_shape(input.shape())?.into_tvalue()))
    }
}

impl TypedOp for Normalizer {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("a normalizer has one input") };
        Ok(tvec!(TypedFact::dt_shape(DatumType::F32, input.shape.clone())))
    }

    as_op!();
}
