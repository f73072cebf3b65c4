//! `LinearClassifier`, answered as onnxruntime answers it: tract's own takes no labels of text and
//! gives other probabilities for two classes with one score.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::logic::wire_with_rank_broadcast;
use tract_onnx::tract_hir::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::tract_core::ops::math::add;

use super::attributes::Attributes;
use super::finish::{Finish, Scores};
use super::outputs;
use super::rows::Rows;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("LinearClassifier", |_, node| build(node));
}

fn build(node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes(node);
    let (coefficients, intercepts) = (attributes.floats("coefficients"), attributes.floats("intercepts"));
    ensure!(
        !intercepts.is_empty()
            && !coefficients.is_empty()
            && coefficients.len().is_multiple_of(intercepts.len()),
        "a linear classifier has not as many coefficients for each intercept"
    );
    let models = intercepts.len();
    let shape = [models, coefficients.len() / models];
    let coefficients = tensor1(coefficients).into_shape(&shape)?.permute_axes(&[1, 0])?.into_arc_tensor();
    let finish = Arc::new(Finish::linear(&attributes, models)?);
    Ok((expand(Linear { coefficients, intercepts: rctensor1(intercepts), finish }), vec![]))
}

#[derive(Clone, Debug)]
struct Linear {
    /// By column and score.
    coefficients: Arc<Tensor>,
    intercepts: Arc<Tensor>,
    finish: Arc<Finish>,
}

impl Expansion for Linear {
    fn name(&self) -> StaticName {
        "LinearClassifier".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(2)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input] = inputs else { bail!("a linear classifier has one input") };
        outputs::rules(self.finish.outputs(), solver, input, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [input] = inputs else { bail!("a linear classifier has one input") };
        let float = DatumType::F32;
        let input = if model.outlet_fact(*input)?.datum_type == float {
            tvec!(*input)
        } else {
            model.wire_node(format!("{prefix}.float"), cast(float), &[*input])?
        };
        let coefficients =
            model.add_const(format!("{prefix}.coefficients"), Arc::clone(&self.coefficients))?;
        let intercepts = model.add_const(format!("{prefix}.intercepts"), Arc::clone(&self.intercepts))?;
        let product = EinSum::new(AxesMapping::for_numpy_matmul(2, false, false, false)?, float);
        let both: TVec<OutletId> = input.into_iter().chain([coefficients]).collect();
        let product = model.wire_node(format!("{prefix}.product"), product, &both)?;
        let both: TVec<OutletId> = product.into_iter().chain([intercepts]).collect();
        let scores = wire_with_rank_broadcast(format!("{prefix}.scores"), model, add(), &both)?;
        model.wire_node(prefix, Decide(Arc::clone(&self.finish)), &scores)
    }
}

/// From scores to labels and probabilities. Equal only to its own copies.
#[derive(Clone, Debug)]
struct Decide(Arc<Finish>);

impl PartialEq for Decide {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Decide {}

impl Op for Decide {
    fn name(&self) -> StaticName {
        "LinearDecision".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Decide {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let rows = Rows::<f32>::of(&input, 1)?;
        let mut answer = self.0.begin(rows.len());
        for block in rows.blocks(rows.len()) {
            let scores = Scores { values: block.to_vec(), seen: vec![true; block.len()] };
            answer.add(&scores, rows.columns(), 1)?;
        }
        answer.into_tensors()
    }
}

impl TypedOp for Decide {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("a linear classifier has one input") };
        let [rows, _] = input.shape.dims() else { bail!("a linear classifier takes rows of features") };
        Ok(outputs::facts(self.0.outputs(), rows))
    }

    as_op!();
}
