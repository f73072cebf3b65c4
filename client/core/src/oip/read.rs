//! JSON, and the bytes behind it, to tensors.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_proto::name::Name;
use strongroom_seal::limits::MAX_TENSORS;
use strongroom_seal::tensor::Tensor;

use super::binary::{Tail, Wanted};
use super::json::{self, Json};
use super::parameters::{self, Of};
use super::tensor::tensor;
use super::{Asked, Fault, InferBody, MAX_JSON_BYTES, MAX_JSON_ID_BYTES, OipError, ResponseBody};
use crate::limits::MAX_TENSORS_BYTES;

pub(super) type Map<'a> = BTreeMap<String, Json<'a>>;

/// Reads an infer request: its JSON, and behind it the bytes of the inputs that have a `binary_data_size`, in their order.
///
/// # Errors
/// See [`OipError`].
pub fn read_infer(json: &[u8], behind: &[u8]) -> Result<Asked, OipError> {
    infer(json, Tail::new(behind))
}

fn infer(json: &[u8], mut tail: Tail<'_>) -> Result<Asked, OipError> {
    let mut body = object(json)?;
    // KServe's client repeats the model's name here. The path says which model is asked.
    known(&body, "request", &["id", "model_name", "parameters", "inputs", "outputs"])?;
    let id = id(&mut body)?;
    let of_request = parameters::take(&mut body, "", Of::Request)?;
    let (outputs, each) = outputs(&mut body)?;
    let inputs = tensors(&mut body, "inputs", &mut tail)?;
    tail.finish()?;
    let binary = Wanted::new(of_request.binary, each);
    Ok(Asked { body: InferBody { id, inputs, outputs }, risk: of_request.risk, binary })
}

/// Reads the body of an infer request that is JSON alone, and asks for nothing but JSON.
///
/// # Errors
/// See [`OipError`]; [`Fault::Parameters`] for a binary output or a declared risk, which have no meaning here, and
/// [`Fault::Short`] for a binary input, even one of no bytes.
pub fn read_request(json: &[u8]) -> Result<InferBody, OipError> {
    let Asked { body, risk, binary } = infer(json, Tail::none())?;
    if risk.is_empty() && !binary.any() { Ok(body) } else { Err(Fault::Parameters.at("parameters")) }
}

/// Reads the body of an infer response.
///
/// # Errors
/// See [`OipError`].
pub fn read_response(json: &[u8]) -> Result<ResponseBody, OipError> {
    let mut body = object(json)?;
    known(&body, "response", &["id", "parameters", "model_name", "model_version", "outputs"])?;
    Ok(ResponseBody {
        id: id(&mut body)?,
        model: name(&mut body, "model_name")?,
        version: name(&mut body, "model_version")?,
        outputs: tensors(&mut body, "outputs", &mut Tail::none())?,
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
pub(super) fn known(map: &Map<'_>, at: &str, fields: &[&str]) -> Result<(), OipError> {
    let all_known = map.keys().all(|key| fields.contains(&key.as_str()));
    if all_known { Ok(()) } else { Err(Fault::Unknown.at(at)) }
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

/// The names of the outputs wanted, and whether each is wanted in binary where its parameters say.
fn outputs(body: &mut Map<'_>) -> Result<(Vec<String>, BTreeMap<String, bool>), OipError> {
    let (mut names, mut each) = (Vec::new(), BTreeMap::new());
    let Some(value) = body.remove("outputs") else { return Ok((names, each)) };
    for (index, value) in list(value, "outputs")?.into_iter().enumerate() {
        let at = format!("outputs[{index}]");
        let Json::Object(mut output) = value else { return Err(Fault::Type("an object").at(at)) };
        known(&output, &at, &["name", "parameters"])?;
        let name = text(&mut output, &at, "name")?;
        if names.contains(&name) {
            return Err(Fault::Twice.at(format!("{at}.name")));
        }
        if let Some(binary) = parameters::take(&mut output, &at, Of::Output)?.binary {
            each.insert(name.clone(), binary);
        }
        names.push(name);
    }
    Ok((names, each))
}

fn tensors(body: &mut Map<'_>, side: &str, tail: &mut Tail<'_>) -> Result<Vec<Tensor<'static>>, OipError> {
    let value = body.remove(side).ok_or_else(|| Fault::Missing.at(side))?;
    let (mut tensors, mut names, mut bytes) = (Vec::new(), BTreeSet::new(), 0);
    for (index, value) in list(value, side)?.into_iter().enumerate() {
        let at = format!("{side}[{index}]");
        let tensor = tensor(&at, value, tail)?;
        if !names.insert(tensor.name.clone().into_owned()) {
            return Err(Fault::Twice.at(format!("{at}.name")));
        }
        bytes += tensor.data.len();
        if bytes > MAX_TENSORS_BYTES {
            return Err(Fault::TooLong.at(side));
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

pub(super) fn text(map: &mut Map<'_>, at: &str, field: &str) -> Result<String, OipError> {
    match map.remove(field) {
        Some(Json::Text(text)) => Ok(text),
        Some(_) => Err(Fault::Type("a string").at(format!("{at}.{field}"))),
        None => Err(Fault::Missing.at(format!("{at}.{field}"))),
    }
}
