//! Secrets: named by a file, never given as an argument.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_client::api_key;
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::secret::ApiKey;
use zeroize::Zeroizing;

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::MAX_SECRET_FILE_BYTES;

/// The environment variable that may hold the API key.
pub(crate) const API_KEY_VARIABLE: &str = "STRONGROOM_API_KEY";

/// Characters in a line of PEM (RFC 7468 section 2).
const PEM_LINE_CHARS: usize = 64;

/// `@FILE`: where a secret stands.
#[derive(Clone, Debug)]
pub(crate) struct SecretFile(PathBuf);

impl FromStr for SecretFile {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let path = text.strip_prefix('@').filter(|path| !path.is_empty());
        path.map(|path| Self(path.into())).ok_or_else(|| {
            "give @FILE: a secret on the command line can be read by every user of this machine and stays in the \
             shell's history"
                .to_owned()
        })
    }
}

impl SecretFile {
    pub(crate) fn read(&self) -> Result<Zeroizing<String>> {
        files::read_text(&self.0, MAX_SECRET_FILE_BYTES)
    }
}

/// The API key from its file, or from the environment.
pub(crate) fn api_key(file: Option<&SecretFile>) -> Result<ApiKey> {
    let text = match file {
        Some(file) => file.read()?,
        None => std::env::var(API_KEY_VARIABLE).map(Zeroizing::new).map_err(|_| {
            CliError::usage(format!("no API key: give --api-key @FILE or set {API_KEY_VARIABLE}"))
        })?,
    };
    api_key::parse(&text).map_err(|error| CliError::usage(error.to_string()))
}

/// Reads an owner's signing key: PKCS#8 in PEM.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey> {
    let text = files::read_text(path, MAX_SECRET_FILE_BYTES)?;
    let wrong = || CliError::usage(format!("{} is not a P-384 signing key in PKCS#8 PEM", path.display()));
    let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| wrong())?;
    let key = SigningKey::from_pkcs8(Algorithm::Es384, der.secret_pkcs8_der(), &SystemRandom::new());
    key.map_err(|_| wrong())
}

/// What an audit key's file begins with; 43 characters of unpadded base64url follow.
const AUDIT_KEY_PREFIX: &str = "sra_";

/// Reads an owner's audit key: one line, [`AUDIT_KEY_PREFIX`] and the seed.
pub(crate) fn audit_key(path: &Path) -> Result<AuditPrivateKey> {
    let text = files::read_text(path, MAX_SECRET_FILE_BYTES)?;
    let wrong = || CliError::usage(format!("{} is not an audit key: sra_ and 43 characters", path.display()));
    let coded = text.trim_end().strip_prefix(AUDIT_KEY_PREFIX).ok_or_else(wrong)?;
    let mut seed = Zeroizing::new([0; 32]);
    // The decoder wants room for whole groups of four characters.
    let mut bytes = Zeroizing::new([0; 36]);
    match URL_SAFE_NO_PAD.decode_slice(coded, bytes.as_mut()) {
        Ok(length) if length == seed.len() => {
            seed.iter_mut().zip(bytes.iter()).for_each(|(to, from)| *to = *from);
            Ok(AuditPrivateKey::from_seed(seed))
        }
        _ => Err(wrong()),
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
