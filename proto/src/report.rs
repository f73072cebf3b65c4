//! Reports on the use of models, as the enclave hands them to its host.
//!
//! ```text
//! body    = CBOR { boot: bytes 16, number: uint, summary: bytes, sealed: bytes }
//! summary = u32 length of the CBOR, big endian | CBOR of Summary | zeros
//! ```
//!
//! Summary and sealed report have the same size in every report of a release, whatever was asked. Everything in a
//! summary was computed from counts with noise on them; the owner alone opens the sealed part.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cbor::{self, Bounds, CborError};
use crate::name::Name;

/// Bytes of one report: the body of its frame.
pub const MAX_REPORT_BYTES: usize = 8 * 1024 * 1024;

const KEPT_CBOR: Bounds = Bounds { max_bytes: MAX_REPORT_BYTES, max_depth: 2, max_items: 16 };
const SUMMARY_CBOR: Bounds = Bounds { max_bytes: MAX_REPORT_BYTES, max_depth: 6, max_items: 2_000_000 };

/// What the host keeps of one report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptReport {
    /// Random name of the boot, 16 bytes.
    #[serde(with = "serde_bytes")]
    pub boot: [u8; 16],
    /// Number of the report in this boot.
    pub number: u64,
    /// A padded [`Summary`].
    #[serde(with = "serde_bytes")]
    pub summary: Vec<u8>,
    /// The report, sealed to the owner's audit key; empty where the release has none.
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
}

/// What a report says publicly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Number of the report in its boot.
    pub number: u64,
    /// Epoch of the release.
    pub epoch: u64,
    /// From when, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// Until when.
    pub to_ms: u64,
    /// ε of the report.
    pub epsilon: f64,
    /// Each model of the release.
    pub models: BTreeMap<Name, ModelSummary>,
}

/// One model. What is absent was withheld, because it is small or noise hides it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSummary {
    /// Requests that reached it.
    pub requests: Option<u64>,
    /// Share of them that was refused.
    pub refused: Option<f64>,
    /// Share of them on which the model failed.
    pub failed: Option<f64>,
    /// Microseconds within which .5, .9 and .99 of them ended, rounded up to a power of two.
    pub latency_us: [Option<u64>; 3],
    /// Rows.
    pub rows: Option<u64>,
    /// Share of each class.
    pub classes: Vec<Option<f64>>,
    /// Drift, where there were rows enough to say.
    pub drift: Option<DriftSummary>,
}

/// Drift of one model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriftSummary {
    /// Features that could be judged.
    pub features: u64,
    /// Those of them that drifted.
    pub drifted: u64,
    /// Population stability index of the feature that is worst by its threshold.
    pub psi: f64,
    /// That threshold.
    pub psi_threshold: f64,
    /// Kolmogorov–Smirnov distance of the feature that is worst by its threshold.
    pub ks: f64,
    /// That threshold.
    pub ks_threshold: f64,
}

impl KeptReport {
    /// Reads a report.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        cbor::decode(bytes, KEPT_CBOR)
    }

    /// Writes a report. Its number takes 1 to 9 bytes: the length tells no more than how many there were.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }
}

impl Summary {
    /// Writes a summary without padding.
    ///
    /// # Errors
    /// [`CborError::Encode`], which these fields do not cause.
    pub fn encode(&self) -> Result<Vec<u8>, CborError> {
        cbor::encode(self)
    }

    /// Writes a summary of exactly `bytes`.
    ///
    /// # Errors
    /// [`CborError::TooLong`] where it does not fit.
    pub fn pad(&self, bytes: usize) -> Result<Vec<u8>, CborError> {
        let body = self.encode()?;
        let length = u32::try_from(body.len()).map_err(|_| CborError::TooLong)?;
        let mut padded = Vec::with_capacity(bytes);
        padded.extend(length.to_be_bytes());
        padded.extend(body);
        if padded.len() > bytes {
            return Err(CborError::TooLong);
        }
        padded.resize(bytes, 0);
        Ok(padded)
    }

    /// Reads a padded summary.
    ///
    /// # Errors
    /// Any [`CborError`].
    pub fn decode(padded: &[u8]) -> Result<Self, CborError> {
        let (length, rest) = padded.split_first_chunk::<4>().ok_or(CborError::Truncated)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| CborError::TooLong)?;
        cbor::decode(rest.get(..length).ok_or(CborError::Truncated)?, SUMMARY_CBOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_size_it_is_given() {
        let mut summary = Summary { epsilon: 0.1, ..Summary::default() };
        let empty = summary.pad(512).unwrap();
        let rows = Some(123_456);
        summary.models.insert("fraud".parse().unwrap(), ModelSummary { rows, ..ModelSummary::default() });
        let full = summary.pad(512).unwrap();
        assert_eq!((empty.len(), full.len()), (512, 512));
        assert_eq!(Summary::decode(&full), Ok(summary.clone()));
        assert_eq!(summary.pad(16), Err(CborError::TooLong));
        for wrong in [&[][..], &[0, 0], &[255, 255, 255, 255, 0], &[0, 0, 0, 1, 0]] {
            assert!(Summary::decode(wrong).is_err());
        }
    }

    #[test]
    fn a_kept_report_is_read_back() {
        let report = KeptReport { boot: [1; 16], number: 3, summary: vec![1, 2], sealed: vec![] };
        assert_eq!(KeptReport::decode(&report.encode().unwrap()), Ok(report));
        assert!(KeptReport::decode(b"").is_err());
    }
}
