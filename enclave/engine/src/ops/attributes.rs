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

    /// Numbers given as a list, or as a tensor called `NAME_as_tensor`, which keeps doubles.
    pub(super) fn numbers(&self, name: &str) -> TractResult<Vec<f64>> {
        match self.find(&format!("{name}_as_tensor")).and_then(|attribute| attribute.t.as_ref()) {
            Some(tensor) => tensor_numbers(tensor),
            None => Ok(self.floats(name).iter().copied().map(f64::from).collect()),
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
