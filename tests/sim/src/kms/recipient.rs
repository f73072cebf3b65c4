//! Who a plaintext may be sealed to: the judgement of an attestation document.
//!
//! The simulator does not judge documents itself. It asks a [`RecipientVerifier`]; [`attested_by`] makes one from
//! the same verifier that clients use, with a root given by the caller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use strongroom_attestation::{
    Attested, DebugImages, Demand, Expectations, Freshness, PcrDemand, TrustRoot, UnixMillis, verify,
};

/// What KMS takes from a document that it accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientFacts {
    /// The enclave, as its NSM names it.
    pub module_id: String,
    /// The listed registers with their bytes.
    pub pcrs: BTreeMap<u8, Vec<u8>>,
    /// The public key, if the document has one.
    pub public_key: Option<Vec<u8>>,
}

/// A document that was not accepted. KMS does not say why, and neither does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attestation document is not accepted")]
pub struct BadDocument;

/// Judges a document at a time.
pub type RecipientVerifier =
    Arc<dyn Fn(&[u8], SystemTime) -> Result<RecipientFacts, BadDocument> + Send + Sync>;

/// An age that no honest enclave exceeds: it asks for a document and uses it at once.
///
/// Assumption: AWS documents no age limit and is reported to accept documents again, so the default is generous.
pub const ASSUMED_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// Judges documents with the verifier of `strongroom-attestation` under `root`.
///
/// As the real KMS, it accepts any measurements, nonce, user data and key: the key policy judges the first, and the
/// plaintext is sealed to the last. Debug images are accepted too; their zero registers fit no pinned policy.
#[must_use]
pub fn attested_by(root: TrustRoot, max_age: Duration) -> RecipientVerifier {
    let expectations = Expectations {
        debug_images: DebugImages::DangerouslyAllowed,
        pcrs: PcrDemand::dangerously_any(),
        freshness: Freshness::MaxAge(max_age),
        nonce: Demand::DangerouslyAny,
        user_data: Demand::DangerouslyAny,
        public_key: Demand::DangerouslyAny,
    };
    Arc::new(move |document, now| {
        let now = now.duration_since(UNIX_EPOCH).map_err(|_| BadDocument)?;
        let now = UnixMillis::new(u64::try_from(now.as_millis()).map_err(|_| BadDocument)?);
        let (_, verdict) = verify(document, &root, now, &expectations);
        verdict.map(|attested| facts(&attested)).map_err(|_| BadDocument)
    })
}

fn facts(attested: &Attested) -> RecipientFacts {
    let pcrs = attested.pcrs().iter().map(|(index, value)| (index.get(), value.as_bytes().to_vec()));
    RecipientFacts {
        module_id: attested.statement().module_id().to_owned(),
        pcrs: pcrs.collect(),
        public_key: attested.public_key().map(<[u8]>::to_vec),
    }
}
