//! `CiphertextBlob`: AES-256-GCM under a key's material, bound to the key and the encryption context.
//!
//! `version ‖ key id (36 bytes of text) ‖ nonce (12) ‖ ciphertext and tag`. The real layout is not published;
//! only its properties are kept: it names its key, and nothing opens under another context.

use std::collections::BTreeMap;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::error::{ApiError, ErrorKind};

/// Names and values that a ciphertext is bound to.
pub type Context = BTreeMap<String, String>;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 36;

/// Encrypts under one key.
///
/// # Errors
/// An internal error when the random source or the cipher fails.
pub fn seal(
    key_id: &str,
    material: &[u8; 32],
    context: &Context,
    plaintext: Vec<u8>,
) -> Result<Vec<u8>, ApiError> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| ApiError::bare(ErrorKind::Internal))?;
    let mut sealed = plaintext;
    let nonce_value = Nonce::assume_unique_for_key(nonce);
    let aad = Aad::from(associated(key_id, context));
    let sealing = cipher(material)?.seal_in_place_append_tag(nonce_value, aad, &mut sealed);
    sealing.map_err(|_| ApiError::bare(ErrorKind::Internal))?;
    Ok([&[VERSION], key_id.as_bytes(), &nonce, &sealed].concat())
}

/// The id of the key that a blob says it was made under.
///
/// # Errors
/// `InvalidCiphertextException` when it is not a blob of this service.
pub fn key_id(blob: &[u8]) -> Result<&str, ApiError> {
    let invalid = || ApiError::bare(ErrorKind::InvalidCiphertext);
    let id = blob.strip_prefix(&[VERSION]).and_then(|b| b.get(..KEY_ID_BYTES)).ok_or_else(invalid)?;
    std::str::from_utf8(id).map_err(|_| invalid())
}

/// Decrypts a blob of one key.
///
/// # Errors
/// `InvalidCiphertextException` when the blob or the context is another.
pub fn open(key_id: &str, material: &[u8; 32], context: &Context, blob: &[u8]) -> Result<Vec<u8>, ApiError> {
    let invalid = || ApiError::bare(ErrorKind::InvalidCiphertext);
    let rest = blob.get(1 + KEY_ID_BYTES..).ok_or_else(invalid)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(invalid)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| invalid())?;
    let mut sealed = sealed.to_vec();
    let aad = Aad::from(associated(key_id, context));
    let plaintext = cipher(material)?.open_in_place(nonce, aad, &mut sealed).map_err(|_| invalid())?;
    Ok(plaintext.to_vec())
}

fn cipher(material: &[u8; 32]) -> Result<LessSafeKey, ApiError> {
    let key = UnboundKey::new(&AES_256_GCM, material).map_err(|_| ApiError::bare(ErrorKind::Internal))?;
    Ok(LessSafeKey::new(key))
}

/// Key id and context, every part preceded by its length so that no two contexts read the same.
fn associated(key_id: &str, context: &Context) -> Vec<u8> {
    let mut bytes = Vec::new();
    let parts = context.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    for part in std::iter::once(key_id).chain(parts) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    fn context(pairs: &[(&str, &str)]) -> Context {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_blob_opens_under_its_own_key_and_context_only() {
        let bound = context(&[("a", "bc")]);
        let blob = seal(ID, &[7; 32], &bound, b"secret".to_vec()).unwrap();
        assert_eq!(key_id(&blob).unwrap(), ID);
        assert_eq!(open(ID, &[7; 32], &bound, &blob).unwrap(), b"secret");
        let invalid = Err(ApiError::bare(ErrorKind::InvalidCiphertext));
        assert_eq!(open(ID, &[8; 32], &bound, &blob), invalid);
        assert_eq!(open(ID, &[7; 32], &context(&[("ab", "c")]), &blob), invalid);
        assert_eq!(open(ID, &[7; 32], &context(&[]), &blob), invalid);
        for end in 0..blob.len() {
            assert_eq!(open(ID, &[7; 32], &bound, &blob[..end]), invalid);
        }
    }
}
