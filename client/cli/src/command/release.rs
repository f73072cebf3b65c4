//! `release`: which sealed models an enclave serves, to whom, on which images, and until when.
//!
//! Before the bundle is written it passes the very judgement that enclave and client will make.

mod sealed;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::release::{
    AcceptedRelease, Bundle, Private, Release, ReleaseContext, ReleasedModel, encode_controls,
};
use strongroom_attestation::{ImagePcrs, UnixMillis};
use strongroom_proto::name::Name;
use strongroom_seal::digest::{ControlsDigest, PrivateDigest, ReleaseDigest};
use strongroom_seal::key::SigningKey;
use strongroom_seal::limits::DEFAULT_CHUNK_BYTES;
use strongroom_seal::package::{PrivateManifest, SignedManifest, measure};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::kms::KmsArgs;
use crate::limits::{BACKDATE, MAX_VALID_DAYS};
use crate::policy_file::{KeyGrant, PolicyFile};
use crate::{files, image, output, owner, secret};

pub(super) use sealed::header as sealed_header;

/// Arguments of `release`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The deployment's charter
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// The owner's signing key (PKCS#8 PEM), one of the charter's
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Counts up with every release; an enclave and a client never go back
    #[arg(long, value_name = "N")]
    epoch: u64,
    /// Measurements of an image that may serve it, as `nitro-cli build-enclave` prints them
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    image: Vec<PathBuf>,
    /// A sealed model
    #[arg(long, value_name = "SEALED", required = true, num_args = 1..)]
    model: Vec<PathBuf>,
    /// An API key that may ask, by its SHA-256, and optionally which models
    #[arg(long, value_name = "HEX[:MODEL,…]", num_args = 1..)]
    api_key_sha256: Vec<KeyGrant>,
    /// Further keys and limits, in TOML
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// How long the release is in force
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=MAX_VALID_DAYS))]
    valid_days: u64,
    /// Where the release bundle goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    kms: KmsArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    digest: String,
    epoch: u64,
    not_after_ms: u64,
    controls: String,
    models: Vec<ModelLine>,
}

#[derive(Serialize)]
struct ModelLine {
    model: String,
    digest: String,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let charter = owner::charter(&args.charter)?;
    owner::check_kms_key(&charter, &args.kms.kms_key)?;
    let key = secret::signing_key(&args.key)?;
    let models = args.model.iter().map(|path| sealed::read(path, &charter)).collect::<Result<Vec<_>>>()?;
    let names: BTreeSet<Name> = models.iter().map(|model| model.id.name.clone()).collect();
    let (controls, private) =
        PolicyFile::read(args.policy.as_deref())?.parts(&args.api_key_sha256, &names)?;
    let controls = encode_controls(&controls)?;
    let (private_digest, private) = args.seal_private(&charter, &key, &private).await?;
    let now = owner::now();
    let release = Release {
        deployment: charter.charter().deployment.clone(),
        epoch: args.epoch,
        not_before: now.minus(BACKDATE),
        not_after: now.plus(Duration::from_secs(args.valid_days * 24 * 3600)),
        images: args.image.iter().map(|path| image::read(path)).collect::<Result<_>>()?,
        models,
        controls: ControlsDigest::of(&controls),
        private: private_digest,
    };
    let signed = release.sign(&key, &SystemRandom::new())?;
    let bundle = Bundle { release: signed, controls, private };
    check(&bundle, &charter, &release.images, now)?;
    files::write(&args.out, &bundle.encode()?)?;
    let made = Made::new(&bundle, &release);
    output::result(args.json, &made, &made.to_string())
}

impl Args {
    /// Encrypts the private part under a data key of its own.
    async fn seal_private(
        &self,
        charter: &SignedCharter,
        key: &SigningKey,
        private: &Private,
    ) -> Result<(PrivateDigest, Vec<u8>)> {
        let plain = private.encode().map_err(|_| CliError::usage("the private part cannot be encoded"))?;
        let plain = Zeroizing::new(plain);
        let content =
            measure(&mut plain.as_slice(), DEFAULT_CHUNK_BYTES).map_err(CliError::package(&self.out))?;
        let deployment = charter.charter().deployment.clone();
        let manifest = PrivateManifest { deployment, epoch: self.epoch, content };
        let signed = SignedManifest::sign(manifest, key, &SystemRandom::new())
            .map_err(CliError::package(&self.out))?;
        let (data_key, wrapped) = self.kms.data_key(&signed).await?;
        let mut package = Vec::new();
        let sealed = signed.seal(&data_key, wrapped, &mut plain.as_slice(), &mut package);
        sealed.map_err(CliError::package(&self.out))?;
        let digest = hex::encode(signed.digest()).parse();
        Ok((digest.map_err(|_| CliError::usage("the private part has no digest"))?, package))
    }
}

/// The judgement of enclave and client, for each image.
fn check(bundle: &Bundle, charter: &SignedCharter, images: &[ImagePcrs], now: UnixMillis) -> Result<()> {
    for image in images {
        AcceptedRelease::judge(bundle.public(), ReleaseContext { charter, image, now })?;
    }
    Ok(())
}

impl Made {
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

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "digest   {}\nepoch    {}\ncontrols {}", self.digest, self.epoch, self.controls)?;
        self.models.iter().try_for_each(|line| write!(f, "\nmodel    {} {}", line.model, line.digest))
    }
}
