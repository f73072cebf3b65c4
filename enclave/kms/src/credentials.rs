//! AWS credentials given by somebody else: the host hands them to the enclave, again and again, because they
//! expire.
//!
//! Nothing caches them: each request takes what the cell holds at that moment, so a stale credential is never
//! used once a newer one was set.
//!
//! # Security
//! The host knows these credentials. They open nothing by themselves: the key policy also demands an attestation
//! document. They are redacted and zeroized all the same.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::error::KmsError;
use crate::limits::CREDENTIAL_MARGIN;

/// One set of credentials. Zeroized on drop.
pub struct AwsCredentials {
    access_key_id: String,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    expires: Option<SystemTime>,
}

impl AwsCredentials {
    /// Credentials of a role: with a session token, and useless after `expires`.
    #[must_use]
    pub fn temporary(
        access_key_id: String,
        secret_access_key: Zeroizing<String>,
        session_token: Zeroizing<String>,
        expires: SystemTime,
    ) -> Self {
        let session_token = Some(session_token);
        Self { access_key_id, secret_access_key, session_token, expires: Some(expires) }
    }

    /// Credentials of a user, without an expiry. For the owner's command; a host has no business holding any.
    #[must_use]
    pub fn long_lived(access_key_id: String, secret_access_key: Zeroizing<String>) -> Self {
        Self { access_key_id, secret_access_key, session_token: None, expires: None }
    }

    fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| now + CREDENTIAL_MARGIN >= expires)
    }

    /// The SDK's form, which zeroizes as well.
    fn to_sdk(&self) -> Credentials {
        let token = self.session_token.as_ref().map(|t| t.to_string());
        let (id, secret) = (self.access_key_id.as_str(), self.secret_access_key.as_str());
        Credentials::new(id, secret, token, self.expires, "host")
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsCredentials(redacted)")
    }
}

/// The cell that holds the present credentials. Clones share it.
#[derive(Clone)]
pub struct HostCredentials {
    cell: Arc<RwLock<Option<AwsCredentials>>>,
    clock: Clock,
}

impl HostCredentials {
    /// An empty cell.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { cell: Arc::default(), clock }
    }

    /// Puts new credentials in the place of the old ones.
    pub fn set(&self, credentials: AwsCredentials) {
        *self.cell.write().unwrap_or_else(PoisonError::into_inner) = Some(credentials);
    }

    /// Whether a request made now would have credentials.
    ///
    /// # Errors
    /// [`KmsError::NoCredentials`] while the cell is empty, [`KmsError::CredentialsExpired`] within
    /// [`CREDENTIAL_MARGIN`] of their expiry and after it.
    pub fn check(&self) -> Result<(), KmsError> {
        self.present().map(|_| ())
    }

    fn present(&self) -> Result<Credentials, KmsError> {
        let cell = self.cell.read().unwrap_or_else(PoisonError::into_inner);
        let credentials = cell.as_ref().ok_or(KmsError::NoCredentials)?;
        if credentials.is_expired(self.clock.now()) {
            return Err(KmsError::CredentialsExpired);
        }
        Ok(credentials.to_sdk())
    }
}

impl fmt::Debug for HostCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostCredentials(redacted)")
    }
}

impl ProvideCredentials for HostCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(self.present().map_err(CredentialsError::provider_error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn temporary(expires: u64) -> AwsCredentials {
        AwsCredentials::temporary(
            "AKIA".into(),
            Zeroizing::new("s3cret".into()),
            Zeroizing::new("t0ken".into()),
            at(expires),
        )
    }

    #[tokio::test]
    async fn the_newest_credentials_are_used_at_once() {
        let cell = HostCredentials::new(Clock::new(|| at(1000)));
        assert_eq!(cell.check(), Err(KmsError::NoCredentials));
        cell.set(temporary(1029));
        assert_eq!(cell.check(), Err(KmsError::CredentialsExpired));
        assert!(cell.provide_credentials().await.is_err());
        cell.set(temporary(1031));
        assert_eq!(cell.provide_credentials().await.unwrap().expiry(), Some(at(1031)));
        cell.set(AwsCredentials::long_lived("AKIB".into(), Zeroizing::new("s".into())));
        assert_eq!(cell.provide_credentials().await.unwrap().access_key_id(), "AKIB");
    }

    #[test]
    fn debug_shows_no_secret() {
        let cell = HostCredentials::new(Clock::new(|| at(0)));
        cell.set(temporary(100));
        let shown = format!("{cell:?} {:?}", temporary(1));
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}
