//! What to do about an error: the one mapping from an error to advice.
//!
//! It names what to look at and what to run. It never repeats the caller's data.

use std::io::ErrorKind;

use strongroom_attestation::charter::CharterError;
use strongroom_attestation::evidence::EvidenceError;
use strongroom_attestation::release::ReleaseError;
use strongroom_attestation::{PcrIndex, VerifyError};
use strongroom_client::{ClientError, TransportError};
use strongroom_kms::{KmsError, Refusal as KmsRefusal};
use strongroom_seal::message::{Limited, Refusal};
use strongroom_seal::package::PackageError;
use strongroom_seal::signed::SignedError;

use crate::error::CliError;

/// Every error has one.
pub(crate) const fn help(error: &CliError) -> &'static str {
    match error {
        CliError::Usage(_) => "`strongroom COMMAND --help` lists what a command takes, with examples",
        CliError::File { kind, .. } | CliError::SecretFile { kind, .. } => file(*kind),
        CliError::Exists(_) => {
            "a key, a charter or a record is never overwritten: choose another name, or move the old file away"
        }
        CliError::Stdout(_) => "look at where stdout goes: a full disk, or a program that ended early",
        CliError::Runtime(_) => {
            "the system gives no more threads or files to this user: `ulimit -a` shows how many"
        }
        CliError::Random => {
            "the operating system gives no random bytes: nothing was made; try again on a healthy system"
        }
        CliError::Config { .. } => {
            "docs/cli.md has an annotated config file; --config FILE names another one"
        }
        CliError::Trust { .. } => "docs/cli.md has an annotated trust file; `strongroom trust` writes one",
        CliError::Request(_) => {
            "docs/cli.md says how `infer` takes a request; the model's owner tells names, types and shapes of its inputs"
        }
        CliError::Unprintable(_) => {
            "the model answers with what JSON cannot hold: ask for other outputs in the request's `outputs`"
        }
        CliError::Client(error) => client(error),
        CliError::Evidence(error) => evidence(error),
        CliError::Document(error) => document(error),
        CliError::Charter { error, .. } => charter(error),
        CliError::Release(error) => release(error),
        CliError::Package { error, .. } => package(error),
        CliError::Kms(error) => kms(error),
        CliError::KeyPolicy(_) => "docs/kms-policy.md explains every rule",
        CliError::PolicyErrors => "docs/policy.md explains every rule",
        CliError::Unacknowledged(_) => {
            "a host takes up a release by itself once it can read it; the trust file has to leave models and controls to \
             the owner"
        }
        CliError::Model(_) => {
            "export the model again: with operators of the standard domain that the engine has, static types \
             and all data inside"
        }
        CliError::Samples(_) => {
            "compare the samples with the model that they were made with; samples of the wrong model, or another \
             preprocessing, are the usual reason"
        }
        CliError::AuditSource { .. } => {
            "give the host's audit.db, a copy of it made with `sqlite3 audit.db .backup`, or the JSON lines it forwarded"
        }
        CliError::AuditLog(_) => "docs/audit.md explains every finding",
        CliError::Suspect(_) => {
            "ask the suspect with curl first: it has to speak the Open Inference Protocol v2; --suspect-input and its kin \
             name tensors that are called otherwise"
        }
        CliError::Gate => {
            "the suspect is not shown to be a copy; rows that the thief is likely to have asked, as --queries, make the \
             tests sharper"
        }
        CliError::RedTeamGate => "report.md has every limit; docs/redteam.md says what they mean",
        CliError::RedTeam => "the lines above say what failed; docs/redteam.md says what the toolkit needs",
        CliError::Unknown(_) => "`strongroom inspect --help` lists the files that are explained",
    }
}

const fn file(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => {
            "look at the spelling of the path, and at the folder that this command was started in"
        }
        ErrorKind::PermissionDenied => "this user may not do that: `ls -l` shows who may",
        ErrorKind::FileTooLarge => {
            "the file is longer than any of its kind may be: it is probably another file"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room, and run the command again: nothing was left half"
        }
        _ => "look at the file, its folder and the disk that it lies on",
    }
}

const fn client(error: &ClientError) -> &'static str {
    match error {
        ClientError::Url => {
            "give scheme, host and port alone, such as https://host.example or http://127.0.0.1:8080"
        }
        ClientError::Request(_) => "docs/cli.md says how `infer` takes a request",
        ClientError::ModelNotDemanded => {
            "ask for a model that `[[model]]` of the trust file names, or get a newer trust file from the owner"
        }
        ClientError::Local(_) => {
            "this machine fails, not the host: nothing was sent; try again, or on another machine"
        }
        ClientError::Transport(error) => transport(*error),
        ClientError::Evidence(error) => evidence(error),
        ClientError::Channel(_)
        | ClientError::Receipt(_)
        | ClientError::OtherModel
        | ClientError::AuditHead => {
            "do not use this answer: something between this machine and the verified enclave changed it. Ask again; if it \
             comes back, tell the host's operator and the owner"
        }
        ClientError::OtherSort => {
            "the trust file demands another sort of answers than this key gets: a key that is suspected is answered more \
             coarsely for a while, and so is everybody where models do not agree. Ask the owner"
        }
        ClientError::NotAnAnswer => {
            "host and client are of different versions: `strongroom --version` tells this one's"
        }
        ClientError::Refused(refusal) => refused(refusal),
    }
}

const fn transport(error: TransportError) -> &'static str {
    match error {
        TransportError::Unreachable => {
            "look at --url, at the network and whether the host runs: `curl URL/livez` says ok where it does. On https:// the \
             host needs a certificate under Mozilla's roots"
        }
        TransportError::Broken | TransportError::Misdirected => {
            "try again: the host or its enclave was restarted. If it comes back, look at what stands between: a proxy that \
             cuts long connections, or one that spreads them over several enclaves"
        }
        TransportError::TimedOut | TransportError::Busy => {
            "the host has more to do than it can: try again later, with fewer requests"
        }
        TransportError::Unavailable => {
            "the enclave does not serve: its release may have expired, or KMS may not give it its keys. The host's log says \
             which; its operator can tell"
        }
        TransportError::TooLarge => {
            "split the request into several: host or release allow fewer bytes in one (`max_request_bytes` of the policy)"
        }
        TransportError::Malformed => {
            "something between this machine and the host changes what is sent: a proxy, or a filter"
        }
        TransportError::TooLong | TransportError::Status(_) => {
            "look at --url: another server answers there than a Strongroom host"
        }
    }
}

const fn refused(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Key => {
            "the release does not list this API key: `strongroom inspect KEYFILE` prints the SHA-256 that the owner has to \
             name in a release. It may have been revoked or blocked, or have ended"
        }
        Refusal::Model => {
            "the release has no such model or version for this key: ask the owner for --model and --model-version"
        }
        Refusal::Malformed => {
            "host and client are of different versions: `strongroom --version` tells this one's"
        }
        Refusal::Input(_) => {
            "look at names, types, shapes and values of the inputs: the model's interface or schema excludes them"
        }
        Refusal::AnswerSize => {
            "ask for fewer rows or fewer outputs; the owner fixes the size with `seal --answer-bytes`"
        }
        Refusal::Failed => "the model fails on these inputs: try them row by row, and tell the owner which",
        Refusal::InFlight => "wait for the answer to the first request",
        Refusal::Operation => {
            "the key's role does not list this operation: the owner's policy does (`[role.NAME]`, `operations`)"
        }
        Refusal::Limit { what, .. } => limit(*what),
        Refusal::Frozen { .. } => {
            "the owner has stopped this key, organisation or model for a time: ask the owner"
        }
        Refusal::OutOfDistribution { .. } => {
            "these rows are unlike what the model was trained on: look at units and order of the features, or leave the rows out"
        }
        Refusal::Suspended { .. } => {
            "the use of this key looks like an attack on the model: ask the owner, who can lift this"
        }
    }
}

const fn limit(what: Limited) -> &'static str {
    match what {
        Limited::KeyRate | Limited::OrganisationRate | Limited::ServiceRate => {
            "wait as long as the refusal says, and ask more slowly: each attempt counts"
        }
        _ => {
            "nothing more is answered until the allowance is new: daily ones at midnight UTC, others with a release in which \
             the owner raises them"
        }
    }
}

const fn evidence(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::Malformed => {
            "look at --url: another server answers there than a Strongroom host, or one of another version"
        }
        EvidenceError::OtherCharter => {
            "`[charter]` of the trust file names another charter: get a trust file of this deployment from its owner, on \
             another way than from the host"
        }
        EvidenceError::CharterSigner => {
            "`signed_by` in `[charter]` of the trust file does not name this owner key: ask the owner whether the key is new"
        }
        EvidenceError::Charter(error) => charter(error),
        EvidenceError::Demand => {
            "`[[image]]` of the trust file holds registers that no image has: write it again with `strongroom trust`"
        }
        EvidenceError::Document(error) => document(error),
        EvidenceError::NoOffer => {
            "something answers with old evidence, a cache perhaps: try again, and then do not trust this host"
        }
        EvidenceError::Claims => {
            "the evidence was put together from parts of several enclaves: do not trust this host"
        }
        EvidenceError::Release(error) => release(error),
        EvidenceError::RolledBack => {
            "the host serves an older release than `least_epoch` of the trust file, or than one seen before: its operator has \
             to deliver the newest release"
        }
        EvidenceError::OtherModel => {
            "`[[model]]` of the trust file names another model than the release: get a newer trust file from the owner, or \
             ask why the model changed"
        }
        EvidenceError::OtherControls => {
            "`[controls]` of the trust file are not met by this release: `strongroom inspect` explains a release's controls. \
             Get a newer trust file from the owner, or ask why they changed"
        }
    }
}

const fn document(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Format(_) => "this is no attestation document of the Nitro Secure Module",
        VerifyError::Chain(_) => {
            "AWS does not vouch for this document, or did at another time: look at this machine's clock. A simulated \
             enclave needs a trust file with `simulation = true`"
        }
        VerifyError::Signature => "the document was changed after it was signed: do not trust this host",
        VerifyError::DebugImage(_) => {
            "the enclave runs in debug mode, where its host can read it: the operator has to start it without"
        }
        VerifyError::Pcr(index) => register(*index),
        VerifyError::Stale { .. } | VerifyError::FromTheFuture { .. } => {
            "look at this machine's clock, and at `max_age_seconds` of the trust file or --max-age-seconds"
        }
        VerifyError::Nonce => {
            "the document answers somebody else's question: old evidence, or another host in between"
        }
        VerifyError::UserData | VerifyError::PublicKey => {
            "the document vouches for other data than what came with it: do not trust this host"
        }
    }
}

/// The register of the charter is the deployment's; the others are the image's.
const fn register(index: PcrIndex) -> &'static str {
    if index.get() == PcrIndex::CHARTER.get() {
        "PCR16 is that of another charter: `[charter]` of the trust file, or --charter, has to be of this deployment"
    } else {
        "`[[image]]` of the trust file lists no such image. Get the measurements from the owner (`strongroom measure \
         --sign`), or build the image yourself (`scripts/build-eif`) and measure it; never take them from the host"
    }
}

const fn charter(error: &CharterError) -> &'static str {
    match error {
        CharterError::Signature(error) => signed(*error),
        CharterError::Shape | CharterError::Sense(_) => {
            "this is no charter, or one of another version: `strongroom inspect` tells what it is"
        }
    }
}

const fn signed(error: SignedError) -> &'static str {
    match error {
        SignedError::Signer => {
            "the key that signed it is not among those that the charter names: look at --key and --charter"
        }
        SignedError::Purpose => "this is a signed document of another kind: `strongroom inspect` tells which",
        SignedError::Malformed | SignedError::Signature => {
            "the file is damaged or was changed: get it again from who made it"
        }
        SignedError::Sign => "nothing was signed: the operating system gives no random bytes",
    }
}

const fn release(error: &ReleaseError) -> &'static str {
    match error {
        ReleaseError::Signature(error) => signed(*error),
        ReleaseError::Bundle | ReleaseError::Shape | ReleaseError::ControlsShape => {
            "this is no release bundle, or one of another version: `strongroom inspect` tells what it is"
        }
        ReleaseError::Deployment => {
            "the release is of another deployment than the charter: look at --charter"
        }
        ReleaseError::Sense(_) | ReleaseError::ControlsSense(_) | ReleaseError::Private(_) => {
            "`strongroom policy check` explains contradictions of a policy; docs/policy.md has every bound"
        }
        ReleaseError::Epoch { .. } => {
            "a release of a higher epoch is needed: enclaves and clients never go back to an older one"
        }
        ReleaseError::NotYet => "look at the clocks of this machine and of the owner's",
        ReleaseError::Expired => {
            "the owner has to make the next release, under a higher epoch (`strongroom release`)"
        }
        ReleaseError::Image { .. } => {
            "the release lists other images: name this one with `release --image`, beside the older one"
        }
        ReleaseError::Controls => "bundle and controls were mixed up: get the release again from the owner",
    }
}

const fn package(error: &PackageError) -> &'static str {
    match error {
        PackageError::Signature(error) => signed(*error),
        PackageError::Deployment => {
            "the model was sealed for another deployment: look at --charter, or seal it again"
        }
        PackageError::Swapped => {
            "the file changed while it was read, or is another model than the release names: take the right one"
        }
        PackageError::Manifest(_) => "seal the model again under this charter (`strongroom seal`)",
        PackageError::Io(_) => "look at the file and the disk that it lies on",
        PackageError::Header
        | PackageError::Chunk(_)
        | PackageError::Truncated(_)
        | PackageError::Trailing
        | PackageError::Content => {
            "the file is damaged: copy it again, or seal the model again (`strongroom seal`)"
        }
    }
}

const fn kms(error: &KmsError) -> &'static str {
    match error {
        KmsError::Unreachable | KmsError::TimedOut => {
            "look at the network, and at --kms-connect where a proxy or a VPC endpoint is used"
        }
        KmsError::Tls => {
            "something else answers than KMS: look at --kms-connect, and at --kms-roots where TLS is intercepted"
        }
        KmsError::Refused(KmsRefusal::AccessDenied) => {
            "the key policy or an IAM policy does not let these credentials do that: `strongroom kms-policy lint --key ARN` \
             shows what the key policy says; --sealer names who may seal"
        }
        KmsError::Refused(KmsRefusal::Disabled | KmsRefusal::InvalidState | KmsRefusal::NotFound) => {
            "look at the key in KMS: it has to be enabled, not scheduled for deletion, and in this region and account"
        }
        KmsError::Refused(KmsRefusal::Throttled | KmsRefusal::Internal) => {
            "KMS is overloaded or failing: try again later"
        }
        KmsError::OtherRegion => {
            "the region stands in the ARN of the key: give a key of the charter's region"
        }
        KmsError::Roots => "--kms-roots has to hold certificates in PEM",
        KmsError::Request(_) => "look at --kms-key: it takes the ARN of a symmetric key, not an alias",
        _ => {
            "credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or --credentials @FILE; \
             look also at this machine's clock"
        }
    }
}
