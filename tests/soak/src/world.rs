//! The parties as processes, each of which can be killed and started again as its supervisor would.

mod disk;
mod party;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use strongroom_link::Mux;
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;
use strongroom_sim::world::{
    Binaries, EnclaveOptions, EnclaveProcess, Ground, HostOptions, HostProcess, ModelSource, Owner, READY,
    ReleasePlan, Sockets, bundled_folder,
};

use crate::limits::{ALLOWANCE, RELEASES};
use crate::process::peak_kib;
use crate::relay::Relay;
use crate::{Dice, SoakError};
pub(crate) use disk::Disk;
use party::Started;

/// Time for the enclave to say how it is.
const STATUS_TIME: Duration = Duration::from_secs(2);

/// Ports of parties that come back where they were: below those that the system gives to whoever asks for any.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Everything that runs.
pub(crate) struct World {
    pub(crate) ground: Ground,
    pub(crate) owner: Owner,
    pub(crate) binaries: Binaries,
    pub(crate) relay: Relay,
    pub(crate) enclave: EnclaveProcess,
    pub(crate) host: HostProcess,
    pub(crate) proxy_url: String,
    sockets: Sockets,
    host_options: HostOptions,
    kms: Started,
    proxy: Started,
    proxy_address: SocketAddr,
    proxy_log: PathBuf,
    /// What the host keeps things on, if it is one that can be full.
    pub(crate) disk: Option<Disk>,
    /// The epoch in force.
    pub(crate) epoch: u64,
    /// How often an enclave was started.
    pub(crate) boots: u64,
    peaks: BTreeMap<&'static str, u64>,
}

impl World {
    /// Makes keys and releases and starts everything in `folder`.
    pub(crate) async fn up(folder: &Path, disk: bool, dice: &mut Dice) -> Result<Self, SoakError> {
        let binaries = Binaries::beside_this_one()?;
        let mut ground = Ground::prepare(folder).await?;
        let owner = Owner::establish(&ground, &binaries).await?;
        make_releases(&ground, &owner).await?;
        install(&ground, 1)?;
        // From here on the KMS is a process of its own, with the same keys.
        ground.kms_address = free(dice)?;
        let kms = party::kms(&binaries, &ground).await?;
        let disk = disk.then(|| Disk::mount_at(&ground.layout.kept())).transpose()?;
        let sockets = Sockets::fresh()?;
        let host_options = HostOptions {
            listen: free(dice)?,
            log: Some(folder.join("host.log")),
            arguments: vec!["--log-level=debug".to_owned()],
            ..HostOptions::default()
        };
        let enclave = EnclaveProcess::start(&binaries, &ground, &sockets, &EnclaveOptions::default())?;
        let host = HostProcess::start(&binaries, &ground, &sockets, &host_options).await?;
        host.wait_until_serving(READY).await?;
        let relay = Relay::start(host.address()).await?;
        let proxy_address = free(dice)?;
        let proxy_log = folder.join("proxy.log");
        let proxy = party::proxy(&binaries, &ground, &relay.url(), proxy_address, &proxy_log)?;
        Ok(Self {
            proxy_url: format!("http://{proxy_address}"),
            ground,
            owner,
            binaries,
            relay,
            enclave,
            host,
            sockets,
            host_options,
            kms,
            proxy,
            proxy_address,
            proxy_log,
            disk,
            epoch: 1,
            boots: 1,
            peaks: BTreeMap::new(),
        })
    }

    /// Ends everything, what a supervisor ends last included.
    pub(crate) async fn down(&mut self) {
        self.note_peaks();
        self.proxy.kill().await;
        self.host.stop().await;
        self.enclave.stop().await;
        self.kms.kill().await;
    }

    /// Kills the enclave and starts the next.
    pub(crate) async fn restart_enclave(&mut self) -> Result<(), SoakError> {
        self.kill_enclave().await;
        self.start_enclave()
    }

    pub(crate) async fn kill_enclave(&mut self) {
        self.note_peaks();
        self.enclave.stop().await;
    }

    pub(crate) fn start_enclave(&mut self) -> Result<(), SoakError> {
        let options = EnclaveOptions::default();
        self.enclave = EnclaveProcess::start(&self.binaries, &self.ground, &self.sockets, &options)?;
        self.boots += 1;
        Ok(())
    }

    pub(crate) async fn kill_host(&mut self) {
        self.note_peaks();
        self.host.kill().await;
    }

    /// Starts the host again, and returns when it listens.
    pub(crate) async fn start_host(&mut self) -> Result<(), SoakError> {
        self.host =
            HostProcess::start(&self.binaries, &self.ground, &self.sockets, &self.host_options).await?;
        Ok(())
    }

    pub(crate) const fn kms_address(&self) -> SocketAddr {
        self.ground.kms_address
    }

    pub(crate) async fn kill_kms(&mut self) {
        self.kms.kill().await;
    }

    /// Starts KMS again, and returns when it listens.
    pub(crate) async fn start_kms(&mut self) -> Result<(), SoakError> {
        self.kms = party::kms(&self.binaries, &self.ground).await?;
        Ok(())
    }

    /// Kills the proxy and starts the next.
    pub(crate) async fn restart_proxy(&mut self) -> Result<(), SoakError> {
        self.note_peaks();
        self.proxy.kill().await;
        let url = self.relay.url();
        self.proxy = party::proxy(&self.binaries, &self.ground, &url, self.proxy_address, &self.proxy_log)?;
        Ok(())
    }

    /// Whether a release is left that was not in force yet.
    pub(crate) fn has_next_release(&self) -> bool {
        self.epoch < RELEASES
    }

    /// Puts the next release into the store.
    pub(crate) fn next_release(&mut self) -> Result<(), SoakError> {
        self.epoch += 1;
        install(&self.ground, self.epoch)
    }

    /// Fills the disk, or makes room again.
    pub(crate) fn fill_disk(&self, full: bool) -> Result<(), SoakError> {
        let disk = self.disk.as_ref().ok_or_else(|| SoakError::unfit("no disk that can be full"))?;
        if full { disk.fill() } else { disk.free() }
    }

    /// When the host last wrote the enclave's state.
    pub(crate) fn state_written(&self) -> Option<SystemTime> {
        std::fs::metadata(self.ground.layout.kept().join("state.sealed"))
            .and_then(|file| file.modified())
            .ok()
    }

    /// What the enclave says of itself to any host.
    pub(crate) async fn status(&self) -> Option<Status> {
        let stream = self.sockets.endpoint("enclave").connect(STATUS_TIME).await.ok()?;
        let reply = Mux::new(stream).call(Kind::Status, Bytes::new(), STATUS_TIME).await.ok()?;
        Status::decode(&reply.into_coded().ok()?.1).ok()
    }

    /// Remembers the highest memory of each party, which is lost with its process.
    pub(crate) fn note_peaks(&mut self) {
        let parties = [("enclave", self.enclave.id()), ("host", self.host.id()), ("proxy", self.proxy.id())];
        for (name, id) in parties {
            let peak = id.map_or(0, peak_kib);
            let known = self.peaks.entry(name).or_default();
            *known = peak.max(*known);
        }
    }

    /// Highest resident memory of each party so far, in KiB.
    pub(crate) fn peaks(&self) -> &BTreeMap<&'static str, u64> {
        &self.peaks
    }

    /// A file of an API key with a role of its own.
    pub(crate) fn key_file(&self, key: Key) -> PathBuf {
        self.ground.layout.owner(key.name())
    }
}

/// API keys beside the ordinary one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key {
    /// May ask for the head of the log.
    Auditor,
    /// May ask [`ALLOWANCE`] rows.
    Metered,
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor.key",
            Self::Metered => "metered.key",
        }
    }

    const fn bytes(self) -> [u8; 32] {
        match self {
            Self::Auditor => [2; 32],
            Self::Metered => [3; 32],
        }
    }

    /// A `[[key]]` of the policy.
    fn entry(self) -> String {
        let role = match self {
            Self::Auditor => "auditor",
            Self::Metered => "metered",
        };
        let digest = hex::encode(digest(&SHA256, &self.bytes()));
        format!("[[key]]\nsha256 = \"{digest}\"\nrole = \"{role}\"\n")
    }
}

/// Seals and signs every release of the run while nothing has happened yet.
async fn make_releases(ground: &Ground, owner: &Owner) -> Result<(), SoakError> {
    let (_, audit) = owner.audit_key().await?;
    let policy = format!(
        "audit_key = \"{}\"\n\
         [model.fraud]\nlabel = [\"label\"]\nprobabilities = [\"probabilities\"]\n\
         [role.auditor]\noperations = [\"audit\", \"status\"]\n\
         [role.metered]\nrows = {ALLOWANCE}\n{}{}",
        audit.display(),
        Key::Auditor.entry(),
        Key::Metered.entry(),
    );
    let path = ground.layout.owner("policy.toml");
    std::fs::write(&path, policy).map_err(SoakError::io("policy"))?;
    for key in [Key::Auditor, Key::Metered] {
        let text = format!("sr_{}\n", URL_SAFE_NO_PAD.encode(key.bytes()));
        std::fs::write(ground.layout.owner(key.name()), text).map_err(SoakError::io("API key"))?;
    }
    let onnx = bundled_folder()?.join("fraud.onnx");
    for epoch in 1..=RELEASES {
        // Another version is another package with another key, so that each release asks KMS.
        let id = format!("fraud@{epoch}").parse().map_err(|_| SoakError::unfit("model name"))?;
        let models = vec![ModelSource { id, onnx: onnx.clone(), arguments: vec![] }];
        owner.release(&ReleasePlan { epoch, models, policy: Some(path.clone()) }).await?;
        let made = std::fs::rename(bundle(ground), ground.layout.owner(&format!("release-{epoch}")));
        made.map_err(SoakError::io("release"))?;
    }
    Ok(())
}

/// Puts a release where the host looks for it, as a whole.
fn install(ground: &Ground, epoch: u64) -> Result<(), SoakError> {
    let beside = bundle(ground).with_extension("new");
    std::fs::copy(ground.layout.owner(&format!("release-{epoch}")), &beside)
        .and_then(|_| std::fs::rename(&beside, bundle(ground)))
        .map_err(SoakError::io("release"))
}

fn bundle(ground: &Ground) -> PathBuf {
    ground.layout.store().join("release.bundle")
}

/// A free address on loopback that nobody gets by chance while its party is down.
fn free(dice: &mut Dice) -> Result<SocketAddr, SoakError> {
    for _ in 0..100 {
        let span = u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(dice.below(span)).unwrap_or_default();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(SoakError::unfit("no free port"))
}
