//! The `strongroom-bench` command.

use std::process::ExitCode;

use clap::Parser;
use strongroom_bench::command::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
