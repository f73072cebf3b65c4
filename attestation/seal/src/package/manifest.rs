//! What an owner signs about a package.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use strongroom_proto::name::{Name, PackageId};

use super::{ChunkPlan, PackageError};
use crate::label::{self, Label};
use crate::limits::{MAX_OPERATOR_BYTES, MAX_OPERATORS};
use crate::model::{AnswerBound, Claim, Interface, Schema, check_claims};

/// The plaintext of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// SHA-256 of the plaintext.
    #[serde(with = "serde_bytes")]
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub length: u64,
    /// Plaintext bytes in each chunk but the last.
    pub chunk_bytes: u32,
}

/// A kind of package: its label, its content and what its key is bound to.
pub trait Manifest: Serialize + DeserializeOwned {
    /// Label of signature and digest.
    const LABEL: Label;

    /// The plaintext.
    fn content(&self) -> &Content;

    /// The deployment it is sealed for.
    fn deployment(&self) -> &Name;

    /// What names the package in the encryption context of its key, beside deployment and manifest.
    fn context(&self) -> BTreeMap<String, String>;

    /// What the signature cannot say: whether the statements fit together.
    ///
    /// # Errors
    /// [`PackageError::Manifest`] naming what does not.
    fn check(&self) -> Result<(), PackageError>;
}

/// The manifest of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// The deployment it is sealed for.
    pub deployment: Name,
    /// Name and version.
    pub model: PackageId,
    /// Inputs and outputs.
    pub interface: Interface,
    /// What values the inputs may hold.
    pub schema: Schema,
    /// Size of answers.
    pub answer: AnswerBound,
    /// The ONNX file.
    pub content: Content,
    /// How it was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provenance: Vec<Claim>,
    /// Operators that it may hold beside those that every model may, sorted, none twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<String>,
}

/// The manifest of the private part of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateManifest {
    /// The deployment it is sealed for.
    pub deployment: Name,
    /// The release's epoch.
    pub epoch: u64,
    /// The private part's CBOR.
    pub content: Content,
}

impl Manifest for ModelManifest {
    const LABEL: Label = label::MODEL_MANIFEST;

    fn content(&self) -> &Content {
        &self.content
    }

    fn deployment(&self) -> &Name {
        &self.deployment
    }

    fn context(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("strongroom:model".to_owned(), self.model.name.to_string()),
            ("strongroom:version".to_owned(), self.model.version.to_string()),
        ])
    }

    fn check(&self) -> Result<(), PackageError> {
        ChunkPlan::new(&self.content)?;
        self.interface.check().map_err(|_| PackageError::Manifest("interface contradicts itself"))?;
        let schema = self.schema.check(&self.interface);
        schema.map_err(|_| PackageError::Manifest("schema contradicts itself or the interface"))?;
        let claims = check_claims(&self.provenance);
        claims
            .map_err(|_| PackageError::Manifest("a claim of provenance does not hold or is out of bounds"))?;
        check_operators(&self.operators)
    }
}

fn check_operators(operators: &[String]) -> Result<(), PackageError> {
    let sorted = operators.is_sorted_by(|one, next| one < next);
    let named = |name: &String| {
        (1..=MAX_OPERATOR_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if sorted && operators.len() <= MAX_OPERATORS && operators.iter().all(named) {
        Ok(())
    } else {
        Err(PackageError::Manifest("operators out of order or out of bounds"))
    }
}

impl Manifest for PrivateManifest {
    const LABEL: Label = label::PRIVATE_MANIFEST;

    fn content(&self) -> &Content {
        &self.content
    }

    fn deployment(&self) -> &Name {
        &self.deployment
    }

    fn context(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("strongroom:private-epoch".to_owned(), self.epoch.to_string())])
    }

    fn check(&self) -> Result<(), PackageError> {
        ChunkPlan::new(&self.content).map(drop)
    }
}
