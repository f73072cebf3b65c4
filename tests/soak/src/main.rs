//! The `strongroom-soak` command.

use std::process::ExitCode;

use clap::Parser;
use strongroom_soak::command::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
