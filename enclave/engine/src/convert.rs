//! Between the tensors of sealed records and tract's.

use std::borrow::Cow;

use strongroom_seal::tensor::{DType, Tensor, push_string, strings};
use tract_onnx::prelude::tract_ndarray::{ArrayD, IxDyn};
use tract_onnx::prelude::{DatumType, Tensor as TractTensor};

/// tract's name of an element type; `None` for the one it does not have.
pub(crate) fn datum_type(dtype: DType) -> Option<DatumType> {
    Some(match dtype {
        DType::Bool => DatumType::Bool,
        DType::Uint8 => DatumType::U8,
        DType::Uint16 => DatumType::U16,
        DType::Uint32 => DatumType::U32,
        DType::Uint64 => DatumType::U64,
        DType::Int8 => DatumType::I8,
        DType::Int16 => DatumType::I16,
        DType::Int32 => DatumType::I32,
        DType::Int64 => DatumType::I64,
        DType::Fp16 => DatumType::F16,
        DType::Bf16 => return None,
        DType::Fp32 => DatumType::F32,
        DType::Fp64 => DatumType::F64,
        DType::Bytes => DatumType::String,
    })
}

/// Copies a checked tensor into tract's form. `None` when it holds a string that is not UTF-8 (or
/// was not checked before).
pub(crate) fn to_tract(tensor: &Tensor<'_>) -> Option<TractTensor> {
    let shape: Vec<usize> =
        tensor.shape.iter().map(|dim| usize::try_from(*dim).ok()).collect::<Option<_>>()?;
    if tensor.dtype == DType::Bytes {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(ToOwned::to_owned);
        let elements = strings(&tensor.data).map(|string| text(string.ok()?)).collect::<Option<Vec<_>>>()?;
        return ArrayD::from_shape_vec(IxDyn(&shape), elements).ok().map(TractTensor::from);
    }
    let mut copy = TractTensor::zero_dt(datum_type(tensor.dtype)?, &shape).ok()?;
    let bytes = copy.as_bytes_mut();
    if bytes.len() != tensor.data.len() {
        return None;
    }
    bytes.copy_from_slice(&tensor.data);
    Some(copy)
}

/// Copies one of tract's tensors out. `None` when it is not of the declared type.
pub(crate) fn from_tract(name: &str, expected: DType, tensor: &TractTensor) -> Option<Tensor<'static>> {
    let wanted = datum_type(expected)?;
    // tract computes with dimensions in a type of its own, which ONNX calls INT64.
    let tensor = match tensor.datum_type() {
        found if found == wanted => Cow::Borrowed(tensor),
        DatumType::TDim if wanted == DatumType::I64 => tensor.cast_to_dt(wanted).ok()?,
        found if found.is_quantized() && found.unquantized() == wanted => Cow::Borrowed(tensor),
        _ => return None,
    };
    let data = if expected == DType::Bytes {
        let mut data = Vec::new();
        for element in tensor.to_plain_array_view::<String>().ok()? {
            push_string(&mut data, element.as_bytes()).ok()?;
        }
        data
    } else {
        tensor.as_bytes().to_vec()
    };
    let shape = tensor.shape().iter().map(|dim| *dim as u64).collect();
    Some(Tensor { name: Cow::Owned(name.to_owned()), dtype: expected, shape, data: Cow::Owned(data) })
}
