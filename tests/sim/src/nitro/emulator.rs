//! Starting an image under the emulator, as a host does with nitro-cli.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::bridge::connect;
use crate::world::{Sockets, WorldError, wait_for};

/// Where the emulator's files lie, as `scripts/setup-emulator` leaves them.
#[derive(Clone, Debug)]
pub struct Emulator(PathBuf);

/// A way to boot one image, and the sockets around it.
pub struct EmulatedEnclave {
    folder: PathBuf,
    console: PathBuf,
    child: Option<Child>,
    heartbeat: JoinHandle<()>,
}

/// Stands beside the vsock device from the guest's heartbeat on.
pub(super) const AWAKE: &str = "awake";
/// The byte of the boot protocol, which the host sends back.
const HEARTBEAT: u8 = 0xb7;
const HEARTBEAT_PORT: u32 = 9000;
/// Ports of the host's services and of the tunnel, and the names of their sockets.
const PORTS: [(u32, &str); 2] = [(5001, "host"), (5002, "kms")];
/// From the heartbeat until the guest most likely serves. Twice a guest was seen to get no further than its
/// heartbeat; what is suspected are connections to a port where nobody listens yet while it makes its own,
/// which are known to upset the emulated device.
const SETTLES: Duration = Duration::from_secs(3);
/// The device says by then whether somebody listens, unless it hangs.
const ANSWERS: Duration = Duration::from_secs(2);
const STOP: Duration = Duration::from_secs(10);

impl Emulator {
    /// The files in this folder.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] when one is missing.
    pub fn in_folder(folder: &Path) -> Result<Self, WorldError> {
        for file in ["qemu-system-x86_64", "vhost-device-vsock", "bzImage", "cmdline"] {
            if !folder.join(file).is_file() {
                return Err(WorldError::NotReady(format!("{file} is missing: scripts/setup-emulator")));
            }
        }
        Ok(Self(folder.to_owned()))
    }

    /// The kernel that boots there.
    #[must_use]
    pub fn kernel(&self) -> PathBuf {
        self.0.join("bzImage")
    }

    /// Its command line.
    #[must_use]
    pub fn command_line(&self) -> PathBuf {
        self.0.join("cmdline")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }
}

/// Starts the vsock device, then the machine, in whose place this shell stands. `append` goes after the
/// image's own command line and is not measured: what a host could try.
const BOOT: &str = r#"#!/bin/sh
# Starts an enclave image under QEMU and stays in the foreground.
set -eu
cd "$(dirname "$0")"
[ ! -e device.pid ] || kill "$(cat device.pid)" 2>/dev/null || true
rm -f vhost.sock vm.vsock awake
@DEVICE@ --vm guest-cid=4,socket=vhost.sock,uds-path=vm.vsock >>device.log 2>&1 </dev/null &
echo $! >device.pid
while [ ! -S vhost.sock ]; do sleep 0.05; done
echo $$ >machine.pid
exec @QEMU@ -M nitro-enclave,vsock=c,id=i-0123456789abcdef0-enc0123456789abcdef \
    -accel tcg,thread=multi -cpu max -smp 2 -m @MEMORY@ -kernel @IMAGE@ -append '@APPEND@' \
    -chardev socket,id=c,path=vhost.sock -nodefaults -display none -monitor none -no-reboot \
    -serial file:console.log -L /usr/share/qemu </dev/null >>device.log 2>&1
"#;

/// Ends what the script above started.
const END: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
[ ! -e device.pid ] || kill "$(cat device.pid)" 2>/dev/null || true
[ ! -e machine.pid ] || [ "$(readlink "/proc/$(cat machine.pid)/exe")" != @QEMU@ ] || kill "$(cat machine.pid)"
rm -f device.pid machine.pid awake
"#;

impl EmulatedEnclave {
    /// Prepares to boot an image beside these sockets; answers heartbeats from now on.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn prepare(
        emulator: &Emulator,
        image: &Path,
        sockets: &Sockets,
        append: &str,
        memory: &str,
    ) -> Result<Self, WorldError> {
        let folder = sockets.path().join("vm");
        fs::create_dir_all(&folder).map_err(WorldError::io("emulator's folder"))?;
        let quoted = |path: PathBuf| format!("'{}'", path.display());
        let script = BOOT
            .replace("@DEVICE@", &quoted(emulator.path("vhost-device-vsock")))
            .replace("@QEMU@", &quoted(emulator.path("qemu-system-x86_64")))
            .replace("@IMAGE@", &quoted(image.to_owned()))
            .replace("@MEMORY@", memory)
            .replace("@APPEND@", append);
        write_script(&folder.join("boot"), &script)?;
        let end = END.replace("@QEMU@", &quoted(emulator.path("qemu-system-x86_64")));
        write_script(&folder.join("end"), &end)?;
        for (port, name) in PORTS {
            let link = folder.join(format!("vm.vsock_{port}"));
            let _ = fs::remove_file(&link);
            symlink(sockets.path().join(name), &link).map_err(WorldError::io("emulator's sockets"))?;
        }
        let heartbeat = folder.join(format!("vm.vsock_{HEARTBEAT_PORT}"));
        let _ = fs::remove_file(&heartbeat);
        let heartbeat = UnixListener::bind(&heartbeat).map_err(WorldError::io("heartbeat"))?;
        let (console, awake) = (folder.join("console.log"), folder.join(AWAKE));
        Ok(Self { console, folder, child: None, heartbeat: tokio::spawn(answer(heartbeat, awake)) })
    }

    /// The script that boots it, for a host that starts its enclave itself.
    #[must_use]
    pub fn boot_script(&self) -> PathBuf {
        self.folder.join("boot")
    }

    /// The script that cleans up after it.
    #[must_use]
    pub fn end_script(&self) -> PathBuf {
        self.folder.join("end")
    }

    /// Where the emulated vsock device takes connections to the guest.
    #[must_use]
    pub fn device(&self) -> PathBuf {
        self.folder.join("vm.vsock")
    }

    /// Boots it.
    ///
    /// # Errors
    /// [`WorldError::Io`].
    pub fn boot(&mut self) -> Result<(), WorldError> {
        let log = File::create(self.folder.join("boot.log")).map_err(WorldError::io("boot.log"))?;
        let mut command = Command::new(self.boot_script());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        self.child = Some(command.spawn().map_err(WorldError::io("emulator"))?);
        Ok(())
    }

    /// Boots it and waits until the enclave listens, which it does once a host has given it its documents.
    /// The emulation of several cores and of vsock hangs once in many boots, before the guest's kernel is
    /// done or after its heartbeat; then it boots a second time.
    ///
    /// # Errors
    /// [`WorldError::Io`], and [`WorldError::NotReady`] with the console when it did not come up either time.
    pub async fn boot_until_it_listens(&mut self, limit: Duration) -> Result<(), WorldError> {
        for _ in 0..2 {
            self.boot()?;
            let awake = async || self.folder.join(AWAKE).exists();
            let listens = async || matches!(timeout(ANSWERS, connect(&self.device())).await, Ok(Ok(_)));
            if wait_for(limit, awake).await && wait_for(limit, listens).await {
                return Ok(());
            }
            self.kill().await;
        }
        Err(WorldError::NotReady(format!("the guest did not come up: {}", self.console())))
    }

    /// Answers no heartbeat from now on.
    pub fn be_silent(&mut self) {
        self.heartbeat.abort();
    }

    /// Kills the machine that another process started from the script.
    pub fn kill_from_outside(&self) {
        let id = fs::read_to_string(self.folder.join("machine.pid")).unwrap_or_default();
        let _ = std::process::Command::new("kill").arg("-KILL").arg(id.trim()).status();
    }

    /// What the guest has written to its console.
    #[must_use]
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).into_owned()
    }

    /// Waits until the console says something.
    pub async fn says(&self, words: &str, limit: Duration) -> bool {
        wait_for(limit, async || self.console().contains(words)).await
    }

    /// Waits for the machine to end by itself.
    pub async fn ended(&mut self, limit: Duration) -> bool {
        match &mut self.child {
            Some(child) => timeout(limit, child.wait()).await.is_ok(),
            None => true,
        }
    }

    /// Ends it at once, as a host can.
    pub async fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().await;
        }
        let _ = timeout(STOP, Command::new(self.end_script()).status()).await;
    }
}

impl Drop for EmulatedEnclave {
    fn drop(&mut self) {
        self.heartbeat.abort();
        let _ = std::process::Command::new(self.end_script()).status();
    }
}

/// Sends every byte of the boot protocol back, and notes that the guest is awake once it has had time to serve.
async fn answer(listener: UnixListener, awake: PathBuf) {
    while let Ok((mut stream, _)) = listener.accept().await {
        if let Ok(byte) = stream.read_u8().await
            && byte == HEARTBEAT
        {
            let _ = stream.write_all(&[byte]).await;
            drop(stream);
            tokio::time::sleep(SETTLES).await;
            let _ = fs::write(&awake, b"");
        }
    }
}

fn write_script(path: &Path, text: &str) -> Result<(), WorldError> {
    fs::write(path, text).map_err(WorldError::io(path.display().to_string()))?;
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(path, mode).map_err(WorldError::io(path.display().to_string()))
}
