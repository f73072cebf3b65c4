//! The measured binary: the image's first process. Sets the machine up, fills in the real platform and runs.
//!
//! Settings are files of the measured image. Arguments and environment are dropped before anything else.

mod init;

use std::alloc::System;
use std::panic::Location;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use strongroom_enclave::{Platform, run};
use strongroom_kms::TlsRoots;
use strongroom_link::{Endpoint, PeerRule};
use zeroizing_alloc::ZeroAlloc;

use init::Machine;

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
    std::panic::set_hook(Box::new(|panic| init::report(&place(panic.location()))));
    let ended = std::panic::catch_unwind(serve);
    let reason = ended.unwrap_or_else(|_| Err("a panic was not contained".to_owned()));
    init::end(&reason.err().unwrap_or_else(|| "the service ended".to_owned()))
}

/// Where a panic began. Its message is not shown: it may hold data.
fn place(location: Option<&Location<'_>>) -> String {
    location.map_or_else(|| "panic".to_owned(), |at| format!("panic at {}:{}", at.file(), at.line()))
}

fn serve() -> Result<(), String> {
    let platform = platform(init::start()?)?;
    // One more than runs of models that may keep one busy.
    let threads = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    runtime.map_err(|_| "no threads".to_owned())?.block_on(async {
        tokio::spawn(init::reap());
        run(platform).await.map_err(|error| error.to_string())
    })
}

fn platform(machine: Machine) -> Result<Platform, String> {
    let parent = read(PARENT_CID_FILE)?;
    let parent: u32 = parent.trim().parse().map_err(|_| format!("{PARENT_CID_FILE}: not a number"))?;
    let roots = TlsRoots::from_pem(read(KMS_ROOTS_FILE)?.as_bytes());
    Ok(Platform {
        nsm: Arc::new(machine.nsm),
        service: Endpoint::Vsock { cid: ANY_CID, port: SERVICE_PORT },
        parent: PeerRule::Cid(parent),
        host: Endpoint::Vsock { cid: parent, port: HOST_PORT },
        kms_tunnel: Endpoint::Vsock { cid: parent, port: KMS_PORT },
        kms_roots: roots.map_err(|error| format!("{KMS_ROOTS_FILE}: {error}"))?,
        clock_source: machine.clock_source,
    })
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(Path::new(path)).map_err(|error| format!("{path}: {}", error.kind()))
}
