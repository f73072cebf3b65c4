//! Data keys: asked of KMS for an accepted package, with proof of what this enclave is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use strongroom_attestation::{DocumentRequest, Nsm};
use strongroom_kms::{
    AttestedDecrypt, AwsCredentials, EncryptionContext, HostCredentials, KeyArn, Kms, KmsConfig, KmsError,
    RecipientKey, Region, WrappedKey,
};
use strongroom_link::Endpoint;
use strongroom_seal::label;
use strongroom_seal::package::{Accepted, Manifest};
use strongroom_seal::secret::{DataKey, wipe_stack};
use zeroize::Zeroizing;

use crate::Platform;
use crate::boot::{BootError, Measured};
use crate::host::{Host, HostError};
use crate::limits::HOST_CONNECT;

/// Why a data key could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The package names a KMS key that the charter does not.
    #[error("the package names a KMS key that the charter does not")]
    ForeignKey,
    /// The host gave no credentials.
    #[error("credentials: {0}")]
    Credentials(#[from] HostError),
    /// KMS refused, or was not reached.
    #[error("{0}")]
    Kms(#[from] KmsError),
    /// The NSM failed.
    #[error("{0}")]
    Document(#[from] BootError),
    /// What KMS returned is not an AES-256 key.
    #[error("what KMS returned is not a data key")]
    NotAKey,
}

/// Asks KMS for data keys.
pub(crate) struct Keys {
    kms: Kms,
    credentials: HostCredentials,
    nsm: Arc<dyn Nsm>,
    host: Host,
    measured: Arc<Measured>,
}

impl Keys {
    pub(crate) fn new(platform: &Platform, measured: Arc<Measured>, host: Host) -> Result<Self, KeyError> {
        let charter = measured.charter().charter();
        let clock = measured.clock().for_kms();
        let credentials = HostCredentials::new(clock.clone());
        let region: Region = charter.region.as_str().parse().map_err(|_| KeyError::ForeignKey)?;
        let kms = Kms::new(KmsConfig {
            region,
            dial: Arc::new(dial_through(platform.kms_tunnel.clone())),
            roots: platform.kms_roots.clone(),
            clock,
            credentials: credentials.clone(),
        })?;
        Ok(Self { kms, credentials, nsm: Arc::clone(&platform.nsm), host, measured })
    }

    /// The data key of a package that was accepted.
    ///
    /// # Security
    /// The RSA key is made for this one operation. What KMS returns is confidential, not authentic: the
    /// package's signed manifest is what makes the plaintext the owner's.
    pub(crate) async fn data_key<M: Manifest>(&self, package: &Accepted<M>) -> Result<DataKey, KeyError> {
        let charter_keys = &self.measured.charter().charter().kms_keys;
        if !charter_keys.iter().any(|key| key == package.key_arn()) {
            return Err(KeyError::ForeignKey);
        }
        let key: KeyArn = package.key_arn().parse().map_err(|_| KeyError::ForeignKey)?;
        self.refresh_credentials().await?;
        let recipient = tokio::task::spawn_blocking(RecipientKey::generate);
        let recipient = recipient.await.map_err(|_| KmsError::RecipientKey)??;
        let document = self.document(&recipient)?;
        let context = EncryptionContext::new(package.encryption_context())?;
        let wrapped = WrappedKey::new(package.wrapped_key().to_vec())?;
        let call = AttestedDecrypt { key: &key, wrapped: &wrapped, context: &context, document, recipient };
        let mut plain = self.kms.decrypt(call).await?;
        let key: &mut [u8; 32] = plain.as_mut_slice().try_into().map_err(|_| KeyError::NotAKey)?;
        let key = DataKey::take(key);
        wipe_stack();
        Ok(key)
    }

    fn document(&self, recipient: &RecipientKey) -> Result<Vec<u8>, KeyError> {
        let request = DocumentRequest::new()
            .with_public_key(recipient.spki_der().to_vec())
            .and_then(|request| request.with_user_data(label::KMS.text().as_bytes().to_vec()))
            .map_err(BootError::from)?;
        Ok(self.measured.document(self.nsm.as_ref(), &request)?.0)
    }

    async fn refresh_credentials(&self) -> Result<(), KeyError> {
        let given = self.host.credentials().await?;
        self.credentials.set(AwsCredentials::temporary(
            given.access_key_id.clone(),
            Zeroizing::new(given.secret_access_key.clone()),
            Zeroizing::new(given.session_token.clone()),
            SystemTime::UNIX_EPOCH + Duration::from_millis(given.expires_ms),
        ));
        Ok(())
    }
}

/// Dials KMS through the host's tunnel. Where it leads is decided by TLS.
fn dial_through(
    tunnel: Endpoint,
) -> impl Fn() -> strongroom_kms::BoxFuture<std::io::Result<strongroom_kms::BoxStream>> {
    move || {
        let tunnel = tunnel.clone();
        Box::pin(async move {
            let stream = tunnel.connect(HOST_CONNECT).await;
            let stream = stream.map_err(|_| std::io::Error::from(std::io::ErrorKind::NotConnected))?;
            Ok(Box::new(stream) as strongroom_kms::BoxStream)
        })
    }
}
