//! Writing a log, and reading it back record by record.

use ring::rand::SecureRandom;
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_proto::message::ENCAPSULATED_KEY_BYTES;
use strongroom_proto::name::Name;
use strongroom_seal::digest::{AuditCommitment, AuditHead};
use strongroom_seal::label;
use strongroom_seal::record::{Bound, RecordKey};

use super::{AuditError, AuditOpening, AuditPrivateKey, AuditPublicKey, AuditRecord, Checkpoint};
use crate::UnixMillis;
use crate::channel::{ChannelError, ChannelKey, encapsulate};
use crate::claims::BootId;

/// The enclave's end of one log. Each append consumes a number; none is sealed twice.
pub struct AuditWriter {
    key: RecordKey,
    boot: BootId,
    segment: u32,
    records: u64,
    head: AuditHead,
}

/// A record as it leaves, and what its receipt says of it.
pub struct Appended {
    /// Its number.
    pub number: u64,
    /// Sealed, [`AUDIT_RECORD_BYTES`] long.
    pub sealed: Vec<u8>,
    /// For the receipt.
    pub commitment: AuditCommitment,
}

impl AuditWriter {
    /// Encapsulates to the owner's audit key. The result goes into the opening, the key into [`Self::begin`].
    ///
    /// # Errors
    /// [`AuditError::Key`] for a key that is none, [`AuditError::Random`].
    pub fn encapsulate(
        to: &AuditPublicKey,
        deployment: &Name,
        boot: BootId,
        segment: u32,
        random: &dyn SecureRandom,
    ) -> Result<(Vec<u8>, RecordKey), AuditError> {
        let info = info(deployment, boot, segment);
        let made = encapsulate(&ChannelKey(to.as_bytes()), &info, random);
        let (encapsulated, exporter) = made.map_err(|error| match error {
            ChannelError::Random => AuditError::Random,
            _ => AuditError::Key,
        })?;
        let key = exporter.record_key(label::AUDIT_KEY).map_err(|_| AuditError::Key)?;
        Ok((encapsulated.to_vec(), key))
    }

    /// Begins the log of an opening as it was encoded.
    #[must_use]
    pub fn begin(opening: &AuditOpening, encoded: &[u8], key: RecordKey) -> Self {
        let head = AuditHead::of(encoded);
        Self { key, boot: opening.boot, segment: opening.segment, records: 0, head }
    }

    /// Seals the next record and moves the head.
    ///
    /// # Errors
    /// [`AuditError::TooLarge`], which the fields of a record do not cause.
    pub fn append(&mut self, record: &AuditRecord) -> Result<Appended, AuditError> {
        let number = self.records;
        let body = record.encode()?;
        let sealed = self.key.seal(number, Bound(self.boot.as_bytes()), &[&body], AUDIT_RECORD_BYTES);
        let sealed = sealed.map_err(|_| AuditError::TooLarge)?;
        self.head = step(&self.head, &sealed);
        self.records += 1;
        Ok(Appended { number, sealed, commitment: commitment(&record.blind, &self.head) })
    }

    /// How far the log has come, to be signed.
    #[must_use]
    pub fn checkpoint(&self, time: UnixMillis) -> Checkpoint {
        Checkpoint { boot: self.boot, segment: self.segment, records: self.records, head: self.head, time }
    }
}

/// The owner's end of one log.
pub struct AuditReader {
    key: Option<RecordKey>,
    boot: BootId,
    records: u64,
    head: AuditHead,
}

impl AuditReader {
    /// Opens a log with the owner's key.
    ///
    /// # Errors
    /// [`AuditError::Opening`] or [`AuditError::Key`].
    pub fn open(encoded: &[u8], key: &AuditPrivateKey) -> Result<Self, AuditError> {
        let opening = AuditOpening::decode(encoded)?;
        let sealed: &[u8; ENCAPSULATED_KEY_BYTES] =
            opening.encapsulated.as_slice().try_into().map_err(|_| AuditError::Opening)?;
        let info = info(&opening.deployment, opening.boot, opening.segment);
        let exporter = key.pair.decapsulate(sealed, &info).map_err(|_| AuditError::Key)?;
        let key = exporter.record_key(label::AUDIT_KEY).map_err(|_| AuditError::Key)?;
        Ok(Self { key: Some(key), boot: opening.boot, records: 0, head: AuditHead::of(encoded) })
    }

    /// Follows the chain of a log without a key, as an auditor can.
    ///
    /// # Errors
    /// [`AuditError::Opening`].
    pub fn follow(encoded: &[u8]) -> Result<Self, AuditError> {
        let opening = AuditOpening::decode(encoded)?;
        Ok(Self { key: None, boot: opening.boot, records: 0, head: AuditHead::of(encoded) })
    }

    /// Takes the next sealed record; its content only with the owner's key.
    ///
    /// # Errors
    /// [`AuditError::Record`] for a record that does not open under its number. A chain alone is judged by
    /// comparing [`Self::head`] with a checkpoint.
    pub fn next(&mut self, sealed: &[u8]) -> Result<Option<AuditRecord>, AuditError> {
        let record = self.read_at(self.records, sealed)?;
        self.head = step(&self.head, sealed);
        self.records += 1;
        Ok(record)
    }

    /// Opens a record under a number, wherever the chain is: behind a hole, records can still be read one by one.
    /// [`None`] without the owner's key.
    ///
    /// # Errors
    /// [`AuditError::Record`] for a record that does not open under this number.
    pub fn read_at(&self, number: u64, sealed: &[u8]) -> Result<Option<AuditRecord>, AuditError> {
        let Some(key) = &self.key else { return Ok(None) };
        let body = key.open(number, Bound(self.boot.as_bytes()), sealed);
        let body = body.map_err(|_| AuditError::Record(number))?;
        AuditRecord::decode(body.bytes()).map(Some).ok_or(AuditError::Record(number))
    }

    /// Head after the records taken so far.
    #[must_use]
    pub fn head(&self) -> AuditHead {
        self.head
    }

    /// Records taken so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }
}

/// What the receipt of a record says: only who knows the record's blind can tell which head it is about.
#[must_use]
pub fn commitment(blind: &[u8; 16], head: &AuditHead) -> AuditCommitment {
    let mut bytes = [0; 64];
    let (first, rest) = bytes.split_at_mut(blind.len());
    first.copy_from_slice(blind);
    rest.copy_from_slice(head.as_bytes());
    AuditCommitment::of(&bytes)
}

fn step(head: &AuditHead, sealed: &[u8]) -> AuditHead {
    AuditHead::of(&[head.as_bytes(), sealed].concat())
}

fn info(deployment: &Name, boot: BootId, segment: u32) -> Vec<u8> {
    let label = label::AUDIT.text().as_bytes();
    let segment = segment.to_be_bytes();
    [label, &[0], deployment.as_str().as_bytes(), &[0], boot.as_bytes(), &segment].concat()
}
