//! ONNX files, as far as they come before tract sees them.

use std::collections::BTreeMap;

use strongroom_engine::{LoadError, Model};
use strongroom_seal::model::{Dim, Interface, TensorSpec};
use strongroom_seal::tensor::DType;
use zeroize::Zeroizing;

/// Name of an input that no file has, so that what passes the gates goes no further.
const NOWHERE: &str = "no file has an input of this name";

/// Loads `bytes` as a model of an interface that no file has; true when the gates let it through to that.
///
/// The same file is judged the same. An operator that the owner allows lets in more, never less: what passed before passes
/// with it, and what was refused for it is not refused for it again.
pub fn onnx(bytes: &[u8]) -> bool {
    let judged = load(bytes, &[]);
    assert_eq!(load(bytes, &[]), judged, "a file is judged twice, and not the same");
    match &judged {
        LoadError::Unlisted { operator } => {
            let allowed = load(bytes, std::slice::from_ref(operator));
            assert_ne!(allowed, judged, "refused for an operator that is allowed");
        }
        LoadError::Names { .. } => {
            assert_eq!(load(bytes, &["Loop".to_owned()]), judged, "an operator more lets in less");
        }
        _ => {}
    }
    matches!(judged, LoadError::Names { .. })
}

fn load(bytes: &[u8], operators: &[String]) -> LoadError {
    let file = Zeroizing::new(bytes.to_vec());
    let loaded = Model::load_with(file, &interface(), operators).err();
    assert!(loaded.is_some(), "a file has an input of that name");
    loaded.unwrap_or(LoadError::Panicked)
}

fn interface() -> Interface {
    let spec =
        |name: &str| TensorSpec { name: name.to_owned(), dtype: DType::Fp32, shape: vec![Dim::Fixed(1)] };
    Interface { inputs: vec![spec(NOWHERE)], outputs: vec![spec("y")], symbols: BTreeMap::new() }
}
