//! The enclave's first process. There is no other program in the image, no shell, and nothing to log in to.
//!
//! In this order, and the number stands again at the code:
//!
//! 1. It is process 1, and runs without arguments and environment: the kernel makes both out of words of its
//!    command line, so what came with them is dropped by executing the binary anew.
//! 2. One byte to the parent says that the enclave runs, and comes back (AWS's boot protocol).
//! 3. proc, sys, dev and tmp are mounted.
//! 4. The driver of the NSM is loaded where the kernel has it as a module.
//! 5. Random bytes of the NSM are mixed into the kernel's, and the kernel says that it has enough.
//! 6. The loopback interface is up.
//! 7. Limits are set, and no process ever leaves a core dump.
//!
//! A step that fails ends the enclave. So does everything that ends [`crate::main`]: the machine reboots, which
//! for an enclave is its end, and the console, which only a debug enclave shows, has the reason in public words.

mod bare;
mod entropy;
mod heartbeat;
mod limits;
mod loopback;
mod machine;
mod mounts;

use std::process::ExitCode;

use rustix::process::{Pid, WaitOptions, getpid, waitpid};
use rustix::system::{RebootCommand, reboot};
use strongroom_enclave::ClockSource;
use strongroom_nsm::DeviceNsm;
use tokio::signal::unix::{SignalKind, signal};

/// What the machine offers once it is set up.
pub(crate) struct Machine {
    pub(crate) nsm: DeviceNsm,
    pub(crate) clock_source: ClockSource,
}

/// Sets the machine up.
///
/// # Errors
/// What failed, in words that anyone may read.
pub(crate) fn start() -> Result<Machine, String> {
    // 1
    if !is_first_process() {
        return Err("not the first process of an enclave".to_owned());
    }
    bare::run_bare().map_err(|error| failed("executing itself anew", error))?;
    // 2
    heartbeat::send()?;
    // 3
    mounts::all().map_err(|(what, error)| failed(&format!("mounting {what}"), error))?;
    // 4
    machine::load_driver().map_err(|error| failed("loading the NSM's driver", error))?;
    let nsm = DeviceNsm::open().map_err(|error| error.to_string())?;
    // 5
    entropy::seed(&nsm)?;
    // 6
    loopback::up().map_err(|error| failed("bringing the loopback interface up", error))?;
    // 7
    limits::set().map_err(|error| failed("setting limits", error))?;
    Ok(Machine { nsm, clock_source: machine::clock_source() })
}

fn is_first_process() -> bool {
    getpid() == Pid::INIT
}

fn failed(what: &str, error: impl Into<std::io::Error>) -> String {
    format!("{what}: {}", error.into().kind())
}

/// Reaps whatever is left to process 1. The enclave starts no other process, but a kernel may.
pub(crate) async fn reap() {
    let Ok(mut child) = signal(SignalKind::child()) else { return };
    while child.recv().await.is_some() {
        while let Ok(Some(_)) = waitpid(None, WaitOptions::NOHANG) {}
    }
}

/// Says why and ends the enclave. Returns only where this is none.
pub(crate) fn end(reason: &str) -> ExitCode {
    report(reason);
    if is_first_process() {
        std::thread::sleep(limits::LAST_WORDS);
        // Where even that fails, the end of process 1 makes the kernel panic, and then reboot.
        let _ = reboot(RebootCommand::Restart);
    }
    ExitCode::FAILURE
}

/// Writes to the console, which only a debug enclave shows. The words are public.
#[expect(clippy::print_stderr, reason = "an enclave has no other place to say why it ends")]
pub(crate) fn report(words: &str) {
    eprintln!("strongroom-enclave: {words}");
}
