//! What a release says about a sealed model, read from the package's own signed manifest.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use strongroom_attestation::charter::SignedCharter;
use strongroom_proto::cbor;
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::ModelDigest;
use strongroom_seal::label;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::{
    Accepted, ChunkPlan, Header, Manifest, ModelManifest, PREFIX_BYTES, PackageError, Prefix,
};
use strongroom_seal::signed;

use crate::error::{CliError, Result};
use crate::history::RecordedModel;
use crate::policy::ModelFacts;
use crate::provenance;

/// Reads a package's header and verifies what can be verified without its key.
pub(super) fn read(path: &Path, charter: &SignedCharter) -> Result<RecordedModel> {
    let mut file = File::open(path).map_err(CliError::file(path))?;
    let length = file.metadata().map_err(CliError::file(path))?.len();
    judge(&mut file, length, charter).map_err(CliError::package(path))
}

fn judge(
    package: &mut dyn Read,
    length: u64,
    charter: &SignedCharter,
) -> std::result::Result<RecordedModel, PackageError> {
    let (prefix, header) = header(package)?;
    let keys = &charter.charter().keys;
    let opened = signed::open(label::MODEL_MANIFEST, &header.manifest, keys, DOCUMENT_CBOR)?;
    let digest = ModelDigest::of(opened.payload());
    let deployment = &charter.charter().deployment;
    let accepted: Accepted<ModelManifest> = Accepted::judge(header, keys, deployment, digest.as_bytes())?;
    if !charter.charter().kms_keys.iter().any(|key| key == accepted.key_arn()) {
        return Err(PackageError::Manifest("its KMS key is not one of the charter's"));
    }
    let plan = ChunkPlan::new(accepted.manifest().content())?;
    let expected = prefix.content_offset() + plan.sealed_bytes();
    match length {
        short if short < expected => Err(PackageError::Truncated(0)),
        long if long > expected => Err(PackageError::Trailing),
        _ => Ok(RecordedModel::new(accepted.manifest(), digest)),
    }
}

/// What a package says of its model, its signature unverified: for checks before there is a charter.
pub(in crate::command) fn facts(path: &Path) -> Result<ModelFacts> {
    let mut file = File::open(path).map_err(CliError::file(path))?;
    let stated = || {
        let (_, header) = header(&mut file)?;
        let payload =
            signed::dangerous_unverified_payload(label::MODEL_MANIFEST, &header.manifest, DOCUMENT_CBOR)?;
        cbor::decode::<ModelManifest>(&payload, DOCUMENT_CBOR).map_err(|_| PackageError::Header)
    };
    let manifest = { stated }().map_err(CliError::package(path))?;
    let provenance = provenance::stated(&manifest.provenance);
    let ModelManifest { model, interface, schema, .. } = manifest;
    let PackageId { name, version } = model;
    Ok(ModelFacts { name, version, interface, schema, provenance })
}

/// Prefix and header of a package, unverified.
pub(in crate::command) fn header(
    package: &mut dyn Read,
) -> std::result::Result<(Prefix, Header), PackageError> {
    let mut prefix = [0; PREFIX_BYTES];
    package.read_exact(&mut prefix).map_err(|_| PackageError::Header)?;
    let prefix = Prefix::parse(prefix)?;
    let mut header = vec![0; prefix.header_bytes()];
    package.read_exact(&mut header).map_err(|_| PackageError::Header)?;
    Ok((prefix, Header::decode(&header)?))
}
