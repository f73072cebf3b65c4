//! A simulation in which a test chooses what differs from the ordinary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use strongroom_attestation::TrustRoot;
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand, Trust};
use strongroom_link::Mux;
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;
use strongroom_sim::intercept::{Interceptor, Meddle};
use strongroom_sim::nsm::measure;
use strongroom_sim::world::{
    Binaries, EnclaveOptions, EnclaveProcess, Ground, HostOptions, HostProcess, ModelSource, Output, Owner,
    READY, ReleasePlan, Sockets, WorldError, bundled_folder, bundled_model, wait_for,
};

use crate::RawClient;

/// What differs from the ordinary.
#[derive(Default)]
pub struct StageOptions {
    /// The enclave.
    pub enclave: EnclaveOptions,
    /// The host.
    pub host: HostOptions,
    /// What a meddling host does to frames.
    pub meddle: Option<Meddle>,
    /// Models in place of the bundled one.
    pub models: Option<Vec<ModelSource>>,
    /// The owner's policy. `AUDIT` in it stands for the file of the public audit key, `PROFILE` for the profile of
    /// the bundled model.
    pub policy: Option<String>,
}

/// A running simulation.
pub struct Stage {
    /// PKI and KMS.
    pub ground: Ground,
    /// The owner.
    pub owner: Owner,
    /// The shipped binaries.
    pub binaries: Binaries,
    /// The sockets.
    pub sockets: Sockets,
    /// The enclave.
    pub enclave: EnclaveProcess,
    /// The host.
    pub host: HostProcess,
    _interceptor: Option<Interceptor>,
    _directory: tempfile::TempDir,
}

impl Stage {
    /// Sets the ordinary stage and waits until it serves.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn serving() -> Result<Self, WorldError> {
        let stage = Self::set(StageOptions::default()).await?;
        stage.host.wait_until_serving(READY).await?;
        Ok(stage)
    }

    /// Sets the stage; whether it will serve is the test's business.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn set(options: StageOptions) -> Result<Self, WorldError> {
        Self::set_with(options, async |_: &Ground, _: &Owner| Ok(())).await
    }

    /// Sets the stage, and lets the test change what the owner made before enclave and host start.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn set_with(
        options: StageOptions,
        change: impl AsyncFnOnce(&Ground, &Owner) -> Result<(), WorldError>,
    ) -> Result<Self, WorldError> {
        let binaries = Binaries::beside_this_one()?;
        let directory = tempfile::tempdir().map_err(io("state directory"))?;
        let ground = Ground::prepare(directory.path()).await?;
        let owner = Owner::establish(&ground, &binaries).await?;
        let models = match options.models {
            Some(models) => models,
            None => vec![bundled_model()?],
        };
        let policy = match &options.policy {
            Some(text) => Some(write_policy(&ground, &owner, text).await?),
            None => None,
        };
        owner.release(&ReleasePlan { policy, ..ReleasePlan::first(models) }).await?;
        change(&ground, &owner).await?;
        let sockets = Sockets::fresh()?;
        let mut enclave = options.enclave;
        let interceptor = match options.meddle {
            None => None,
            Some(meddle) => {
                let behind = sockets.endpoint("behind");
                enclave.service = Some(behind.clone());
                let front = sockets.endpoint("enclave");
                let started = Interceptor::start(&front, behind, meddle);
                Some(started.map_err(|error| WorldError::NotReady(error.to_string()))?)
            }
        };
        let enclave = EnclaveProcess::start(&binaries, &ground, &sockets, &enclave)?;
        let host = HostProcess::start(&binaries, &ground, &sockets, &options.host).await?;
        Ok(Self {
            ground,
            owner,
            binaries,
            sockets,
            enclave,
            host,
            _interceptor: interceptor,
            _directory: directory,
        })
    }

    /// Kills the enclave and starts it anew, as a host can at any time, and waits until it serves.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn restart_enclave(&mut self) -> Result<(), WorldError> {
        self.enclave.stop().await;
        let options = EnclaveOptions::default();
        self.enclave = EnclaveProcess::start(&self.binaries, &self.ground, &self.sockets, &options)?;
        let serves = async || self.status().await.is_some_and(|status| status.serving);
        if !wait_for(READY, serves).await {
            return Err(WorldError::NotReady("the new enclave does not serve".into()));
        }
        self.host.wait_until_serving(READY).await
    }

    /// Releases the bundled model, or others, under another policy and waits until that is served.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn swap(&self, epoch: u64, policy: &str, models: Vec<ModelSource>) -> Result<(), WorldError> {
        let policy = Some(write_policy(&self.ground, &self.owner, policy).await?);
        self.owner.release(&ReleasePlan { epoch, models, policy }).await?;
        let swapped = async || self.status().await.is_some_and(|status| status.epoch == epoch);
        if wait_for(READY, swapped).await {
            return Ok(());
        }
        Err(WorldError::NotReady(format!("epoch {epoch} is not served: {:?}", self.status().await)))
    }

    /// Waits until the enclave has refused its release, and says why in its own public words.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] when it serves, or says nothing in time.
    pub async fn refusal(&self) -> Result<String, WorldError> {
        let said = std::sync::Mutex::new(None);
        let judged = async || match self.status().await {
            Some(status) if status.serving || !status.refusal.is_empty() => {
                *said.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(status);
                true
            }
            _ => false,
        };
        wait_for(READY, judged).await;
        match said.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(status) if !status.serving => Ok(status.refusal),
            Some(_) => Err(WorldError::NotReady("the enclave serves".into())),
            None => Err(WorldError::NotReady("the enclave said nothing".into())),
        }
    }

    /// What the enclave says of itself to any host.
    pub async fn status(&self) -> Option<Status> {
        let limit = Duration::from_secs(10);
        let stream = self.sockets.endpoint("enclave").connect(limit).await.ok()?;
        let reply = Mux::new(stream).call(Kind::Status, bytes::Bytes::new(), limit).await.ok()?;
        Status::decode(&reply.into_coded().ok()?.1).ok()
    }

    /// A client that demands exactly this simulation.
    ///
    /// # Errors
    /// [`WorldError`] when the owner's files cannot be read.
    pub fn client(&self) -> Result<RawClient, WorldError> {
        let key = std::fs::read_to_string(self.ground.layout.api_key()).map_err(io("api key"))?;
        Ok(RawClient::new(self.host.url(), self.root()?, self.trust()?, key.trim()))
    }

    /// The simulation's root.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] when it is not one.
    pub fn root(&self) -> Result<TrustRoot, WorldError> {
        let root = TrustRoot::from_der(self.ground.pki.root_der());
        root.map_err(|error| WorldError::NotReady(error.to_string()))
    }

    /// The ordinary demands on this simulation.
    ///
    /// # Errors
    /// [`WorldError`] when the owner's files cannot be read.
    pub fn trust(&self) -> Result<Trust, WorldError> {
        let image = std::fs::read(self.binaries.path("strongroom-sim-enclave")).map_err(io("image"))?;
        Trust::new(
            vec![measure(&image)],
            CharterDemand::Exactly(self.charter()?.digest()),
            ModelDemand::OwnerMayChange,
            ControlsDemand::OwnerDecides,
            Duration::from_secs(300),
        )
        .map_err(|error| WorldError::NotReady(error.to_string()))
    }

    /// The owner's charter.
    ///
    /// # Errors
    /// [`WorldError`] when it cannot be read.
    pub fn charter(&self) -> Result<SignedCharter, WorldError> {
        let bytes = std::fs::read(self.ground.layout.store().join("charter.cose")).map_err(io("charter"))?;
        SignedCharter::open(&bytes).map_err(|error| WorldError::NotReady(error.to_string()))
    }

    /// The shipped command as a client of this simulation, with `arguments` after the common ones.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn command(&self, command: &str, arguments: &[String]) -> Result<Output, WorldError> {
        let mut all = vec![
            command.to_owned(),
            format!("--url={}", self.host.url()),
            format!("--trust={}", self.ground.layout.trust().display()),
        ];
        all.extend_from_slice(arguments);
        let state = self.ground.layout.owner("client-state");
        let state = state.display().to_string();
        self.binaries.strongroom(all, &[("XDG_STATE_HOME", state.as_str())]).await
    }

    /// `strongroom infer` with the bundled request.
    ///
    /// # Errors
    /// As [`Stage::command`].
    pub async fn infer(&self) -> Result<Output, WorldError> {
        let key = format!("--api-key=@{}", self.ground.layout.api_key().display());
        let input = format!("--input={}", bundled_folder()?.join("request.json").display());
        self.command("infer", &[key, "--model=fraud".to_owned(), input]).await
    }
}

async fn write_policy(ground: &Ground, owner: &Owner, text: &str) -> Result<PathBuf, WorldError> {
    let (_, public) = owner.audit_key().await?;
    let path = ground.layout.owner("policy.toml");
    let mut text = text.replace("AUDIT", &public.display().to_string());
    if text.contains("PROFILE") {
        text = text.replace("PROFILE", &owner.profile().await?.display().to_string());
    }
    std::fs::write(&path, text).map_err(io("policy.toml"))?;
    Ok(path)
}

/// A meddling host that changes nothing, to build on.
#[must_use]
pub fn honest() -> Meddle {
    Arc::new(|_| {})
}

fn io(what: &str) -> impl FnOnce(std::io::Error) -> WorldError {
    let what = what.to_owned();
    move |error| WorldError::Io { what, error }
}
