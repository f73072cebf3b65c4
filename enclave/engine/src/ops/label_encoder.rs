//! `LabelEncoder`: each cell is looked up in a list, and what stands at its place in another list, or a default, is the answer.
//!
//! Its first version, of operator set 1, has one list of texts, and numbers their places.

use tract_onnx::model::OnnxOpRegister;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::attributes::{Attributes, List};
use super::places::Places;

pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert("LabelEncoder", |_, node| build(node));
}

fn build(node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attributes = Attributes(node);
    let classes = attributes.texts("classes_strings")?;
    if classes.is_empty() {
        let encoder = encoder(&attributes, attributes.list("keys")?, attributes.list("values")?)?;
        return Ok((expand(LabelEncoder::Known(Arc::new(encoder))), vec![]));
    }
    let numbers = List::Ints((0..i64::try_from(classes.len())?).collect());
    let texts = List::Texts(classes.into_iter().map(ToOwned::to_owned).collect());
    let to_numbers = Arc::new(encoder(&attributes, texts.clone(), numbers.clone())?);
    let to_texts = Arc::new(encoder(&attributes, numbers, texts)?);
    Ok((expand(LabelEncoder::EitherWay { to_numbers, to_texts }), vec![]))
}

fn encoder(attributes: &Attributes<'_>, keys: List, values: List) -> TractResult<Encoder> {
    ensure!(keys.len() == values.len(), "a label encoder has not as many values as keys");
    let default = default(attributes, &values)?;
    let (from, to) = (keys.datum_type(), values.datum_type());
    Ok(Encoder { places: Places::of(&keys)?, values: with(values, default)?, from, to })
}

/// What stands for all that is no key, in a list of its own.
fn default(attributes: &Attributes<'_>, values: &List) -> TractResult<List> {
    if let Some(tensor) = attributes.tensor("default_tensor") {
        return List::read(tensor);
    }
    Ok(match values {
        List::Ints(_) => List::Ints(vec![attributes.int("default_int64").unwrap_or(-1)]),
        List::Floats(_) => List::Floats(vec![attributes.float("default_float").unwrap_or(-0.0)]),
        List::Doubles(_) => List::Doubles(vec![-0.0]),
        List::Texts(_) => List::Texts(vec![attributes.text("default_string", "_Unused")?.to_owned()]),
    })
}

/// The values, and the default after the last.
fn with(values: List, default: List) -> TractResult<List> {
    ensure!(default.len() == 1, "a label encoder has more than one default");
    Ok(match (values, default) {
        (List::Ints(values), List::Ints(default)) => List::Ints([values, default].concat()),
        (List::Floats(values), List::Floats(default)) => List::Floats([values, default].concat()),
        (List::Doubles(values), List::Doubles(default)) => List::Doubles([values, default].concat()),
        (List::Texts(values), List::Texts(default)) => List::Texts([values, default].concat()),
        _ => bail!("a label encoder's default is of another type than its values"),
    })
}

/// The operator before the type of its input is known.
#[derive(Clone, Debug)]
enum LabelEncoder {
    Known(Arc<Encoder>),
    EitherWay { to_numbers: Arc<Encoder>, to_texts: Arc<Encoder> },
}

impl LabelEncoder {
    fn of(&self, input: DatumType) -> TractResult<&Arc<Encoder>> {
        match self {
            Self::Known(encoder) | Self::EitherWay { to_numbers: encoder, .. } if encoder.from == input => {
                Ok(encoder)
            }
            Self::EitherWay { to_texts, .. } if to_texts.from == input => Ok(to_texts),
            _ => bail!("a label encoder's input is of another type than its keys"),
        }
    }
}

impl Expansion for LabelEncoder {
    fn name(&self) -> StaticName {
        "LabelEncoder".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([input], [output]) = (inputs, outputs) else {
            bail!("a label encoder has one input and output")
        };
        solver.equals(&output.shape, &input.shape)?;
        solver.given(&input.datum_type, move |solver, input| {
            solver.equals(&output.datum_type, self.of(input)?.to)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let [input] = inputs else { bail!("a label encoder has one input") };
        let encoder = self.of(model.outlet_fact(*input)?.datum_type)?;
        model.wire_node(prefix, Encode(Arc::clone(encoder)), inputs)
    }
}

#[derive(Debug)]
struct Encoder {
    places: Places,
    /// The default after the last.
    values: List,
    from: DatumType,
    to: DatumType,
}

/// The operator. Equal only to its own copies.
#[derive(Clone, Debug)]
struct Encode(Arc<Encoder>);

impl PartialEq for Encode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Encode {}

impl Op for Encode {
    fn name(&self) -> StaticName {
        "LabelEncoder".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Encode {
    op_out_of_plan!();

    fn eval(&self, _ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let places = self.0.places.find(&input)?;
        let values = match &self.0.values {
            List::Ints(values) => tensor1(&chosen(values, &places)?),
            List::Floats(values) => tensor1(&chosen(values, &places)?),
            List::Doubles(values) => tensor1(&chosen(values, &places)?),
            List::Texts(values) => tensor1(&chosen(values, &places)?),
        };
        Ok(tvec!(values.into_shape(input.shape())?.into_tvalue()))
    }
}

fn chosen<T: Clone>(values: &[T], places: &[Option<usize>]) -> TractResult<Vec<T>> {
    let default = values.last().context("no default")?;
    let value = |place: &Option<usize>| place.and_then(|place| values.get(place)).unwrap_or(default).clone();
    Ok(places.iter().map(value).collect())
}

impl TypedOp for Encode {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [input] = inputs else { bail!("a label encoder has one input") };
        Ok(tvec!(TypedFact::dt_shape(self.0.to, input.shape.clone())))
    }

    as_op!();
}
