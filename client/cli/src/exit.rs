//! Exit codes: the one mapping from an error to what a script sees.

use strongroom_attestation::FailureClass;
use strongroom_attestation::charter::CharterError;
use strongroom_attestation::evidence::EvidenceClass;
use strongroom_attestation::release::ReleaseError;
use strongroom_client::ErrorClass;
use strongroom_kms::{KmsError, Refusal};
use strongroom_lint::Severity;
use strongroom_seal::package::PackageError;
use strongroom_seal::signed::SignedError;

use crate::error::CliError;

const OTHER: u8 = ErrorClass::Other.exit_code();
const USAGE: u8 = ErrorClass::Usage.exit_code();
const CHAIN_OR_SIGNATURE: u8 = evidence(EvidenceClass::Document(FailureClass::ChainOrSignature));
const PCR: u8 = evidence(EvidenceClass::Document(FailureClass::Pcr));
const STALE_OR_NONCE: u8 = evidence(EvidenceClass::Document(FailureClass::Time));
const BINDING: u8 = ErrorClass::Binding.exit_code();
const KEY_POLICY_ERROR: u8 = 15;
const KEY_POLICY_WARNING: u8 = 16;
const NOT_MARKED: u8 = 17;
const DAMAGED: u8 = 20;
const SIGNER: u8 = evidence(EvidenceClass::Signer);
const REFUSED: u8 = ErrorClass::Refused.exit_code();
const UNREACHABLE: u8 = ErrorClass::Unreachable.exit_code();
const RED_TEAM: u8 = 50;

/// The exit code of an error. 0 is the code of no error; clap itself exits with 2 for usage.
pub(crate) fn code(error: &CliError) -> u8 {
    match error {
        CliError::Usage(_)
        | CliError::Exists(_)
        | CliError::Config { .. }
        | CliError::Trust { .. }
        | CliError::Request(_)
        | CliError::PolicyErrors => USAGE,
        CliError::Unacknowledged(_) | CliError::Suspect(_) => UNREACHABLE,
        CliError::Gate => NOT_MARKED,
        CliError::Client(error) => error.class().exit_code(),
        CliError::Evidence(error) => evidence(error.class()),
        CliError::Document(error) => evidence(EvidenceClass::Document(error.class())),
        CliError::Charter { error: CharterError::Signature(error), .. } => signed(*error),
        CliError::Charter { .. } => DAMAGED,
        CliError::Release(error) => release(*error),
        CliError::Package { error, .. } => package(error),
        CliError::Kms(error) => kms(*error),
        CliError::KeyPolicy(severity) => key_policy(*severity),
        CliError::AuditSource { .. } => DAMAGED,
        CliError::RedTeamGate => RED_TEAM,
        CliError::AuditLog(class) => evidence(EvidenceClass::Document(*class)),
        CliError::File { .. }
        | CliError::SecretFile { .. }
        | CliError::Stdout(_)
        | CliError::Runtime(_)
        | CliError::Random
        | CliError::Unprintable(_)
        | CliError::Model(_)
        | CliError::Samples(_)
        | CliError::RedTeam
        | CliError::Unknown(_) => OTHER,
    }
}

const fn evidence(class: EvidenceClass) -> u8 {
    ErrorClass::Evidence(class).exit_code()
}

const fn signed(error: SignedError) -> u8 {
    match error {
        SignedError::Signer => SIGNER,
        SignedError::Malformed | SignedError::Purpose | SignedError::Signature => DAMAGED,
        SignedError::Sign => OTHER,
    }
}

const fn package(error: &PackageError) -> u8 {
    match error {
        PackageError::Signature(error) => signed(*error),
        PackageError::Deployment | PackageError::Swapped => BINDING,
        PackageError::Io(_) => OTHER,
        PackageError::Header
        | PackageError::Manifest(_)
        | PackageError::Chunk(_)
        | PackageError::Truncated(_)
        | PackageError::Trailing
        | PackageError::Content => DAMAGED,
    }
}

const fn release(error: ReleaseError) -> u8 {
    match error {
        ReleaseError::Signature(error) => signed(error),
        ReleaseError::Bundle | ReleaseError::Shape | ReleaseError::ControlsShape => DAMAGED,
        ReleaseError::Deployment | ReleaseError::Controls => BINDING,
        ReleaseError::Epoch { .. } | ReleaseError::NotYet | ReleaseError::Expired => STALE_OR_NONCE,
        ReleaseError::Image { .. } => PCR,
        ReleaseError::Sense(_) | ReleaseError::ControlsSense(_) | ReleaseError::Private(_) => USAGE,
    }
}

const fn kms(error: KmsError) -> u8 {
    match error {
        KmsError::Unreachable | KmsError::TimedOut => UNREACHABLE,
        KmsError::Tls => CHAIN_OR_SIGNATURE,
        KmsError::Refused(Refusal::AccessDenied) => REFUSED,
        KmsError::OtherRegion | KmsError::Request(_) | KmsError::Roots | KmsError::NoCredentials => USAGE,
        _ => OTHER,
    }
}

/// Notices alone are no failure, and never become one.
const fn key_policy(severity: Severity) -> u8 {
    match severity {
        Severity::Error => KEY_POLICY_ERROR,
        Severity::Warning | Severity::Notice => KEY_POLICY_WARNING,
    }
}

#[cfg(test)]
mod tests {
    use strongroom_attestation::channel::ChannelError;
    use strongroom_attestation::evidence::EvidenceError;
    use strongroom_attestation::receipt::ReceiptError;
    use strongroom_attestation::{FormatError, PcrIndex, VerifyError};
    use strongroom_client::{ClientError, TransportError, TrustFileError};
    use strongroom_seal::message;
    use strongroom_seal::record::RecordError;

    use super::*;

    #[test]
    fn each_error_has_the_code_that_the_manual_states_and_a_help() {
        let package = |error| CliError::Package { path: "p".into(), error };
        let table: Vec<(u8, CliError)> = vec![
            (1, CliError::Random),
            (1, CliError::RedTeam),
            (1, CliError::SecretFile { option: "--api-key".to_owned(), kind: std::io::ErrorKind::NotFound }),
            (1, ClientError::NotAnAnswer.into()),
            (1, KmsError::CredentialsExpired.into()),
            (1, ClientError::Transport(TransportError::Malformed).into()),
            (2, CliError::usage("x")),
            (2, ClientError::Url.into()),
            (2, CliError::Config { path: "c".into(), what: "x".to_owned() }),
            (2, CliError::Trust { path: "t".into(), error: TrustFileError::Text }),
            (2, CliError::PolicyErrors),
            (10, VerifyError::Format(FormatError::Envelope).into()),
            (10, VerifyError::Signature.into()),
            (10, CliError::AuditLog(FailureClass::ChainOrSignature)),
            (14, CliError::AuditLog(FailureClass::Binding)),
            (14, ClientError::AuditHead.into()),
            (30, ClientError::Refused(message::Refusal::Operation).into()),
            (30, ClientError::Refused(message::Refusal::Frozen { retry_after_ms: None }).into()),
            (10, EvidenceError::Malformed.into()),
            (11, VerifyError::Pcr(PcrIndex::IMAGE).into()),
            (11, EvidenceError::OtherCharter.into()),
            (12, VerifyError::Nonce.into()),
            (12, EvidenceError::RolledBack.into()),
            (12, EvidenceError::NoOffer.into()),
            (13, VerifyError::DebugImage(PcrIndex::IMAGE).into()),
            (14, VerifyError::UserData.into()),
            (14, EvidenceError::OtherModel.into()),
            (14, ClientError::Channel(ChannelError::Record(RecordError::NotAuthentic)).into()),
            (14, ClientError::Receipt(ReceiptError::Other).into()),
            (15, CliError::KeyPolicy(Severity::Error)),
            (16, CliError::KeyPolicy(Severity::Warning)),
            (17, CliError::Gate),
            (40, CliError::Suspect("x".into())),
            (20, package(PackageError::Chunk(1))),
            (20, package(PackageError::Header)),
            (20, package(PackageError::Signature(SignedError::Signature))),
            (20, ReleaseError::Bundle.into()),
            (21, package(PackageError::Signature(SignedError::Signer))),
            (21, EvidenceError::CharterSigner.into()),
            (21, ReleaseError::Signature(SignedError::Signer).into()),
            (30, ClientError::Refused(message::Refusal::Key).into()),
            (1, ClientError::Transport(TransportError::TooLarge).into()),
            (30, KmsError::Refused(Refusal::AccessDenied).into()),
            (40, ClientError::Transport(TransportError::Unreachable).into()),
            (40, ClientError::Transport(TransportError::Busy).into()),
            (40, KmsError::Unreachable.into()),
            (40, CliError::Unacknowledged("http://h".into())),
            (50, CliError::RedTeamGate),
        ];
        for (expected, error) in table {
            assert_eq!(code(&error), expected, "{error}");
            let help = crate::help::help(&error);
            assert!(help.len() > 20 && !help.ends_with('.'), "{error}: {help}");
        }
    }
}
