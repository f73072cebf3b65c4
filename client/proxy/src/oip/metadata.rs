//! What the protocol says of the server and of models.

use serde::Serialize;
use strongroom_client::Described;
use strongroom_proto::name::Name;
use strongroom_seal::model::{Dim, Interface, TensorSpec};

#[derive(Serialize)]
pub(super) struct Server {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 1],
}

#[derive(Serialize)]
pub(super) struct Model<'a> {
    name: &'a Name,
    versions: &'a [Name],
    platform: &'static str,
    inputs: Vec<TensorJson<'a>>,
    outputs: Vec<TensorJson<'a>>,
}

#[derive(Serialize)]
struct TensorJson<'a> {
    name: &'a str,
    datatype: &'static str,
    /// −1 where a request may choose.
    shape: Vec<i64>,
}

/// One entry of the repository's index.
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    name: &'a Name,
    /// Empty of a route, which has no version.
    version: &'a str,
    state: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct ModelReady<'a> {
    pub(super) name: &'a Name,
    pub(super) ready: bool,
}

impl Server {
    pub(super) const OWN: Self =
        Self { name: crate::NAME, version: crate::VERSION, extensions: crate::EXTENSIONS };
}

impl<'a> Model<'a> {
    pub(super) fn new(described: &'a Described) -> Self {
        let tensors = |specs: fn(&Interface) -> &Vec<TensorSpec>| {
            described.interface.iter().flat_map(specs).map(TensorJson::new).collect()
        };
        Self {
            name: &described.name,
            versions: &described.versions,
            platform: crate::PLATFORM,
            inputs: tensors(|interface| &interface.inputs),
            outputs: tensors(|interface| &interface.outputs),
        }
    }
}

impl<'a> TensorJson<'a> {
    fn new(spec: &'a TensorSpec) -> Self {
        let size = |dim: &Dim| match dim {
            Dim::Fixed(size) => i64::try_from(*size).unwrap_or(i64::MAX),
            Dim::Symbol(_) => -1,
        };
        Self { name: &spec.name, datatype: spec.dtype.name(), shape: spec.shape.iter().map(size).collect() }
    }
}

/// Every name and version that may be asked for. Nothing is listed that is not ready.
pub(super) fn index(models: &[Described]) -> Vec<Entry<'_>> {
    let entry = |name, version| Entry { name, version, state: "READY", reason: "" };
    models
        .iter()
        .flat_map(|model| {
            let versions = model.versions.iter().map(|version| entry(&model.name, version.as_str()));
            let unversioned = model.versions.is_empty().then(|| entry(&model.name, ""));
            versions.chain(unversioned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use strongroom_seal::tensor::DType;

    use super::*;

    fn described(versions: &[&str]) -> Described {
        let spec = |name: &str, shape| TensorSpec { name: name.into(), dtype: DType::Fp32, shape };
        let interface = Interface {
            inputs: vec![spec("x", vec![Dim::Symbol("n".into()), Dim::Fixed(30)])],
            outputs: vec![spec("y", vec![Dim::Symbol("n".into())])],
            symbols: BTreeMap::new(),
        };
        let versions = versions.iter().map(|version| version.parse().unwrap()).collect();
        Described { name: "m".parse().unwrap(), versions, interface: Some(interface) }
    }

    #[test]
    fn a_model_is_told_with_what_a_request_may_choose() {
        let model = serde_json::to_value(Model::new(&described(&["1"]))).unwrap();
        assert_eq!(
            model,
            json!({
                "name": "m", "versions": ["1"], "platform": "tract_onnx",
                "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 30]}],
                "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
            })
        );
        let unknown = Described { interface: None, ..described(&[]) };
        let unknown = serde_json::to_value(Model::new(&unknown)).unwrap();
        assert_eq!((&unknown["inputs"], &unknown["versions"]), (&json!([]), &json!([])));
    }

    #[test]
    fn the_index_lists_each_version_and_a_route_once() {
        let models = [described(&["1", "2"]), described(&[])];
        let index = serde_json::to_value(index(&models)).unwrap();
        let versions: Vec<_> = index.as_array().unwrap().iter().map(|entry| &entry["version"]).collect();
        assert_eq!(versions, ["1", "2", ""]);
        assert_eq!(index[0], json!({"name": "m", "version": "1", "state": "READY", "reason": ""}));
    }
}
