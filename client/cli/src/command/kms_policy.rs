//! `kms-policy`: the policy that ties the KMS key to images and charter.

use std::path::PathBuf;

use strongroom_attestation::Pcr;
use strongroom_kms::PrincipalArn;
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy};

use crate::error::{CliError, Result};
use crate::{image, output, owner};

/// Arguments of `kms-policy`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("images").required(true).multiple(true).args(["image", "pcr0"])))]
pub(crate) struct Args {
    /// The deployment's charter, which fixes PCR16
    #[arg(long, value_name = "FILE")]
    charter: PathBuf,
    /// Measurements of an image that may use the key, as `nitro-cli build-enclave` prints them
    #[arg(long, value_name = "FILE", num_args = 1..)]
    image: Vec<PathBuf>,
    /// PCR0 of an image that may use the key
    #[arg(long, value_name = "HEX", num_args = 1..)]
    pcr0: Vec<Pcr>,
    /// Who manages the key; whoever can change the policy can undo it
    #[arg(long, value_name = "ARN")]
    admin: PrincipalArn,
    /// Who seals models with the key
    #[arg(long, value_name = "ARN")]
    sealer: PrincipalArn,
    /// The role of the hosts that run enclaves
    #[arg(long, value_name = "ARN")]
    enclave_role: PrincipalArn,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let charter = PinnedPcr::new(*owner::charter(&args.charter)?.pcr16().as_bytes())?;
    let measured = args.image.iter().map(|path| image::read(path).map(|image| image.pcr0));
    let images: Vec<Pcr> = measured.collect::<Result<_>>()?;
    let pin = |image: &Pcr| {
        let image = PinnedPcr::new(*image.as_bytes());
        image.map(|image| Pin { image, charter }).map_err(|error| CliError::usage(error.to_string()))
    };
    let pins: Vec<Pin> = images.iter().chain(&args.pcr0).map(pin).collect::<Result<_>>()?;
    let principals = Principals { admin: args.admin, sealer: args.sealer, enclave: args.enclave_role };
    output::bytes(key_policy(&principals, &pins)?.as_str().as_bytes())
}
