//! What an owner states of how a model was made: a closed set of claims, inside the signed manifest.
//!
//! Each claim has a kind that says how far it was checked. `declared`: the owner says so. `recomputed`: it follows
//! from stated figures, and everyone who reads the manifest computes it again. `measured`: it binds the bytes of a
//! report or bundle. None of it says that the owner trained as stated.

mod privacy;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use strongroom_proto::cbor::{self, CborError};

use crate::label;
use crate::limits::{MAX_CLAIM_ENTRIES, MAX_CLAIM_TEXT_BYTES, MAX_CLAIMS};

pub use privacy::DpSgd;

/// How far a statement was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// The owner says so.
    Declared,
    /// Computed again from stated figures.
    Recomputed,
    /// Measured, in a report of this digest.
    Measured,
}

impl fmt::Display for ClaimKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "declared",
            Self::Recomputed => "recomputed",
            Self::Measured => "measured",
        })
    }
}

/// SHA-256 of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileDigest(#[serde(with = "serde_bytes")] pub [u8; 32]);

/// One statement about how a model was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Claim {
    /// The code that trained it.
    CodeCommit {
        /// The commit: 40 or 64 hexadecimal digits.
        commit: String,
        /// Where the code is, if that is stated.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository: Option<String>,
    },
    /// The files it was trained on.
    TrainingData(Vec<FileDigest>),
    /// The settings it was trained with.
    HyperParameters {
        /// The file they stand in.
        file: FileDigest,
        /// Those that are told.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        values: BTreeMap<String, String>,
    },
    /// Differential privacy of its training.
    DpSgd(DpSgd),
    /// Its accuracy under attacks of growing strength.
    RobustnessCurve(FileDigest),
    /// How its errors differ between groups.
    BiasReport(FileDigest),
    /// How well members of its training data are told from others.
    MembershipInference {
        /// Area under the curve of the best attack: one half is guessing.
        auc: f64,
        /// True less false positives of the best attack, at most.
        advantage: f64,
        /// The report.
        report: FileDigest,
    },
    /// An OpenSSF Model Signing bundle over its file, checked when it was sealed.
    ModelSignature {
        /// The bundle.
        bundle: FileDigest,
        /// The public key that it was checked with, in PEM.
        key: FileDigest,
    },
}

/// What is wrong with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// More claims than [`MAX_CLAIMS`], or one of them twice.
    #[error("too many claims, or one of them twice")]
    Number,
    /// A text that is too long or not printable, or a list that is empty or too long.
    #[error("claim '{0}': a text or list that is empty, too long or not printable")]
    Text(&'static str),
    /// A figure outside its range.
    #[error("claim '{0}': a figure outside its range")]
    Figure(&'static str),
    /// An ε below the one that follows from the other figures.
    #[error("claim 'dp-sgd': the stated epsilon is below the one that follows from the other figures")]
    Epsilon,
}

impl Claim {
    /// Its name in public controls.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CodeCommit { .. } => "code-commit",
            Self::TrainingData(_) => "training-data",
            Self::HyperParameters { .. } => "hyper-parameters",
            Self::DpSgd(_) => "dp-sgd",
            Self::RobustnessCurve(_) => "robustness-curve",
            Self::BiasReport(_) => "bias-report",
            Self::MembershipInference { .. } => "membership-inference",
            Self::ModelSignature { .. } => "model-signature",
        }
    }

    /// How far it was checked. A claim is of one kind, whoever makes it.
    #[must_use]
    pub const fn kind(&self) -> ClaimKind {
        match self {
            Self::CodeCommit { .. } | Self::TrainingData(_) | Self::HyperParameters { .. } => {
                ClaimKind::Declared
            }
            Self::DpSgd(_) => ClaimKind::Recomputed,
            Self::RobustnessCurve(_)
            | Self::BiasReport(_)
            | Self::MembershipInference { .. }
            | Self::ModelSignature { .. } => ClaimKind::Measured,
        }
    }

    /// SHA-256 over the label, a zero byte and the claim's CBOR: what public controls state of it.
    ///
    /// # Errors
    /// [`CborError`], which these fields do not cause.
    pub fn digest(&self) -> Result<[u8; 32], CborError> {
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(label::CLAIM.text().as_bytes());
        context.update(&[0]);
        context.update(&cbor::encode(self)?);
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        Ok(digest)
    }

    /// Checks bounds and figures, and computes again what can be.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub fn check(&self) -> Result<(), ClaimError> {
        let sound = |sound: bool| if sound { Ok(()) } else { Err(ClaimError::Text(self.name())) };
        match self {
            Self::CodeCommit { commit, repository } => {
                let digits = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                let whole = matches!(commit.len(), 40 | 64);
                sound(digits && whole && repository.as_deref().is_none_or(is_text))
            }
            Self::TrainingData(files) => sound(!files.is_empty() && files.len() <= MAX_CLAIM_ENTRIES),
            Self::HyperParameters { values, .. } => {
                let texts = values.iter().all(|(name, value)| is_text(name) && is_text(value));
                sound(values.len() <= MAX_CLAIM_ENTRIES && texts)
            }
            Self::DpSgd(figures) => figures.check(),
            Self::MembershipInference { auc, advantage, .. } => {
                let shares = (0.0..=1.0).contains(auc) && (0.0..=1.0).contains(advantage);
                if shares { Ok(()) } else { Err(ClaimError::Figure(self.name())) }
            }
            Self::RobustnessCurve(_) | Self::BiasReport(_) | Self::ModelSignature { .. } => Ok(()),
        }
    }
}

/// Checks all claims of one model: each by itself, and none twice.
///
/// # Errors
/// See [`ClaimError`].
pub fn check_claims(claims: &[Claim]) -> Result<(), ClaimError> {
    let twice =
        |(at, claim): (usize, &Claim)| claims.iter().take(at).any(|earlier| earlier.name() == claim.name());
    if claims.len() > MAX_CLAIMS || claims.iter().enumerate().any(twice) {
        return Err(ClaimError::Number);
    }
    claims.iter().try_for_each(Claim::check)
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_CLAIM_TEXT_BYTES && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::DOCUMENT_CBOR;

    fn claims() -> Vec<Claim> {
        let file = FileDigest([7; 32]);
        let dp = DpSgd {
            noise_multiplier: 1.1,
            sampling_rate: 256.0 / 60_000.0,
            steps: 14_063,
            delta: 1e-5,
            epsilon: 3.0,
        };
        vec![
            Claim::CodeCommit { commit: "ab".repeat(20), repository: Some("https://example.com/a".into()) },
            Claim::TrainingData(vec![file, FileDigest([8; 32])]),
            Claim::HyperParameters { file, values: BTreeMap::from([("epochs".into(), "60".into())]) },
            Claim::DpSgd(dp),
            Claim::RobustnessCurve(file),
            Claim::BiasReport(file),
            Claim::MembershipInference { auc: 0.52, advantage: 0.03, report: file },
            Claim::ModelSignature { bundle: file, key: file },
        ]
    }

    #[test]
    fn claims_read_back_and_have_digests_of_their_own() {
        let claims = claims();
        check_claims(&claims).unwrap();
        let read: Vec<Claim> = cbor::decode(&cbor::encode(&claims).unwrap(), DOCUMENT_CBOR).unwrap();
        assert_eq!(read, claims);
        let digests: std::collections::BTreeSet<_> =
            claims.iter().map(|claim| claim.digest().unwrap()).collect();
        assert_eq!(digests.len(), claims.len());
    }

    #[test]
    fn a_claim_twice_is_refused() {
        let twice = [Claim::BiasReport(FileDigest([1; 32])), Claim::BiasReport(FileDigest([2; 32]))];
        assert_eq!(check_claims(&twice), Err(ClaimError::Number));
    }

    #[test]
    fn texts_lists_and_figures_are_bounded() {
        let file = FileDigest([7; 32]);
        let commit = |commit: &str, repository: Option<&str>| Claim::CodeCommit {
            commit: commit.into(),
            repository: repository.map(str::to_owned),
        };
        let values = |values: BTreeMap<String, String>| Claim::HyperParameters { file, values };
        let long = "x".repeat(MAX_CLAIM_TEXT_BYTES + 1);
        for wrong in [
            commit("abc", None),
            commit(&"zz".repeat(20), None),
            commit(&"ab".repeat(20), Some(&long)),
            commit(&"ab".repeat(20), Some("a\u{1b}[2J")),
            Claim::TrainingData(vec![]),
            Claim::TrainingData(vec![file; MAX_CLAIM_ENTRIES + 1]),
            values(BTreeMap::from([(String::new(), "1".into())])),
            values((0..=MAX_CLAIM_ENTRIES).map(|at| (at.to_string(), "1".into())).collect()),
        ] {
            assert_eq!(wrong.check(), Err(ClaimError::Text(wrong.name())), "{wrong:?}");
        }
        for (auc, advantage) in [(1.1, 0.0), (0.5, -0.1), (f64::NAN, 0.0)] {
            let wrong = Claim::MembershipInference { auc, advantage, report: file };
            assert_eq!(wrong.check(), Err(ClaimError::Figure("membership-inference")));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_and_checked_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
                                                         flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6)) {
            let _ = cbor::decode::<Vec<Claim>>(&bytes, DOCUMENT_CBOR).map(|claims| check_claims(&claims));
            bytes = cbor::encode(&claims()).unwrap();
            for (at, byte) in flips {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(claims) = cbor::decode::<Vec<Claim>>(&bytes, DOCUMENT_CBOR) {
                let _ = check_claims(&claims);
                let _ = claims.iter().map(Claim::digest).collect::<Vec<_>>();
            }
        }
    }
}
