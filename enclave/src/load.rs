//! Loading: from an untrusted package to a model in memory, or to the private part of a release.
//!
//! Nothing is decrypted before the manifest is accepted, and nothing is used before the last chunk and
//! the digest of the whole were checked. A model loads in two steps, so that a release can be judged before the first
//! byte of its weights is fetched: unlocking gives all that is known of it, loading its engine.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_attestation::release::{Private, Release, ReleasedModel};
use strongroom_controls::noise::Field;
use strongroom_engine::Model;
use strongroom_kms::{KmsError, Refusal};
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::ModelDigest;
use strongroom_seal::model::{AnswerBound, Claim, Interface, Schema};
use strongroom_seal::package::{
    Accepted, Header, Manifest, ModelManifest, Opener, PREFIX_BYTES, PackageError, Prefix, PrivateManifest,
    TAG_BYTES,
};
use strongroom_seal::secret::{DataKey, WatermarkKey};
use tokio::sync::SetOnce;
use zeroize::Zeroizing;

use crate::boot::Measured;
use crate::host::{Host, HostError};
use crate::keys::{KeyError, Keys};
use crate::limits::MAX_LOAD_ROOM_WAIT;
use crate::room::{self, Room};

/// Why a package did not load. For the owner; no client sees it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The package itself.
    #[error("{0}")]
    Package(#[from] PackageError),
    /// Its data key.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// The host did not deliver it.
    #[error("{0}")]
    Host(#[from] HostError),
    /// The manifest is of another model than the release says.
    #[error("the manifest names another model than the release")]
    OtherModel,
    /// The private part is not one.
    #[error("the private part does not hold the fields of one")]
    Private,
    /// The engine does not take the model. Why names parts of the model, which the host must not learn;
    /// the owner learns it from `strongroom seal`, which loads the model first.
    #[error("the engine does not take the model")]
    Engine(#[from] strongroom_engine::LoadError),
    /// The machine has less memory than loading it takes.
    #[error("loading it takes more memory than is free")]
    Memory,
    /// A task of the enclave ended early.
    #[error("loading was interrupted")]
    Interrupted,
}

impl LoadError {
    /// Whether it may load later: somebody was not there, rather than wrong.
    pub(crate) fn may_pass(&self) -> bool {
        let kms = |error: &KmsError| {
            matches!(
                error,
                KmsError::Unreachable
                    | KmsError::TimedOut
                    | KmsError::CredentialsExpired
                    | KmsError::NoCredentials
                    | KmsError::Refused(Refusal::Throttled | Refusal::Internal | Refusal::ExpiredToken)
            )
        };
        match self {
            Self::Host(_) | Self::Interrupted | Self::Memory | Self::Key(KeyError::Credentials(_)) => true,
            Self::Key(KeyError::Kms(error)) => kms(error),
            _ => false,
        }
    }
}

/// A model of a release: what is known of it, and its engine from when it is loaded.
pub(crate) struct ServedModel {
    pub(crate) id: PackageId,
    pub(crate) digest: ModelDigest,
    pub(crate) answer: AnswerBound,
    pub(crate) schema: Schema,
    pub(crate) interface: Interface,
    /// What its manifest states of how it was made.
    pub(crate) provenance: Vec<Claim>,
    /// Operators that it may hold beside those that every model may.
    pub(crate) operators: Vec<String>,
    /// The waves of its keyed noise, where its schema has a lengthscale.
    pub(crate) field: Option<Field>,
    /// Behind its watermark and its misinformation.
    pub(crate) watermark: WatermarkKey,
    pub(crate) engine: SetOnce<Model>,
}

/// A model whose package was accepted and whose key was released, and whose weights are still with the host.
pub(crate) struct Unlocked {
    pub(crate) model: Arc<ServedModel>,
    package: Accepted<ModelManifest>,
    key: DataKey,
    content_offset: u64,
}

impl Unlocked {
    /// Bytes of its weights.
    pub(crate) fn bytes(&self) -> u64 {
        self.package.manifest().content.length
    }
}

/// Loads packages of one deployment.
pub(crate) struct Loader {
    pub(crate) measured: Arc<Measured>,
    pub(crate) host: Host,
    pub(crate) keys: Keys,
    pub(crate) room: Arc<Room>,
}

impl Loader {
    /// Accepts the package of a model and gets its key.
    pub(crate) async fn unlock(&self, released: &ReleasedModel) -> Result<Unlocked, LoadError> {
        let (header, content_offset) = self.header(&released.id).await?;
        let package: Accepted<ModelManifest> = self.accept(header, released.digest.as_bytes())?;
        if package.manifest().model != released.id {
            return Err(LoadError::OtherModel);
        }
        let key = self.keys.data_key(&package).await?;
        let field_key = key.field_key().map_err(|_| KeyError::NotAKey)?;
        let watermark = key.watermark_key().map_err(|_| KeyError::NotAKey)?;
        let ModelManifest { answer, schema, provenance, interface, operators, .. } =
            package.manifest().clone();
        let field = Field::new(field_key, &interface, &schema).ok();
        let (id, digest, engine) = (released.id.clone(), released.digest, SetOnce::new());
        let model = ServedModel {
            id,
            digest,
            answer,
            schema,
            interface,
            provenance,
            operators,
            field,
            watermark,
            engine,
        };
        Ok(Unlocked { model: Arc::new(model), package, key, content_offset })
    }

    /// Fetches, decrypts and builds the weights. From then on the model answers.
    pub(crate) async fn load(&self, unlocked: &Unlocked) -> Result<(), LoadError> {
        let Unlocked { model, package, key, content_offset } = unlocked;
        let (room, bytes) = (Arc::clone(&self.room), room::of_load(unlocked.bytes()));
        let taken = tokio::task::spawn_blocking(move || room.take(bytes, MAX_LOAD_ROOM_WAIT));
        let taken = taken.await.map_err(|_| LoadError::Interrupted)?.map_err(|_| LoadError::Memory)?;
        let onnx = self.content(&model.id, *content_offset, package.opener(key)?).await?;
        let model = Arc::clone(model);
        let build = tokio::task::spawn_blocking(move || {
            let engine = Model::load_with(onnx, &model.interface, &model.operators)?;
            // Nobody else loads it.
            let _ = model.engine.set(engine);
            drop(taken);
            Ok::<_, strongroom_engine::LoadError>(())
        });
        build.await.map_err(|_| LoadError::Interrupted)??;
        Ok(())
    }

    /// Decrypts the private part of a release.
    pub(crate) async fn private(&self, release: &Release, package: &[u8]) -> Result<Private, LoadError> {
        let (header, mut chunks) = Header::split(package)?;
        let accepted: Accepted<PrivateManifest> = self.accept(header, release.private.as_bytes())?;
        if accepted.manifest().epoch != release.epoch {
            return Err(LoadError::Private);
        }
        let key = self.keys.data_key(&accepted).await?;
        let mut opener = accepted.opener(&key)?;
        let mut content = Zeroizing::new(Vec::new());
        while opener.next_bytes() > 0 {
            let (chunk, rest) = chunks.split_at(opener.next_bytes().min(chunks.len()));
            content.extend_from_slice(opener.open_next(&mut Zeroizing::new(chunk.to_vec()))?);
            chunks = rest;
        }
        opener.finish()?;
        if !chunks.is_empty() {
            return Err(PackageError::Trailing.into());
        }
        Private::decode(&content).map_err(|_| LoadError::Private)
    }

    fn accept<M: Manifest>(&self, header: Header, expected: &[u8; 48]) -> Result<Accepted<M>, LoadError> {
        let charter = self.measured.charter().charter();
        Ok(Accepted::judge(header, &charter.keys, &charter.deployment, expected)?)
    }

    async fn header(&self, package: &PackageId) -> Result<(Header, u64), LoadError> {
        let prefix = self.host.range(package, 0, PREFIX_BYTES).await?;
        let prefix: [u8; PREFIX_BYTES] = prefix.as_ref().try_into().map_err(|_| PackageError::Header)?;
        let prefix = Prefix::parse(prefix)?;
        let header = self.host.range(package, PREFIX_BYTES as u64, prefix.header_bytes()).await?;
        if header.len() != prefix.header_bytes() {
            return Err(PackageError::Header.into());
        }
        Ok((Header::decode(&header)?, prefix.content_offset()))
    }

    /// Opens chunk after chunk into one buffer, each while the next one is on its way. Two chunks beside it are all the memory
    /// this takes.
    async fn content(
        &self,
        package: &PackageId,
        offset: u64,
        opener: Opener,
    ) -> Result<Zeroizing<Vec<u8>>, LoadError> {
        let plan = opener.plan();
        let fetch = async |index: u32| {
            if index == plan.count() {
                // Nothing is behind the last chunk.
                return Ok(self.host.range(package, offset + plan.sealed_bytes(), 1).await?);
            }
            let at = offset + plan.sealed_offset(index);
            Ok::<_, LoadError>(self.host.range(package, at, plan.plain_bytes(index) + TAG_BYTES).await?)
        };
        let mut opening = Opening::new(opener);
        let mut fetched = fetch(0).await?;
        for index in 0..plan.count() {
            let opened = tokio::task::spawn_blocking(move || opening.take(fetched));
            let (opened, next) = tokio::join!(opened, fetch(index + 1));
            opening = opened.map_err(|_| LoadError::Interrupted)??;
            fetched = next?;
        }
        let content = opening.finish()?;
        if fetched.is_empty() { Ok(content) } else { Err(PackageError::Trailing.into()) }
    }
}

/// A content that is being opened.
struct Opening {
    opener: Opener,
    content: Zeroizing<Vec<u8>>,
}

impl Opening {
    fn new(opener: Opener) -> Self {
        let plan = opener.plan();
        let length = (0..plan.count()).map(|index| plan.plain_bytes(index)).sum();
        Self { opener, content: Zeroizing::new(Vec::with_capacity(length)) }
    }

    /// Opens the next chunk.
    fn take(mut self, chunk: Bytes) -> Result<Self, PackageError> {
        // Of a buffer that nobody else holds, this is no copy.
        let mut chunk = Zeroizing::new(Vec::from(chunk));
        self.content.extend_from_slice(self.opener.open_next(&mut chunk)?);
        Ok(self)
    }

    /// All of it, if it is what the manifest says.
    fn finish(self) -> Result<Zeroizing<Vec<u8>>, PackageError> {
        self.opener.finish()?;
        Ok(self.content)
    }
}
