//! Answers and descriptions as messages.

use std::collections::HashMap;

use bytes::Bytes;
use strongroom_client::{Described, InferAnswer};
use strongroom_seal::model::{Dim, TensorSpec};
use strongroom_seal::tensor::Tensor;

use super::contents;
use super::generated::model_infer_response::InferOutputTensor;
use super::generated::model_metadata_response::TensorMetadata;
use super::generated::repository_index_response::ModelIndex;
use super::generated::{ModelInferResponse, ModelMetadataResponse, RepositoryIndexResponse};
use super::request::Form;

/// An answer in the form of its request; raw where one of its outputs has no list, for all of them have one form.
pub(super) fn write(answer: InferAnswer, id: String, form: Form) -> ModelInferResponse {
    let listed = answer.outputs.iter().all(|output| contents::has_list(output.dtype));
    let mut response = ModelInferResponse {
        model_name: answer.model.to_string(),
        model_version: answer.version.to_string(),
        id,
        ..ModelInferResponse::default()
    };
    for Tensor { name, dtype, shape, data } in answer.outputs {
        let contents = if listed && form == Form::Typed { contents::write(dtype, &data) } else { None };
        let raw = contents.is_none();
        response.outputs.push(InferOutputTensor {
            name: name.into_owned(),
            datatype: dtype.name().to_owned(),
            shape: shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect(),
            parameters: HashMap::new(),
            contents,
        });
        if raw {
            response.raw_output_contents.push(Bytes::from(data.into_owned()));
        }
    }
    response
}

/// What a model takes and gives.
pub(super) fn metadata(described: Described) -> ModelMetadataResponse {
    let (inputs, outputs) = described.interface.map_or_else(Default::default, |interface| {
        (interface.inputs.iter().map(tensor).collect(), interface.outputs.iter().map(tensor).collect())
    });
    ModelMetadataResponse {
        name: described.name.to_string(),
        versions: described.versions.iter().map(ToString::to_string).collect(),
        platform: crate::PLATFORM.to_owned(),
        inputs,
        outputs,
    }
}

/// Every model, one entry a version.
pub(super) fn index(models: Vec<Described>) -> RepositoryIndexResponse {
    let entry = |name: &str, version: &str| ModelIndex {
        name: name.to_owned(),
        version: version.to_owned(),
        state: "READY".to_owned(),
        reason: String::new(),
    };
    let entries = |model: Described| {
        let name = model.name.to_string();
        match model.versions.as_slice() {
            [] => vec![entry(&name, "")],
            versions => versions.iter().map(|version| entry(&name, version.as_str())).collect(),
        }
    };
    RepositoryIndexResponse { models: models.into_iter().flat_map(entries).collect() }
}

fn tensor(spec: &TensorSpec) -> TensorMetadata {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
        Dim::Symbol(_) => -1,
    };
    TensorMetadata {
        name: spec.name.clone(),
        datatype: spec.dtype.name().to_owned(),
        shape: spec.shape.iter().map(size).collect(),
    }
}
