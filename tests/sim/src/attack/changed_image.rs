//! An enclave with one changed byte asks KMS for the key.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::{DocumentRequest, Nsm, NsmError, PcrIndex};
use strongroom_kms::{
    AttestedDecrypt, AwsCredentials, Clock, EncryptionContext, HostCredentials, Kms, KmsConfig, KmsError,
    RecipientKey, TlsRoots, WrappedKey,
};
use strongroom_seal::digest::ModelDigest;
use strongroom_seal::label;
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::{Accepted, Header, ModelManifest};
use strongroom_seal::signed::dangerous_unverified_payload;
use zeroize::Zeroizing;

use super::stage::Stage;
use super::{Ending, Teller};
use crate::nsm::{SimIdentity, SimNsm, system_clock};
use crate::world::{WorldError, bundled_model, dial, region};

pub(super) async fn mount(teller: &Teller) -> Result<Ending, WorldError> {
    let stage = Stage::set().await?;
    let executable = stage.binaries.path("strongroom-sim-enclave");
    let mut image = std::fs::read(executable).map_err(WorldError::io("enclave image"))?;
    if let Some(byte) = image.last_mut() {
        *byte ^= 1;
    }
    teller.step("changed one byte of the enclave's image");
    let package = read_package(&stage)?;
    let recipient = RecipientKey::generate()?;
    let document =
        attest(&stage, &image, &recipient).map_err(|error| WorldError::NotReady(error.to_string()))?;
    teller.step("got an attestation document with the genuine charter in PCR16");
    let kms = as_host(&stage)?;
    let context = EncryptionContext::new(package.encryption_context())?;
    let wrapped = WrappedKey::new(package.wrapped_key().to_vec())?;
    let key = stage.owner.key();
    let call = AttestedDecrypt { key, wrapped: &wrapped, context: &context, document, recipient };
    match kms.decrypt(call).await {
        Ok(_) => Ok(Ending::Succeeded("KMS gave the data key to a changed image")),
        Err(KmsError::Refused(_)) => {
            let last = stage.ground.kms.calls().pop().and_then(|call| call.outcome.err());
            let code = last.map_or_else(|| "none".to_owned(), |kind| kind.name().to_owned());
            Ok(Ending::Refused { code, by: "kms" })
        }
        Err(error) => Err(error.into()),
    }
}

/// What the host has on its disk: the sealed package with its wrapped key.
fn read_package(stage: &Stage) -> Result<Accepted<ModelManifest>, WorldError> {
    let wrong = |what: &str| WorldError::NotReady(format!("sealed package: {what}"));
    let bytes = std::fs::read(stage.owner.package(&bundled_model()?.id));
    let bytes = bytes.map_err(WorldError::io("sealed package"))?;
    let (header, _) = Header::split(&bytes).map_err(|error| wrong(&error.to_string()))?;
    let payload = dangerous_unverified_payload(label::MODEL_MANIFEST, &header.manifest, DOCUMENT_CBOR);
    let digest = ModelDigest::of(&payload.map_err(|error| wrong(&error.to_string()))?);
    let charter = charter(stage)?;
    let (keys, deployment) = (&charter.charter().keys, &charter.charter().deployment);
    Accepted::judge(header, keys, deployment, digest.as_bytes()).map_err(|error| wrong(&error.to_string()))
}

/// A document of the changed image: everything else about it is genuine.
fn attest(stage: &Stage, image: &[u8], recipient: &RecipientKey) -> Result<Vec<u8>, NsmError> {
    let identity = SimIdentity {
        executable: image,
        role: "arn:aws:iam::111122223333:role/strongroom-host",
        instance: "i-0123456789abcdef0",
        debug: false,
    };
    let nsm = SimNsm::new(Arc::clone(&stage.ground.pki), identity, Duration::ZERO, system_clock());
    let nsm = nsm.map_err(|_| NsmError::Internal)?;
    let charter = charter(stage).map_err(|_| NsmError::Internal)?;
    nsm.extend(PcrIndex::CHARTER, charter.digest().as_bytes())?;
    nsm.lock(PcrIndex::CHARTER)?;
    let user_data = label::KMS.text().as_bytes().to_vec();
    let request = DocumentRequest::new().with_public_key(recipient.spki_der().to_vec())?;
    nsm.attest(&request.with_user_data(user_data)?)
}

fn charter(stage: &Stage) -> Result<SignedCharter, WorldError> {
    let charter = std::fs::read(stage.ground.layout.store().join("charter.cose"));
    SignedCharter::open(&charter.map_err(WorldError::io("charter"))?)
        .map_err(|error| WorldError::NotReady(error.to_string()))
}

/// A KMS client with the host's own credentials.
fn as_host(stage: &Stage) -> Result<Kms, WorldError> {
    let text = std::fs::read_to_string(stage.ground.layout.host_credentials());
    let json: serde_json::Value = serde_json::from_str(&text.map_err(WorldError::io("credentials"))?)
        .map_err(|_| WorldError::NotReady("credentials".into()))?;
    let field = |name: &str| json.get(name).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
    let clock = Clock::new(SystemTime::now);
    let credentials = HostCredentials::new(clock.clone());
    credentials.set(AwsCredentials::temporary(
        field("AccessKeyId"),
        Zeroizing::new(field("SecretAccessKey")),
        Zeroizing::new(field("SessionToken")),
        SystemTime::now() + Duration::from_secs(600),
    ));
    let roots = std::fs::read(stage.ground.layout.kms_roots()).map_err(WorldError::io("kms roots"))?;
    Ok(Kms::new(KmsConfig {
        region: region()?,
        dial: Arc::new(dial(stage.ground.kms_address)),
        roots: TlsRoots::from_pem(&roots)?,
        clock,
        credentials,
    })?)
}
