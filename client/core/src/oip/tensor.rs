//! One tensor, whose elements stand in its `data` or behind the JSON.

use std::borrow::Cow;

use strongroom_seal::limits::MAX_RANK;
use strongroom_seal::tensor::{DType, Tensor, TensorError};

use super::binary::Tail;
use super::json::{Json, Reader};
use super::parameters::{self, Of};
use super::read::{Map, known, text};
use super::{Fault, OipError, data, has_json_form};
use crate::limits::MAX_TENSORS_BYTES;

/// Reads the tensor whose path is `at`.
pub(super) fn tensor(at: &str, value: Json<'_>, tail: &mut Tail<'_>) -> Result<Tensor<'static>, OipError> {
    let Json::Object(mut map) = value else { return Err(Fault::Type("an object").at(at)) };
    known(&map, at, &["name", "shape", "datatype", "data", "parameters"])?;
    let binary = parameters::take(&mut map, at, Of::Input)?.binary_data_size;
    let datatype = format!("{at}.datatype");
    let dtype = text(&mut map, at, "datatype")?;
    let dtype = DType::from_name(&dtype).ok_or_else(|| Fault::Datatype.at(&datatype))?;
    if binary.is_none() && !has_json_form(dtype) {
        return Err(Fault::NoJsonForm.at(datatype));
    }
    let name = text(&mut map, at, "name")?.into();
    let shape = shape(&mut map, at)?;
    let mut tensor = Tensor { name, dtype, shape, data: Cow::Borrowed(&[]) };
    let elements = elements(&tensor).map_err(|fault| fault.at(format!("{at}.shape")))?;
    let wrong = match binary {
        Some(bytes) => {
            tensor.data = behind(&mut map, at, bytes, tail)?.into();
            format!("{at}.parameters.binary_data_size")
        }
        None => {
            let in_data = format!("{at}.data");
            let list = list(&mut map, &in_data)?;
            tensor.data = data::read(list, &in_data, dtype, (&tensor.shape, elements))?.into();
            at.to_owned()
        }
    };
    tensor.check().map_err(|error| Fault::Tensor(error).at(wrong))?;
    Ok(tensor)
}

/// The dimensions, of which there are at most [`MAX_RANK`]: `data` is read one nested call for each.
fn shape(map: &mut Map<'_>, at: &str) -> Result<Vec<u64>, OipError> {
    let at = format!("{at}.shape");
    let value = map.remove("shape").ok_or_else(|| Fault::Missing.at(&at))?;
    let Json::List(list) = value else { return Err(Fault::Type("a list").at(at)) };
    if list.len() > MAX_RANK {
        return Err(Fault::Tensor(TensorError::Rank).at(at));
    }
    let size = |dim: &Json<'_>| match dim {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    };
    let dims: Option<Vec<u64>> = list.iter().map(size).collect();
    dims.ok_or_else(|| Fault::Type("a list of sizes").at(at))
}

/// How many elements the shape asks for, of which the least bytes must be within the bound.
fn elements(tensor: &Tensor<'_>) -> Result<usize, Fault> {
    let elements = tensor.elements().map_err(Fault::Tensor)?;
    // An element of BYTES takes four bytes for its length.
    let bytes = elements.checked_mul(tensor.dtype.element_bytes().unwrap_or(4));
    if bytes.is_some_and(|bytes| bytes <= MAX_TENSORS_BYTES) { Ok(elements) } else { Err(Fault::TooLong) }
}

fn list<'a>(map: &mut Map<'a>, at: &str) -> Result<Reader<'a>, OipError> {
    match map.remove("data") {
        Some(Json::Data(reader)) => Ok(reader),
        Some(_) => Err(Fault::Type("a list").at(at)),
        None => Err(Fault::Missing.at(at)),
    }
}

fn behind(map: &mut Map<'_>, at: &str, bytes: usize, tail: &mut Tail<'_>) -> Result<Vec<u8>, OipError> {
    if map.contains_key("data") {
        return Err(Fault::Both.at(format!("{at}.data")));
    }
    let taken = tail.take(bytes);
    taken.map(<[u8]>::to_vec).map_err(|fault| fault.at(format!("{at}.parameters.binary_data_size")))
}
