//! The `strongroom-bench` command.

use std::process::ExitCode;

use clap::Parser;
use strongroom_bench::command::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
