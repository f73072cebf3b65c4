//! A TCP destination that was configured: `HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use tokio::net::TcpStream;

/// Host name or address, and port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Destination {
    host: String,
    port: u16,
}

/// The text is not a [`Destination`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a destination: HOST:PORT")]
pub struct DestinationError;

impl Destination {
    /// Host name or address, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl FromStr for Destination {
    type Err = DestinationError;

    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let (host, port) = text.rsplit_once(':').ok_or(DestinationError)?;
        let port = port.parse().map_err(|_| DestinationError)?;
        // An IPv6 address stands in brackets, which are no part of it.
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let fits = match inner {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(allowed),
        };
        if fits && port > 0 {
            Ok(Self { host: inner.unwrap_or(host).to_owned(), port })
        } else {
            Err(DestinationError)
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, DestinationError> {
        text.parse()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in ["kms.eu-central-1.amazonaws.com:443", "127.0.0.1:80", "[::1]:443"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        for bad in ["", "kms", ":443", "kms:0", "kms:65536", "a b:1", "a/b:1", "::1:443", "user@kms:443"] {
            assert_eq!(bad.parse::<Destination>(), Err(DestinationError), "{bad}");
        }
    }
}
