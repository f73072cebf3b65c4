//! The measured binary: fills in the real platform and runs.
//!
//! Settings are files of the measured image. There are no arguments, and the environment is not read.

use std::alloc::System;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use strongroom_enclave::{Platform, run};
use strongroom_kms::TlsRoots;
use strongroom_link::{Endpoint, PeerRule};
use strongroom_nsm::DeviceNsm;
use zeroizing_alloc::ZeroAlloc;

/// Zeroes memory when it is freed: the engine's own copies of weights and inputs know no `Zeroize`.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Context id of the parent instance, as every enclave sees it.
const PARENT_CID_FILE: &str = "/etc/strongroom/parent-cid";
/// Certificate authorities that may vouch for KMS, in PEM.
const KMS_ROOTS_FILE: &str = "/etc/strongroom/kms-roots.pem";

const SERVICE_PORT: u32 = 5000;
const HOST_PORT: u32 = 5001;
const KMS_PORT: u32 = 5002;

/// vsock's "any context id", for listening.
const ANY_CID: u32 = u32::MAX;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| report("a panic was contained")));
    let platform = match platform() {
        Ok(platform) => platform,
        Err(reason) => return stop(&reason),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map(|runtime| runtime.block_on(run(platform))) {
        Ok(Ok(())) => stop("the service ended"),
        Ok(Err(error)) => stop(&error.to_string()),
        Err(_) => stop("no threads"),
    }
}

fn platform() -> Result<Platform, String> {
    let parent = read(PARENT_CID_FILE)?;
    let parent: u32 = parent.trim().parse().map_err(|_| format!("{PARENT_CID_FILE}: not a number"))?;
    let roots = TlsRoots::from_pem(read(KMS_ROOTS_FILE)?.as_bytes());
    let nsm = DeviceNsm::open().map_err(|error| error.to_string())?;
    Ok(Platform {
        nsm: Arc::new(nsm),
        service: Endpoint::Vsock { cid: ANY_CID, port: SERVICE_PORT },
        parent: PeerRule::Cid(parent),
        host: Endpoint::Vsock { cid: parent, port: HOST_PORT },
        kms_tunnel: Endpoint::Vsock { cid: parent, port: KMS_PORT },
        kms_roots: roots.map_err(|error| format!("{KMS_ROOTS_FILE}: {error}"))?,
    })
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(Path::new(path)).map_err(|error| format!("{path}: {}", error.kind()))
}

fn stop(reason: &str) -> ExitCode {
    report(reason);
    ExitCode::FAILURE
}

/// Writes to the console, which only a debug enclave shows. The words are public.
#[expect(clippy::print_stderr, reason = "an enclave has no other place to say why it cannot start")]
fn report(reason: &str) {
    eprintln!("strongroom-enclave: {reason}");
}
