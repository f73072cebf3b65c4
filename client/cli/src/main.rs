//! The `strongroom` command: one binary for owners, clients and auditors.
//!
//! stdout carries the result of a command and nothing else; warnings, SIMULATION and errors go to stderr.
//! Secrets come from files or the environment, never from an argument. What a command does stands in
//! `command/`, what its failure exits with in `exit.rs`, and what to do then in `help.rs`.

mod asking;
mod audit;
mod classes;
mod cli;
mod command;
mod error;
mod examples;
mod exit;
mod files;
mod help;
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
mod progress;
mod provenance;
mod rows;
mod run_model;
mod samples;
mod schema;
mod secret;
mod settings;
mod state;
mod terminal;
mod trust;
mod watermark;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    match run(cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = exit::code(&error);
            output::report(error);
            ExitCode::from(code)
        }
    }
}

fn run(cli: cli::Cli) -> error::Result<()> {
    cli.prepare()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| error::CliError::Runtime(error.kind()))?.block_on(cli.command.run())
}
