//! The elements of a tensor as numbers that can be computed with, and back.

use std::borrow::Cow;

use half::{bf16, f16};
use strongroom_seal::tensor::{DType, Tensor};

/// The elements of a tensor of a type with fractions; `None` for any other.
pub(crate) fn read(tensor: &Tensor<'_>) -> Option<Vec<f64>> {
    let data = tensor.data.as_ref();
    Some(match tensor.dtype {
        DType::Fp32 => each(data, |bytes| f32::from_le_bytes(bytes).into()),
        DType::Fp64 => each(data, f64::from_le_bytes),
        DType::Fp16 => each(data, |bytes| f16::from_le_bytes(bytes).into()),
        DType::Bf16 => each(data, |bytes| bf16::from_le_bytes(bytes).into()),
        _ => return None,
    })
}

/// The most elements that a tensor can have, whatever its shape says: each takes a byte.
pub(crate) fn most(tensor: &Tensor<'_>) -> usize {
    tensor.elements().unwrap_or(0).min(tensor.data.len())
}

fn each<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    data.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}

/// Puts elements back, in the tensor's own type.
#[expect(clippy::cast_possible_truncation, reason = "the nearest value of the tensor's type is wanted")]
pub(crate) fn write(tensor: &mut Tensor<'_>, values: &[f64]) {
    let data: Vec<u8> = match tensor.dtype {
        DType::Fp32 => values.iter().flat_map(|value| (*value as f32).to_le_bytes()).collect(),
        DType::Fp64 => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        DType::Fp16 => values.iter().flat_map(|value| f16::from_f64(*value).to_le_bytes()).collect(),
        DType::Bf16 => values.iter().flat_map(|value| bf16::from_f64(*value).to_le_bytes()).collect(),
        _ => return,
    };
    tensor.data = Cow::Owned(data);
}

/// The nearest value that a type holds.
#[expect(clippy::cast_possible_truncation, reason = "the nearest value of the type is wanted")]
pub(crate) fn narrow(dtype: DType, value: f64) -> f64 {
    match dtype {
        DType::Fp32 => f64::from(value as f32),
        DType::Fp16 => f16::from_f64(value).into(),
        DType::Bf16 => bf16::from_f64(value).into(),
        _ => value,
    }
}
