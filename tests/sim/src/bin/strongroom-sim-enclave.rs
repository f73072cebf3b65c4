//! The simulated enclave: the same service as the measured binary, on a pretended NSM that measures
//! this executable's own bytes, and on unix sockets.

use std::alloc::System;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use strongroom_enclave::{ClockSource, Platform, run};
use strongroom_kms::TlsRoots;
use strongroom_link::{Endpoint, PeerRule};
use strongroom_sim::nsm::{SimIdentity, SimNsm, shifted_clock, system_clock};
use strongroom_sim::pki::NitroPki;
use zeroizing_alloc::ZeroAlloc;

/// As in the measured binary.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// SIMULATED enclave. It proves nothing about real hardware.
#[derive(Parser)]
struct Arguments {
    /// Simulated Nitro PKI.
    #[arg(long, value_name = "DIR")]
    pki: PathBuf,
    /// Certificate authorities that may vouch for KMS, in PEM.
    #[arg(long, value_name = "FILE")]
    kms_roots: PathBuf,
    /// Where to listen for the host.
    #[arg(long, value_name = "ENDPOINT")]
    service: Endpoint,
    /// Where the host answers.
    #[arg(long, value_name = "ENDPOINT")]
    host: Endpoint,
    /// Where the host carries bytes to KMS.
    #[arg(long, value_name = "ENDPOINT")]
    kms_tunnel: Endpoint,
    /// What a document takes the NSM, in milliseconds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    nsm_delay_ms: u64,
    /// By how many milliseconds the NSM's clock is ahead of this machine's, or behind, at each moment
    #[arg(long, value_name = "FILE")]
    nsm_ahead_ms: Option<PathBuf>,
    /// Debug mode: PCR0 to PCR2 are zero.
    #[arg(long)]
    debug: bool,
}

fn main() -> ExitCode {
    // As in the measured binary: a panic's message may hold values of a request.
    std::panic::set_hook(Box::new(|_| report("a panic was contained")));
    let threads = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let served = platform(Arguments::parse()).and_then(|platform| {
        let runtime = runtime.map_err(|error| error.to_string())?;
        runtime.block_on(run(platform)).map_err(|error| error.to_string())
    });
    report(served.err().as_deref().unwrap_or("the service ended"));
    ExitCode::FAILURE
}

fn platform(arguments: Arguments) -> Result<Platform, String> {
    let pki = NitroPki::load(&arguments.pki).map_err(|error| error.to_string())?;
    let executable = std::env::current_exe().and_then(std::fs::read).map_err(|error| error.to_string())?;
    let identity = SimIdentity {
        executable: &executable,
        role: "arn:aws:iam::111122223333:role/strongroom-host",
        instance: "i-0123456789abcdef0",
        debug: arguments.debug,
    };
    let delay = Duration::from_millis(arguments.nsm_delay_ms);
    let clock = arguments.nsm_ahead_ms.map_or_else(system_clock, shifted_clock);
    let nsm = SimNsm::new(Arc::new(pki), identity, delay, clock);
    let roots = std::fs::read(&arguments.kms_roots).map_err(|error| error.to_string())?;
    Ok(Platform {
        nsm: Arc::new(nsm.map_err(|error| error.to_string())?),
        service: arguments.service,
        parent: PeerRule::AnyLocal,
        host: arguments.host,
        kms_tunnel: arguments.kms_tunnel,
        kms_roots: TlsRoots::from_pem(&roots).map_err(|error| error.to_string())?,
        clock_source: ClockSource::Other,
    })
}

#[expect(clippy::print_stderr, reason = "stderr stands for the enclave's console")]
fn report(reason: &str) {
    eprintln!("SIMULATION strongroom-sim-enclave: {reason}");
}
