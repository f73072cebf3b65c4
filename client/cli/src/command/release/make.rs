//! One release, from what it says to the signed bundle. `release` and `incident` both come here.
//!
//! Before the bundle is handed on it passes the very judgement that enclave and client will make.

use std::path::PathBuf;
use std::time::Duration;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::release::{
    AcceptedRelease, Bundle, Private, Release, ReleaseContext, ReleasedModel, encode_controls,
};
use strongroom_seal::digest::{ControlsDigest, PrivateDigest, ReleaseDigest};
use strongroom_seal::key::SigningKey;
use strongroom_seal::limits::DEFAULT_CHUNK_BYTES;
use strongroom_seal::package::{PackageError, PrivateManifest, SignedManifest, measure};
use strongroom_seal::secret::StateKey;
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::history::Record;
use crate::kms::KmsArgs;
use crate::limits::BACKDATE;
use crate::policy::Circumstances;
use crate::{owner, secret};

/// Who signs a release, and under which KMS key its private part is encrypted.
#[derive(clap::Args)]
pub(in crate::command) struct Authority {
    /// The deployment's charter
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// The owner's signing key (PKCS#8 PEM), one of the charter's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    kms: KmsArgs,
}

/// Charter and key that were read and belong together.
pub(in crate::command) struct Owner<'a> {
    pub(in crate::command) charter: SignedCharter,
    key: SigningKey,
    kms: &'a KmsArgs,
}

/// A bundle that was judged, and what is told about it.
pub(in crate::command) struct Made {
    pub(in crate::command) bundle: Vec<u8>,
    pub(in crate::command) told: Told,
}

/// What is told about a release.
#[derive(Serialize)]
pub(in crate::command) struct Told {
    digest: String,
    pub(in crate::command) epoch: u64,
    not_after_ms: u64,
    controls: String,
    models: Vec<ModelLine>,
}

#[derive(Serialize)]
struct ModelLine {
    model: String,
    digest: String,
}

impl Authority {
    /// Reads charter and key.
    pub(in crate::command) fn owner(&self) -> Result<Owner<'_>> {
        let charter = owner::charter(&self.charter)?;
        owner::check_kms_key(&charter, &self.kms.kms_key)?;
        Ok(Owner { charter, key: secret::signing_key(&self.key)?, kms: &self.kms })
    }
}

impl Owner<'_> {
    /// Makes the release that a record describes.
    pub(in crate::command) async fn make(&self, record: &Record, state_key: StateKey) -> Result<Made> {
        let (facts, grants, now) = (record.facts(), record.grants()?, owner::now());
        let given = Circumstances { grants: &grants, models: Some(&facts), now };
        let (controls, private) = record.policy()?.parts(&record.incident, given, state_key)?;
        let controls = encode_controls(&controls)?;
        let (private_digest, private) = self.seal_private(record.epoch, &private).await?;
        let release = Release {
            deployment: self.charter.charter().deployment.clone(),
            epoch: record.epoch,
            not_before: now.minus(BACKDATE),
            not_after: now.plus(Duration::from_secs(record.valid_days * 24 * 3600)),
            images: record.images.clone(),
            models: record.released()?,
            controls: ControlsDigest::of(&controls),
            private: private_digest,
        };
        let signed = release.sign(&self.key, &SystemRandom::new())?;
        let bundle = Bundle { release: signed, controls, private };
        self.check(&bundle, &release, now)?;
        Ok(Made { bundle: bundle.encode()?, told: Told::new(&bundle, &release) })
    }

    /// A bundle that was made before under this record, judged as if it were new: it may have expired since.
    pub(in crate::command) fn again(&self, record: &Record, bundle: &[u8]) -> Result<Made> {
        let read = Bundle::decode(bundle)?;
        let mut told = None;
        for image in &record.images {
            let context = ReleaseContext { charter: &self.charter, image, now: owner::now() };
            let accepted = AcceptedRelease::judge(read.public(), context)?;
            told = Some(Told::new(&read, accepted.release()));
        }
        let told = told.filter(|told| told.epoch == record.epoch);
        let told = told.ok_or_else(|| CliError::usage("the history holds the bundle of another release"))?;
        Ok(Made { bundle: bundle.to_vec(), told })
    }

    /// Encrypts the private part under a data key of its own.
    async fn seal_private(&self, epoch: u64, private: &Private) -> Result<(PrivateDigest, Vec<u8>)> {
        let plain = private.encode().map_err(|_| CliError::usage("the private part cannot be encoded"))?;
        let plain = Zeroizing::new(plain);
        let wrong = |error: PackageError| CliError::Package { path: "private part".into(), error };
        let content = measure(&mut plain.as_slice(), DEFAULT_CHUNK_BYTES).map_err(wrong)?;
        let deployment = self.charter.charter().deployment.clone();
        let manifest = PrivateManifest { deployment, epoch, content };
        let signed = SignedManifest::sign(manifest, &self.key, &SystemRandom::new()).map_err(wrong)?;
        let (data_key, wrapped) = self.kms.data_key(&signed).await?;
        let mut package = Vec::new();
        signed.seal(&data_key, wrapped, &mut plain.as_slice(), &mut package).map_err(wrong)?;
        let digest = hex::encode(signed.digest()).parse();
        Ok((digest.map_err(|_| CliError::usage("the private part has no digest"))?, package))
    }

    /// The judgement of enclave and client, for each image.
    fn check(&self, bundle: &Bundle, release: &Release, now: UnixMillis) -> Result<()> {
        for image in &release.images {
            let context = ReleaseContext { charter: &self.charter, image, now };
            AcceptedRelease::judge(bundle.public(), context)?;
        }
        Ok(())
    }
}

impl Told {
    fn new(bundle: &Bundle, release: &Release) -> Self {
        let line = |ReleasedModel { id, digest }: &ReleasedModel| ModelLine {
            model: id.to_string(),
            digest: digest.to_string(),
        };
        Self {
            digest: ReleaseDigest::of(&bundle.release).to_string(),
            epoch: release.epoch,
            not_after_ms: release.not_after.as_millis(),
            controls: release.controls.to_string(),
            models: release.models.iter().map(line).collect(),
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "digest   {}\nepoch    {}\ncontrols {}", self.digest, self.epoch, self.controls)?;
        self.models.iter().try_for_each(|line| write!(f, "\nmodel    {} {}", line.model, line.digest))
    }
}
