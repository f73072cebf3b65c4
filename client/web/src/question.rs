//! A request of the Open Inference Protocol, JSON with typed arrays behind it, as a question to a model.

use strongroom_core::InferRequest;
use strongroom_core::oip;

use crate::Failure;

/// Reads a request for a model, and a version where one is named.
///
/// # Errors
/// [`Failure`] of kind `usage`.
pub fn question(
    (model, version): (&str, Option<&str>),
    json: &[u8],
    behind: &[u8],
) -> Result<(Option<String>, InferRequest<'static>), Failure> {
    let model = model.parse().map_err(|_| Failure::usage("the model is not a name"))?;
    let version = version.map(str::parse).transpose();
    let version = version.map_err(|_| Failure::usage("the version is not a name"))?;
    let oip::Asked { body, risk, binary: _ } = oip::read_infer(json, behind)?;
    Ok((body.id, InferRequest { model, version, inputs: body.inputs, outputs: body.outputs, risk }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_in_the_json_or_behind_it() {
        let flat = br#"{"id":"a","inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[1,2]}]}"#;
        let tail =
            br#"{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}"#;
        let bytes: Vec<u8> = [1_f32, 2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let (id, first) = question(("m", None), flat, &[]).unwrap();
        let (_, second) = question(("m", Some("1")), tail, &bytes).unwrap();
        assert_eq!(id.as_deref(), Some("a"));
        assert!(first.inputs == second.inputs && second.version.is_some());
    }

    #[test]
    fn what_is_wrong_is_the_callers() {
        for (model, version, json) in
            [("a b", None, "{}"), ("m", Some(""), "{}"), ("m", None, "{}"), ("m", None, "")]
        {
            let failure = question((model, version), json.as_bytes(), &[]).err().unwrap();
            assert_eq!((failure.status, failure.kind), (400, "usage"), "{model} {json}");
        }
    }
}
