//! Names of a store: a directory, or a bucket with its prefix, region and endpoint.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;
use serde::Deserialize;

use crate::limits::MAX_PREFIX_BYTES;

/// How a store in S3 is told from a directory.
const S3_SCHEME: &str = "s3://";

/// A store as one setting names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Location {
    /// A directory of this machine.
    Directory(PathBuf),
    /// `s3://BUCKET[/PREFIX]`.
    S3(Bucket, Prefix),
}

/// A store with everything that is needed to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// Objects of a bucket.
    S3(S3Place),
}

/// Objects of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Place {
    /// The bucket.
    pub bucket: Bucket,
    /// What the key of every object begins with.
    pub prefix: Prefix,
    /// The bucket's region.
    pub region: Region,
    /// Where S3 is reached, if not at the region's public endpoint.
    pub endpoint: Option<S3Endpoint>,
}

/// Name of a bucket (S3 user guide, "General purpose bucket naming rules").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket(String);

/// Empty, or segments that each end with a slash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

/// Code of an AWS region, such as `eu-central-1`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Region(String);

/// URL of an S3 endpoint: `https://HOST[:PORT]`, or `http://` to a loopback address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct S3Endpoint(String);

/// The text names no part of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Not a directory.
    #[error("a store is a directory or s3://BUCKET[/PREFIX]")]
    Empty,
    /// Not a bucket.
    #[error("not a bucket: 3 to 63 of a-z 0-9 . -, starting and ending with a letter or digit")]
    Bucket,
    /// Not a prefix.
    #[error("not a prefix: segments of A-Z a-z 0-9 . _ = + - between single slashes, none of them . or ..")]
    Prefix,
    /// Not a region.
    #[error("not a region: such as eu-central-1")]
    Region,
    /// Not an endpoint.
    #[error("not an S3 endpoint: https://HOST[:PORT], or http:// with a loopback address")]
    Endpoint,
}

impl Bucket {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prefix {
    /// The text, which a name can follow.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Region {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region in the name of an AWS endpoint, such as `kms.eu-central-1.amazonaws.com` or
    /// `vpce-0a1b.kms.eu-central-1.vpce.amazonaws.com`.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let rest = host.strip_suffix(".cn").unwrap_or(host);
        let rest = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".api.aws"))?;
        let rest = rest.strip_suffix(".vpce").unwrap_or(rest);
        rest.rsplit_once('.')?.1.parse().ok()
    }
}

impl S3Endpoint {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let Some(rest) = text.strip_prefix(S3_SCHEME) else {
            return if text.is_empty() {
                Err(LocationError::Empty)
            } else {
                Ok(Self::Directory(text.into()))
            };
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self::S3(bucket.parse()?, prefix.parse()?))
    }
}

impl FromStr for Bucket {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (3..=63).contains(&text.len())
            && text.chars().all(|c| edge(c) || matches!(c, '.' | '-'))
            && text.starts_with(edge)
            && text.ends_with(edge)
            && !text.contains("..")
            && text.parse::<std::net::Ipv4Addr>().is_err();
        if fits { Ok(Self(text.to_owned())) } else { Err(LocationError::Bucket) }
    }
}

impl FromStr for Prefix {
    type Err = LocationError;

    /// A slash at the end may be left out.
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let bare = text.strip_suffix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '=' | '+' | '-');
        let segment = |part: &str| !matches!(part, "" | "." | "..") && part.chars().all(allowed);
        let fits = bare.len() <= MAX_PREFIX_BYTES && bare.split('/').all(segment);
        if fits { Ok(Self(format!("{bare}/"))) } else { Err(LocationError::Prefix) }
    }
}

impl FromStr for Region {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let parts: Vec<&str> = text.split('-').collect();
        let fits = text.len() <= 32
            && (3..=5).contains(&parts.len())
            && parts.iter().all(|part| !part.is_empty() && part.chars().all(allowed))
            && parts.last().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
        if fits { Ok(Self(text.to_owned())) } else { Err(LocationError::Region) }
    }
}

impl FromStr for S3Endpoint {
    type Err = LocationError;

    /// Without TLS a session token would cross a network in the clear.
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let uri: Uri = text.parse().map_err(|_| LocationError::Endpoint)?;
        let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        let authority = uri.authority().filter(|authority| bare && !authority.as_str().contains('@'));
        let host = authority.map(|authority| authority.host().trim_matches(['[', ']']));
        let loopback = |host: &str| host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let plain = uri.scheme() == Some(&Scheme::HTTP);
        match host {
            Some(host) if !host.is_empty() && (secure || plain && loopback(host)) => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(LocationError::Endpoint),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::S3(place) => write!(f, "{S3_SCHEME}{}/{}", place.bucket.0, place.prefix.0),
        }
    }
}

macro_rules! try_from_string {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = LocationError;

            fn try_from(text: String) -> Result<Self, LocationError> {
                text.parse()
            }
        }
    )*};
}

try_from_string!(Location, Region, S3Endpoint);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_directory_or_a_bucket() {
        assert_eq!("/srv/store".parse(), Ok(Location::Directory("/srv/store".into())));
        for (text, bucket, prefix) in [
            ("s3://models", "models", ""),
            ("s3://models/", "models", ""),
            ("s3://my.models-1/fraud/eu", "my.models-1", "fraud/eu/"),
            ("s3://models/fraud/", "models", "fraud/"),
        ] {
            let expected = Location::S3(Bucket(bucket.into()), Prefix(prefix.into()));
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for bad in ["s3://", "s3:///a", "s3://ab", "s3://A-b", "s3://-ab", "s3://a..b", "s3://10.0.0.1"] {
            assert_eq!(bad.parse::<Location>(), Err(LocationError::Bucket), "{bad}");
        }
        for bad in
            ["s3://abc//", "s3://abc/a//b", "s3://abc/../d", "s3://abc/a?b", "s3://abc/a b", "s3://abc/%2e"]
        {
            assert_eq!(bad.parse::<Location>(), Err(LocationError::Prefix), "{bad}");
        }
        assert_eq!("".parse::<Location>(), Err(LocationError::Empty));
    }

    #[test]
    fn regions_are_read_from_names_of_endpoints() {
        for (host, region) in [
            ("kms.eu-central-1.amazonaws.com", "eu-central-1"),
            ("kms-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("vpce-0a1b-2c3d.kms.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
            ("kms.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("kms.eu-central-1.api.aws", "eu-central-1"),
        ] {
            assert_eq!(Region::of_host(host).unwrap().as_str(), region);
        }
        for host in ["127.0.0.1", "kms.example", "amazonaws.com", "kms.amazonaws.com"] {
            assert_eq!(Region::of_host(host), None, "{host}");
        }
        for bad in ["", "eu", "eu-central", "EU-central-1", "eu-central-1a", "eu--1", "eu-central-1/x"] {
            assert_eq!(bad.parse::<Region>(), Err(LocationError::Region), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_has_tls_unless_it_is_this_machine() {
        for good in [
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com",
        ] {
            assert_eq!(good.parse::<S3Endpoint>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "http://10.0.0.1",
            "http://s3.local",
            "ftp://a",
            "https://a/b",
            "https://u:p@a",
            "https://",
            "https://a/?b",
        ] {
            assert_eq!(bad.parse::<S3Endpoint>(), Err(LocationError::Endpoint), "{bad}");
        }
    }
}
