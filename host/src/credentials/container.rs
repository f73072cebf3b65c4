//! The agent that hands a pod the credentials of its role, in return for the pod's token.
//!
//! AWS SDKs and Tools reference guide, "Container credential provider"; EKS user guide, "EKS Pod
//! Identities". The token is as good as the credentials: it goes to an address of this node alone,
//! and into no log.

use std::fmt;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use super::exchange::{self, ExchangeError};
use super::read_file;
use crate::destination::Destination;
use crate::limits::MAX_TOKEN_FILE_BYTES;

/// Where AWS's agents listen on a node, beside loopback: that of ECS, and that of EKS in either family.
/// AWS's own SDKs speak to no other address without TLS.
const AGENTS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// The agent, and the file with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Where the agent hands out credentials.
    pub url: ContainerUrl,
    /// The pod's token, read again for every request, because the kubelet replaces it.
    pub token_file: PathBuf,
}

/// Where the agent hands out credentials.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ContainerUrl {
    agent: Destination,
    path: PathAndQuery,
}

/// What kept the agent from handing out credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// The token could not be read.
    #[error("credentials-container-token-file cannot be read: {0}")]
    TokenFile(ErrorKind),
    /// The file holds something else.
    #[error(
        "credentials-container-token-file holds no token: one word of visible ASCII, at most {} KiB",
        MAX_TOKEN_FILE_BYTES / 1024
    )]
    Token,
    /// No answer in time.
    #[error("the credentials agent does not answer")]
    Unreachable,
    /// An answer other than 200, for example when the pod's service account has no role.
    #[error("the credentials agent answers {0}")]
    Status(u16),
    /// An answer too long or broken.
    #[error("the credentials agent answers something unexpected")]
    Unexpected,
    /// The text is no URL.
    #[error("not a URL of a credentials agent: http://ADDRESS[:PORT]/PATH")]
    Url,
    /// Another host would learn the token.
    #[error(
        "not an address of a credentials agent: 169.254.170.23, [fd00:ec2::23], 169.254.170.2 or loopback"
    )]
    Host,
}

impl Container {
    /// The credentials document of the pod's role.
    pub(super) async fn fetch(&self) -> Result<Bytes, ContainerError> {
        let header = (AUTHORIZATION, token(&self.token_file).await?);
        let ContainerUrl { agent, path } = &self.url;
        let response = exchange::ask(agent, Method::GET, path.as_str(), Some(header)).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            other => Err(ContainerError::Status(other.as_u16())),
        }
    }
}

/// What the file holds, if it can be a token and nothing that would end the header.
async fn token(path: &Path) -> Result<HeaderValue, ContainerError> {
    let read = read_file(path, MAX_TOKEN_FILE_BYTES).await.map_err(ContainerError::TokenFile)?;
    let bytes = read.ok_or(ContainerError::Token)?;
    let word = bytes.trim_ascii();
    if word.is_empty() || !word.iter().all(u8::is_ascii_graphic) {
        return Err(ContainerError::Token);
    }
    let mut value = HeaderValue::from_bytes(word).map_err(|_| ContainerError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn is_agent(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_loopback() || AGENTS.contains(&address))
}

impl From<ExchangeError> for ContainerError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Unreachable => Self::Unreachable,
            ExchangeError::Unexpected => Self::Unexpected,
        }
    }
}

impl FromStr for ContainerUrl {
    type Err = ContainerError;

    fn from_str(text: &str) -> Result<Self, ContainerError> {
        let rest = text.strip_prefix("http://").ok_or(ContainerError::Url)?;
        let (agent, path) = rest.split_at(rest.find('/').ok_or(ContainerError::Url)?);
        let agent = exchange::authority(agent).ok_or(ContainerError::Url)?;
        if !is_agent(agent.host()) {
            return Err(ContainerError::Host);
        }
        // A path that is read as another, for want of its fragment, is none.
        let parsed: PathAndQuery = path.parse().map_err(|_| ContainerError::Url)?;
        let fits = parsed.as_str() == path && path.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self { agent, path: parsed }) } else { Err(ContainerError::Url) }
    }
}

impl TryFrom<String> for ContainerUrl {
    type Error = ContainerError;

    fn try_from(text: String) -> Result<Self, ContainerError> {
        text.parse()
    }
}

impl fmt::Display for ContainerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.agent, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_on_this_node() {
        for (text, full) in [
            ("http://169.254.170.23/v1/credentials", "http://169.254.170.23:80/v1/credentials"),
            ("http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]:80/v1/credentials"),
            ("http://169.254.170.2:80/v2/a-b?c=d", "http://169.254.170.2:80/v2/a-b?c=d"),
            ("http://127.0.0.2:9911/", "http://127.0.0.2:9911/"),
            ("http://[::1]:9911/creds", "http://[::1]:9911/creds"),
        ] {
            let url: ContainerUrl = text.parse().unwrap();
            assert_eq!((url.to_string().as_str(), full.parse()), (full, Ok(url)));
        }
    }

    #[test]
    fn another_host_is_refused() {
        for bad in [
            "169.254.169.254",
            "169.254.170.24",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.170.23]",
            "localhost",
            "169.254.170.23.example",
            "127.1",
        ] {
            let parsed = format!("http://{bad}/v1/credentials").parse::<ContainerUrl>();
            assert_eq!(parsed, Err(ContainerError::Host), "{bad}");
        }
    }

    #[test]
    fn other_text_is_no_url() {
        for bad in [
            "",
            "169.254.170.23/v1/credentials",
            "https://169.254.170.23/v1/credentials",
            "http://",
            "http:///v1",
            "http://169.254.170.23",
            "http://169.254.170.23:0/v1",
            "http://169.254.170.23:65536/v1",
            "http://user@169.254.170.23/v1",
            "http://169.254.170.23/v1#part",
            "http://169.254.170.23/v 1",
            "http://169.254.170.23/v1\r\nx: y",
            "http://169.254.170.23/\u{e9}",
        ] {
            assert_eq!(bad.parse::<ContainerUrl>(), Err(ContainerError::Url), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_token_is_one_visible_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        assert_eq!(token(&path).await, Err(ContainerError::TokenFile(ErrorKind::NotFound)));
        for good in ["eyJ.eyJ.sig-_~", " eyJ\r\n", &"x".repeat(MAX_TOKEN_FILE_BYTES)] {
            std::fs::write(&path, good).unwrap();
            let value = token(&path).await.unwrap();
            assert_eq!(value, good.trim());
            assert!(!format!("{value:?}").contains("eyJ"));
        }
        let long = "x".repeat(MAX_TOKEN_FILE_BYTES + 1);
        for bad in ["", " \n", "a b", "a\r\nx-other: b", "a\0", "\u{e9}", "\x7f", &long] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(token(&path).await, Err(ContainerError::Token), "{bad:?}");
        }
    }
}
