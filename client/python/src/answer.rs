//! What the enclave said, as objects of Python: JSON text for what is described, bytes for what is computed.

use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes};
use serde_json::{Value, json};
use strongroom_client::{Described, InferAnswer, describe};
use strongroom_seal::model::{Dim, Interface, TensorSpec};

use crate::running::Given;

/// An answer. The elements of each output are copied once, into an object that an array may own and write to.
pub(crate) fn answer(py: Python<'_>, answer: InferAnswer) -> PyResult<Py<PyAny>> {
    let InferAnswer { model, version, outputs, receipt, receipt_document, evidence } = answer;
    let outputs = outputs.into_iter().map(|output| {
        let elements = PyByteArray::new(py, &output.data);
        (output.name.into_owned(), output.dtype.name(), output.shape, elements)
    });
    let outputs: Vec<_> = outputs.collect();
    let receipt = describe::receipt(&receipt).to_string();
    let (document, evidence) = (PyBytes::new(py, &receipt_document), PyBytes::new(py, &evidence));
    let answer = (model.as_str(), version.as_str(), outputs, receipt, document, evidence);
    Ok(answer.into_pyobject(py)?.into_any().unbind())
}

/// All that may be asked.
pub(crate) fn models(models: &[Described]) -> Value {
    models.iter().map(model).collect()
}

/// One model or route. A dimension that a request may choose is null.
pub(crate) fn model(described: &Described) -> Value {
    let versions: Vec<&str> = described.versions.iter().map(|version| version.as_str()).collect();
    let tensors = |specs: fn(&Interface) -> &Vec<TensorSpec>| {
        described.interface.as_ref().map(|interface| specs(interface).iter().map(spec).collect::<Value>())
    };
    json!({
        "name": described.name.as_str(),
        "versions": versions,
        "inputs": tensors(|interface| &interface.inputs),
        "outputs": tensors(|interface| &interface.outputs),
    })
}

fn spec(spec: &TensorSpec) -> Value {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => json!(size),
        Dim::Symbol(_) => Value::Null,
    };
    let shape: Value = spec.shape.iter().map(size).collect();
    json!({ "name": spec.name, "datatype": spec.dtype.name(), "shape": shape })
}

/// JSON as text.
pub(crate) fn text(value: Value) -> Given {
    Box::new(move |py| Ok(value.to_string().into_pyobject(py)?.into_any().unbind()))
}

/// `None`.
pub(crate) fn none() -> Given {
    Box::new(|py| Ok(py.None()))
}
