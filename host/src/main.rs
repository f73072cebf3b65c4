//! `strongroom-host`: reads the configuration, then runs the host until it is told to stop.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use strongroom_host::config::{Cli, Settings};
use strongroom_host::{Config, logging};
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of an unusable configuration.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let check = cli.check;
    let config = Settings::load(cli).and_then(|settings| {
        logging::start(settings.log_format.unwrap_or_default(), settings.log_level.unwrap_or_default());
        Config::new(settings)
    });
    let config = match config {
        Ok(config) => config,
        Err(error) => return complain(&error, USAGE),
    };
    if check {
        return strongroom_host::check(&config)
            .map_or_else(|error| complain(&error, USAGE), |()| ExitCode::SUCCESS);
    }
    let stop = match stop_signal() {
        Ok(stop) => stop,
        Err(error) => return complain(&error, 1),
    };
    match strongroom_host::run(config, stop).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error, 1),
    }
}

/// Completes at the first SIGTERM or SIGINT. Registered at once, so that an early signal counts.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

fn complain(error: &dyn std::error::Error, code: u8) -> ExitCode {
    // There is nobody left to tell when stderr is gone.
    let _ = writeln!(io::stderr(), "strongroom-host: {error}");
    ExitCode::from(code)
}
