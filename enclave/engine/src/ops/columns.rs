//! `Scaler`, `Imputer` and `Binarizer`: the same done to every cell of a column, written in tract's own operators.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::logic::wire_with_rank_broadcast;
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::tract_core::ops::logic::{Iff, comp_eq, comp_gt};
use tract_onnx::tract_hir::tract_core::ops::math;

use super::attributes::Attributes;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("Scaler", |_, node| build(node, scaler));
    operators.insert("Imputer", |_, node| build(node, imputer));
    operators.insert("Binarizer", |_, node| build(node, binarizer));
}

type Built = (Box<dyn InferenceOp>, Vec<String>);

fn build(node: &NodeProto, parse: fn(&Attributes<'_>) -> TractResult<Columns>) -> TractResult<Built> {
    Ok((expand(parse(&Attributes(node))?), vec![]))
}

/// What is done. A list has one number for all columns, or one for each.
#[derive(Clone, Debug)]
enum Columns {
    /// `(x - offset) * scale`, as floats.
    Scale {
        offset: Vec<f32>,
        scale: Vec<f32>,
    },
    /// Floats equal to the first are replaced by the others.
    ReplaceFloats(f32, Vec<f32>),
    ReplaceInts(i64, Vec<i64>),
    /// 1 above the threshold, else 0.
    Above(f32),
}

fn scaler(attributes: &Attributes<'_>) -> TractResult<Columns> {
    let [offset, scale] = ["offset", "scale"].map(|name| attributes.floats(name).to_vec());
    ensure!(
        !offset.is_empty() && !scale.is_empty(),
        "a scaler has neither one number nor one for each column"
    );
    Ok(Columns::Scale { offset, scale })
}

fn imputer(attributes: &Attributes<'_>) -> TractResult<Columns> {
    let (floats, ints) = (attributes.floats("imputed_value_floats"), attributes.ints("imputed_value_int64s"));
    match (floats, ints) {
        ([_, ..], []) => Ok(Columns::ReplaceFloats(
            attributes.float("replaced_value_float").unwrap_or(0.0),
            floats.to_vec(),
        )),
        ([], [_, ..]) => {
            Ok(Columns::ReplaceInts(attributes.int("replaced_value_int64").unwrap_or(0), ints.to_vec()))
        }
        _ => bail!("an imputer has neither floats nor integers to put in, or both"),
    }
}

fn binarizer(attributes: &Attributes<'_>) -> TractResult<Columns> {
    Ok(Columns::Above(attributes.float("threshold").unwrap_or(0.0)))
}

impl Columns {
    /// How many columns the lists are for; `None` for any number.
    fn width(&self) -> TractResult<Option<usize>> {
        let lengths = match self {
            Self::Scale { offset, scale } => [offset.len(), scale.len()],
            Self::ReplaceFloats(_, floats) => [floats.len(), 1],
            Self::ReplaceInts(_, ints) => [ints.len(), 1],
            Self::Above(_) => [1, 1],
        };
        match lengths {
            [1, 1] => Ok(None),
            [one, other] if one == other || other == 1 => Ok(Some(one)),
            [1, other] => Ok(Some(other)),
            _ => bail!("an operator's lists for its columns differ in length"),
        }
    }

    fn datum_type(&self) -> Option<DatumType> {
        match self {
            Self::Scale { .. } => Some(DatumType::F32),
            Self::ReplaceFloats(..) => Some(DatumType::F32),
            Self::ReplaceInts(..) => Some(DatumType::I64),
            Self::Above(_) => None,
        }
    }
}

impl Expansion for Columns {
    fn name(&self) -> StaticName {
        "Columns".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else {
            bail!("an operator on columns has one input and output")
        };
        solver.equals(&input.shape, &output.shape)?;
        match self.datum_type() {
            Some(datum_type) => solver.equals(&output.datum_type, datum_type)?,
            None => solver.equals(&output.datum_type, &input.datum_type)?,
        }
        Ok(())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [input] = inputs else { bail!("an operator on columns has one input") };
        let fact = model.outlet_fact(*input)?.clone();
        if let (Some(width), Some(columns)) = (self.width()?, fact.shape.last()) {
            ensure!(
                columns.to_usize().is_ok_and(|columns| columns == width),
                "an operator is for other columns"
            );
        }
        let mut wiring = Wiring { prefix, model };
        let datum_type = fact.datum_type;
        let output = match self {
            Self::Scale { offset, scale } => {
                // In the input's own width, as onnxruntime computes it.
                let wide = if datum_type == DatumType::F64 { DatumType::F64 } else { DatumType::F32 };
                let input = wiring.cast("wide", *input, wide)?;
                let (offset, scale) =
                    (wiring.list("offset", offset, wide)?, wiring.list("scale", scale, wide)?);
                let centred = wiring.binary("sub", math::sub(), [input, offset])?;
                let scaled = wiring.binary("mul", math::mul(), [centred, scale])?;
                wiring.cast("float", scaled, DatumType::F32)?
            }
            Self::ReplaceFloats(replaced, floats) => {
                ensure!(datum_type == DatumType::F32, "an imputer of floats takes floats");
                let missing = if replaced.is_nan() {
                    wiring.unary("missing", math::is_nan(), *input)?
                } else {
                    let replaced = wiring.list("replaced", &[*replaced], datum_type)?;
                    wiring.binary("missing", TypedBinOp(comp_eq(), None), [*input, replaced])?
                };
                let floats = wiring.list("put_in", floats, datum_type)?;
                wiring.choose(missing, floats, *input)?
            }
            Self::ReplaceInts(replaced, ints) => {
                ensure!(datum_type == DatumType::I64, "an imputer of integers takes int64");
                let replaced = wiring.list("replaced", &[*replaced], datum_type)?;
                let missing = wiring.binary("missing", TypedBinOp(comp_eq(), None), [*input, replaced])?;
                let ints = wiring.list("put_in", ints, datum_type)?;
                wiring.choose(missing, ints, *input)?
            }
            Self::Above(threshold) => {
                let threshold = wiring.list("threshold", &[*threshold], datum_type)?;
                let above = wiring.binary("above", TypedBinOp(comp_gt(), None), [*input, threshold])?;
                wiring.cast("number", above, datum_type)?
            }
        };
        Ok(tvec!(output))
    }
}

/// Names and adds operators.
struct Wiring<'a> {
    prefix: &'a str,
    model: &'a mut TypedModel,
}

impl Wiring<'_> {
    fn list<T: Datum>(&mut self, name: &str, list: &[T], datum_type: DatumType) -> TractResult<OutletId> {
        let list = tensor1(list).cast_to_dt(datum_type)?.into_owned();
        self.model.add_const(format!("{}.{name}", self.prefix), list)
    }

    fn unary(
        &mut self,
        name: &str,
        operator: impl Into<Box<dyn TypedOp>>,
        input: OutletId,
    ) -> TractResult<OutletId> {
        one(&self.model.wire_node(format!("{}.{name}", self.prefix), operator, &[input])?)
    }

    fn cast(&mut self, name: &str, input: OutletId, datum_type: DatumType) -> TractResult<OutletId> {
        if self.model.outlet_fact(input)?.datum_type == datum_type {
            return Ok(input);
        }
        self.unary(name, cast(datum_type), input)
    }

    fn binary(
        &mut self,
        name: &str,
        operator: impl Into<Box<dyn TypedOp>>,
        inputs: [OutletId; 2],
    ) -> TractResult<OutletId> {
        one(&wire_with_rank_broadcast(format!("{}.{name}", self.prefix), self.model, operator, &inputs)?)
    }

    fn choose(&mut self, condition: OutletId, yes: OutletId, no: OutletId) -> TractResult<OutletId> {
        let name = format!("{}.choose", self.prefix);
        one(&wire_with_rank_broadcast(name, self.model, Iff, &[condition, yes, no])?)
    }
}

fn one(outlets: &[OutletId]) -> TractResult<OutletId> {
    outlets.first().copied().context("an operator has no output")
}
