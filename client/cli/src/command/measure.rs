//! `measure`: the registers of an enclave image, before anyone runs it.

use std::path::{Path, PathBuf};

use ring::rand::SystemRandom;
use serde::Serialize;
use strongroom_attestation::published::{PublishedImage, PublishedMeasurements};
use strongroom_eif::{Image, Measurements};
use strongroom_kms::PrincipalArn;
use strongroom_kms::policy::Principals;
use strongroom_proto::name::Name;

use super::kms_policy;
use crate::error::{CliError, Result};
use crate::limits::MAX_IMAGE_PART_BYTES;
use crate::secret::shown;
use crate::{files, output, owner, secret};

/// Arguments of `measure`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("form").args(["kms_policy", "sign"])))]
pub(crate) struct Args {
    /// Enclave images, the newest last; several only for --kms-policy and --sign
    #[arg(value_name = "EIF", required = true)]
    images: Vec<PathBuf>,
    /// Print the policy of a KMS key that only these images under the charter can use
    #[arg(long, requires_all = ["charter", "admin", "sealer", "enclave_role"])]
    kms_policy: bool,
    /// Publish the measurements, signed with this key of the charter (PKCS#8 PEM)
    #[arg(long, value_name = "KEY", requires_all = ["charter", "output"])]
    sign: Option<PathBuf>,
    /// The deployment's charter
    #[arg(long, value_name = "FILE")]
    charter: Option<PathBuf>,
    /// Who manages the key; whoever can change the policy can undo it
    #[arg(long, value_name = "ARN", requires = "kms_policy")]
    admin: Option<PrincipalArn>,
    /// Who seals models with the key
    #[arg(long, value_name = "ARN", requires = "kms_policy")]
    sealer: Option<PrincipalArn>,
    /// The role of the hosts that run enclaves
    #[arg(long, value_name = "ARN", requires = "kms_policy")]
    enclave_role: Option<PrincipalArn>,
    /// Where the signed measurements go
    #[arg(long, short, value_name = "FILE", requires = "sign")]
    output: Option<PathBuf>,
}

/// What nitro-cli prints of an image.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Built {
    pub(crate) measurements: Measurements,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let measured = args.images.iter().map(|path| measure(path)).collect::<Result<Vec<_>>>()?;
    let principals = principals(args.admin, args.sealer, args.enclave_role);
    match (args.charter.as_deref(), principals, &args.sign, &args.output) {
        (Some(charter), Some(principals), None, _) => {
            let images: Vec<_> = measured.iter().map(|image| image.measurements.image.pcr0).collect();
            output::bytes(kms_policy::policy(charter, &images, &principals)?.as_str().as_bytes())
        }
        (Some(charter), _, Some(key), Some(out)) => publish(charter, &measured, key, out),
        _ => match <[Measured; 1]>::try_from(measured) {
            Ok([image]) => output::json(&Built { measurements: image.measurements }),
            Err(_) => Err(CliError::usage("give one image, or --kms-policy or --sign")),
        },
    }
}

fn principals(
    admin: Option<PrincipalArn>,
    sealer: Option<PrincipalArn>,
    enclave: Option<PrincipalArn>,
) -> Option<Principals> {
    Some(Principals { admin: admin?, sealer: sealer?, enclave: enclave? })
}

struct Measured {
    version: Name,
    measurements: Measurements,
}

fn measure(path: &Path) -> Result<Measured> {
    let bytes = files::read(path, MAX_IMAGE_PART_BYTES)?;
    let image = Image::read(&bytes).map_err(|error| CliError::usage(format!("{}: {error}", shown(path))))?;
    let version = image.metadata().and_then(|metadata| metadata.image_version.parse().ok());
    let unnamed = || CliError::usage(format!("{}: the metadata name no version", shown(path)));
    let version = version.map_or_else(|| "unknown".parse().map_err(|_| unnamed()), Ok)?;
    Ok(Measured { version, measurements: image.measure() })
}

fn publish(charter: &Path, measured: &[Measured], key: &Path, out: &Path) -> Result<()> {
    let charter = owner::charter(charter)?;
    let key = secret::signing_key(key)?;
    if !charter.charter().keys.contains(key.public()) {
        return Err(CliError::usage("the charter does not name this signing key"));
    }
    let image =
        |one: &Measured| PublishedImage { version: one.version.clone(), image: one.measurements.image };
    let published = PublishedMeasurements {
        deployment: charter.charter().deployment.clone(),
        images: measured.iter().map(image).collect(),
    };
    let document = published.sign(&key, &SystemRandom::new());
    files::write(out, &document.map_err(|error| CliError::usage(error.to_string()))?)?;
    output::note(&format!("{} images published for {}", published.images.len(), published.deployment));
    Ok(())
}
