//! The `strongroom-soak` command.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::{Parser, Subcommand};

use crate::faults::{self, Plan};
use crate::limits::RECOVERY;
use crate::overload::{self, Asked};

/// Holds a SIMULATED service to its promises under faults and overload. `scripts/soak` starts it.
#[derive(Parser)]
#[command(name = "strongroom-soak", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Kills, stops, cuts and starves the parties at random moments.
    Faults {
        /// Seconds after which no further fault begins.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Ends after so many kills, whatever time is left.
        #[arg(long)]
        kills: Option<u64>,
        /// Decides what happens and when; another one each time without it.
        #[arg(long)]
        seed: Option<u64>,
        /// Keeps what the host keeps on a small disk that can be full. Needs the right to mount one.
        #[arg(long)]
        disk: bool,
        /// Seconds in which everybody has to be served again. More than is promised is for machines that do other things, too.
        #[arg(long, default_value_t = RECOVERY.as_secs())]
        recovery: u64,
    },
    /// Asks ten times as much as can be answered, and leaves sessions unused.
    Overload {
        /// Seconds of each step.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Layers of the model that is asked: how long an answer takes.
        #[arg(long, default_value_t = 400)]
        layers: usize,
        /// Cores that the enclave has to itself, as `taskset` lists them.
        #[arg(long)]
        enclave_cores: Option<String>,
    },
}

/// Runs the command. 0 when every promise was kept, 1 when one was broken or the run could not be made.
pub async fn run(cli: Cli) -> ExitCode {
    let kept = match cli.command {
        Command::Faults { seconds, kills, seed, disk, recovery } => {
            let seed = seed.unwrap_or_else(any_seed);
            let (lasting, recovery) = (Duration::from_secs(seconds), Duration::from_secs(recovery));
            faults::run(Plan { lasting, kills, seed, disk, recovery }).await
        }
        Command::Overload { seconds, layers, enclave_cores } => {
            overload::run(Asked { step: Duration::from_secs(seconds), layers, enclave_cores }).await
        }
    };
    match kept {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn any_seed() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| u64::from(since.subsec_nanos()))
}

/// A result, for stdout.
#[expect(clippy::print_stdout, reason = "stdout carries this command's results")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A word to the person at the terminal, for stderr.
#[expect(clippy::print_stderr, reason = "stderr carries what is not a result")]
pub(crate) fn tell(line: &str) {
    eprintln!("strongroom-soak: {line}");
}
