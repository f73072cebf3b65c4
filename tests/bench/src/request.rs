//! What is asked in a run: tensors out of an Open Inference Protocol body, the same file for every peer.

use std::path::Path;

use serde_json::json;
use strongroom_client::oip::read_request;
use strongroom_seal::tensor::Tensor;

use crate::error::BenchError;

/// A request, in the form of each peer.
pub struct BenchRequest {
    tensors: Vec<Tensor<'static>>,
    json: Vec<u8>,
}

/// A body with binary tensors, and how long its JSON is.
pub(crate) struct BinaryBody {
    pub(crate) bytes: Vec<u8>,
    pub(crate) json_bytes: usize,
}

impl BenchRequest {
    /// Reads a body in JSON.
    ///
    /// # Errors
    /// [`BenchError`] when it cannot be read, or is no infer request.
    pub fn read(path: &Path) -> Result<Self, BenchError> {
        let json = std::fs::read(path).map_err(BenchError::io(path.display().to_string()))?;
        Self::parse(json).map_err(|reason| BenchError::Argument(format!("{}: {reason}", path.display())))
    }

    fn parse(json: Vec<u8>) -> Result<Self, String> {
        let body = read_request(&json).map_err(|error| error.to_string())?;
        Ok(Self { tensors: body.inputs, json })
    }

    /// The inputs.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor<'static>] {
        &self.tensors
    }

    /// Bytes of the inputs.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.tensors.iter().map(|tensor| tensor.data.len()).sum()
    }

    /// The body as it was read.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The body with every tensor in binary, both ways (the protocol's binary tensor extension).
    pub(crate) fn binary(&self) -> BinaryBody {
        let input = |tensor: &Tensor<'_>| {
            json!({
                "name": tensor.name, "datatype": tensor.dtype.name(), "shape": tensor.shape,
                "parameters": { "binary_data_size": tensor.data.len() },
            })
        };
        let inputs: Vec<_> = self.tensors.iter().map(input).collect();
        let json = json!({ "inputs": inputs, "parameters": { "binary_data_output": true } }).to_string();
        let mut bytes = json.into_bytes();
        let json_bytes = bytes.len();
        self.tensors.iter().for_each(|tensor| bytes.extend_from_slice(&tensor.data));
        BinaryBody { bytes, json_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}]}"#;

    #[test]
    fn one_body_is_there_in_both_forms() {
        let request = BenchRequest::parse(BODY.into()).unwrap();
        assert_eq!((request.bytes(), request.json()), (8, BODY.as_bytes()));
        let binary = request.binary();
        let (json, tail) = binary.bytes.split_at(binary.json_bytes);
        assert!(std::str::from_utf8(json).unwrap().contains(r#""binary_data_size":8"#));
        assert_eq!(tail, [1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat());
        assert!(BenchRequest::parse(b"{}".to_vec()).is_err());
    }
}
