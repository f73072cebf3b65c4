//! The model that comes with the repository.

use std::path::{Path, PathBuf};

use super::{ModelSource, WorldError};

/// The folder of the bundled fraud classifier: as built, or below the working directory.
///
/// # Errors
/// [`WorldError::NotReady`] when neither exists.
pub fn bundled_folder() -> Result<PathBuf, WorldError> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/fraud");
    let candidates = [built, PathBuf::from("models/fraud")];
    let found = candidates.into_iter().find(|folder| folder.join("fraud.onnx").is_file());
    found.ok_or_else(|| WorldError::NotReady("models/fraud is missing: run inside the repository".into()))
}

/// The bundled model, to be sealed.
///
/// # Errors
/// As [`bundled_folder`].
pub fn bundled_model() -> Result<ModelSource, WorldError> {
    let id = "fraud@1".parse().map_err(|_| WorldError::NotReady("model name".into()))?;
    Ok(ModelSource { id, onnx: bundled_folder()?.join("fraud.onnx"), arguments: vec![] })
}
