//! Tensors to JSON, or to a JSON that says how many bytes of them follow it.
//!
//! FP32 is written with the fewest digits that read back to the same FP32.

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use strongroom_seal::tensor::{DType, Tensor, strings};

use super::{Fault, InferBody, OipError, ResponseBody, Wanted, has_json_form};

/// Writes the body of an infer request.
///
/// # Errors
/// [`OipError::Field`] for a tensor that has no JSON form.
pub fn write_request(body: &InferBody) -> Result<String, OipError> {
    let outputs = body.outputs.iter().map(|name| OutputName { name }).collect();
    let inputs = views("inputs", &body.inputs, &Wanted::default())?;
    write(&RequestJson { id: body.id.as_deref(), inputs, outputs })
}

/// Writes the body of an infer response.
///
/// # Errors
/// [`OipError::Field`] for a tensor that has no JSON form.
pub fn write_response(body: &ResponseBody) -> Result<String, OipError> {
    write_answer(body, &Wanted::default())
}

/// Writes the JSON of an infer response. The bytes of each output that is wanted in binary are to follow it, in order.
///
/// # Errors
/// [`OipError::Field`] for a tensor that has no JSON form and is not wanted in binary.
pub fn write_answer(body: &ResponseBody, binary: &Wanted) -> Result<String, OipError> {
    write(&ResponseJson {
        model_name: body.model.as_str(),
        model_version: body.version.as_str(),
        id: body.id.as_deref(),
        outputs: views("outputs", &body.outputs, binary)?,
    })
}

#[derive(Serialize)]
struct RequestJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    inputs: Vec<View<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<OutputName<'a>>,
}

#[derive(Serialize)]
struct OutputName<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct ResponseJson<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    outputs: Vec<View<'a>>,
}

/// A tensor that was found to have a JSON form, or that goes behind the JSON.
#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: &'a [u64],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Behind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
struct Behind {
    binary_data_size: usize,
}

struct Data<'a> {
    dtype: DType,
    bytes: &'a [u8],
}

fn write(json: &impl Serialize) -> Result<String, OipError> {
    serde_json::to_string(json).map_err(|_| Fault::Type("JSON").at("body"))
}

fn views<'a>(side: &str, tensors: &'a [Tensor<'static>], binary: &Wanted) -> Result<Vec<View<'a>>, OipError> {
    let at = |index| format!("{side}[{index}]");
    let each = tensors.iter().enumerate();
    each.map(|(index, tensor)| view(&at(index), tensor, binary.binary(&tensor.name))).collect()
}

fn view<'a>(at: &str, tensor: &'a Tensor<'static>, binary: bool) -> Result<View<'a>, OipError> {
    tensor.check().map_err(|error| Fault::Tensor(error).at(at))?;
    let view = View {
        name: &tensor.name,
        datatype: tensor.dtype.name(),
        shape: &tensor.shape,
        parameters: binary.then_some(Behind { binary_data_size: tensor.data.len() }),
        data: None,
    };
    if binary {
        return Ok(view);
    }
    if !has_json_form(tensor.dtype) {
        return Err(Fault::NoJsonForm.at(format!("{at}.datatype")));
    }
    let data = Data { dtype: tensor.dtype, bytes: &tensor.data };
    match data.first_unwritable() {
        Some(index) => Err(Fault::Unwritable { index }.at(format!("{at}.data"))),
        None => Ok(View { data: Some(data), ..view }),
    }
}

impl Data<'_> {
    fn first_unwritable(&self) -> Option<usize> {
        match self.dtype {
            DType::Fp32 => numbers(self.bytes, f32::from_le_bytes).position(|value| !value.is_finite()),
            DType::Fp64 => numbers(self.bytes, f64::from_le_bytes).position(|value| !value.is_finite()),
            DType::Bytes => strings(self.bytes).position(|string| text(string.unwrap_or_default()).is_none()),
            _ => None,
        }
    }
}

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.bytes;
        match self.dtype {
            DType::Bool => each(serializer, bytes.iter().map(|byte| *byte == 1)),
            DType::Uint8 => each(serializer, bytes.iter()),
            DType::Uint16 => each(serializer, numbers(bytes, u16::from_le_bytes)),
            DType::Uint32 => each(serializer, numbers(bytes, u32::from_le_bytes)),
            DType::Uint64 => each(serializer, numbers(bytes, u64::from_le_bytes)),
            DType::Int8 => each(serializer, numbers(bytes, i8::from_le_bytes)),
            DType::Int16 => each(serializer, numbers(bytes, i16::from_le_bytes)),
            DType::Int32 => each(serializer, numbers(bytes, i32::from_le_bytes)),
            DType::Int64 => each(serializer, numbers(bytes, i64::from_le_bytes)),
            DType::Fp32 => each(serializer, numbers(bytes, f32::from_le_bytes)),
            DType::Fp64 => each(serializer, numbers(bytes, f64::from_le_bytes)),
            DType::Bytes => each(serializer, strings(bytes).map(|string| text(string.unwrap_or_default()))),
            DType::Fp16 | DType::Bf16 => Err(serde::ser::Error::custom("no JSON form")),
        }
    }
}

fn each<S: Serializer, T: Serialize>(
    serializer: S,
    values: impl Iterator<Item = T>,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for value in values {
        list.serialize_element(&value)?;
    }
    list.end()
}

/// Elements of `N` bytes; [`Tensor::check`] has seen to it that none is cut.
fn numbers<T, const N: usize>(bytes: &[u8], read: fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |chunk| read(*chunk))
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
