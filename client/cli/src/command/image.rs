//! `image`: puts an enclave image together from a kernel, the measured binary and its settings.
//!
//! The same inputs always give the same bytes. Two RAM disks: the first holds what the kernel needs (PCR1), the
//! second the binary and its settings (PCR2), and nothing else is in either.

mod contents;
mod sign;

use std::path::PathBuf;

use serde_json::{Map, Value};
use strongroom_eif::{BuildMetadata, Draft, Metadata};

use super::measure::Built;
use crate::error::{CliError, Result};
use crate::limits::{MAX_IMAGE_PART_BYTES, MAX_SMALL_FILE_BYTES};
use crate::{files, output};

/// The time that is written into every image: the same sources must give the same bytes.
const BUILD_TIME: &str = "1970-01-01T00:00:00Z";

/// Arguments of `image`.
#[derive(clap::Args)]
#[command(group(clap::ArgGroup::new("signer").args(["sign_key", "sign_kms_key"])))]
pub(crate) struct Args {
    /// The measured binary, static; `scripts/build-eif` builds it
    #[arg(long, value_name = "FILE")]
    init: PathBuf,
    /// The kernel, as nitro-cli installs it
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    /// Text file with the kernel's command line; one for Nitro Enclaves when absent
    #[arg(long, value_name = "FILE")]
    cmdline: Option<PathBuf>,
    /// The NSM's driver, for a kernel that does not have it built in
    #[arg(long, value_name = "FILE")]
    nsm_module: Option<PathBuf>,
    /// Context id of the parent instance, as its enclaves see it
    #[arg(long, value_name = "N", default_value_t = 3)]
    parent_cid: u32,
    /// PEM certificates that may vouch for KMS; those of Amazon Trust Services when absent
    #[arg(long, value_name = "FILE")]
    pin_kms_roots: Option<PathBuf>,
    /// Name in the metadata, which are not measured
    #[arg(long, default_value = "strongroom")]
    name: String,
    /// Something else for the metadata, such as libc6-dev=2.36-9
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    metadata: Vec<(String, String)>,
    #[command(flatten)]
    signer: sign::SignerArgs,
    /// Where the image goes
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) async fn run(args: &Args) -> Result<()> {
    let draft = draft(args)?;
    let (bytes, measurements) = match args.signer.signer()? {
        None => (draft.unsigned()?, draft.measure(None)),
        Some(signer) => {
            let signature = signer.sign(draft.measure(None).image.pcr0).await?;
            (draft.signed(&signature)?, draft.measure(Some(signature.certificate())))
        }
    };
    files::write(&args.output, &bytes)?;
    output::json(&Built { measurements })
}

fn draft(args: &Args) -> Result<Draft> {
    let kernel = files::read(&args.kernel, MAX_IMAGE_PART_BYTES)?.to_vec();
    let command_line = match &args.cmdline {
        Some(path) => files::read_text(path, MAX_SMALL_FILE_BYTES)?.trim_end().to_owned(),
        None => contents::COMMAND_LINE.to_owned(),
    };
    let kernel_version = contents::kernel_version(&kernel).unwrap_or_else(|| "unknown".to_owned());
    let ramdisks = vec![
        contents::boot(args.nsm_module.as_deref())?,
        contents::application(&args.init, args.parent_cid, args.pin_kms_roots.as_deref())?,
    ];
    Ok(Draft::new(kernel, command_line, &metadata(args, kernel_version), ramdisks)?)
}

fn metadata(args: &Args, kernel_version: String) -> Metadata {
    let custom = args.metadata.iter().map(|(key, value)| (key.clone(), Value::from(value.clone())));
    Metadata {
        image_name: args.name.clone(),
        image_version: env!("CARGO_PKG_VERSION").to_owned(),
        build_metadata: BuildMetadata {
            build_time: BUILD_TIME.to_owned(),
            build_tool: "strongroom".to_owned(),
            build_tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            operating_system: "Linux".to_owned(),
            kernel_version,
        },
        docker_info: Value::Null,
        custom_metadata: Value::Object(custom.collect::<Map<_, _>>()),
    }
}

fn key_value(text: &str) -> std::result::Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("metadata are KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl From<strongroom_eif::EifError> for CliError {
    fn from(error: strongroom_eif::EifError) -> Self {
        Self::usage(error.to_string())
    }
}
