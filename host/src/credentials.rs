//! Where the enclave's AWS credentials come from: a file, the instance metadata service or a pod's agent.
//!
//! They belong to the host's role and authorize KMS calls that only an attested enclave profits
//! from. They are fetched anew each time and never kept or logged.

mod container;
mod exchange;
mod imds;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use strongroom_proto::limits::MAX_SMALL_BYTES;
use strongroom_proto::relay::Credentials;

use crate::limits::{MAX_ACCESS_KEY_ID_BYTES, MAX_SECRET_ACCESS_KEY_BYTES, MAX_SESSION_TOKEN_BYTES};

pub use container::{Container, ContainerError, ContainerUrl};
pub(crate) use imds::DEFAULT_URL as DEFAULT_IMDS_URL;
pub use imds::{Imds, ImdsError};

/// A source of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A JSON file in the form of AWS's `credential_process`, read again for every request.
    File(PathBuf),
    /// The instance metadata service, version 2.
    Imds(Imds),
    /// The agent on a pod's node.
    Container(Container),
}

/// Why there are no credentials. Carries nothing of what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The file could not be read.
    #[error("i/o: {0}")]
    Io(ErrorKind),
    /// Longer than credentials ever are.
    #[error("longer than credentials ever are")]
    TooLong,
    /// Not the expected JSON document, or a part of it is no word of visible ASCII within its bound.
    #[error("not a credentials document")]
    Malformed,
    /// A part is not there, as in credentials that do not end.
    #[error("a credentials document without {0}")]
    Missing(&'static str),
    /// The metadata service did not answer as it should.
    #[error(transparent)]
    Imds(#[from] ImdsError),
    /// The agent was not asked, or did not answer as it should.
    #[error(transparent)]
    Container(#[from] ContainerError),
}

impl Source {
    /// Fetches the current credentials.
    ///
    /// # Errors
    /// Any [`CredentialsError`].
    pub async fn fetch(&self) -> Result<Credentials, CredentialsError> {
        match self {
            Self::File(path) => {
                let read = read_file(path, MAX_SMALL_BYTES).await.map_err(CredentialsError::Io)?;
                parse(&read.ok_or(CredentialsError::TooLong)?)
            }
            Self::Imds(imds) => parse(&imds.fetch().await?),
            Self::Container(container) => parse(&container.fetch().await?),
        }
    }
}

/// What a file holds, or nothing when it is longer than `max_bytes`.
async fn read_file(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, ErrorKind> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        File::open(path)?.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() <= max_bytes).then_some(bytes))
    });
    read.await.map_err(|_| ErrorKind::Other)?.map_err(|error: std::io::Error| error.kind())
}

/// All forms: `credential_process` (with a version), the metadata service (with a code, and the session
/// token under another name) and a pod's agent (as the latter, without code). Other fields are of no
/// interest.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    version: Option<u32>,
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    #[serde(alias = "Token")]
    session_token: Option<String>,
    expiration: Option<String>,
}

fn parse(json: &[u8]) -> Result<Credentials, CredentialsError> {
    let document: Document = serde_json::from_slice(json).map_err(|_| CredentialsError::Malformed)?;
    let known_version = document.version.is_none_or(|version| version == 1);
    let success = document.code.is_none_or(|code| code == "Success");
    if !known_version || !success {
        return Err(CredentialsError::Malformed);
    }
    let there = |part: Option<String>, name| part.ok_or(CredentialsError::Missing(name));
    let id = there(document.access_key_id, "AccessKeyId")?;
    let secret = there(document.secret_access_key, "SecretAccessKey")?;
    let token = there(document.session_token, "SessionToken")?;
    let end = there(document.expiration, "Expiration")?;
    Ok(Credentials {
        access_key_id: word(id, MAX_ACCESS_KEY_ID_BYTES)?,
        secret_access_key: word(secret, MAX_SECRET_ACCESS_KEY_BYTES)?,
        session_token: word(token, MAX_SESSION_TOKEN_BYTES)?,
        expires_ms: crate::time::parse_rfc3339_ms(&end).ok_or(CredentialsError::Malformed)?,
    })
}

/// A word of visible ASCII. Each part becomes a piece of a header, where anything else, a line break above all,
/// is no header.
fn word(text: String, max_bytes: usize) -> Result<String, CredentialsError> {
    let is_word = (1..=max_bytes).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { Ok(text) } else { Err(CredentialsError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: &str = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T",
        "Expiration":"1970-01-01T00:00:01Z"}"#;

    #[tokio::test]
    async fn a_file_is_read_again_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        let source = Source::File(path.clone());
        assert_eq!(source.fetch().await, Err(CredentialsError::Io(ErrorKind::NotFound)));
        std::fs::write(&path, PROCESS).unwrap();
        assert_eq!(source.fetch().await.unwrap().expires_ms, 1000);
        std::fs::write(&path, PROCESS.replace(":01Z", ":02Z")).unwrap();
        assert_eq!(source.fetch().await.unwrap().expires_ms, 2000);
        std::fs::write(&path, vec![b' '; MAX_SMALL_BYTES + 1]).unwrap();
        assert_eq!(source.fetch().await, Err(CredentialsError::TooLong));
    }

    #[test]
    fn each_form_is_read_and_others_refused() {
        let metadata = PROCESS.replace("\"Version\":1", "\"Code\":\"Success\",\"Type\":\"AWS-HMAC\"");
        let metadata = metadata.replace("SessionToken", "Token");
        assert_eq!(parse(metadata.as_bytes()), parse(PROCESS.as_bytes()));
        let agent =
            metadata.replace("\"Code\":\"Success\",\"Type\":\"AWS-HMAC\"", "\"AccountId\":\"111122223333\"");
        assert_eq!(parse(agent.as_bytes()), parse(PROCESS.as_bytes()));
        for bad in [
            PROCESS.replace("\"Version\":1", "\"Version\":2"),
            metadata.replace("Success", "Failed"),
            PROCESS.replace("1970-01-01T", "yesterday "),
            String::new(),
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(CredentialsError::Malformed));
        }
    }

    #[test]
    fn a_part_that_is_not_there_is_named() {
        for part in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
            let without = PROCESS.replace(part, "Other");
            assert_eq!(parse(without.as_bytes()), Err(CredentialsError::Missing(part)));
        }
    }

    #[test]
    fn each_part_is_a_word_of_visible_ascii_within_its_bound() {
        for (part, max) in [
            ("\"A\"", MAX_ACCESS_KEY_ID_BYTES),
            ("\"S\"", MAX_SECRET_ACCESS_KEY_BYTES),
            ("\"T\"", MAX_SESSION_TOKEN_BYTES),
        ] {
            let with = |text: &str| parse(PROCESS.replace(part, &format!("\"{text}\"")).as_bytes());
            for bad in ["", "A\\n", "\\r\\nA", "A B", "A\\u0000", "A\\u007f", "\u{e9}", &"A".repeat(max + 1)]
            {
                assert_eq!(with(bad), Err(CredentialsError::Malformed), "{part} {bad:?}");
            }
            for good in ["!", "~", &"A".repeat(max)] {
                assert!(with(good).is_ok(), "{part}");
            }
        }
    }

    /// The longest that are taken can be handed over.
    #[test]
    fn the_bounds_are_within_that_of_the_wire() {
        let longest = Credentials {
            access_key_id: "A".repeat(MAX_ACCESS_KEY_ID_BYTES),
            secret_access_key: "S".repeat(MAX_SECRET_ACCESS_KEY_BYTES),
            session_token: "T".repeat(MAX_SESSION_TOKEN_BYTES),
            expires_ms: u64::MAX,
        };
        assert!(longest.encode().unwrap().len() <= MAX_SMALL_BYTES);
    }
}
