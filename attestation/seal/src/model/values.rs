//! The elements of a tensor as numbers, whatever their type.

use half::{bf16, f16};

use crate::tensor::{DType, Tensor};

/// Elements in order.
pub(super) enum Values<'a> {
    /// Of a type with fractions.
    Floats(Box<dyn Iterator<Item = f64> + 'a>),
    /// Of a type without.
    Integers(Box<dyn Iterator<Item = i128> + 'a>),
}

/// The elements of a tensor that is not BYTES; of BYTES there are none.
pub(super) fn values<'a>(tensor: &'a Tensor<'_>) -> Values<'a> {
    let data = tensor.data.as_ref();
    match tensor.dtype {
        DType::Fp32 => floats(data, |bytes| f32::from_le_bytes(bytes).into()),
        DType::Fp64 => floats(data, f64::from_le_bytes),
        DType::Fp16 => floats(data, |bytes| f16::from_le_bytes(bytes).into()),
        DType::Bf16 => floats(data, |bytes| bf16::from_le_bytes(bytes).into()),
        DType::Uint8 | DType::Bool => integers(data, |bytes| u8::from_le_bytes(bytes).into()),
        DType::Uint16 => integers(data, |bytes| u16::from_le_bytes(bytes).into()),
        DType::Uint32 => integers(data, |bytes| u32::from_le_bytes(bytes).into()),
        DType::Uint64 => integers(data, |bytes| u64::from_le_bytes(bytes).into()),
        DType::Int8 => integers(data, |bytes| i8::from_le_bytes(bytes).into()),
        DType::Int16 => integers(data, |bytes| i16::from_le_bytes(bytes).into()),
        DType::Int32 => integers(data, |bytes| i32::from_le_bytes(bytes).into()),
        DType::Int64 => integers(data, |bytes| i64::from_le_bytes(bytes).into()),
        DType::Bytes => Values::Integers(Box::new(std::iter::empty())),
    }
}

fn floats<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> f64 + 'static) -> Values<'_> {
    Values::Floats(Box::new(data.as_chunks::<N>().0.iter().map(move |bytes| read(*bytes))))
}

fn integers<const N: usize>(data: &[u8], read: impl Fn([u8; N]) -> i128 + 'static) -> Values<'_> {
    Values::Integers(Box::new(data.as_chunks::<N>().0.iter().map(move |bytes| read(*bytes))))
}
