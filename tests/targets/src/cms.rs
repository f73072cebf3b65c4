//! `CiphertextForRecipient`, the answer of KMS.

use std::sync::OnceLock;

use ring::digest::{SHA256, digest};
use strongroom_kms::cms::{CmsError, Enveloped, RecipientKey};

/// Tag and length of the recipient's key identifier.
const KEY_ID: [u8; 2] = [0x80, 0x20];

/// Reads `bytes` as an answer of KMS and tries to open it with a key that it is not made for.
///
/// Only the one form is read: the same answer with a byte less or more must be refused, and nothing that was not
/// made for the key may open, whatever key it names.
pub fn cms(bytes: &[u8]) -> bool {
    if Enveloped::read(bytes).is_err() {
        return false;
    }
    let longer = [bytes, &[0]].concat();
    let refused = Err(CmsError::Malformed);
    assert_eq!(Enveloped::read(&longer), refused, "a trailing byte is refused");
    if let Some((_, shorter)) = bytes.split_last() {
        assert_eq!(Enveloped::read(shorter), refused, "a truncation is refused");
    }
    key().is_some_and(|key| {
        assert!(key.open(bytes).is_err(), "made for another key");
        let readdressed = readdress(bytes, key).map(|bytes| key.open(&bytes).err());
        assert_eq!(readdressed, Some(Some(CmsError::Unopened)), "wrapped for another key");
        true
    })
}

/// The same answer in the name of `key`, so that decryption is tried.
fn readdress(bytes: &[u8], key: &RecipientKey) -> Option<Vec<u8>> {
    let at = bytes.windows(KEY_ID.len()).position(|window| window == KEY_ID)? + KEY_ID.len();
    let mut changed = bytes.to_vec();
    changed.get_mut(at..at + 32)?.copy_from_slice(digest(&SHA256, key.spki_der()).as_ref());
    Some(changed)
}

fn key() -> Option<&'static RecipientKey> {
    static KEY: OnceLock<Option<RecipientKey>> = OnceLock::new();
    KEY.get_or_init(|| RecipientKey::generate().ok()).as_ref()
}
