//! `strongroom-host`: reads the configuration, then runs the host until it is told to stop.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use strongroom_host::config::{Cli, Command, ConfigError, DoctorArgs, Settings};
use strongroom_host::{Config, HostError, check, doctor, logging, run, shutdown};

/// Exit code of an unusable configuration.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Bytes are carried and nothing is computed: half the cores do that with fewer wake-ups than all of them.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.div_ceil(2)).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(Cli::parse())),
        Err(error) => complain(&error, 1),
    }
}

async fn serve(cli: Cli) -> ExitCode {
    if let Some(Command::Doctor(args)) = cli.command {
        return examine(args).await;
    }
    let config = match Settings::load(cli.config, cli.settings).and_then(configure) {
        Ok(config) => config,
        Err(error) => return complain(&error, USAGE),
    };
    if cli.check {
        return check(&config).map_or_else(|error| complain(&error, USAGE), |()| ExitCode::SUCCESS);
    }
    let stop = match shutdown::asked() {
        Ok(stop) => stop,
        Err(error) => return complain(&error, 1),
    };
    let code = |error: &HostError| if error.is_configuration() { USAGE } else { 1 };
    run(config, stop).await.map_or_else(|error| complain(&error, code(&error)), |()| ExitCode::SUCCESS)
}

fn configure(settings: Settings) -> Result<Config, ConfigError> {
    logging::start(settings.log_format.unwrap_or_default(), settings.log_level.unwrap_or_default());
    Config::new(settings)
}

async fn examine(args: DoctorArgs) -> ExitCode {
    let settings = match Settings::load(args.config, args.settings) {
        Ok(settings) => settings,
        Err(error) => return complain(&error, USAGE),
    };
    let (text, is_good) = doctor::answer(&settings, args.json).await;
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(u8::from(!is_good)),
        Err(error) => complain(&error, 1),
    }
}

fn complain(error: &dyn Error, code: u8) -> ExitCode {
    // There is nobody left to tell when stderr is gone.
    let _ = writeln!(io::stderr(), "strongroom-host: {error}");
    ExitCode::from(code)
}
