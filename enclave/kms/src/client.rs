//! The client: what the enclave asks of KMS, and how its answers are judged.
//!
//! Every call names its key by full ARN and carries an encryption context. An answer that names another key, or
//! that carries a plaintext where the request named a recipient, is refused whoever sent it.

use std::fmt;
use std::sync::Arc;

use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, IdentityCache, StalledStreamProtectionConfig};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyEncryptionMechanism, RecipientInfo};
use zeroize::Zeroizing;

use crate::answer;
use crate::arn::{KeyArn, Region};
use crate::clock::Clock;
use crate::cms::RecipientKey;
use crate::connector::Connector;
use crate::context::EncryptionContext;
use crate::credentials::HostCredentials;
use crate::dial::Dial;
use crate::error::KmsError;
use crate::limits::{
    ATTEMPT_TIME, DATA_KEY_BYTES, FIRST_BACKOFF, MAX_ATTEMPTS, MAX_BACKOFF, MAX_DOCUMENT_BYTES,
    MAX_WRAPPED_KEY_BYTES, OPERATION_TIME,
};
use crate::tls::TlsRoots;

/// Everything a client is made of; all of it comes from outside.
pub struct KmsConfig {
    /// The region whose KMS is called; keys of others are refused.
    pub region: Region,
    /// Opens the byte streams.
    pub dial: Arc<dyn Dial>,
    /// Who may vouch for KMS.
    pub roots: TlsRoots,
    /// The time for signatures, certificates and expiry.
    pub clock: Clock,
    /// The cell with the present credentials.
    pub credentials: HostCredentials,
}

/// A client of KMS in one region.
#[derive(Clone)]
pub struct Kms {
    pub(crate) sdk: aws_sdk_kms::Client,
    region: Region,
    credentials: HostCredentials,
}

/// A data key as KMS encrypted it. Public: it opens only through KMS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// Takes the bytes of a `CiphertextBlob`.
    ///
    /// # Errors
    /// [`KmsError::Request`] when empty or longer than [`MAX_WRAPPED_KEY_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, KmsError> {
        if bytes.is_empty() || bytes.len() > MAX_WRAPPED_KEY_BYTES {
            return Err(KmsError::Request("wrapped key is empty or too long"));
        }
        Ok(Self(bytes))
    }

    /// The bytes of the `CiphertextBlob`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A fresh data key, in the clear and wrapped. Only the owner's machine ever holds one.
pub struct DataKey {
    /// The key itself.
    pub plaintext: Zeroizing<[u8; DATA_KEY_BYTES]>,
    /// The same key as KMS encrypted it.
    pub wrapped: WrappedKey,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(redacted)")
    }
}

/// One decryption to an attested recipient.
pub struct AttestedDecrypt<'a> {
    /// The key that wrapped it.
    pub key: &'a KeyArn,
    /// What to decrypt.
    pub wrapped: &'a WrappedKey,
    /// What it was bound to.
    pub context: &'a EncryptionContext,
    /// An attestation document whose `public_key` is that of `recipient`. The operation's retries send it again.
    pub document: Vec<u8>,
    /// The key that the answer is sealed to; used for this operation alone.
    pub recipient: RecipientKey,
}

impl Kms {
    /// Makes a client. Nothing is dialled before the first call.
    ///
    /// # Errors
    /// [`KmsError::Roots`] when TLS cannot be set up.
    pub fn new(config: KmsConfig) -> Result<Self, KmsError> {
        let tls = config.roots.client_config(&config.clock)?;
        let connector = Connector::new(config.dial, tls, &config.region.kms_host());
        let sdk = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_sdk_kms::config::Region::new(config.region.as_str().to_owned()))
            .http_client(connector.into_http_client())
            .time_source(config.clock)
            .credentials_provider(config.credentials.clone())
            // The SDK's lazy cache would go on with a credential after the host replaced it.
            .identity_cache(IdentityCache::no_cache())
            .retry_config(retries())
            .timeout_config(timeouts())
            // Answers arrive whole from the connector; there is no stream that could stall.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let sdk = aws_sdk_kms::Client::from_conf(sdk);
        Ok(Self { sdk, region: config.region, credentials: config.credentials })
    }

    /// Decrypts to a recipient: KMS seals the plaintext to the public key inside the attestation document.
    ///
    /// # Errors
    /// [`KmsError::Refused`] when KMS does not allow it, [`KmsError::BadAnswer`] when the answer names another key,
    /// carries a plaintext, or does not open with the recipient key; [`KmsError::Request`] and
    /// [`KmsError::OtherRegion`] before anything is sent; the rest when no answer came.
    ///
    /// # Security
    /// What comes back is confidential but not authentic: compare what it opens with something signed.
    pub async fn decrypt(&self, call: AttestedDecrypt<'_>) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        self.check(call.key)?;
        if call.document.is_empty() || call.document.len() > MAX_DOCUMENT_BYTES {
            return Err(KmsError::Request("attestation document is empty or too long"));
        }
        let recipient = RecipientInfo::builder()
            .key_encryption_algorithm(KeyEncryptionMechanism::RsaesOaepSha256)
            .attestation_document(Blob::new(call.document))
            .build();
        let request = self.sdk.decrypt().key_id(call.key.as_str()).recipient(recipient);
        let request = request.ciphertext_blob(Blob::new(call.wrapped.as_bytes()));
        let answer = request.set_encryption_context(Some(call.context.to_sdk())).send().await?;
        answer::opened(answer, call.key, &call.recipient)
    }

    /// Makes a fresh AES-256 data key under `key`, for the owner to encrypt a package with.
    ///
    /// # Errors
    /// As [`Kms::decrypt`], without the recipient.
    pub async fn generate_data_key(
        &self,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<DataKey, KmsError> {
        self.check(key)?;
        let request = self.sdk.generate_data_key().key_id(key.as_str()).key_spec(DataKeySpec::Aes256);
        let answer = request.set_encryption_context(Some(context.to_sdk())).send().await?;
        answer::data_key(answer, key)
    }

    /// What can be refused before anything is sent.
    pub(crate) fn check(&self, key: &KeyArn) -> Result<(), KmsError> {
        if *key.region() != self.region {
            return Err(KmsError::OtherRegion);
        }
        self.check_credentials()
    }

    pub(crate) fn check_credentials(&self) -> Result<(), KmsError> {
        self.credentials.check()
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kms({})", self.region)
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(MAX_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(MAX_BACKOFF)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIME).operation_timeout(OPERATION_TIME).build()
}
