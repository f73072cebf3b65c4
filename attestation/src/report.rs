//! Reports on the use of models, sealed to the owner's audit key.
//!
//! ```text
//! report = CBOR { deployment, boot: bytes 16, number: uint, encapsulated: bytes, sealed: bytes }
//! key    = HPKE (as the channel's) to the audit key; info = label ‖ 0 ‖ deployment ‖ 0 ‖ boot ‖ number
//! sealed = AES-256-GCM under that key, number 0, bound to the same bytes as info
//! ```
//!
//! Each report has a key of its own. The enclave does not sign them: whoever holds the public half can make one, as
//! the host never does. They steer nothing; what has to hold against a host stands in the audit log.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, Bounds};
use strongroom_proto::message::ENCAPSULATED_KEY_BYTES;
use strongroom_proto::name::Name;
use strongroom_proto::report::MAX_REPORT_BYTES;
use strongroom_seal::label;
use strongroom_seal::limits::RECORD_OVERHEAD_BYTES;
use strongroom_seal::record::{Body, Bound};

use crate::audit::{AuditPrivateKey, AuditPublicKey};
use crate::channel::{ChannelError, ChannelKey, encapsulate};
use crate::claims::BootId;

const SEALED_CBOR: Bounds = Bounds { max_bytes: MAX_REPORT_BYTES, max_depth: 3, max_items: 16 };

/// Why a report could not be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is not sealed to this audit key, or changed.
    #[error("the report is not sealed to this audit key, or was changed")]
    Key,
    /// The random source failed.
    #[error("no randomness")]
    Random,
    /// Not a sealed report.
    #[error("not a sealed report")]
    Malformed,
    /// Larger than a report may be.
    #[error("the report is too large")]
    TooLarge,
}

impl From<ChannelError> for ReportError {
    fn from(error: ChannelError) -> Self {
        if error == ChannelError::Random { Self::Random } else { Self::Key }
    }
}

/// Which report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportId {
    /// The deployment.
    pub deployment: Name,
    /// The boot.
    pub boot: BootId,
    /// Number of the report in this boot.
    pub number: u64,
}

/// A report that only the owner can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedReport {
    /// Which.
    pub id: ReportId,
    /// HPKE's encapsulated key.
    #[serde(with = "serde_bytes")]
    encapsulated: Vec<u8>,
    #[serde(with = "serde_bytes")]
    sealed: Vec<u8>,
}

impl ReportId {
    fn info(&self) -> Vec<u8> {
        let (deployment, number) = (self.deployment.as_str().as_bytes(), self.number.to_be_bytes());
        [label::REPORT.text().as_bytes(), &[0], deployment, &[0], self.boot.as_bytes(), &number].concat()
    }
}

impl SealedReport {
    /// Seals a report, padded to `bytes` before it is sealed.
    ///
    /// # Errors
    /// [`ReportError::Key`] for a key that is none, [`ReportError::Random`], [`ReportError::TooLarge`] where the
    /// report has more than `bytes`.
    pub fn seal(
        id: ReportId,
        report: &[u8],
        bytes: usize,
        to: &AuditPublicKey,
        random: &dyn SecureRandom,
    ) -> Result<Self, ReportError> {
        let info = id.info();
        let (encapsulated, exporter) = encapsulate(&ChannelKey(to.as_bytes()), &info, random)?;
        let key = exporter.record_key(label::REPORT)?;
        let bytes = bytes.checked_add(RECORD_OVERHEAD_BYTES).ok_or(ReportError::TooLarge)?;
        let sealed = key.seal(0, Bound(&info), &[report], bytes).map_err(|_| ReportError::TooLarge)?;
        Ok(Self { id, encapsulated: encapsulated.to_vec(), sealed })
    }

    /// Opens a report with the owner's key.
    ///
    /// # Errors
    /// [`ReportError::Key`], or [`ReportError::Malformed`].
    pub fn open(&self, key: &AuditPrivateKey) -> Result<Body, ReportError> {
        let encapsulated: &[u8; ENCAPSULATED_KEY_BYTES] =
            self.encapsulated.as_slice().try_into().map_err(|_| ReportError::Malformed)?;
        let info = self.id.info();
        let key = key.pair.decapsulate(encapsulated, &info)?.record_key(label::REPORT)?;
        key.open(0, Bound(&info), &self.sealed).map_err(|_| ReportError::Key)
    }

    /// Reads a sealed report.
    ///
    /// # Errors
    /// [`ReportError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ReportError> {
        cbor::decode(bytes, SEALED_CBOR).map_err(|_| ReportError::Malformed)
    }

    /// Writes a sealed report.
    ///
    /// # Errors
    /// [`ReportError::Malformed`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, ReportError> {
        cbor::encode(self).map_err(|_| ReportError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn key(byte: u8) -> AuditPrivateKey {
        AuditPrivateKey::from_seed(zeroize::Zeroizing::new([byte; 32]))
    }

    fn sealed(report: &[u8]) -> SealedReport {
        let id = ReportId { deployment: "d".parse().unwrap(), boot: BootId::new([3; 16]), number: 7 };
        SealedReport::seal(id, report, 4096, &key(1).public(), &SystemRandom::new()).unwrap()
    }

    #[test]
    fn a_report_opens_for_its_owner_alone() {
        let report = sealed(b"counts");
        assert_eq!(report.open(&key(1)).unwrap().bytes(), b"counts");
        assert!(matches!(report.open(&key(2)), Err(ReportError::Key)));
        assert_eq!(SealedReport::decode(&report.encode().unwrap()), Ok(report));
    }

    #[test]
    fn deployment_boot_and_number_are_bound() {
        let report = sealed(b"counts");
        for id in [
            ReportId { deployment: "e".parse().unwrap(), ..report.id.clone() },
            ReportId { boot: BootId::new([4; 16]), ..report.id.clone() },
            ReportId { number: 8, ..report.id.clone() },
        ] {
            assert!(SealedReport { id, ..report.clone() }.open(&key(1)).is_err());
        }
        let mut changed = report.clone();
        changed.sealed[9] ^= 1;
        assert!(changed.open(&key(1)).is_err());
        let cut = SealedReport { encapsulated: vec![1], ..report };
        assert!(matches!(cut.open(&key(1)), Err(ReportError::Malformed)));
    }

    #[test]
    fn its_size_says_nothing() {
        assert_eq!(sealed(b"").encode().unwrap().len(), sealed(&[1; 4096]).encode().unwrap().len());
        let id = sealed(b"").id;
        let large = SealedReport::seal(id, &[0; 4097], 4096, &key(1).public(), &SystemRandom::new());
        assert_eq!(large, Err(ReportError::TooLarge));
    }
}
