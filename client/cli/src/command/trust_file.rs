//! `trust`: the trust file that an owner hands to clients, or that a client writes for itself.
//!
//! Everything that is demanded is given; what is left open is left open by name.

mod require;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand};
use strongroom_attestation::limits::MAX_PUBLISHED_BYTES;
use strongroom_attestation::published::PublishedMeasurements;
use strongroom_attestation::release::{AcceptedRelease, Bundle, ReleaseContext};
use strongroom_attestation::{ImagePcrs, TrustRoot};
use strongroom_client::{Demands, TrustFile, limits};

use crate::error::{CliError, Result};
use crate::limits::{MAX_DOCUMENT_BYTES, MAX_SMALL_FILE_BYTES};
use crate::secret::shown;
use crate::{files, image, output, owner};
use require::RequireArgs;

/// Arguments of `trust`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("images").required(true).multiple(true).args(["image", "measurements"])))]
pub(crate) struct Args {
    /// The deployment's charter
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// Accept any charter that an owner of this one signed, not this one alone
    #[arg(long)]
    any_charter_of_owners: bool,
    /// Measurements of an image that may serve, as `strongroom measure` prints them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    image: Vec<PathBuf>,
    /// Measurements that an owner has published; all of their images may serve
    #[arg(long, value_name = "FILE")]
    measurements: Option<PathBuf>,
    /// Name who publishes measurements in place of the images themselves: whoever uses the trust file then gives the
    /// published measurements beside it
    #[arg(long, requires = "measurements", conflicts_with = "image")]
    by_publisher: bool,
    /// The release whose models and controls are demanded, unless they are left open or demanded otherwise
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// Accept whatever models the owner releases
    #[arg(long)]
    owner_may_change_models: bool,
    /// Accept whatever controls the owner releases
    #[arg(long)]
    owner_decides_controls: bool,
    #[command(flatten)]
    require: RequireArgs,
    /// Lowest acceptable epoch; that of the release when absent
    #[arg(long, value_name = "N")]
    least_epoch: Option<u64>,
    /// Greatest age of evidence
    #[arg(long, value_name = "N", default_value_t = limits::DEFAULT_MAX_AGE.as_secs())]
    max_age_seconds: u64,
    /// Accept a SIMULATED enclave under this root (PEM), and no real one
    #[arg(long, value_name = "FILE")]
    simulation_root: Option<PathBuf>,
    /// Where the trust file goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was demanded, for who wants to see it at once.
#[derive(Serialize)]
struct Made {
    simulation: bool,
    images: usize,
    least_epoch: u64,
}

impl std::fmt::Display for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = if self.simulation { "SIMULATED images" } else { "images" };
        write!(f, "any of {} {of}, releases from epoch {} on", self.images, self.least_epoch)
    }
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let images = images(args)?;
    let release = release(args, &images)?;
    let released = release.as_ref().map(AcceptedRelease::release);
    let unreleased = || {
        CliError::usage(
            "give --release, or leave models and controls open by name, or demand controls by --require-…",
        )
    };
    let charter = owner::charter(&args.charter)?;
    let demands = Demands {
        root: root(args)?,
        images,
        charter: if args.any_charter_of_owners {
            CharterDemand::SignedBy(charter.charter().keys.clone())
        } else {
            CharterDemand::Exactly(charter.digest())
        },
        least_epoch: args
            .least_epoch
            .or(released.map(|release| release.epoch))
            .unwrap_or(charter.charter().least_epoch),
        models: if args.owner_may_change_models {
            ModelDemand::OwnerMayChange
        } else {
            ModelDemand::Exactly(released.ok_or_else(unreleased)?.models.clone())
        },
        controls: match args.require.requirements() {
            Some(requirements) => ControlsDemand::Meeting(requirements),
            None if args.owner_decides_controls => ControlsDemand::OwnerDecides,
            None => ControlsDemand::Exactly(released.ok_or_else(unreleased)?.controls),
        },
        max_age: Duration::from_secs(args.max_age_seconds),
    };
    let file = TrustFile::new(demands).map_err(|error| CliError::Trust { path: args.out.clone(), error })?;
    if file.is_simulation() {
        output::simulation();
    }
    let charter = charter.charter();
    let text = if args.by_publisher {
        file.to_toml_by_publisher(&charter.keys, &charter.deployment)
    } else {
        file.to_toml()
    };
    files::write(&args.out, text.as_bytes())?;
    let demands = file.demands();
    let (images, least_epoch) = (demands.images.len(), demands.least_epoch);
    let made = Made { simulation: file.is_simulation(), images, least_epoch };
    output::result(args.json, &made, &made.to_string())
}

fn images(args: &Args) -> Result<Vec<ImagePcrs>> {
    let mut images = args.image.iter().map(|path| image::read(path)).collect::<Result<Vec<_>>>()?;
    if let Some(path) = &args.measurements {
        let signed = owner::charter(&args.charter)?;
        let document = files::read(path, MAX_PUBLISHED_BYTES as u64)?;
        let charter = signed.charter();
        let published = PublishedMeasurements::open(&document, &charter.keys, &charter.deployment);
        let published = published.map_err(|error| CliError::usage(format!("{}: {error}", shown(path))))?;
        images.extend(published.images.into_iter().map(|published| published.image));
    }
    let mut once = Vec::with_capacity(images.len());
    images.into_iter().for_each(|image| {
        if !once.contains(&image) {
            once.push(image);
        }
    });
    Ok(once)
}

/// The release, judged as enclaves of these images would judge it: one of them must be listed.
fn release(args: &Args, images: &[ImagePcrs]) -> Result<Option<AcceptedRelease>> {
    let Some(path) = &args.release else { return Ok(None) };
    let charter = owner::charter(&args.charter)?;
    let bundle = Bundle::decode(&files::read(path, MAX_DOCUMENT_BYTES)?)?;
    let judge = |image| {
        AcceptedRelease::judge(
            bundle.public(),
            ReleaseContext { charter: &charter, image, now: owner::now() },
        )
    };
    let mut judged = images.iter().rev().map(judge);
    let newest = judged.next().ok_or_else(|| CliError::usage("no image"))?;
    let listed = newest.or_else(|error| judged.find_map(std::result::Result::ok).ok_or(error));
    Ok(Some(listed?))
}

fn root(args: &Args) -> Result<TrustRoot> {
    let Some(path) = &args.simulation_root else { return Ok(TrustRoot::aws_nitro_g1()) };
    let pem = files::read(path, MAX_SMALL_FILE_BYTES)?;
    let unfit = || CliError::usage(format!("{} is not one certificate in PEM", shown(path)));
    let certificate = strongroom_eif::Certificate::from_pem(pem.to_vec()).map_err(|_| unfit())?;
    TrustRoot::from_der(certificate.der()).map_err(|_| unfit())
}
