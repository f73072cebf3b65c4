//! The credentials of the host's role.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Finding;
use crate::config::{self, Settings};
use crate::credentials::{ContainerError, CredentialsError, ImdsError, Source};
use crate::limits::{CREDENTIALS_MARGIN, CREDENTIALS_WARN};

/// Whether there are any, and for how long. Says nothing of the credentials themselves.
pub(super) async fn check(settings: &Settings) -> Finding {
    let source = match config::source(settings) {
        Ok(source) => source,
        Err(error) => {
            let one =
                "set one of credentials-imds, credentials-file and credentials-container with its token file";
            return Finding::fail(error, one);
        }
    };
    match source.fetch().await {
        Ok(credentials) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            judge(Duration::from_millis(credentials.expires_ms).saturating_sub(now))
        }
        Err(error) => Finding::fail(error, remedy(&source, error)),
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

fn remedy(source: &Source, error: CredentialsError) -> &'static str {
    match error {
        CredentialsError::Imds(ImdsError::Status(404)) => {
            "give the instance a role: `aws ec2 associate-iam-instance-profile`"
        }
        CredentialsError::Imds(_) => "see the line imds",
        CredentialsError::Container(error) => agent_remedy(error),
        _ if !matches!(source, Source::File(_)) => {
            "what answers at that address gives no credentials: see that it is the metadata service, or the agent"
        }
        CredentialsError::Io(_)
        | CredentialsError::TooLong
        | CredentialsError::Malformed
        | CredentialsError::Missing(_) => {
            "write the file in the form of AWS's credential_process, with SessionToken and Expiration, readable by \
             the user of strongroom-host"
        }
    }
}

fn agent_remedy(error: ContainerError) -> &'static str {
    match error {
        ContainerError::TokenFile(_) | ContainerError::Token => {
            "associate the pod's service account with a role (`aws eks create-pod-identity-association`), then make the \
             pod anew: only a new one gets the token. It must be readable by the user of strongroom-host"
        }
        ContainerError::Unreachable => {
            "see that the agent runs on this node (`kubectl -n kube-system get daemonset eks-pod-identity-agent`) and \
             that the network policy lets the pod reach it"
        }
        ContainerError::Status(_) => {
            "see the association of the pod's service account (`aws eks list-pod-identity-associations`), that its role \
             trusts pods.eks.amazonaws.com with sts:AssumeRole and sts:TagSession, and the log of the agent"
        }
        ContainerError::Unexpected | ContainerError::Url | ContainerError::Host => {
            "set credentials-container to the agent, as AWS_CONTAINER_CREDENTIALS_FULL_URI in the pod's environment has it"
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
