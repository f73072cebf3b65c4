//! What requests are signed with. Held only while it is good, and never logged.

use std::time::{SystemTime, UNIX_EPOCH};

use rusty_s3::Credentials;
use tokio::sync::Mutex;

use crate::credentials::{CredentialsError, Source};
use crate::limits::CREDENTIALS_MARGIN;

/// Credentials of the host's role, fetched anew before they expire.
pub(super) struct Keys {
    source: Source,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    credentials: Credentials,
    expires_ms: u64,
}

impl Keys {
    pub(super) fn new(source: Source) -> Self {
        Self { source, kept: Mutex::default() }
    }

    /// The current credentials. Whoever comes meanwhile waits for the one fetch.
    pub(super) async fn current(&self) -> Result<Credentials, CredentialsError> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| is_good(kept.expires_ms)) {
            return Ok(kept.credentials.clone());
        }
        let fetched = self.source.fetch().await?;
        let credentials = Credentials::new_with_token(
            fetched.access_key_id,
            fetched.secret_access_key,
            fetched.session_token,
        );
        *kept = Some(Kept { credentials: credentials.clone(), expires_ms: fetched.expires_ms });
        Ok(credentials)
    }

    /// Drops what was refused.
    pub(super) async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}

fn is_good(expires_ms: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now + CREDENTIALS_MARGIN < std::time::Duration::from_millis(expires_ms)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn write(path: &Path, key: &str, expires: &str) {
        let json = format!(
            r#"{{"Version":1,"AccessKeyId":"{key}","SecretAccessKey":"S","SessionToken":"T","Expiration":"{expires}"}}"#
        );
        std::fs::write(path, json).unwrap();
    }

    #[tokio::test]
    async fn credentials_are_kept_while_they_are_good_and_not_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        let keys = Keys::new(Source::File(path.clone()));
        assert!(keys.current().await.is_err());
        write(&path, "ending", "2001-01-01T00:00:00Z");
        assert_eq!(keys.current().await.unwrap().key(), "ending");
        write(&path, "lasting", "2999-01-01T00:00:00Z");
        assert_eq!(keys.current().await.unwrap().key(), "lasting", "the others were about to expire");
        write(&path, "other", "2999-01-01T00:00:00Z");
        assert_eq!(keys.current().await.unwrap().key(), "lasting");
        keys.forget().await;
        assert_eq!(keys.current().await.unwrap().key(), "other");
    }

    #[test]
    fn the_margin_counts() {
        let ms = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
        let edge = SystemTime::now() + CREDENTIALS_MARGIN;
        assert!(!is_good(ms(edge) - 1000));
        assert!(is_good(ms(edge) + 60_000));
    }
}
