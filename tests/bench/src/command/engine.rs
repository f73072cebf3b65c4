//! `engine`: our engine in this process.

use std::path::PathBuf;

use strongroom_engine::DeriveOptions;
use strongroom_seal::model::DimRange;

use crate::error::BenchError;
use crate::request::BenchRequest;
use crate::worker::Worker;

/// Arguments of `engine`.
#[derive(clap::Args)]
pub(super) struct EngineArguments {
    /// The ONNX file.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// What it is asked: an Open Inference Protocol body.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Range of a symbol, as `strongroom seal` takes it; repeatable.
    #[arg(long, value_name = "NAME=MIN..MAX", value_parser = dim)]
    dim: Vec<(String, DimRange)>,
}

pub(super) fn run(arguments: &EngineArguments) -> Result<(), BenchError> {
    let onnx = std::fs::read(&arguments.model);
    let onnx = onnx.map_err(BenchError::io(arguments.model.display().to_string()))?;
    let options =
        DeriveOptions { symbols: arguments.dim.iter().cloned().collect(), ..DeriveOptions::default() };
    let worker = Worker::load(onnx, &options, BenchRequest::read(&arguments.request)?)?;
    worker.serve(std::io::stdin().lock(), std::io::stdout().lock())
}

fn dim(text: &str) -> Result<(String, DimRange), String> {
    let (name, range) = text.rsplit_once('=').ok_or("expected NAME=MIN..MAX")?;
    let (min, max) = range.split_once("..").ok_or("expected NAME=MIN..MAX")?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| "expected NAME=MIN..MAX");
    Ok((name.to_owned(), DimRange { min: number(min)?, max: number(max)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_a_name_and_two_ends() {
        let range = DimRange { min: 1, max: 8 };
        assert_eq!(dim("a.b=1..8"), Ok(("a.b".into(), range)));
        assert!(dim("a=1").is_err() && dim("1..8").is_err() && dim("a=x..8").is_err());
    }
}
