//! `infer`: one verified, sealed inference. stdout carries the response alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use strongroom_client::oip::{self, ResponseBody};
use strongroom_client::{Client, InferRequest, Options, limits};
use strongroom_proto::name::Name;

use crate::error::{CliError, Result};
use crate::secret::SecretFile;
use crate::state::Memory;
use crate::trust::TrustArgs;
use crate::{files, output, secret};

/// Arguments of `infer`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The host, http://HOST:PORT or https://HOST:PORT
    #[arg(long)]
    url: String,
    #[command(flatten)]
    trust: TrustArgs,
    /// File that holds the API key; else the environment variable STRONGROOM_API_KEY
    #[arg(long, value_name = "@FILE")]
    api_key: Option<SecretFile>,
    /// Which model
    #[arg(long)]
    model: Name,
    /// Which version of it; the only one of the release when absent
    #[arg(long = "model-version", value_name = "VERSION")]
    version: Option<Name>,
    /// Infer request of the Open Inference Protocol v2 in JSON; - is stdin
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let trust = args.trust.load()?;
    let key = secret::api_key(args.api_key.as_ref())?;
    let json = files::read(&args.input, limits::MAX_JSON_BYTES as u64)?;
    let body = oip::read_request(&json).map_err(CliError::Request)?;
    let memory = Memory::load(&trust);
    let options = Options { known_epochs: memory.known(), ..Options::default() };
    let client = Client::connect(&args.url, trust, key, options)?;
    let request = InferRequest {
        model: args.model,
        version: args.version,
        inputs: body.inputs,
        outputs: body.outputs,
        risk: BTreeMap::new(),
    };
    let answer = client.infer(request).await;
    memory.keep(&client.epochs());
    let answer = answer?;
    let response =
        ResponseBody { id: body.id, model: answer.model, version: answer.version, outputs: answer.outputs };
    output::line(&oip::write_response(&response).map_err(CliError::Unprintable)?)
}
