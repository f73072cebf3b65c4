//! The instance metadata service, version 2: a token, the role's name, the role's credentials.
//!
//! AWS EC2 user guide, "Retrieve security credentials from instance metadata". Version 1, which asks
//! for no token, is never used.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;

use super::exchange::{self, ExchangeError};
use crate::destination::Destination;
use crate::limits::IMDS_TOKEN_TTL_S;

/// Address of the service on every EC2 instance.
pub(crate) const DEFAULT_URL: &str = "http://169.254.169.254:80";

const TOKEN_PATH: &str = "/latest/api/token";
const ROLES_PATH: &str = "/latest/meta-data/iam/security-credentials/";
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// Longest name of an IAM role, in bytes.
const MAX_ROLE_BYTES: usize = 64;

/// Where the service is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Imds(Destination);

/// What the service did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImdsError {
    /// No answer in time.
    #[error("the metadata service does not answer")]
    Unreachable,
    /// An answer other than 200, for example when the instance has no role.
    #[error("the metadata service answers {0}")]
    Status(u16),
    /// An answer too long or of another form.
    #[error("the metadata service answers something unexpected")]
    Unexpected,
    /// The text is no address of the service.
    #[error("not an address of a metadata service: http://HOST[:PORT]")]
    Address,
}

impl Imds {
    /// The credentials document of the instance's role.
    pub(super) async fn fetch(&self) -> Result<Bytes, ImdsError> {
        let token = self.ask(Method::PUT, TOKEN_PATH, (TTL_HEADER, IMDS_TOKEN_TTL_S.as_bytes())).await?;
        let token = (TOKEN_HEADER, token.trim_ascii());
        let role = self.ask(Method::GET, ROLES_PATH, token).await?;
        let role = role_name(&role).ok_or(ImdsError::Unexpected)?;
        self.ask(Method::GET, &format!("{ROLES_PATH}{role}"), token).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        header: (&'static str, &[u8]),
    ) -> Result<Bytes, ImdsError> {
        let response = self.request(method, path, Some(header)).await?;
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            other => Err(ImdsError::Status(other.as_u16())),
        }
    }

    /// A token, with the head of its answer.
    pub(crate) async fn token(&self) -> Result<Response<Bytes>, ImdsError> {
        self.request(Method::PUT, TOKEN_PATH, Some((TTL_HEADER, IMDS_TOKEN_TTL_S.as_bytes()))).await
    }

    /// What stands at a path, with or without a token.
    pub(crate) async fn get(&self, path: &str, token: Option<&[u8]>) -> Result<Response<Bytes>, ImdsError> {
        self.request(Method::GET, path, token.map(|token| (TOKEN_HEADER, token.trim_ascii()))).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        header: Option<(&'static str, &[u8])>,
    ) -> Result<Response<Bytes>, ImdsError> {
        let header = header.map(|(name, value)| {
            let value = HeaderValue::from_bytes(value).map_err(|_| ImdsError::Unexpected)?;
            Ok::<_, ImdsError>((HeaderName::from_static(name), value))
        });
        Ok(exchange::ask(&self.0, method, path, header.transpose()?).await?)
    }
}

impl From<ExchangeError> for ImdsError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Unreachable => Self::Unreachable,
            ExchangeError::Unexpected => Self::Unexpected,
        }
    }
}

/// The first line, if it can be the name of a role (IAM user guide, "IAM name requirements").
fn role_name(body: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(body).ok()?.lines().next()?.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c);
    let fits = (1..=MAX_ROLE_BYTES).contains(&line.len()) && line.chars().all(allowed);
    fits.then_some(line)
}

impl FromStr for Imds {
    type Err = ImdsError;

    fn from_str(text: &str) -> Result<Self, ImdsError> {
        let rest = text.strip_prefix("http://").ok_or(ImdsError::Address)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        exchange::authority(rest).map(Self).ok_or(ImdsError::Address)
    }
}

impl TryFrom<String> for Imds {
    type Error = ImdsError;

    fn try_from(text: String) -> Result<Self, ImdsError> {
        text.parse()
    }
}

impl fmt::Display for Imds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let short: Imds = "http://169.254.169.254/".parse().unwrap();
        assert_eq!(short.to_string(), DEFAULT_URL);
        assert_eq!(DEFAULT_URL.parse::<Imds>().unwrap(), short);
        for bad in ["https://169.254.169.254", "169.254.169.254", "http://", "http://a/b", "http://a:b"] {
            assert_eq!(bad.parse::<Imds>(), Err(ImdsError::Address), "{bad}");
        }
    }

    #[test]
    fn a_role_name_cannot_become_another_path() {
        assert_eq!(role_name(b"strongroom-host\nother"), Some("strongroom-host"));
        for bad in [b"".as_slice(), b"../x", b"a b", b"a?b", b"\xff", &[b'a'; 65]] {
            assert_eq!(role_name(bad), None);
        }
    }
}
