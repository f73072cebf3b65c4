//! `infer`: one verified, sealed inference. stdout carries the response alone.

use std::path::PathBuf;

use strongroom_client::oip::{self, ResponseBody};
use strongroom_client::{InferRequest, limits};
use strongroom_proto::name::Name;

use crate::asking::AskArgs;
use crate::error::{CliError, Result};
use crate::keep::{KeepArgs, Keeper};
use crate::{files, output};

/// Arguments of `infer`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    ask: AskArgs,
    /// Which model, or a route that leads to one of several
    #[arg(long)]
    model: Name,
    /// Which version of it; the only one of the release when absent
    #[arg(long = "model-version", value_name = "VERSION")]
    version: Option<Name>,
    /// Infer request of the Open Inference Protocol v2 in JSON; - is stdin
    #[arg(long, value_name = "FILE|-")]
    input: PathBuf,
    /// What is declared of the request where a route chooses by it, an amount of money say
    #[arg(long, value_name = "NAME=NUMBER", num_args = 1.., value_parser = risk)]
    risk: Vec<(Name, f64)>,
    #[command(flatten)]
    keep: KeepArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let keeper = Keeper::new(args.keep);
    let asking = args.ask.connect(Some(keeper.keep()))?;
    let json = files::read(&args.input, limits::MAX_JSON_BYTES as u64)?;
    let body = oip::read_request(&json).map_err(CliError::Request)?;
    let request = InferRequest {
        model: args.model,
        version: args.version,
        inputs: body.inputs,
        outputs: body.outputs,
        risk: args.risk.into_iter().collect(),
    };
    let answer = asking.done(asking.client.infer(request).await)?;
    let response =
        ResponseBody { id: body.id, model: answer.model, version: answer.version, outputs: answer.outputs };
    output::line(&oip::write_response(&response).map_err(CliError::Unprintable)?)?;
    keeper.finish()
}

fn risk(text: &str) -> std::result::Result<(Name, f64), String> {
    let (name, number) = text.split_once('=').ok_or("a risk field is NAME=NUMBER")?;
    let name = name.parse().map_err(|_| "the name of a risk field is 1 to 64 of a-z 0-9 . _ -")?;
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite());
    Ok((name, number.ok_or("a risk is a finite number")?))
}
