//! `SVMClassifier` and `SVMRegressor` with support vectors, answered as onnxruntime answers them.
//!
//! Refused is what scikit-learn's exporter does not write: transforms of the scores, classifiers
//! without support vectors, and two classes without a negative coefficient, whose label onnxruntime
//! finds in another way.

mod classes;
mod kernel;

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_ndarray::Array2;

use self::classes::Classes;
use self::kernel::Machine;
use super::attributes::Attributes;
use super::outputs::{self, Outputs};
use super::rows::Rows;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("SVMClassifier", |_, node| build(node, true));
    operators.insert("SVMRegressor", |_, node| build(node, false));
}

fn build(node: &NodeProto, classifier: bool) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes(node);
    ensure!(
        attributes.text("post_transform", "NONE")? == "NONE",
        "scores of a support vector machine are transformed"
    );
    let machine = Machine::read(&attributes)?;
    let head = if classifier {
        Head::Classes(Classes::read(&attributes, machine.vectors())?)
    } else {
        Head::value(&attributes, machine.vectors())?
    };
    Ok((expand(Svm(Arc::new((machine, head)))), vec![]))
}

/// What becomes of the kernel's values.
#[derive(Debug)]
enum Head {
    Classes(Classes),
    /// Their sum, or on which side of zero it lies.
    Value {
        coefficients: Vec<f32>,
        rho: f32,
        side: bool,
    },
}

impl Head {
    fn value(attributes: &Attributes<'_>, vectors: usize) -> TractResult<Self> {
        let (coefficients, rho) = (attributes.floats("coefficients"), attributes.floats("rho"));
        let supports = attributes.int("n_supports").and_then(|supports| usize::try_from(supports).ok());
        let &[rho] = rho else { bail!("a regressor has one rho") };
        ensure!(
            supports == Some(vectors) && coefficients.len() == vectors,
            "a regressor has not one coefficient for each support vector"
        );
        let side = attributes.int("one_class").unwrap_or(0) != 0;
        Ok(Self::Value { coefficients: coefficients.to_vec(), rho, side })
    }

    fn outputs(&self) -> Outputs {
        match self {
            Self::Classes(classes) => {
                tvec!((classes.labels().datum_type(), None), (DatumType::F32, Some(classes.scores())))
            }
            Self::Value { .. } => tvec!((DatumType::F32, Some(1))),
        }
    }
}

/// The operator. Equal only to its own copies.
#[derive(Clone, Debug)]
struct Svm(Arc<(Machine, Head)>);

impl PartialEq for Svm {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Svm {}

impl Expansion for Svm {
    fn name(&self) -> StaticName {
        "Svm".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.0.1.outputs().len())
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let [input] = inputs else { bail!("a support vector machine has one input") };
        outputs::rules(self.0.1.outputs(), solver, input, outputs)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Svm {
    fn name(&self) -> StaticName {
        "Svm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Svm {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let (machine, head) = &*self.0;
        let input = args_1!(inputs);
        let input = input.cast_to::<f32>()?;
        let rows = Rows::<f32>::of(&input, machine.features())?;
        let (mut scores, mut winners, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows.blocks(1) {
            machine.values(row, &mut values);
            match head {
                Head::Classes(classes) => winners.push(classes.decide(&values, &mut scores)),
                Head::Value { coefficients, rho, side } => {
                    let sum = kernel::dot(coefficients, &values) + rho;
                    scores.push(if *side { if sum > 0.0 { 1.0 } else { -1.0 } } else { sum });
                }
            }
        }
        let columns = scores.len().checked_div(rows.len()).unwrap_or(0);
        let scores = Array2::from_shape_vec((rows.len(), columns), scores)?.into_tvalue();
        Ok(match head {
            Head::Classes(classes) => tvec!(classes.labels().pick(&winners).into_tvalue(), scores),
            Head::Value { .. } => tvec!(scores),
        })
    }
}

impl TypedOp for Svm {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("a support vector machine has one input") };
        let [rows, columns] = input.shape.dims() else {
            bail!("a support vector machine takes rows of features")
        };
        let (machine, head) = &*self.0;
        let right = columns.to_usize().is_ok_and(|columns| columns == machine.features());
        ensure!(right, "a support vector machine is for other features");
        Ok(outputs::facts(head.outputs(), rows))
    }

    as_op!();
}
