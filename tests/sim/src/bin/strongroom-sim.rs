//! SIMULATION: brings up a whole Strongroom on this machine, and attacks it.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use strongroom_sim::command::{Cli, run};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours).init();
    run(Cli::parse()).await
}
