//! `CiphertextForRecipient`: what KMS answers instead of a plaintext when the request names a recipient.
//!
//! [`Enveloped`] reads exactly the one form that KMS writes (RFC 5652 section 6, in BER with indefinite lengths
//! outside) and nothing else of CMS; [`RecipientKey`] opens it. Neither ever says *why* a content did not open.
//!
//! # Security
//! The form is confidential, not authentic: anyone who knows the public key can make one that opens. What comes
//! out is a claim until something signed confirms it.

mod ber;
mod recipient;
#[cfg(test)]
mod tests;

use ber::Cursor;
pub use recipient::RecipientKey;

use crate::limits::{MAX_CMS_BYTES, MAX_CMS_CHUNK_BYTES};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OCTET_STRING: u8 = 0x04;
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xa0;

const VERSION_2: &[u8] = &[0x02, 0x01, 0x02];
/// 1.2.840.113549.1.7.3
const ENVELOPED_DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// 1.2.840.113549.1.7.1
const DATA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
/// rsaesOaep with SHA-256 and MGF1-SHA-256 (RFC 4055 section 4.1), as KMS writes it: 62 bytes, all constant.
const OAEP_SHA256: &[u8] = &[
    0x30, 0x3c, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07, 0x30, 0x2f, 0xa0, 0x0f,
    0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0xa1, 0x1c,
    0x30, 0x1a, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0d, 0x06, 0x09,
    0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
];

/// Bytes of an AES block.
const BLOCK_BYTES: usize = 16;
/// Bytes of a subject key identifier: a SHA-256.
const KEY_ID_BYTES: usize = 32;
/// Bytes of an RSA-2048 ciphertext.
const RSA_BYTES: usize = 256;

/// Why an answer was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Not the form that KMS writes.
    #[error("not the cms form of kms")]
    Malformed,
    /// Made for another public key.
    #[error("made for another recipient key")]
    OtherRecipient,
    /// Wrapped key or content do not open. One error for every cause, so that it is no oracle.
    #[error("does not open")]
    Unopened,
}

/// A well-formed answer. Its parts are public; nothing has been decrypted yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Enveloped<'a> {
    key_id: [u8; KEY_ID_BYTES],
    wrapped_key: &'a [u8],
    iv: [u8; BLOCK_BYTES],
    content: Vec<u8>,
}

impl<'a> Enveloped<'a> {
    /// Reads an answer from its first byte to its last.
    ///
    /// # Errors
    /// [`CmsError::Malformed`] for anything but the form of KMS, a truncation or a trailing byte included.
    pub fn read(ber: &'a [u8]) -> Result<Self, CmsError> {
        if ber.len() > MAX_CMS_BYTES {
            return Err(CmsError::Malformed);
        }
        let mut cursor = Cursor::new(ber);
        // ContentInfo, its [0] EXPLICIT, and EnvelopedData.
        cursor.open(SEQUENCE)?;
        cursor.literal(ENVELOPED_DATA)?;
        cursor.open(CONTEXT_0_CONSTRUCTED)?;
        cursor.open(SEQUENCE)?;
        cursor.literal(VERSION_2)?;
        let (key_id, wrapped_key) = recipient(&mut cursor)?;
        let (iv, content) = encrypted_content(&mut cursor)?;
        for _ in 0..3 {
            cursor.close()?;
        }
        cursor.finish()?;
        Ok(Self { key_id, wrapped_key, iv, content })
    }
}

/// The one KeyTransRecipientInfo, version 2 because it names its key by identifier.
fn recipient<'a>(cursor: &mut Cursor<'a>) -> Result<([u8; KEY_ID_BYTES], &'a [u8]), CmsError> {
    let mut set = cursor.definite(SET)?;
    let mut info = set.definite(SEQUENCE)?;
    set.finish()?;
    info.literal(VERSION_2)?;
    let key_id = info.bytes(CONTEXT_0)?.try_into().map_err(|_| CmsError::Malformed)?;
    info.literal(OAEP_SHA256)?;
    let wrapped = info.bytes(OCTET_STRING)?;
    info.finish()?;
    if wrapped.len() == RSA_BYTES { Ok((key_id, wrapped)) } else { Err(CmsError::Malformed) }
}

fn encrypted_content(cursor: &mut Cursor<'_>) -> Result<([u8; BLOCK_BYTES], Vec<u8>), CmsError> {
    cursor.open(SEQUENCE)?;
    cursor.literal(DATA)?;
    let mut algorithm = cursor.definite(SEQUENCE)?;
    algorithm.literal(AES_256_CBC)?;
    let iv = algorithm.bytes(OCTET_STRING)?.try_into().map_err(|_| CmsError::Malformed)?;
    algorithm.finish()?;
    let content = match cursor.peek() {
        Some(CONTEXT_0) => cursor.bytes(CONTEXT_0)?.to_vec(),
        _ => chunks(cursor)?,
    };
    cursor.close()?;
    let is_blocks = !content.is_empty() && content.len().is_multiple_of(BLOCK_BYTES);
    if is_blocks { Ok((iv, content)) } else { Err(CmsError::Malformed) }
}

/// The constructed form: OCTET STRINGs in an indefinite `[0]`.
fn chunks(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, CmsError> {
    let mut content = Vec::new();
    cursor.open(CONTEXT_0_CONSTRUCTED)?;
    while cursor.peek() == Some(OCTET_STRING) {
        let chunk = cursor.bytes(OCTET_STRING)?;
        if chunk.is_empty() || chunk.len() > MAX_CMS_CHUNK_BYTES {
            return Err(CmsError::Malformed);
        }
        content.extend_from_slice(chunk);
    }
    cursor.close()?;
    Ok(content)
}
