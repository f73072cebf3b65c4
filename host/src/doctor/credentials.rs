//! The credentials of the host's role.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;
use crate::config::{self, Settings};
use crate::credentials::{CredentialsError, ImdsError};
use crate::limits::{CREDENTIALS_MARGIN, CREDENTIALS_WARN};

/// Whether there are any, and for how long. Says nothing of the credentials themselves.
pub(super) async fn check(settings: &Settings) -> Finding {
    let source = match config::source(settings) {
        Ok(source) => source,
        Err(error) => return Finding::fail(error, "set one of credentials-imds and credentials-file"),
    };
    match source.fetch().await {
        Ok(credentials) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            judge(Duration::from_millis(credentials.expires_ms).saturating_sub(now))
        }
        Err(error) => Finding::fail(error, remedy(error)),
    }
}

fn judge(left: Duration) -> Finding {
    let found = format!("good for {} min", left.as_secs() / 60);
    let remedy = "see that whatever writes the credentials renews them well before their end";
    if left < CREDENTIALS_MARGIN {
        Finding::fail(found, remedy)
    } else if left < CREDENTIALS_WARN {
        Finding::warn(found, remedy)
    } else {
        Finding::pass(found)
    }
}

fn remedy(error: CredentialsError) -> &'static str {
    match error {
        CredentialsError::Imds(ImdsError::Status(404)) => {
            "give the instance a role: `aws ec2 associate-iam-instance-profile`"
        }
        CredentialsError::Imds(_) => "see the line imds",
        CredentialsError::Io(_) | CredentialsError::TooLong | CredentialsError::Malformed => {
            "write the file in the form of AWS's credential_process, with SessionToken and Expiration, readable by \
             the user of strongroom-host"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn minutes_left() {
        for (seconds, status) in
            [(0, Status::Fail), (299, Status::Fail), (300, Status::Warn), (900, Status::Pass)]
        {
            assert_eq!(judge(Duration::from_secs(seconds)).status, status, "{seconds}");
        }
    }
}
