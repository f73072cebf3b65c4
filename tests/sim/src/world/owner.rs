//! The owner: everything here happens through the shipped `strongroom` command.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use strongroom_attestation::ImagePcrs;
use strongroom_attestation::charter::SignedCharter;
use strongroom_kms::policy::shut_policy;
use strongroom_kms::{AwsCredentials, Clock, HostCredentials, KeyArn, Kms, KmsConfig, PolicyText, TlsRoots};
use strongroom_proto::name::PackageId;
use zeroize::Zeroizing;

use super::ground::{pem, region, write};
use super::{ACCOUNT, Binaries, Ground, Layout, Output, WorldError, bundled_folder};
use crate::kms::SimCredential;
use crate::nsm::measure;

/// Deployment id of every simulation.
const DEPLOYMENT: &str = "simulation";

/// A model to be sealed.
#[derive(Clone, Debug)]
pub struct ModelSource {
    /// Name and version.
    pub id: PackageId,
    /// The ONNX file.
    pub onnx: PathBuf,
    /// Further arguments of `strongroom seal`, such as `--dim`.
    pub arguments: Vec<String>,
}

/// A release to be made.
#[derive(Clone, Debug)]
pub struct ReleasePlan {
    /// Its epoch.
    pub epoch: u64,
    /// Its models; all are sealed anew.
    pub models: Vec<ModelSource>,
    /// The owner's policy in place of the open one. Releases under a policy are kept in the owner's history.
    pub policy: Option<PathBuf>,
}

impl ReleasePlan {
    /// The first release of these models under the open policy.
    #[must_use]
    pub fn first(models: Vec<ModelSource>) -> Self {
        Self { epoch: 1, models, policy: None }
    }
}

/// The owner's files and the KMS key.
pub struct Owner {
    layout: Layout,
    binaries: Binaries,
    kms_address: String,
    credential: SimCredential,
    admin: Kms,
    key: KeyArn,
    images: Mutex<Vec<ImagePcrs>>,
}

impl Owner {
    /// Makes keys, charter and key policy, or finds those of an earlier run.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn establish(ground: &Ground, binaries: &Binaries) -> Result<Self, WorldError> {
        let layout = ground.layout.clone();
        let admin = admin(ground)?;
        let known = std::fs::read_to_string(layout.owner("kms-key-arn")).ok();
        let key = match known.and_then(|arn| arn.trim().parse().ok()) {
            Some(key) => key,
            None => {
                let key = admin.create_key(&shut_policy(&principals()?)?, "strongroom simulation").await?;
                write(&layout.owner("kms-key-arn"), key.as_str().as_bytes())?;
                key
            }
        };
        let owner = Self {
            layout,
            binaries: binaries.clone(),
            kms_address: ground.kms_address.to_string(),
            credential: ground.owner.clone(),
            admin,
            key,
            images: Mutex::default(),
        };
        owner.make_keys().await?;
        owner.make_charter().await?;
        owner.allow(ground, &[owner.image(&binaries.path("strongroom-sim-enclave"))?]).await?;
        Ok(owner)
    }

    /// Lets exactly these images use the key and be released from now on, and has clients trust them.
    ///
    /// # Errors
    /// See [`WorldError`].
    pub async fn allow(&self, ground: &Ground, images: &[ImagePcrs]) -> Result<(), WorldError> {
        for (number, image) in images.iter().enumerate() {
            write(&self.image_file(number), measurements(image).as_bytes())?;
        }
        *self.images.lock().unwrap_or_else(PoisonError::into_inner) = images.to_vec();
        self.put_policy().await?;
        self.write_trust(ground)
    }

    fn image_file(&self, number: usize) -> PathBuf {
        self.layout.owner(&format!("image-{number}.json"))
    }

    /// `--image FILE` for every image that is allowed.
    fn image_args(&self) -> Vec<String> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner).len();
        (0..images).map(|number| path_arg("--image", &self.image_file(number))).collect()
    }

    /// The KMS key.
    #[must_use]
    pub fn key(&self) -> &KeyArn {
        &self.key
    }

    /// Administers the KMS key, for tests that change its policy.
    #[must_use]
    pub fn admin(&self) -> &Kms {
        &self.admin
    }

    /// Seals the models and makes a release of them, which the host then hands to the enclave.
    ///
    /// # Errors
    /// [`WorldError::Command`] when a command refuses.
    pub async fn release(&self, plan: &ReleasePlan) -> Result<(), WorldError> {
        for model in &plan.models {
            self.seal(model).await?;
        }
        let key_digest = std::fs::read_to_string(self.layout.owner("api-key.sha256"));
        let key_digest = key_digest.map_err(WorldError::io("api-key.sha256"))?;
        let out = self.layout.store().join("release.bundle");
        let mut args = vec![
            "release".to_owned(),
            path_arg("--charter", &self.layout.store().join("charter.cose")),
            path_arg("--key", &self.layout.owner("owner.pem")),
            format!("--epoch={}", plan.epoch),
            format!("--kms-key={}", self.key.as_str()),
            format!("--api-key-sha256={}", key_digest.trim()),
            path_arg("--out", &out),
        ];
        args.extend(plan.models.iter().map(|model| path_arg("--model", &self.package(&model.id))));
        if let Some(policy) = &plan.policy {
            args.push(path_arg("--policy", policy));
            args.push(path_arg("--history", &self.history()));
        }
        args.extend(self.image_args());
        self.with_kms(args).await.map(drop)
    }

    /// Where the owner remembers releases.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.layout.owner("history")
    }

    /// Makes the key that audit logs are sealed to, and returns its private and its public half's file.
    ///
    /// # Errors
    /// [`WorldError::Command`] when the command refuses.
    pub async fn audit_key(&self) -> Result<(PathBuf, PathBuf), WorldError> {
        let (private, public) = (self.layout.owner("audit.key"), self.layout.owner("audit.pub"));
        if !private.exists() {
            self.run(vec!["keygen".to_owned(), "--audit".to_owned(), path_arg("--out", &private)]).await?;
        }
        Ok((private, public))
    }

    /// The profile of the bundled model, made once by `strongroom profile` from some of its training rows.
    ///
    /// # Errors
    /// [`WorldError`] when the bundled files cannot be found, or the command refuses.
    pub async fn profile(&self) -> Result<PathBuf, WorldError> {
        let (profile, folder) = (self.layout.owner("fraud.profile"), bundled_folder()?);
        if !profile.exists() {
            let args = vec![
                "profile".to_owned(),
                path_arg("--model", &folder.join("fraud.onnx")),
                path_arg("--data", &folder.join("train.npy")),
                path_arg("--out", &profile),
            ];
            self.run(args).await?;
        }
        Ok(profile)
    }

    /// `strongroom incident`, delivered to a store: that of this simulation's host, or another folder.
    ///
    /// # Errors
    /// [`WorldError::Io`] when it cannot be started.
    pub async fn incident(
        &self,
        measure: &str,
        store: &Path,
        arguments: &[String],
    ) -> Result<Output, WorldError> {
        let mut args = vec![
            "incident".to_owned(),
            measure.to_owned(),
            path_arg("--charter", &self.layout.store().join("charter.cose")),
            path_arg("--key", &self.layout.owner("owner.pem")),
            format!("--kms-key={}", self.key.as_str()),
            path_arg("--history", &self.history()),
            path_arg("--store", store),
            format!("--kms-connect={}", self.kms_address),
            path_arg("--kms-roots", &self.layout.kms_roots()),
        ];
        args.extend_from_slice(arguments);
        self.run_any(args).await
    }

    /// Where a sealed package lies.
    #[must_use]
    pub fn package(&self, id: &PackageId) -> PathBuf {
        self.layout.store().join("packages").join(id.file_name())
    }

    async fn seal(&self, model: &ModelSource) -> Result<(), WorldError> {
        let mut args = vec![
            "seal".to_owned(),
            path_arg("--model", &model.onnx),
            format!("--name={}", model.id.name),
            format!("--version={}", model.id.version),
            path_arg("--charter", &self.layout.store().join("charter.cose")),
            path_arg("--key", &self.layout.owner("owner.pem")),
            format!("--kms-key={}", self.key.as_str()),
            path_arg("--out", &self.package(&model.id)),
        ];
        args.extend(model.arguments.iter().cloned());
        self.with_kms(args).await.map(drop)
    }

    async fn make_keys(&self) -> Result<(), WorldError> {
        let key = self.layout.owner("owner.pem");
        if !key.exists() {
            self.run(vec!["keygen".to_owned(), path_arg("--out", &key)]).await?;
        }
        let api_key = self.layout.api_key();
        if !api_key.exists() {
            let made = self.run(vec!["api-key".to_owned(), path_arg("--out", &api_key)]).await?;
            write(&self.layout.owner("api-key.sha256"), made.stdout.trim().as_bytes())?;
        }
        Ok(())
    }

    async fn make_charter(&self) -> Result<(), WorldError> {
        let out = self.layout.store().join("charter.cose");
        if out.exists() {
            return Ok(());
        }
        let args = vec![
            "charter".to_owned(),
            format!("--deployment={DEPLOYMENT}"),
            path_arg("--key", &self.layout.owner("owner.pem")),
            format!("--region={}", super::REGION),
            format!("--kms-key={}", self.key.as_str()),
            path_arg("--out", &out),
        ];
        self.run(args).await.map(drop)
    }

    fn image(&self, executable: &Path) -> Result<ImagePcrs, WorldError> {
        let bytes = std::fs::read(executable).map_err(WorldError::io(executable.display().to_string()))?;
        Ok(measure(&bytes))
    }

    async fn put_policy(&self) -> Result<(), WorldError> {
        let mut args = vec![
            "kms-policy".to_owned(),
            path_arg("--charter", &self.layout.store().join("charter.cose")),
            format!("--admin=arn:aws:iam::{ACCOUNT}:user/owner"),
            format!("--sealer=arn:aws:iam::{ACCOUNT}:user/owner"),
            format!("--enclave-role=arn:aws:iam::{ACCOUNT}:role/strongroom-host"),
        ];
        args.extend(self.image_args());
        let policy = self.run(args).await?;
        Ok(self.admin.put_key_policy(&self.key, &PolicyText::new(policy.stdout)?).await?)
    }

    /// What a client of this simulation demands, root included.
    fn write_trust(&self, ground: &Ground) -> Result<(), WorldError> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let image = |ImagePcrs { pcr0, pcr1, pcr2 }: &ImagePcrs| {
            format!("[[image]]\npcr0 = \"{pcr0}\"\npcr1 = \"{pcr1}\"\npcr2 = \"{pcr2}\"\n\n")
        };
        let charter = std::fs::read(self.layout.store().join("charter.cose"));
        let charter = SignedCharter::open(&charter.map_err(WorldError::io("charter.cose"))?);
        let charter = charter.map_err(|error| WorldError::NotReady(error.to_string()))?;
        let text = format!(
            "# Demands on a SIMULATED enclave: it proves nothing about real hardware.\n\
             simulation = true\n\
             root = \"\"\"\n{root}\"\"\"\n\
             max_age_seconds = 300\n\
             least_epoch = 1\n\
             owner_may_change_models = true\n\
             owner_decides_controls = true\n\n\
             {images}\
             [charter]\n\
             digest = \"{charter}\"\n",
            root = pem(ground.pki.root_der()),
            images = images.iter().map(image).collect::<String>(),
            charter = charter.digest(),
        );
        write(&self.layout.trust(), text.as_bytes())
    }

    async fn with_kms(&self, mut args: Vec<String>) -> Result<Output, WorldError> {
        args.push(format!("--kms-connect={}", self.kms_address));
        args.push(path_arg("--kms-roots", &self.layout.kms_roots()));
        self.run(args).await
    }

    /// Runs a command with the owner's credentials and fails unless it succeeds.
    async fn run(&self, args: Vec<String>) -> Result<Output, WorldError> {
        let command = format!("strongroom {}", args.first().cloned().unwrap_or_default());
        let output = self.run_any(args).await?;
        match output.code {
            0 => Ok(output),
            code => Err(WorldError::Command { command, code, stderr: output.stderr }),
        }
    }

    /// Runs a command with the owner's credentials, however it ends.
    async fn run_any(&self, args: Vec<String>) -> Result<Output, WorldError> {
        let env = [
            ("AWS_ACCESS_KEY_ID", self.credential.access_key_id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.credential.secret_access_key.as_str()),
        ];
        self.binaries.strongroom(args, &env).await
    }
}

/// Measurements in the form that nitro-cli prints.
#[must_use]
pub fn measurements(image: &ImagePcrs) -> String {
    let measurements = serde_json::json!({ "Measurements": {
        "HashAlgorithm": "Sha384 { ... }",
        "PCR0": image.pcr0.to_string(),
        "PCR1": image.pcr1.to_string(),
        "PCR2": image.pcr2.to_string(),
    }});
    measurements.to_string()
}

fn path_arg(flag: &str, path: &Path) -> String {
    format!("{flag}={}", path.display())
}

fn principals() -> Result<strongroom_kms::policy::Principals, WorldError> {
    let arn = |name: &str| {
        format!("arn:aws:iam::{ACCOUNT}:{name}").parse().map_err(|_| WorldError::NotReady("principal".into()))
    };
    Ok(strongroom_kms::policy::Principals {
        admin: arn("user/owner")?,
        sealer: arn("user/owner")?,
        enclave: arn("role/strongroom-host")?,
    })
}

fn admin(ground: &Ground) -> Result<Kms, WorldError> {
    let clock = Clock::new(SystemTime::now);
    let credentials = HostCredentials::new(clock.clone());
    let owner = &ground.owner;
    let secret = Zeroizing::new(owner.secret_access_key.clone());
    credentials.set(AwsCredentials::long_lived(owner.access_key_id.clone(), secret));
    let roots = std::fs::read(ground.layout.kms_roots()).map_err(WorldError::io("kms roots"))?;
    Ok(Kms::new(KmsConfig {
        region: region()?,
        dial: Arc::new(super::ground::dial(ground.kms_address)),
        roots: TlsRoots::from_pem(&roots)?,
        clock,
        credentials,
    })?)
}
