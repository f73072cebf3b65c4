//! The `strongroom` command: one binary for owners, clients and auditors.
//!
//! stdout carries the result of a command and nothing else; warnings, SIMULATION and errors go to stderr.
//! Secrets come from files or the environment, never from an argument. What a command does stands in
//! `command/`, what its failure exits with in `exit.rs`.

mod asking;
mod audit;
mod classes;
mod command;
mod error;
mod exit;
mod files;
mod history;
mod image;
mod keep;
mod kms;
mod limits;
mod model_signature;
mod monitor;
#[cfg(test)]
mod nitro;
mod output;
mod owner;
mod policy;
mod provenance;
mod rows;
mod run_model;
mod samples;
mod schema;
mod secret;
mod state;
mod trust;
mod watermark;
mod words;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Confidential inference: seal models, release them, verify enclaves, ask them.
#[derive(Parser)]
#[command(name = "strongroom", version)]
struct Cli {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("STRONGROOM_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit::code(&error);
            output::report(error);
            ExitCode::from(code)
        }
    }
}

fn run(cli: Cli) -> Result<(), error::CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error::CliError::Runtime(error.kind()))?.block_on(cli.command.run())
}
