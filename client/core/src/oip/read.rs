//! JSON to tensors.

use std::collections::BTreeMap;

use strongroom_proto::name::Name;
use strongroom_seal::limits::MAX_TENSORS;
use strongroom_seal::tensor::{DType, Tensor};

use super::json::{self, Json};
use super::{
    Fault, InferBody, MAX_JSON_BYTES, MAX_JSON_ID_BYTES, OipError, ResponseBody, element, has_json_form,
};

type Map<'a> = BTreeMap<String, Json<'a>>;

/// Reads the body of an infer request.
///
/// # Errors
/// See [`OipError`].
pub fn read_request(json: &[u8]) -> Result<InferBody, OipError> {
    let mut body = object(json)?;
    known(&body, "request", &["id", "parameters", "inputs", "outputs"])?;
    no_parameters(&body, "parameters")?;
    let outputs = match body.remove("outputs") {
        None => Vec::new(),
        Some(outputs) => {
            list(outputs, "outputs")?.into_iter().enumerate().map(output_name).collect::<Result<_, _>>()?
        }
    };
    Ok(InferBody { id: id(&mut body)?, inputs: tensors(&mut body, "inputs")?, outputs })
}

/// Reads the body of an infer response.
///
/// # Errors
/// See [`OipError`].
pub fn read_response(json: &[u8]) -> Result<ResponseBody, OipError> {
    let mut body = object(json)?;
    known(&body, "response", &["id", "parameters", "model_name", "model_version", "outputs"])?;
    no_parameters(&body, "parameters")?;
    Ok(ResponseBody {
        id: id(&mut body)?,
        model: name(&mut body, "model_name")?,
        version: name(&mut body, "model_version")?,
        outputs: tensors(&mut body, "outputs")?,
    })
}

fn object(text: &[u8]) -> Result<Map<'_>, OipError> {
    if text.len() > MAX_JSON_BYTES {
        return Err(OipError::TooLong);
    }
    match json::read(text)? {
        Json::Object(map) => Ok(map),
        _ => Err(Fault::Type("an object").at("body")),
    }
}

/// Refuses what would otherwise be ignored in silence.
fn known(map: &Map<'_>, at: &str, fields: &[&str]) -> Result<(), OipError> {
    let all_known = map.keys().all(|key| fields.contains(&key.as_str()));
    if all_known { Ok(()) } else { Err(Fault::Unknown.at(at)) }
}

fn no_parameters(map: &Map<'_>, at: &str) -> Result<(), OipError> {
    match map.get("parameters") {
        None | Some(Json::Null) => Ok(()),
        Some(Json::Object(parameters)) if parameters.is_empty() => Ok(()),
        Some(_) => Err(Fault::Parameters.at(at)),
    }
}

fn id(body: &mut Map<'_>) -> Result<Option<String>, OipError> {
    match body.remove("id") {
        None => Ok(None),
        Some(Json::Text(id)) if id.len() <= MAX_JSON_ID_BYTES => Ok(Some(id)),
        Some(Json::Text(_)) => Err(Fault::TooLong.at("id")),
        Some(_) => Err(Fault::Type("a string").at("id")),
    }
}

fn name(body: &mut Map<'_>, field: &str) -> Result<Name, OipError> {
    let Json::Text(text) = body.remove(field).ok_or_else(|| Fault::Missing.at(field))? else {
        return Err(Fault::Type("a string").at(field));
    };
    text.parse().map_err(|_| Fault::Type("a name").at(field))
}

fn list<'a>(value: Json<'a>, at: &str) -> Result<Vec<Json<'a>>, OipError> {
    match value {
        Json::List(list) if list.len() <= MAX_TENSORS => Ok(list),
        Json::List(_) => Err(Fault::TooLong.at(at)),
        _ => Err(Fault::Type("a list").at(at)),
    }
}

/// An entry of a request's `outputs`: its name is all that may be said about an output.
fn output_name((index, value): (usize, Json<'_>)) -> Result<String, OipError> {
    let at = format!("outputs[{index}]");
    let Json::Object(mut output) = value else { return Err(Fault::Type("an object").at(at)) };
    known(&output, &at, &["name", "parameters"])?;
    no_parameters(&output, &format!("{at}.parameters"))?;
    text(&mut output, &at, "name")
}

fn tensors(body: &mut Map<'_>, side: &str) -> Result<Vec<Tensor<'static>>, OipError> {
    let value = body.remove(side).ok_or_else(|| Fault::Missing.at(side))?;
    list(value, side)?
        .into_iter()
        .enumerate()
        .map(|(index, value)| tensor(&format!("{side}[{index}]"), value))
        .collect()
}

fn tensor(at: &str, value: Json<'_>) -> Result<Tensor<'static>, OipError> {
    let Json::Object(mut map) = value else { return Err(Fault::Type("an object").at(at)) };
    known(&map, at, &["name", "shape", "datatype", "data", "parameters"])?;
    no_parameters(&map, &format!("{at}.parameters"))?;
    let datatype = format!("{at}.datatype");
    let dtype = text(&mut map, at, "datatype")?;
    let dtype = DType::from_name(&dtype).ok_or_else(|| Fault::Datatype.at(&datatype))?;
    if !has_json_form(dtype) {
        return Err(Fault::NoJsonForm.at(datatype));
    }
    let name = text(&mut map, at, "name")?.into();
    let shape = shape(&mut map, at)?;
    let mut tensor = Tensor { name, dtype, shape, data: Vec::new().into() };
    let elements = tensor.elements().map_err(|error| Fault::Tensor(error).at(format!("{at}.shape")))?;
    tensor.data = data(&mut map, at, dtype, elements)?.into();
    tensor.check().map_err(|error| Fault::Tensor(error).at(at))?;
    Ok(tensor)
}

fn text(map: &mut Map<'_>, at: &str, field: &str) -> Result<String, OipError> {
    match map.remove(field) {
        Some(Json::Text(text)) => Ok(text),
        Some(_) => Err(Fault::Type("a string").at(format!("{at}.{field}"))),
        None => Err(Fault::Missing.at(format!("{at}.{field}"))),
    }
}

fn shape(map: &mut Map<'_>, at: &str) -> Result<Vec<u64>, OipError> {
    let at = format!("{at}.shape");
    let value = map.remove("shape").ok_or_else(|| Fault::Missing.at(&at))?;
    let Json::List(list) = value else { return Err(Fault::Type("a list").at(at)) };
    let size = |dim: &Json<'_>| match dim {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    };
    let dims: Option<Vec<u64>> = list.iter().map(size).collect();
    dims.ok_or_else(|| Fault::Type("a list of sizes").at(at))
}

fn data(map: &mut Map<'_>, at: &str, dtype: DType, elements: usize) -> Result<Vec<u8>, OipError> {
    let at = format!("{at}.data");
    let value = map.remove("data").ok_or_else(|| Fault::Missing.at(&at))?;
    let Json::List(list) = value else { return Err(Fault::Type("a list").at(at)) };
    if list.iter().any(|element| matches!(element, Json::List(_))) {
        return Err(Fault::Nested.at(at));
    }
    if list.len() != elements {
        return Err(Fault::Count.at(at));
    }
    let mut data = Vec::with_capacity(elements * dtype.element_bytes().unwrap_or_default());
    for (index, value) in list.iter().enumerate() {
        element::push(&mut data, dtype, index, value).map_err(|fault| fault.at(&at))?;
    }
    Ok(data)
}
