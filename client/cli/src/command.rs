//! The commands, one file each.

mod api_key;
mod audit;
mod charter;
mod completions;
mod image;
mod incident;
mod infer;
mod inspect;
mod keygen;
mod kms_policy;
mod man;
mod measure;
mod monitor;
mod policy;
mod profile;
mod proxy;
mod receipt;
mod redteam;
mod release;
mod seal;
mod status;
mod trust_file;
mod verify;
mod watermark;

use clap::Subcommand;

use crate::error::Result;

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Owner: make a signing key, or the key of an audit log
    Keygen(keygen::Args),
    /// Owner: make an API key for a client
    ApiKey(api_key::Args),
    /// Owner: fix a deployment: signing keys, KMS keys, lowest epoch
    Charter(charter::Args),
    /// Owner: print the policy under which only the given enclaves can use the KMS key, or judge one
    KmsPolicy(Box<kms_policy::Args>),
    /// Anyone: put an enclave image together; `scripts/build-eif` calls this
    Image(Box<image::Args>),
    /// Anyone: print the measurements of an enclave image before anyone runs it
    Measure(Box<measure::Args>),
    /// Owner: check, encrypt and sign an ONNX model
    Seal(Box<seal::Args>),
    /// Owner: say which sealed models an enclave serves, to whom, and until when
    Release(Box<release::Args>),
    /// Owner: say what a model's data looks like, for the detectors of an enclave
    Profile(Box<profile::Args>),
    /// Owner: find contradictions in a policy
    #[command(subcommand)]
    Policy(policy::Args),
    /// Owner: answer an attack with the next release
    #[command(subcommand)]
    Incident(incident::Change),
    /// Owner: write the trust file that clients judge enclaves by
    Trust(Box<trust_file::Args>),
    /// Anyone: explain a file of Strongroom, and say what about it is not verified
    Inspect(inspect::Args),
    /// Client or auditor: judge an enclave, or a stored attestation document
    Verify(Box<verify::Args>),
    /// Owner: attack a model behind the defences before it is sealed
    Redteam(Box<redteam::Args>),
    /// Client: verify an enclave and run inferences in it
    Infer(Box<infer::Args>),
    /// Client: serve standard inference APIs on loopback, in front of a verified enclave
    Proxy(Box<proxy::Args>),
    /// Operator: verify an enclave and ask how it does
    Status(status::Args),
    /// Anyone: verify the receipt of an answer
    Receipt(receipt::Args),
    /// Owner or auditor: judge and read the audit log that a host keeps
    Audit(audit::Args),
    /// Owner: find the marks of the own model in a suspect
    #[command(subcommand)]
    Watermark(watermark::Args),
    /// Owner: see how models are used, whether their data drifts, and how they perform
    Monitor(monitor::Args),
    /// Anyone: print the completions of a shell
    Completions(completions::Args),
    /// Anyone: print or write the pages of the manual
    Man(man::Args),
}

impl Command {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Keygen(args) => keygen::run(&args),
            Self::ApiKey(args) => api_key::run(&args),
            Self::Charter(args) => charter::run(args),
            Self::KmsPolicy(args) => kms_policy::run(*args).await,
            Self::Image(args) => image::run(&args).await,
            Self::Measure(args) => measure::run(*args),
            Self::Seal(args) => seal::run(&args).await,
            Self::Release(args) => release::run(&args).await,
            Self::Profile(args) => profile::run(&args),
            Self::Policy(args) => policy::run(&args),
            Self::Incident(change) => incident::run(change).await,
            Self::Trust(args) => trust_file::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Redteam(args) => redteam::run(&args).await,
            Self::Verify(args) => verify::run(&args).await,
            Self::Infer(args) => infer::run(*args).await,
            Self::Proxy(args) => proxy::run(*args).await,
            Self::Status(args) => status::run(args).await,
            Self::Receipt(args) => receipt::run(&args),
            Self::Audit(args) => audit::run(args).await,
            Self::Watermark(args) => watermark::run(args).await,
            Self::Monitor(args) => monitor::run(args),
            Self::Completions(args) => completions::run(&args),
            Self::Man(args) => man::run(&args),
        }
    }
}
