//! The Nitro CLI, its driver's device, and the vsock device.

use std::path::Path;
use std::process::Stdio;

use rustix::fs::{Access, access};
use tokio::process::Command;
use tokio::time::timeout;

use super::{Finding, System, is_nitro, no_nitro};
use crate::config::Settings;
use crate::limits::DOCTOR_TIMEOUT;

const DEVICE: &str = "/dev/nitro_enclaves";
const VSOCK: &str = "/dev/vsock";

const INSTALL: &str = "install the Nitro Enclaves CLI: on Amazon Linux 2023 \
    `dnf install aws-nitro-enclaves-cli aws-nitro-enclaves-cli-devel`";
const LAUNCH: &str = "launch the instance with `--enclave-options Enabled=true` on a Nitro type that has \
    enclaves, load the driver with `modprobe nitro_enclaves`";

/// Whether `nitro-cli` is there and runs.
pub(super) async fn cli(settings: &Settings, system: &System) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    let Some(path) = system.program("nitro-cli") else {
        return Finding::fail("nitro-cli is not on PATH", INSTALL);
    };
    match version(&path).await {
        Some(version) => Finding::pass(version),
        None => Finding::fail(format!("{} --version fails", path.display()), INSTALL),
    }
}

/// The first line that a program says of itself.
async fn version(path: &Path) -> Option<String> {
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(DOCTOR_TIMEOUT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().next().filter(|line| !line.is_empty())?;
    output.status.success().then(|| line.to_owned())
}

/// Whether the driver's device is there for this user.
pub(super) fn device(settings: &Settings, system: &System) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    judge_device(access(system.path(DEVICE), Access::READ_OK | Access::WRITE_OK))
}

fn judge_device(found: rustix::io::Result<()>) -> Finding {
    match found {
        Ok(()) => Finding::pass(format!("{DEVICE} can be read and written")),
        Err(rustix::io::Errno::ACCESS) => {
            let remedy = "add the user of strongroom-host to the group `ne`: `usermod -aG ne USER`";
            Finding::fail(format!("{DEVICE} is not for this user"), remedy)
        }
        Err(_) => Finding::fail(format!("{DEVICE} is not there"), LAUNCH),
    }
}

/// Whether there is vsock. Looks at the file and opens nothing.
pub(super) fn vsock(settings: &Settings, system: &System) -> Finding {
    if !is_nitro(settings) {
        return no_nitro();
    }
    if system.path(VSOCK).exists() {
        return Finding::pass(format!("{VSOCK} is there"));
    }
    Finding::fail(format!("{VSOCK} is not there"), "load the driver: `modprobe vsock`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_device_of_others_is_told_from_a_missing_one() {
        assert_eq!(judge_device(Ok(())).status, Status::Pass);
        let others = judge_device(Err(rustix::io::Errno::ACCESS));
        assert!(others.status == Status::Fail && others.remedy.unwrap().contains("group `ne`"));
        let missing = judge_device(Err(rustix::io::Errno::NOENT));
        assert!(missing.status == Status::Fail && missing.remedy.unwrap().contains("enclave-options"));
    }
}
