//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, answered as onnxruntime answers them.
//!
//! tract's classifier looks every leaf up in a list, takes the labels of two classes from scores
//! that are not yet complete, and refuses single base values; it has no regressor.
//!
//! onnxruntime 1.31.1 joins chains of `BRANCH_EQ` into sets, and a few of them wrongly; here they are
//! what the standard says.

mod ensemble;
mod grow;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use self::ensemble::Ensemble;
use self::grow::Grown;
use super::attributes::Attributes;
use super::finish::{Finish, Scores};
use super::outputs;
use super::real::Real;
use super::rows::Rows;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("TreeEnsembleClassifier", |_, node| build(node, true));
    operators.insert("TreeEnsembleRegressor", |_, node| build(node, false));
}

fn build(node: &NodeProto, classifier: bool) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes(node);
    let finish = if classifier { Finish::classifier(&attributes) } else { Finish::regressor(&attributes) }?;
    let grown = grow::grow(&attributes, if classifier { "class" } else { "target" }, finish.scores())?;
    Ok((expand(Parsed { grown: Arc::new(grown), finish: Arc::new(finish) }), vec![]))
}

/// The operator before the type of its input is known.
#[derive(Clone, Debug)]
struct Parsed {
    grown: Arc<Grown>,
    finish: Arc<Finish>,
}

impl Expansion for Parsed {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.finish.outputs().len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input] = inputs else { bail!("a tree ensemble has one input") };
        outputs::rules(self.finish.outputs(), solver, input, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [input] = inputs else { bail!("a tree ensemble has one input") };
        let finish = Arc::clone(&self.finish);
        match model.outlet_fact(*input)?.datum_type {
            DatumType::F64 => {
                let ensemble = Arc::new(Ensemble::<f64>::new(&self.grown, self.finish.scores())?);
                model.wire_node(prefix, TreeEnsemble { ensemble, finish }, inputs)
            }
            DatumType::F32 | DatumType::I32 | DatumType::I64 => {
                let ensemble = Arc::new(Ensemble::<f32>::new(&self.grown, self.finish.scores())?);
                model.wire_node(prefix, TreeEnsemble { ensemble, finish }, inputs)
            }
            _ => bail!("a tree ensemble takes floats, doubles, int32 or int64"),
        }
    }
}

/// The operator, comparing as wide as its input is. Equal only to its own copies.
#[derive(Clone, Debug)]
struct TreeEnsemble<T: Real> {
    ensemble: Arc<Ensemble<T>>,
    finish: Arc<Finish>,
}

impl<T: Real> PartialEq for TreeEnsemble<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ensemble, &other.ensemble)
    }
}

impl<T: Real> Eq for TreeEnsemble<T> {}

impl<T: Real> Op for TreeEnsemble<T> {
    fn name(&self) -> StaticName {
        "TreeEnsemble".into()
    }

    op_as_typed_op!();
}

impl<T: Real> EvalOp for TreeEnsemble<T> {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let input = input.cast_to::<T>()?;
        let rows = Rows::<T>::of(&input, self.ensemble.features())?;
        let mut scores = Scores::default();
        let mut answer = self.finish.begin(rows.len());
        for block in rows.blocks(ensemble::BLOCK_ROWS) {
            self.ensemble.score(block, rows.columns(), self.finish.aggregate(), &mut scores);
            answer.add(&scores, self.finish.scores(), self.ensemble.trees())?;
        }
        answer.into_tensors()
    }
}

impl<T: Real> TypedOp for TreeEnsemble<T> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("a tree ensemble has one input") };
        let [rows, columns] = input.shape.dims() else { bail!("a tree ensemble takes rows of features") };
        if let Ok(columns) = columns.to_usize() {
            ensure!(self.ensemble.features() <= columns, "a tree asks for a feature that the input lacks");
        }
        Ok(outputs::facts(self.finish.outputs(), rows))
    }

    as_op!();
}
