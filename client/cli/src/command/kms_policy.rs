//! `kms-policy`: the policy that ties the KMS key to images and charter, and a judgement of any policy.

mod lint;

use std::path::{Path, PathBuf};

use strongroom_attestation::Pcr;
use strongroom_kms::policy::{Pin, PinnedPcr, Principals, key_policy};
use strongroom_kms::{PolicyText, PrincipalArn};

use crate::error::{CliError, Result};
use crate::{image, output, owner};

/// Arguments of `kms-policy`: those of the generator, or another action.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    generate: Option<Generate>,
}

/// What else can be done with a policy.
#[derive(clap::Subcommand)]
enum Action {
    /// Judge a key policy: whether nobody can decrypt without a pinned attestation
    Lint(Box<lint::Args>),
}

/// Arguments of the generator.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("images").required(true).multiple(true).args(["image", "pcr0"])))]
struct Generate {
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

pub(crate) async fn run(args: Args) -> Result<()> {
    match (args.action, args.generate) {
        (Some(Action::Lint(args)), _) => lint::run(&args).await,
        (None, Some(args)) => generate(args),
        // clap demands one of the two.
        (None, None) => Err(CliError::usage("give --charter and an image, or `lint`")),
    }
}

fn generate(args: Generate) -> Result<()> {
    let measured = args.image.iter().map(|path| image::read(path).map(|image| image.pcr0));
    let mut images: Vec<Pcr> = measured.collect::<Result<_>>()?;
    images.extend(&args.pcr0);
    let principals = Principals { admin: args.admin, sealer: args.sealer, enclave: args.enclave_role };
    output::bytes(policy(&args.charter, &images, &principals)?.as_str().as_bytes())
}

/// The policy under which only these images with this charter can decrypt.
pub(crate) fn policy(charter: &Path, images: &[Pcr], principals: &Principals) -> Result<PolicyText> {
    let charter = PinnedPcr::new(*owner::charter(charter)?.pcr16().as_bytes())?;
    let pin = |image: &Pcr| {
        let image = PinnedPcr::new(*image.as_bytes());
        image.map(|image| Pin { image, charter }).map_err(|error| CliError::usage(error.to_string()))
    };
    let pins: Vec<Pin> = images.iter().map(pin).collect::<Result<_>>()?;
    key_policy(principals, &pins).map_err(|error| CliError::usage(error.to_string()))
}
