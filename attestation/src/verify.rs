//! The judgement of an attestation document: bytes, root, time and expectations in; [`Attested`] out.
//!
//! These are all the steps, in order. The number stands again where a step is taken, and each has a
//! negative test of its name in `tests/sim/tests/verifier.rs`. What a step may never do is pass because
//! nothing was demanded: a waived demand is a [`Status::Skip`] in the transcript.
//!
//! `format`
//!  1. size of the document
//!  2. one COSE_Sign1 array, tagged 18 or untagged, in its shortest encoding, nothing after it
//!  3. protected header exactly ES384
//!  4. unprotected header empty
//!  5. payload 1 B to 16 KiB
//!  6. signature 96 B
//!  7. payload one map, definite or indefinite, no key twice, nothing after it
//!  8. known fields only, the required ones present, never `nitrotpm_pcrs`
//!  9. `module_id` not empty
//! 10. `digest` is SHA384
//! 11. `timestamp` above 0
//! 12. `pcrs` 1 to 32, each of index 0 to 31 and of 32, 48 or 64 B
//! 13. `certificate` 1 to 1024 B
//! 14. `cabundle` not empty, each 1 to 1024 B
//! 15. `public_key` absent, null or 1 to 1024 B
//! 16. `user_data` absent, null or at most 512 B
//! 17. `nonce` absent, null or at most 512 B
//!
//! `chain`
//! 18. a signed path through the whole bundle to the pinned root
//! 19. every certificate valid at the given time, the root too
//! 20. no path length exceeded
//!
//! `key-usage`
//! 21. leaf: no authority, no path length, digitalSignature
//! 22. issuers: authority, keyCertSign
//!
//! `signature`
//! 23. ES384 under the leaf's key over the protected bytes and the payload as received
//!
//! `debug-image`, `pcrs`, `time`, `nonce`, `user-data`, `public-key`
//! 24. none of PCR0, PCR1 and PCR2 is zero or absent
//! 25. one demanded set of registers is met in full
//! 26. not older than demanded
//! 27. not from the future
//! 28. nonce as demanded
//! 29. user data as demanded
//! 30. public key as demanded

mod attested;
mod checks;
mod expect;
#[cfg(test)]
mod tests;
mod transcript;

use crate::chain::{PathChecked, Signed};
use crate::document::Document;
use crate::error::VerifyError;
use crate::root::{RootKind, TrustRoot};
use crate::time::UnixMillis;
use checks::{Refusal, Waived};

pub use attested::Attested;
pub use expect::{DebugImages, Demand, Expectations, Freshness, PcrDemand, PcrSet};
pub use transcript::{CheckLine, Status, Transcript};

/// Ids of the checks in the order in which they are made.
pub const CHECKS: [&str; 10] =
    [FORMAT, CHAIN, KEY_USAGE, SIGNATURE, DEBUG_IMAGE, PCRS, TIME, NONCE, USER_DATA, PUBLIC_KEY];

const FORMAT: &str = "format";
const CHAIN: &str = "chain";
const KEY_USAGE: &str = "key-usage";
const SIGNATURE: &str = "signature";
const DEBUG_IMAGE: &str = "debug-image";
const PCRS: &str = "pcrs";
const TIME: &str = "time";
const NONCE: &str = "nonce";
const USER_DATA: &str = "user-data";
const PUBLIC_KEY: &str = "public-key";

/// Judges `document` at the time `now`.
///
/// The transcript has one line for every check of [`CHECKS`], whatever the result.
///
/// # Errors
/// The result is the [`VerifyError`] of the first check that failed; those after it are not made.
///
/// # Security
/// `now` decides which certificates are valid and how old the document is: it must come from a clock
/// that the document's sender cannot set.
pub fn verify(
    document: &[u8],
    root: &TrustRoot,
    now: UnixMillis,
    expect: &Expectations,
) -> (Transcript, Result<Attested, VerifyError>) {
    let mut transcript = Transcript::new();
    let result = authenticate(&mut transcript, document, root, now)
        .and_then(|signed| meet(&mut transcript, signed.document(), now, expect).map(|()| signed))
        .map(|signed| Attested::new(signed, root.kind()));
    transcript.skip_rest(&CHECKS);
    (transcript, result)
}

/// Steps 1 to 23: who made the document.
fn authenticate(
    transcript: &mut Transcript,
    bytes: &[u8],
    root: &TrustRoot,
    now: UnixMillis,
) -> Result<Signed, VerifyError> {
    let document = transcript.judge(FORMAT, Document::peek_unverified(bytes), |document| {
        format!("COSE_Sign1, ES384, {} registers", document.pcrs().len())
    })?;
    let issuers = document.cabundle().len();
    let path = transcript.judge(CHAIN, PathChecked::check(document, root, now), |_| {
        format!("the leaf and its {issuers} issuers lead to {} and are valid at {now}", name(root))
    })?;
    let usage = transcript.judge(KEY_USAGE, path.check_usage(), |_| {
        "the leaf may sign documents, its issuers may sign certificates".to_owned()
    })?;
    transcript.judge(SIGNATURE, usage.check_signature(), |_| {
        "the leaf signed the protected header and the payload as received".to_owned()
    })
}

/// Steps 24 to 30: whether it says what is demanded.
fn meet(
    transcript: &mut Transcript,
    document: &Document,
    now: UnixMillis,
    expect: &Expectations,
) -> Result<(), VerifyError> {
    transcript.compare(DEBUG_IMAGE, checks::debug_image(document, expect.debug_images))?;
    transcript.compare(PCRS, checks::pcrs(document, &expect.pcrs))?;
    transcript.compare(TIME, checks::time(document, now, expect.freshness))?;
    transcript.compare(NONCE, checks::nonce(document, &expect.nonce))?;
    transcript.compare(USER_DATA, checks::user_data(document, &expect.user_data))?;
    transcript.compare(PUBLIC_KEY, checks::public_key(document, &expect.public_key))
}

fn name(root: &TrustRoot) -> String {
    let fingerprint = hex::encode(root.fingerprint());
    match root.kind() {
        RootKind::AwsNitroG1 => format!("the AWS Nitro Enclaves root G1 (SHA-256 {fingerprint})"),
        RootKind::Simulated => format!("a SIMULATED root (SHA-256 {fingerprint})"),
    }
}

impl Transcript {
    /// Records an authenticating check and hands its value on.
    fn judge<T, E: Into<VerifyError>>(
        &mut self,
        id: &'static str,
        result: Result<T, E>,
        passed: impl FnOnce(&T) -> String,
    ) -> Result<T, VerifyError> {
        match result {
            Ok(value) => {
                self.pass(id, passed(&value));
                Ok(value)
            }
            Err(error) => {
                let error = error.into();
                self.fail(id, error.to_string());
                Err(error)
            }
        }
    }

    /// Records a comparison with a demand, or that the demand was waived.
    fn compare(
        &mut self,
        id: &'static str,
        result: Result<Result<String, Waived>, Refusal>,
    ) -> Result<(), VerifyError> {
        match result {
            Ok(Ok(detail)) => self.pass(id, detail),
            Ok(Err(Waived(reason))) => self.skip(id, reason),
            Err(Refusal { error, detail }) => {
                self.fail(id, detail);
                return Err(error);
            }
        }
        Ok(())
    }
}
