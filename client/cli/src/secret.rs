//! Secrets: named by a file, never given as an argument.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::builder::{TypedValueParser, ValueParserFactory};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use ring::rand::SystemRandom;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_client::api_key;
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::secret::{ApiKey, DataKey, FieldKey, NoKey, SECRET_BYTES, WatermarkKey};
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SECRET_FILE_BYTES;

/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE_CHARS: usize = 64;

/// `@FILE`: where a secret stands. What was given as an argument is never printed: it may be the secret itself.
#[derive(Clone)]
pub(crate) struct SecretFile {
    path: PathBuf,
    /// The option that named the file.
    option: Option<String>,
}

/// Reads the argument, and answers a wrong one in words of its own, because clap's would repeat it.
#[derive(Clone)]
pub(crate) struct SecretFileParser;

impl ValueParserFactory for SecretFile {
    type Parser = SecretFileParser;

    fn value_parser() -> SecretFileParser {
        SecretFileParser
    }
}

impl TypedValueParser for SecretFileParser {
    type Value = SecretFile;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<SecretFile, clap::Error> {
        let option = argument.and_then(Arg::get_long).map(|name| format!("--{name}"));
        let path = value.as_bytes().strip_prefix(b"@").filter(|path| !path.is_empty());
        if let Some(path) = path {
            return Ok(SecretFile { path: OsStr::from_bytes(path).into(), option });
        }
        let option = option.as_deref().unwrap_or("a secret");
        let wrong = format!(
            "{option} takes @FILE, the file that holds the secret: on the command line every user of this machine could \
             read it, and it would stay in the shell's history"
        );
        Err(clap::Error::raw(ErrorKind::ValueValidation, wrong).with_cmd(command))
    }
}

impl SecretFile {
    /// A path that nobody typed as an argument.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, option: None }
    }

    pub(crate) fn read(&self) -> Result<Zeroizing<String>> {
        let Some(option) = &self.option else { return files::read_text(&self.path, MAX_SECRET_FILE_BYTES) };
        files::read_text(&self.path, MAX_SECRET_FILE_BYTES).map_err(|error| match error {
            CliError::File { kind, .. } => CliError::SecretFile { option: option.clone(), kind },
            _ => CliError::usage(format!("the file of {option} is not text")),
        })
    }
}

/// Fewest characters behind a prefix that are taken for a secret; keys have 43.
const SECRET_CHARS: usize = 20;

/// Whether the text holds what looks like an API key, the private half of an audit key, or a private key in PEM.
pub(crate) fn is_within(text: &str) -> bool {
    let coded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let length = |rest: &str| rest.bytes().take_while(|byte| coded(byte)).count();
    let long = |prefix: &str| text.split(prefix).skip(1).any(|rest| length(rest) >= SECRET_CHARS);
    long(api_key::PREFIX) || long(AUDIT_KEY_PREFIX) || text.contains(PRIVATE_PEM)
}

/// What the first line of a private key in PEM ends with, of whichever kind (RFC 7468 section 10).
const PRIVATE_PEM: &str = "PRIVATE KEY-----";

/// A path for a message, unless it looks like a secret that was given in a path's place.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if is_within(&text) { "a path that looks like a secret".to_owned() } else { text.into_owned() }
}

/// An API key as it stands in its file or in the environment.
pub(crate) fn api_key(text: &str) -> Result<ApiKey> {
    api_key::parse(text).map_err(|error| CliError::usage(error.to_string()))
}

/// Reads an owner's signing key: PKCS#8 in PEM.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey> {
    let text = files::read_text(path, MAX_SECRET_FILE_BYTES)?;
    let wrong = || CliError::usage(format!("{} is not a P-384 signing key in PKCS#8 PEM", shown(path)));
    parse_signing_key(&text).ok_or_else(wrong)
}

/// The same from its text.
pub(crate) fn parse_signing_key(text: &str) -> Option<SigningKey> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).ok()?;
    SigningKey::from_pkcs8(Algorithm::Es384, der.secret_pkcs8_der(), &SystemRandom::new()).ok()
}

/// What the one line of an audit key's file begins with.
const AUDIT_KEY_PREFIX: &str = "sra_";

/// Reads the private half of an audit key: one line of `sra_` and its seed in base64url without padding.
pub(crate) fn audit_key(path: &Path) -> Result<AuditPrivateKey> {
    let text = files::read_text(path, MAX_SECRET_FILE_BYTES)?;
    let wrong = || CliError::usage(format!("{} is not the private half of an audit key", shown(path)));
    parse_audit_key(&text).ok_or_else(wrong)
}

/// The same from its text.
pub(crate) fn parse_audit_key(text: &str) -> Option<AuditPrivateKey> {
    let coded = text.trim().strip_prefix(AUDIT_KEY_PREFIX)?;
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(coded).ok()?);
    let seed = decoded.as_slice().try_into().ok()?;
    Some(AuditPrivateKey::from_seed(Zeroizing::new(seed)))
}

/// The line that [`audit_key`] reads.
pub(crate) fn audit_key_line(key: &AuditPrivateKey) -> Zeroizing<String> {
    let coded = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.expose_seed()));
    Zeroizing::new(format!("{AUDIT_KEY_PREFIX}{}\n", coded.as_str()))
}

/// What tells a copy of one model: the keys behind its noise and its watermark. No `Debug`: it is secret.
pub(crate) struct TracingKey {
    pub(crate) field: FieldKey,
    pub(crate) watermark: WatermarkKey,
}

impl TracingKey {
    /// The keys that an enclave derives from the same data key.
    pub(crate) fn of(key: &DataKey) -> std::result::Result<Self, NoKey> {
        Ok(Self { field: key.field_key()?, watermark: key.watermark_key()? })
    }

    /// Reads the lines that [`Self::text`] writes.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path, MAX_SECRET_FILE_BYTES)?;
        Self::parse(&text).ok_or_else(|| CliError::usage(format!("{} is not a tracing key", shown(path))))
    }

    /// The same from its text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let (_, value) = lines.find(|(field, _)| field.trim() == name)?;
            let mut bytes = [0; SECRET_BYTES];
            hex::decode_to_slice(value.trim().trim_matches('"'), &mut bytes).ok()?;
            Some(bytes)
        };
        let (mut field, mut watermark) = (value("field")?, value("watermark")?);
        Some(Self { field: FieldKey::take(&mut field), watermark: WatermarkKey::take(&mut watermark) })
    }

    /// Two lines of TOML, to be written for the owner's eyes alone.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let line = |bytes: &[u8; SECRET_BYTES]| Zeroizing::new(hex::encode(bytes));
        // The file is what the secrets are exposed for.
        let (field, watermark) = (line(self.field.expose_secret()), line(self.watermark.expose_secret()));
        Zeroizing::new(format!("field = \"{}\"\nwatermark = \"{}\"\n", field.as_str(), watermark.as_str()))
    }
}

/// PEM of a private key.
pub(crate) fn private_pem(pkcs8: &[u8]) -> Zeroizing<String> {
    let coded = Zeroizing::new(STANDARD.encode(pkcs8));
    let mut text = Zeroizing::new(String::with_capacity(2 * coded.len() + 2 * PEM_LINE_CHARS));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    for line in coded.as_bytes().chunks(PEM_LINE_CHARS) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str("-----END PRIVATE KEY-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_recognised_within_a_text_and_words_are_not() {
        let key = "A-_9".repeat(11);
        for text in [
            format!("sr_{key}"),
            format!("invalid value '@sra_{key}' for"),
            format!("--x=sr_{key}\n"),
            private_pem(&[1; 48]).to_string(),
        ] {
            assert!(is_within(&text), "{text}");
        }
        for text in ["", "sr_", "sr_model/fraud.onnx", "user_name_that_is_rather_long", "sra_short"] {
            assert!(!is_within(text), "{text}");
            assert_eq!(shown(Path::new(text)), text);
        }
        assert!(!shown(Path::new(&format!("keys/sra_{key}"))).contains(&key));
    }

    #[test]
    fn a_tracing_key_reads_back_and_others_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fraud.tracing");
        let key = TracingKey::of(&DataKey::take(&mut [3; 32])).unwrap();
        files::write_private(&path, key.text().as_bytes()).unwrap();
        let read = TracingKey::read(&path).unwrap();
        assert_eq!(read.field.expose_secret(), key.field.expose_secret());
        assert_eq!(read.watermark.expose_secret(), key.watermark.expose_secret());
        assert_ne!(key.field.expose_secret(), key.watermark.expose_secret());
        for wrong in ["", "field = \"00\"\nwatermark = \"00\"\n", "field = \"\"\n"] {
            std::fs::write(&path, wrong).unwrap();
            assert!(TracingKey::read(&path).is_err(), "{wrong}");
        }
    }
}
