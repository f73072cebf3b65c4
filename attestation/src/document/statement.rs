//! What a document states, apart from how that is proved.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_bytes::Bytes;
use strongroom_proto::cbor;
use strongroom_seal::digest::EvidenceDigest;

use super::{PcrValue, envelope, payload::Fields};
use crate::error::FormatError;
use crate::pcr::{Pcr, PcrIndex};
use crate::time::UnixMillis;

/// Module, time, registers and whatever the enclave asked to have stated. Proves nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub(super) module_id: String,
    pub(super) timestamp: UnixMillis,
    pub(super) pcrs: BTreeMap<PcrIndex, PcrValue>,
    pub(super) public_key: Option<Vec<u8>>,
    pub(super) user_data: Option<Vec<u8>>,
    pub(super) nonce: Option<Vec<u8>>,
}

/// The form under which a statement is digested: its fields in this order, absent ones as null.
#[derive(Serialize)]
struct Canonical<'a>(
    &'a str,
    u64,
    BTreeMap<u8, &'a Bytes>,
    Option<&'a Bytes>,
    Option<&'a Bytes>,
    Option<&'a Bytes>,
);

impl Statement {
    /// Reads what a document states *without looking at its proof*.
    ///
    /// # Security
    /// Every field is a claim of whoever wrote the bytes. The one proper use is an enclave's, for a document
    /// that its own NSM has just made: that module is trusted by whoever runs on it.
    ///
    /// # Errors
    /// The first [`FormatError`] of the payload, in the order of the steps.
    pub fn peek_unverified(document: &[u8]) -> Result<Self, FormatError> {
        Fields::read(envelope::payload(document)?).map(|fields| fields.statement)
    }

    /// Id of the NSM that claims to have issued the document.
    #[must_use]
    pub fn module_id(&self) -> &str {
        &self.module_id
    }

    /// When the document claims to have been made.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        self.timestamp
    }

    /// The locked registers.
    #[must_use]
    pub fn pcrs(&self) -> &BTreeMap<PcrIndex, PcrValue> {
        &self.pcrs
    }

    /// One register, if it is listed and of SHA-384.
    #[must_use]
    pub fn pcr(&self, index: PcrIndex) -> Option<Pcr> {
        self.pcrs.get(&index).and_then(PcrValue::sha384)
    }

    /// The public key, if one was asked for.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }

    /// The user data, if any was asked for.
    #[must_use]
    pub fn user_data(&self) -> Option<&[u8]> {
        self.user_data.as_deref()
    }

    /// The nonce, if any was asked for.
    #[must_use]
    pub fn nonce(&self) -> Option<&[u8]> {
        self.nonce.as_deref()
    }

    /// Names evidence in the key schedule of a channel. User data and nonce are digests of the claims and the
    /// offers, and the claims hold those of charter, release and controls, so that this covers them all.
    ///
    /// # Errors
    /// [`FormatError::Payload`] when there is no encoding, which no statement that was read has.
    pub fn digest(&self) -> Result<EvidenceDigest, FormatError> {
        let pcrs = self.pcrs.iter().map(|(index, value)| (index.get(), Bytes::new(value.as_bytes())));
        let canonical = Canonical(
            &self.module_id,
            self.timestamp.as_millis(),
            pcrs.collect(),
            self.public_key().map(Bytes::new),
            self.user_data().map(Bytes::new),
            self.nonce().map(Bytes::new),
        );
        cbor::encode(&canonical).map(|bytes| EvidenceDigest::of(&bytes)).map_err(FormatError::Payload)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The statement of docs/protocol.md, section 7.
    fn statement() -> Statement {
        Statement {
            module_id: "i-0123456789abcdef0-enc0123456789abcdef".to_owned(),
            timestamp: UnixMillis::new(1_700_000_000_000),
            pcrs: [register(0, 0x11), register(16, 0x22)].into(),
            public_key: None,
            user_data: Some(vec![0x33; 48]),
            nonce: Some(vec![0x44; 48]),
        }
    }

    fn register(index: u8, byte: u8) -> (PcrIndex, PcrValue) {
        (PcrIndex::try_from(index).unwrap(), PcrValue::new(&[byte; 48]).unwrap())
    }

    #[test]
    fn the_digest_is_that_of_the_protocol() {
        let expected = "53a605855b2533fd36dee2c1f0a6d2ef92ecb44b2e019ac17f540f3eb7fcded613ecd22d03af67ddd9f079388dfc490c";
        assert_eq!(statement().digest().unwrap().to_string(), expected);
    }

    #[test]
    fn the_digest_covers_every_field() {
        let changes: [fn(&mut Statement); 12] = [
            |_| (),
            |it| it.module_id.push('0'),
            |it| it.timestamp = UnixMillis::new(1_700_000_000_001),
            |it| it.pcrs = [register(0, 0x11), register(17, 0x22)].into(),
            |it| it.pcrs = [register(0, 0x11), register(16, 0x23)].into(),
            |it| it.pcrs = [register(0, 0x11)].into(),
            |it| it.public_key = Some(Vec::new()),
            |it| it.public_key = Some(vec![1]),
            |it| it.user_data = Some(vec![0x34; 48]),
            |it| it.user_data = None,
            |it| it.nonce = Some(vec![0x45; 48]),
            |it| std::mem::swap(&mut it.user_data, &mut it.nonce),
        ];
        let digests: BTreeSet<_> = changes.iter().map(changed).collect();
        assert_eq!(digests.len(), changes.len(), "two statements share a digest");
    }

    fn changed(change: &fn(&mut Statement)) -> EvidenceDigest {
        let mut statement = statement();
        change(&mut statement);
        statement.digest().unwrap()
    }
}
