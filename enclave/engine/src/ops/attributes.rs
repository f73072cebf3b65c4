//! Reads the attributes of a node; what is missing is empty.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};
use tract_onnx::tract_hir::internal::*;

/// The attributes of one node.
pub(super) struct Attributes<'a>(pub(super) &'a NodeProto);

impl<'a> Attributes<'a> {
    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.0.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn floats(&self, name: &str) -> &'a [f32] {
        self.find(name).map(|attribute| attribute.floats.as_slice()).unwrap_or_default()
    }

    pub(super) fn ints(&self, name: &str) -> &'a [i64] {
        self.find(name).map(|attribute| attribute.ints.as_slice()).unwrap_or_default()
    }

    pub(super) fn texts(&self, name: &str) -> TractResult<Vec<&'a str>> {
        let strings = self.find(name).map(|attribute| attribute.strings.as_slice()).unwrap_or_default();
        strings.iter().map(|bytes| text(bytes)).collect()
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).map(|attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.find(name).map(|attribute| attribute.f)
    }

    /// The text, or `default` where the attribute is missing.
    pub(super) fn text(&self, name: &str, default: &'a str) -> TractResult<&'a str> {
        self.find(name).map_or(Ok(default), |attribute| text(&attribute.s))
    }

    /// The tensor, whose bytes gate 4 has checked against its shape.
    pub(super) fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        self.find(name).and_then(|attribute| attribute.t.as_ref())
    }

    /// A list called `PREFIX_int64s`, `PREFIX_floats` or `PREFIX_strings`, or a tensor called `PREFIX_tensor`.
    pub(super) fn list(&self, prefix: &str) -> TractResult<List> {
        let named = |kind: &str| format!("{prefix}_{kind}");
        let (ints, floats, texts) =
            (self.ints(&named("int64s")), self.floats(&named("floats")), self.texts(&named("strings"))?);
        match (ints, floats, texts.as_slice(), self.tensor(&named("tensor"))) {
            ([_, ..], [], [], None) => Ok(List::Ints(ints.to_vec())),
            ([], [_, ..], [], None) => Ok(List::Floats(floats.to_vec())),
            ([], [], [_, ..], None) => Ok(List::Texts(texts.into_iter().map(ToOwned::to_owned).collect())),
            ([], [], [], Some(tensor)) => List::read(tensor),
            _ => bail!("an operator has not one list of what it looks up, but none or several"),
        }
    }

    /// Numbers given as a list, or as a tensor called `NAME_as_tensor`, which keeps doubles.
    pub(super) fn numbers(&self, name: &str) -> TractResult<Vec<f64>> {
        match self.find(&format!("{name}_as_tensor")).and_then(|attribute| attribute.t.as_ref()) {
            Some(tensor) => tensor_numbers(tensor),
            None => Ok(self.floats(name).iter().copied().map(f64::from).collect()),
        }
    }
}

/// A list of one of the types that lists can have.
#[derive(Clone, Debug)]
pub(super) enum List {
    Ints(Vec<i64>),
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Texts(Vec<String>),
}

impl List {
    pub(super) fn read(tensor: &TensorProto) -> TractResult<Self> {
        let raw = tensor.raw_data.as_slice();
        Ok(match DataType::try_from(tensor.data_type) {
            Ok(DataType::Int64) if raw.is_empty() => Self::Ints(tensor.int64_data.clone()),
            Ok(DataType::Int64) => {
                Self::Ints(raw.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
            }
            Ok(DataType::Float) => {
                Self::Floats(tensor_numbers(tensor)?.into_iter().map(|number| number as f32).collect())
            }
            Ok(DataType::Double) => Self::Doubles(tensor_numbers(tensor)?),
            Ok(DataType::String) => {
                let texts = tensor.string_data.iter().map(|bytes| Ok(text(bytes)?.to_owned()));
                Self::Texts(texts.collect::<TractResult<_>>()?)
            }
            _ => bail!("an operator's list is of a type that it cannot look up"),
        })
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(ints) => ints.len(),
            Self::Floats(floats) => floats.len(),
            Self::Doubles(doubles) => doubles.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    pub(super) fn datum_type(&self) -> DatumType {
        match self {
            Self::Ints(_) => DatumType::I64,
            Self::Floats(_) => DatumType::F32,
            Self::Doubles(_) => DatumType::F64,
            Self::Texts(_) => DatumType::String,
        }
    }
}

fn text(bytes: &[u8]) -> TractResult<&str> {
    std::str::from_utf8(bytes).context("an attribute is not text")
}

fn tensor_numbers(tensor: &TensorProto) -> TractResult<Vec<f64>> {
    let raw = tensor.raw_data.as_slice();
    Ok(match DataType::try_from(tensor.data_type) {
        Ok(DataType::Double) if raw.is_empty() => tensor.double_data.clone(),
        Ok(DataType::Double) => raw.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
        Ok(DataType::Float) if raw.is_empty() => tensor.float_data.iter().copied().map(f64::from).collect(),
        Ok(DataType::Float) => {
            raw.as_chunks().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect()
        }
        _ => bail!("a tensor attribute holds neither floats nor doubles"),
    })
}
