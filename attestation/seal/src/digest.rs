//! SHA-384 digests, one type per purpose, each under its own label.
//!
//! Those of contents, which may be large, take SHA-256 first (ADR 0025).

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA256, SHA384};
use serde::{Deserialize, Serialize};

use crate::label::{self, Label};

/// Bytes of a digest.
pub const DIGEST_BYTES: usize = 48;

/// The text is not a digest in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-384 digest: 96 hexadecimal digits")]
pub struct DigestTextError;

/// SHA-384 over the label, a zero byte and `bytes`.
#[must_use]
pub fn labelled(label: Label, bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut context = Context::new(&SHA384);
    context.update(label.text().as_bytes());
    context.update(&[0]);
    context.update(bytes);
    let mut digest = [0; DIGEST_BYTES];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// The same over the SHA-256 of `content`, for which processors have instructions.
fn labelled_content(label: Label, content: &[u8]) -> [u8; DIGEST_BYTES] {
    labelled(label, ring::digest::digest(&SHA256, content).as_ref())
}

macro_rules! digests {
    ($($(#[$doc:meta])* $name:ident = $of:ident($label:expr);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(#[serde(with = "serde_bytes")] [u8; DIGEST_BYTES]);

        impl $name {
            /// Digest of the bytes as received, under this type's label.
            #[must_use]
            pub fn of(bytes: &[u8]) -> Self {
                Self($of($label, bytes))
            }

            /// The digest's bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; DIGEST_BYTES] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = DigestTextError;

            fn from_str(text: &str) -> Result<Self, DigestTextError> {
                parse_hex(text).map(Self)
            }
        }
    )*};
}

digests! {
    /// Names a charter.
    CharterDigest = labelled(label::CHARTER);
    /// Names a release.
    ReleaseDigest = labelled(label::RELEASE);
    /// Names the public controls of a release.
    ControlsDigest = labelled(label::CONTROLS);
    /// Names a sealed model by its manifest, which holds the SHA-256 of the ONNX file.
    ModelDigest = labelled(label::MODEL_MANIFEST);
    /// Names the private part of a release by its manifest.
    PrivateDigest = labelled(label::PRIVATE_MANIFEST);
    /// Names claims; `user_data` of a channel's attestation document.
    ClaimsDigest = labelled(label::CLAIMS);
    /// Names a batch of offers; `nonce` of a channel's attestation document.
    OffersDigest = labelled(label::OFFERS);
    /// Names evidence; part of the channel's key schedule.
    EvidenceDigest = labelled(label::EVIDENCE);
    /// Names a request.
    RequestDigest = labelled_content(label::REQUEST);
    /// Names an outcome.
    OutcomeDigest = labelled_content(label::OUTCOME);
    /// Names what begins an audit log; `user_data` of its attestation document.
    AuditOpeningDigest = labelled(label::AUDIT_OPENING);
    /// Head of the chain over an audit log: covers its opening and every record so far.
    AuditHead = labelled(label::AUDIT_CHAIN);
    /// What a receipt says of the audit log. Opaque to whoever lacks the record.
    AuditCommitment = labelled(label::AUDIT_COMMITMENT);
}

fn parse_hex(text: &str) -> Result<[u8; DIGEST_BYTES], DigestTextError> {
    let mut digest = [0; DIGEST_BYTES];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != DIGEST_BYTES || !rest.is_empty() {
        return Err(DigestTextError);
    }
    for (byte, [high, low]) in digest.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Ok(digest)
}

fn nibble(digit: u8) -> Result<u8, DigestTextError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(DigestTextError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_do_not_share_digests() {
        assert_ne!(CharterDigest::of(b"x").as_bytes(), ReleaseDigest::of(b"x").as_bytes());
    }

    #[test]
    fn contents_are_digested_by_sha256_first() {
        let content = ring::digest::digest(&SHA256, b"x");
        assert_eq!(*RequestDigest::of(b"x").as_bytes(), labelled(label::REQUEST, content.as_ref()));
        assert_ne!(RequestDigest::of(b"x").as_bytes(), OutcomeDigest::of(b"x").as_bytes());
    }

    #[test]
    fn text_reads_back() {
        let digest = CharterDigest::of(b"x");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!("zz".parse::<CharterDigest>(), Err(DigestTextError));
        assert_eq!("z".repeat(96).parse::<CharterDigest>(), Err(DigestTextError));
    }
}
