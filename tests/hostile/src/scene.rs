//! The shipped enclave, the shipped client, and the hostile host between them.

mod commands;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use strongroom_attestation::channel::{Pending, Session};
use strongroom_attestation::charter::SignedCharter;
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand, Trust};
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::release::Bundle;
use strongroom_attestation::{TrustRoot, UnixMillis};
use strongroom_e2e::{RawClient, Reply};
use strongroom_link::Mux;
use strongroom_proto::frame::Kind;
use strongroom_proto::relay::Status;
use strongroom_seal::package::Header;
use strongroom_sim::nsm::measure;
use strongroom_sim::world::{
    Binaries, EnclaveOptions, EnclaveProcess, Ground, ModelSource, Owner, READY, ReleasePlan, Sockets,
    WorldError, bundled_folder, bundled_model, wait_for,
};

use crate::host::Plot;
use crate::secret::{self, Secret};
use crate::{Found, Host, Misdeeds, Tape, Taped};

/// A client of a scene that speaks step by step.
pub type Client = RawClient;

/// What differs from the ordinary.
#[derive(Default)]
pub struct SceneOptions {
    /// The enclave.
    pub enclave: EnclaveOptions,
    /// The host, from its start.
    pub misdeeds: Misdeeds,
    /// Models in place of the bundled one.
    pub models: Option<Vec<ModelSource>>,
    /// The owner's policy in place of the open one. `AUDIT` in it stands for the file of the public audit key.
    pub policy: Option<String>,
    /// What passes through the host's hands, for an attack that has a socket of its own before the scene is set.
    pub tape: Arc<Tape>,
}

/// Everything of one attack.
pub struct Scene {
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
    pub host: Host,
    /// What this attack must not see.
    secrets: Mutex<Vec<Secret>>,
    directory: tempfile::TempDir,
}

impl Scene {
    /// Sets the scene with a host that does `misdeeds` from its start.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn set(misdeeds: Misdeeds) -> Result<Self, WorldError> {
        Self::set_with(SceneOptions { misdeeds, ..SceneOptions::default() }, async |_, _| Ok(())).await
    }

    /// Sets the scene with an honest host, and waits until the enclave serves.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn serving() -> Result<Self, WorldError> {
        let scene = Self::set(Misdeeds::default()).await?;
        scene.wait_until_serving().await?;
        Ok(scene)
    }

    /// Sets the scene, and lets the attack change what the owner made before the enclave starts.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn set_with(
        options: SceneOptions,
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
        let policy = match options.policy {
            Some(text) => Some(write_policy(&ground, &owner, &text).await?),
            None => None,
        };
        owner.release(&ReleasePlan { policy, ..ReleasePlan::first(models) }).await?;
        let secrets = secrets(&ground)?;
        change(&ground, &owner).await?;
        let sockets = Sockets::fresh()?;
        let plot = Plot {
            tape: options.tape,
            store: ground.layout.store(),
            credentials: ground.layout.host_credentials(),
            kept: Mutex::default(),
            enclave: sockets.endpoint("enclave"),
            kms: ground.kms_address,
            misdeeds: Mutex::new(options.misdeeds),
        };
        let host = Host::start(plot, &sockets.endpoint("host"), &sockets.endpoint("kms")).await;
        let host = host.map_err(|error| WorldError::NotReady(error.to_string()))?;
        let enclave = EnclaveProcess::start(&binaries, &ground, &sockets, &options.enclave)?;
        let secrets = Mutex::new(secrets);
        Ok(Self { ground, owner, binaries, sockets, enclave, host, secrets, directory })
    }

    /// Waits until the enclave serves.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] with what it says of itself.
    pub async fn wait_until_serving(&self) -> Result<(), WorldError> {
        let serves = async || self.status().await.is_some_and(|status| status.serving);
        if wait_for(READY, serves).await {
            return Ok(());
        }
        Err(WorldError::NotReady(format!("the enclave does not serve: {:?}", self.status().await)))
    }

    /// Kills the enclave and starts it anew; whether it will serve is the attack's business.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn restart(&mut self) -> Result<(), WorldError> {
        self.enclave.stop().await;
        let options = EnclaveOptions::default();
        self.enclave = EnclaveProcess::start(&self.binaries, &self.ground, &self.sockets, &options)?;
        Ok(())
    }

    /// Starts another enclave with what the owner has stored by now, at a socket of this name, and waits until it serves.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn another(&self, socket: &str) -> Result<EnclaveProcess, WorldError> {
        let service = Some(self.sockets.endpoint(socket));
        let options = EnclaveOptions { service, ..EnclaveOptions::default() };
        let enclave = EnclaveProcess::start(&self.binaries, &self.ground, &self.sockets, &options)?;
        let serves = async || self.status_at(socket).await.is_some_and(|status| status.serving);
        if wait_for(READY, serves).await {
            return Ok(enclave);
        }
        Err(WorldError::NotReady(format!(
            "the other enclave does not serve: {:?}",
            self.status_at(socket).await
        )))
    }

    /// What the enclave says of itself to any host.
    pub async fn status(&self) -> Option<Status> {
        self.status_at("enclave").await
    }

    /// What the enclave at another socket says of itself.
    pub async fn status_at(&self, socket: &str) -> Option<Status> {
        let limit = Duration::from_secs(10);
        let stream = self.sockets.endpoint(socket).connect(limit).await.ok()?;
        let reply = Mux::new(stream).call(Kind::Status, bytes::Bytes::new(), limit).await.ok()?;
        self.host.plot.tape.record(&reply.body);
        Status::decode(&reply.into_coded().ok()?.1).ok()
    }

    /// Waits for what the enclave says of a release that it does not take, in its own public words;
    /// [`Found::SUCCEEDED`] where it serves.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] where it says nothing in time.
    pub async fn refusal(&self) -> Result<String, WorldError> {
        let said = Mutex::new(None);
        let judged = async || match self.status().await {
            Some(status) if status.serving || !status.refusal.is_empty() => {
                *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
                true
            }
            _ => false,
        };
        wait_for(READY, judged).await;
        match said.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(status) if status.refusal.is_empty() => Ok(Found::SUCCEEDED.to_owned()),
            Some(status) => Ok(status.refusal),
            None => Err(WorldError::NotReady("the enclave said nothing".into())),
        }
    }

    /// Hands the enclave a release bundle, and returns how it answered: [`Found::SUCCEEDED`], or the reason.
    ///
    /// # Errors
    /// [`WorldError::NotReady`] where it does not answer.
    pub async fn hand_over(&self, bundle: Vec<u8>) -> Result<String, WorldError> {
        let (status, _) = self.host.plot.ask(Kind::Release, bundle).await;
        let said = self.status().await.ok_or_else(|| WorldError::NotReady("no status".into()))?;
        Ok(if status == 200 { Found::SUCCEEDED.to_owned() } else { said.refusal })
    }

    /// A client that demands exactly this scene.
    ///
    /// # Errors
    /// [`WorldError`] when the owner's files cannot be read.
    pub fn client(&self) -> Result<Client, WorldError> {
        let key = fs::read_to_string(self.ground.layout.api_key()).map_err(io("api key"))?;
        let root = TrustRoot::from_der(self.ground.pki.root_der()).map_err(not_ready)?;
        let image = fs::read(self.binaries.path("strongroom-sim-enclave")).map_err(io("image"))?;
        let charter = fs::read(self.ground.layout.store().join("charter.cose")).map_err(io("charter"))?;
        let charter = SignedCharter::open(&charter).map_err(not_ready)?;
        let trust = Trust::new(
            vec![measure(&image)],
            CharterDemand::Exactly(charter.digest()),
            ModelDemand::OwnerMayChange,
            ControlsDemand::OwnerDecides,
            Duration::from_secs(300),
        );
        Ok(RawClient::new(self.host.url(), root, trust.map_err(not_ready)?, key.trim()))
    }

    /// The same client with an API key of its own, which the owner has listed or not.
    ///
    /// # Errors
    /// As [`Self::client`].
    pub fn client_with(&self, key: [u8; 32]) -> Result<Client, WorldError> {
        self.keeps_secret(secret::in_every_form("an API key", &key));
        Ok(self.client()?.with_key(key))
    }

    /// Opens a sealed answer as its client does, after which it is looked for, too.
    #[must_use]
    pub fn outcome(&self, session: &Session, pending: &Pending, reply: &Reply) -> Option<Vec<u8>> {
        self.judged(session, pending, reply).map(|(outcome, _)| outcome)
    }

    /// As [`Self::outcome`], with the receipt.
    #[must_use]
    pub fn judged(&self, session: &Session, pending: &Pending, reply: &Reply) -> Option<(Vec<u8>, Receipt)> {
        let judged = strongroom_e2e::judged(session, pending, reply)?;
        self.keeps_secret(secret::if_telling("an answer", &judged.0));
        Some(judged)
    }

    /// What passes through a socket of an attack's own.
    #[must_use]
    pub fn tape(&self) -> &Arc<Tape> {
        &self.host.plot.tape
    }

    /// A connection of an attack's own, of which the tape gets every byte.
    #[must_use]
    pub fn taped<S>(&self, stream: S) -> Taped<S> {
        Taped::new(stream, Arc::clone(self.tape()))
    }

    fn keeps_secret(&self, more: impl IntoIterator<Item = Secret>) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
    }

    /// What came of the attack, with a look at all that the host saw.
    #[must_use]
    pub fn found(&self, refusal: impl Into<String>) -> Found {
        // Those of later releases, too.
        self.keeps_secret(data_keys(&self.ground));
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        Found { refusal: refusal.into(), leaked: self.host.plot.tape.holds(&secrets) }
    }

    /// A file of this scene, for whatever an attack has to write.
    #[must_use]
    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        strongroom_e2e::now()
    }
}

/// Weights, what requests hold, the API key and the data keys.
fn secrets(ground: &Ground) -> Result<Vec<Secret>, WorldError> {
    let weights = fs::read(bundled_folder()?.join("fraud.onnx")).map_err(io("model"))?;
    let request = fs::read(bundled_folder()?.join("request.json")).map_err(io("request"))?;
    let request: serde_json::Value = serde_json::from_slice(&request).map_err(not_ready)?;
    let numbers = request.pointer("/inputs/0/data").and_then(serde_json::Value::as_array);
    let numbers = numbers.into_iter().flatten().filter_map(serde_json::Value::as_f64);
    #[allow(clippy::cast_possible_truncation, reason = "the model takes numbers of 32 bits")]
    let bundled: Vec<u8> = numbers.flat_map(|number| (number as f32).to_le_bytes()).collect();
    let key = fs::read_to_string(ground.layout.api_key()).map_err(io("api key"))?;
    let mut secrets: Vec<_> = secret::in_pieces("weights", &weights).step_by(16).collect();
    secrets.extend(secret::in_pieces("a request", strongroom_e2e::row()));
    secrets.extend(secret::in_pieces("a request", &bundled).take(8));
    secrets.extend(secret::api_key(&key));
    let keys = data_keys(ground);
    if keys.is_empty() {
        return Err(WorldError::NotReady("no data key to look for".into()));
    }
    secrets.extend(keys);
    Ok(secrets)
}

/// The data keys of whatever packages lie in the store, the private part of the release among them. What is there may have
/// been damaged by the attack.
fn data_keys(ground: &Ground) -> Vec<Secret> {
    let folder = fs::read_dir(ground.layout.store().join("packages"));
    let files = folder.into_iter().flatten().flatten().filter_map(|file| fs::read(file.path()).ok());
    let bundle = fs::read(ground.layout.store().join("release.bundle")).unwrap_or_default();
    let private = Bundle::decode(&bundle).map(|bundle| bundle.private).ok();
    let headers = files.chain(private).filter_map(|package| Some(Header::split(&package).ok()?.0));
    let unwrapped = |header: Header| secret::data_key(&ground.kms, &header.key_arn, &header.wrapped_key);
    headers.flat_map(unwrapped).collect()
}

async fn write_policy(ground: &Ground, owner: &Owner, text: &str) -> Result<std::path::PathBuf, WorldError> {
    let (_, public) = owner.audit_key().await?;
    let path = ground.layout.owner("policy.toml");
    fs::write(&path, text.replace("AUDIT", &public.display().to_string())).map_err(io("policy.toml"))?;
    Ok(path)
}

fn io(what: &'static str) -> impl Fn(std::io::Error) -> WorldError {
    move |error| WorldError::Io { what: what.to_owned(), error }
}

#[allow(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn not_ready(error: impl ToString) -> WorldError {
    WorldError::NotReady(error.to_string())
}
