//! Four attacks of a hostile host, each on a simulation of its own, through the shipped binaries.
//!
//! An attack says what it tries and what it would gain. It ends with one line, `refused: CODE by WHOM`,
//! where CODE is what that party really answered, or with `SUCCEEDED`, and then the exit code is 1.

mod changed_image;
mod changed_package;
mod flipped_request;
mod own_attestation;
mod stage;

use std::process::ExitCode;

use crate::command::{say, tell};
use crate::world::WorldError;

/// Which attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Attack {
    /// An enclave whose image has one changed byte asks KMS for the key.
    ChangedImage,
    /// The host flips one byte of a sealed request.
    FlippedRequest,
    /// The host answers a hello with an attestation of its own.
    OwnAttestation,
    /// One byte of the sealed package is changed on the host's disk.
    ChangedPackage,
}

/// How an attack ended.
pub(crate) enum Ending {
    /// Somebody refused, with this code.
    Refused {
        /// What the party answered.
        code: String,
        /// Who it is.
        by: &'static str,
    },
    /// Nobody did.
    Succeeded(&'static str),
}

/// What an attack reports on its way.
pub(crate) struct Teller {
    verbose: bool,
}

impl Teller {
    pub(crate) fn step(&self, text: &str) {
        if self.verbose {
            tell(&format!("  {text}"));
        }
    }
}

/// Mounts an attack.
///
/// # Errors
/// [`WorldError`] when the stage could not be set: that is no refusal.
pub async fn run(attack: Attack, verbose: bool) -> Result<ExitCode, WorldError> {
    tell(&format!("SIMULATION attack: {}", attack.tries()));
    let teller = Teller { verbose };
    let ending = match attack {
        Attack::ChangedImage => changed_image::mount(&teller).await?,
        Attack::FlippedRequest => flipped_request::mount(&teller).await?,
        Attack::OwnAttestation => own_attestation::mount(&teller).await?,
        Attack::ChangedPackage => changed_package::mount(&teller).await?,
    };
    match ending {
        Ending::Refused { code, by } => {
            say(&format!("refused: {code} by {by}"));
            Ok(ExitCode::SUCCESS)
        }
        Ending::Succeeded(loot) => {
            say(&format!("SUCCEEDED: {loot}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

impl Attack {
    fn tries(self) -> &'static str {
        match self {
            Self::ChangedImage => {
                "an enclave image with one changed byte, which skips every check of its own, asks KMS for \
                 the data key of the real package. It would decrypt the weights."
            }
            Self::FlippedRequest => {
                "the host flips one byte of a sealed request on its way to the enclave. The model would \
                 answer another question than the client asked."
            }
            Self::OwnAttestation => {
                "the host answers the client's hello with evidence of its own making, signed under a root \
                 of its own. The client would send its data to the host."
            }
            Self::ChangedPackage => {
                "the host changes one byte of the sealed model on its disk. The enclave would serve other \
                 weights than the owner's."
            }
        }
    }
}
