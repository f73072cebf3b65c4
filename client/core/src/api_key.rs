//! The text form of an API key: `sr_` and 32 bytes in unpadded base64url (RFC 4648 section 5).
//!
//! It is one line of a file or one environment variable, never an argument of a command: other users of a
//! machine can read those.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_seal::secret::{ApiKey, SECRET_BYTES};
use zeroize::Zeroizing;

/// What every API key starts with, so that scanners for leaked secrets can find it.
pub const PREFIX: &str = "sr_";

/// Characters after the prefix.
const CODED_CHARS: usize = (SECRET_BYTES * 8).div_ceil(6);

/// The text is not an API key. Says nothing of what it is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key: sr_ and {CODED_CHARS} characters of base64url")]
pub struct ApiKeyError;

/// Reads a key. One line ending after it is allowed, anything else around it is not.
///
/// # Errors
/// [`ApiKeyError`] for any other text, also for a second spelling of the same bytes.
pub fn parse(text: &str) -> Result<ApiKey, ApiKeyError> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let coded = line.strip_prefix(PREFIX).filter(|coded| coded.len() == CODED_CHARS).ok_or(ApiKeyError)?;
    let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(coded).map_err(|_| ApiKeyError)?);
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    if decoded.len() != SECRET_BYTES {
        return Err(ApiKeyError);
    }
    bytes.copy_from_slice(&decoded);
    Ok(ApiKey::take(&mut bytes))
}

/// Writes a key, without a line ending.
#[must_use]
pub fn write(key: &ApiKey) -> Zeroizing<String> {
    // The text is the very secret that its owner is to keep in a file.
    let coded = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.expose_secret()));
    Zeroizing::new([PREFIX, coded.as_str()].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_spellings_are_refused() {
        let text = write(&ApiKey::take(&mut [0xa5; SECRET_BYTES]));
        assert_eq!(text.len(), 46);
        assert!(parse(&text).is_ok() && parse(&format!("{}\n", *text)).is_ok());
        let body = text.strip_prefix(PREFIX).unwrap();
        for wrong in [
            String::new(),
            body.to_owned(),
            format!("SR_{body}"),
            format!(" {}", *text),
            format!("{}\n\n", *text),
            format!("{}=", *text),
            format!("{}A", *text),
            // The last character codes two bits that no byte holds: only one spelling is right.
            format!("sr_{}{}", &body[..42], char::from(body.as_bytes()[42] + 1)),
        ] {
            assert!(parse(&wrong).is_err(), "{}", wrong.len());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mut bytes: [u8; SECRET_BYTES]) {
            let copy = bytes;
            let text = write(&ApiKey::take(&mut bytes));
            let read = parse(&text).unwrap();
            prop_assert_eq!(read.expose_secret(), &copy);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text in ".{0,60}") {
            let _ = parse(&text).is_ok();
        }
    }
}
