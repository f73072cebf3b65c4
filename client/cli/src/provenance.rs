//! `provenance.toml`: what an owner states for `seal` of how a model was made.
//!
//! Digests are computed from the files that it names, relative to itself; nobody types one. An ε is computed from
//! the figures beside it, and a stated one must not be smaller.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::Deserialize;
use strongroom_attestation::release::Provenance;
use strongroom_seal::model::{Claim, DpSgd, FileDigest, check_claims};

use crate::error::{CliError, Result};
use crate::files;
use crate::limits::{MAX_PROVENANCE_FILE_BYTES, MAX_SMALL_FILE_BYTES};
use crate::secret::shown;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProvenanceFile {
    code: Option<Code>,
    training_data: Option<TrainingData>,
    hyper_parameters: Option<HyperParameters>,
    dp_sgd: Option<Privacy>,
    robustness: Option<Report>,
    bias: Option<Report>,
    membership_inference: Option<Membership>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    commit: String,
    repository: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrainingData {
    files: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HyperParameters {
    file: PathBuf,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Privacy {
    noise_multiplier: f64,
    sampling_rate: f64,
    steps: u64,
    delta: f64,
    epsilon: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    report: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    report: PathBuf,
    auc: f64,
    advantage: f64,
}

/// Reads the claims of a file, and of the files that it names.
pub(crate) fn read(path: &Path) -> Result<Vec<Claim>> {
    let text = files::read_text(path, MAX_SMALL_FILE_BYTES)?;
    let wrong = |reason: String| CliError::usage(format!("{}: {reason}", shown(path)));
    let file: ProvenanceFile = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    let beside = |name: &PathBuf| digest(&path.with_file_name("").join(name));
    let claims = file.claims(&beside)?;
    check_claims(&claims).map_err(|error| wrong(error.to_string()))?;
    Ok(claims)
}

impl ProvenanceFile {
    fn claims(self, digest: &dyn Fn(&PathBuf) -> Result<FileDigest>) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        if let Some(Code { commit, repository }) = self.code {
            claims.push(Claim::CodeCommit { commit, repository });
        }
        if let Some(data) = self.training_data {
            claims.push(Claim::TrainingData(data.files.iter().map(digest).collect::<Result<_>>()?));
        }
        if let Some(HyperParameters { file, values }) = self.hyper_parameters {
            claims.push(Claim::HyperParameters { file: digest(&file)?, values });
        }
        claims.extend(self.dp_sgd.map(|figures| Claim::DpSgd(figures.compile())));
        for (report, claim) in [
            (self.robustness, Claim::RobustnessCurve as fn(FileDigest) -> Claim),
            (self.bias, Claim::BiasReport),
        ] {
            claims.extend(report.map(|report| digest(&report.report)).transpose()?.map(claim));
        }
        if let Some(Membership { report, auc, advantage }) = self.membership_inference {
            claims.push(Claim::MembershipInference { auc, advantage, report: digest(&report)? });
        }
        Ok(claims)
    }
}

impl Privacy {
    /// Figures out of range keep an ε that no check accepts.
    fn compile(self) -> DpSgd {
        let Self { noise_multiplier, sampling_rate, steps, delta, epsilon } = self;
        let figures = DpSgd { noise_multiplier, sampling_rate, steps, delta, epsilon: f64::NAN };
        DpSgd { epsilon: epsilon.or_else(|| figures.recomputed()).unwrap_or(f64::NAN), ..figures }
    }
}

/// SHA-256 of a file, read piece by piece.
pub(crate) fn digest(path: &Path) -> Result<FileDigest> {
    let mut file = File::open(path).map_err(CliError::file(path))?.take(MAX_PROVENANCE_FILE_BYTES + 1);
    let (mut context, mut buffer, mut length) = (Context::new(&SHA256), vec![0; 1 << 16], 0_u64);
    loop {
        let read = file.read(&mut buffer).map_err(CliError::file(path))?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        context.update(piece);
        length += read as u64;
    }
    if length > MAX_PROVENANCE_FILE_BYTES {
        let kind = std::io::ErrorKind::FileTooLarge;
        return Err(CliError::File { path: path.to_owned(), kind });
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(FileDigest(digest))
}

/// SHA-256 of the bytes of a file.
pub(crate) fn of(bytes: &[u8]) -> FileDigest {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(ring::digest::digest(&SHA256, bytes).as_ref());
    FileDigest(sha256)
}

/// What public controls state of the claims of a manifest.
pub(crate) fn stated(claims: &[Claim]) -> Vec<Provenance> {
    let one = |claim: &Claim| {
        let (claim, kind, sha256) = (claim.name().parse().ok()?, claim.kind(), claim.digest().ok()?);
        Some(Provenance { claim, kind, sha256 })
    };
    claims.iter().filter_map(one).collect()
}

/// A claim in words, with its ε computed again.
pub(crate) fn words(claim: &Claim) -> String {
    let said = match claim {
        Claim::CodeCommit { commit, repository } => {
            let place = repository.as_ref().map_or_else(String::new, |place| format!(" of {place}"));
            format!("trained by the code of commit {commit}{place}")
        }
        Claim::TrainingData(files) => {
            let digests: Vec<String> = files.iter().map(hexadecimal).collect();
            format!("trained on files of SHA-256 {}", digests.join(", "))
        }
        Claim::HyperParameters { file, values } => {
            let told: String = values.iter().map(|(name, value)| format!("; {name} = {value}")).collect();
            format!("settings in a file of SHA-256 {}{told}", hexadecimal(file))
        }
        Claim::DpSgd(figures) => privacy(figures),
        Claim::RobustnessCurve(report) => format!("accuracy under attack: report {}", hexadecimal(report)),
        Claim::BiasReport(report) => format!("errors by group: report {}", hexadecimal(report)),
        Claim::MembershipInference { auc, advantage, report } => {
            format!("membership inference: AUC {auc}, advantage {advantage}; report {}", hexadecimal(report))
        }
        Claim::ModelSignature { bundle, key } => {
            format!(
                "an OpenSSF model signature over this very file, checked at sealing: bundle {}, key {}",
                hexadecimal(bundle),
                hexadecimal(key)
            )
        }
    };
    format!("{} ({}): {said}", claim.name(), claim.kind())
}

fn privacy(figures: &DpSgd) -> String {
    let DpSgd { noise_multiplier, sampling_rate, steps, delta, epsilon } = figures;
    let recomputed = figures.recomputed().filter(|recomputed| *epsilon >= recomputed * (1.0 - 1e-6));
    let judged = match (recomputed, figures.recomputed()) {
        (Some(recomputed), _) => format!("recomputed here: {recomputed:.4}"),
        (None, Some(least)) => format!("DOES NOT FOLLOW: these figures give {least:.4}"),
        (None, None) => "DOES NOT FOLLOW: the figures are out of range".to_owned(),
    };
    format!(
        "DP-SGD with noise multiplier {noise_multiplier}, sampling rate {sampling_rate}, {steps} steps: \
         epsilon {epsilon:.4} at delta {delta:e} ({judged})"
    )
}

fn hexadecimal(digest: &FileDigest) -> String {
    hex::encode(digest.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<Claim>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("report.md"), "a report").unwrap();
        let path = folder.path().join("provenance.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    const PRIVACY: &str =
        "[dp_sgd]\nnoise_multiplier = 1.1\nsampling_rate = 0.01\nsteps = 1000\ndelta = 1e-5\n";

    #[test]
    fn every_section_becomes_a_claim_with_the_digest_of_its_file() {
        let commit = "ab".repeat(20);
        let claims = read_text(&format!(
            "[code]\ncommit = \"{commit}\"\n[training_data]\nfiles = [\"report.md\"]\n\
             [hyper_parameters]\nfile = \"report.md\"\nvalues = {{ epochs = \"60\" }}\n{PRIVACY}\
             [robustness]\nreport = \"report.md\"\n[bias]\nreport = \"report.md\"\n\
             [membership_inference]\nreport = \"report.md\"\nauc = 0.52\nadvantage = 0.04\n"
        ))
        .unwrap();
        let names: Vec<&str> = claims.iter().map(Claim::name).collect();
        assert_eq!(names.len(), 7, "{names:?}");
        let expected = ring::digest::digest(&SHA256, b"a report");
        assert!(matches!(&claims[4], Claim::RobustnessCurve(report) if report.0 == expected.as_ref()));
        assert!(words(&claims[3]).contains("recomputed here"), "{}", words(&claims[3]));
        let stated = stated(&claims);
        let kept = serde_json::to_string(&stated).unwrap();
        assert_eq!(stated.len(), 7);
        assert_eq!(
            serde_json::from_str::<Vec<Provenance>>(&kept).unwrap(),
            stated,
            "as the history keeps them"
        );
    }

    #[test]
    fn an_epsilon_that_does_not_follow_or_a_missing_report_is_refused() {
        assert!(read_text(PRIVACY).is_ok());
        let refused = read_text(&format!("{PRIVACY}epsilon = 0.01\n")).err().unwrap();
        assert!(refused.to_string().contains("epsilon is below"), "{refused}");
        assert!(read_text("[bias]\nreport = \"none.md\"\n").is_err());
        assert!(read_text("[bias]\nsha256 = \"00\"\n").is_err());
        assert!(read_text(&PRIVACY.replace("0.01", "2")).is_err());
    }
}
