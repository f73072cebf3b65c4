//! What a command can fail with, in the words it is reported in. What to do then stands in `help.rs`.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use strongroom_attestation::charter::CharterError;
use strongroom_attestation::evidence::EvidenceError;
use strongroom_attestation::release::ReleaseError;
use strongroom_attestation::{FailureClass, VerifyError};
use strongroom_client::oip::OipError;
use strongroom_client::{ClientError, TrustFileError};
use strongroom_engine::{LoadError, Mismatch};
use strongroom_kms::KmsError;
use strongroom_lint::Severity;
use strongroom_seal::package::PackageError;

use crate::audit::SourceError;
use crate::help;
use crate::secret::shown;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What the caller gave cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("{}: {kind}", shown(.path))]
    File { path: PathBuf, kind: ErrorKind },
    /// The file of a secret could not be read. What the option was given stays unsaid: it may be the secret.
    #[error("the file that {option} names: {kind}")]
    SecretFile { option: String, kind: ErrorKind },
    /// A file that may not be replaced exists.
    #[error("{} exists", shown(.0))]
    Exists(PathBuf),
    /// stdout could not be written.
    #[error("stdout: {0}")]
    Stdout(ErrorKind),
    /// The async runtime could not be started.
    #[error("the runtime cannot be started: {0}")]
    Runtime(ErrorKind),
    /// No randomness.
    #[error("no randomness")]
    Random,
    /// A config file that does not hold what one holds.
    #[error("{}: {what}", shown(.path))]
    Config { path: PathBuf, what: String },
    /// A trust file.
    #[error("{}: {error}", shown(.path))]
    Trust { path: PathBuf, error: TrustFileError },
    /// The JSON of an infer request.
    #[error("the request is not one of the Open Inference Protocol: {0}")]
    Request(OipError),
    /// An answer that has no JSON form.
    #[error("the answer cannot be printed: {0}")]
    Unprintable(OipError),
    /// What the client library reports.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// Evidence that was refused.
    #[error("not verified: {0}")]
    Evidence(#[from] EvidenceError),
    /// An attestation document that was refused.
    #[error("not verified: {0}")]
    Document(#[from] VerifyError),
    /// A charter that was refused.
    #[error("{}: {error}", shown(.path))]
    Charter { path: PathBuf, error: CharterError },
    /// A release that was refused.
    #[error("{0}")]
    Release(#[from] ReleaseError),
    /// A sealed file that was refused.
    #[error("{}: {error}", shown(.path))]
    Package { path: PathBuf, error: PackageError },
    /// KMS.
    #[error("{0}")]
    Kms(#[from] KmsError),
    /// A key policy that was judged and found wanting; the findings were printed.
    #[error("the key policy has {0}s")]
    KeyPolicy(Severity),
    /// A policy that was judged and found wanting; the findings were printed.
    #[error("the policy has errors")]
    PolicyErrors,
    /// A release was delivered, and not every enclave serves it.
    #[error("delivered, and not acknowledged by\n{0}")]
    Unacknowledged(String),
    /// A model that the engine does not take.
    #[error("the model cannot be sealed: {}{}", .0, detail(.0))]
    Model(#[from] LoadError),
    /// A model whose answers are not the given ones.
    #[error("the model cannot be sealed: {0}")]
    Samples(#[from] Mismatch),
    /// A copy of the audit log that cannot be read.
    #[error("{}: {error}", shown(.path))]
    AuditSource { path: PathBuf, error: SourceError },
    /// A copy of the audit log that was judged and refused; the findings were printed.
    #[error("the copy of the audit log is not the whole log of accepted enclaves")]
    AuditLog(FailureClass),
    /// A suspect model that does not answer, or not in the protocol.
    #[error("the suspect: {0}")]
    Suspect(String),
    /// A measure that was demanded and not reached; what was measured was printed.
    #[error("nothing reaches the gate")]
    Gate,
    /// An attack that went further than the gate allows; the limits were printed.
    #[error("the red team got further than the gate allows")]
    RedTeamGate,
    /// An attack or the attacked service failed; what failed was printed.
    #[error("the red team did not finish")]
    RedTeam,
    /// A file that is none of those that `inspect` knows.
    #[error("{} is no file of Strongroom, or a damaged one", shown(.0))]
    Unknown(PathBuf),
}

impl Diagnostic for CliError {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(help::help(self)))
    }
}

/// A result of a command.
pub(crate) type Result<T> = std::result::Result<T, CliError>;

impl CliError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::File { path, kind: error.kind() }
    }

    pub(crate) fn package(path: &Path) -> impl FnOnce(PackageError) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Package { path, error }
    }

    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::Usage(reason.into())
    }
}

/// What the engine says about the owner's own model.
fn detail(error: &LoadError) -> String {
    match error {
        LoadError::Compile(detail) => format!(" ({})", detail.reveal()),
        _ => String::new(),
    }
}
