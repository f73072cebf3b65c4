//! Evidence: what a client judges before it sends a byte. The outcome is a [`Verified`].
//!
//! One function takes every step, in this order, and the number stands again at the code:
//!
//! 1. `evidence` is well formed.
//! 2. `charter` is signed by one of its own keys and is the one demanded; its bytes give PCR16.
//! 3. The attestation document passes [`crate::verify()`]: chain, signature, no debug image, a demanded
//!    image with this PCR16, fresh, `nonce` = digest of the offers, `user_data` = digest of the claims,
//!    no `public_key`.
//! 4. `offer`: the offers hold the digest of this client's nonce.
//! 5. `claims` speak this protocol and name the charter, release and controls whose bytes came along.
//! 6. `release` passes [`AcceptedRelease::judge`] and is the one claimed, epoch and models included.
//! 7. `epoch` is at least the demanded one and the one remembered.
//! 8. `models` are as demanded.
//! 9. `controls` are as demanded; each demand on them has a line of its own before.
//!
//! Always bytes, then digest, then parse. Nothing has a default that means "do not check".

mod error;
mod requirement;
mod seen;
mod stored;
mod trust;

use strongroom_proto::hello::{ClientNonce, Evidence, NonceDigest, OfferId, read_offers};
use strongroom_seal::digest::{
    CharterDigest, ClaimsDigest, ControlsDigest, EvidenceDigest, OffersDigest, ReleaseDigest, labelled,
};

use strongroom_seal::label;

use crate::charter::SignedCharter;
use crate::claims::{Claims, PROTOCOL_VERSION};
use crate::release::{AcceptedRelease, Controls, ReleaseBytes, ReleaseContext};
use crate::verify::{Attested, CHECKS, DebugImages, Demand, Expectations, Freshness, Transcript, verify};
use crate::{PcrDemand, PcrIndex, PcrSet, TrustRoot, UnixMillis};

pub use error::{EvidenceClass, EvidenceError};
pub use requirement::Requirement;
pub use stored::{Stored, judge_stored};
pub use trust::{CharterDemand, ControlsDemand, ModelDemand, Trust, TrustError};

/// Ids of the checks beside those of the document, in the order in which they are made.
const OWN_CHECKS: [&str; 8] = [EVIDENCE, CHARTER, OFFER, CLAIMS, RELEASE, EPOCH, MODELS, CONTROLS];

const EVIDENCE: &str = "evidence";
const CHARTER: &str = "charter";
const OFFER: &str = "offer";
const CLAIMS: &str = "claims";
const RELEASE: &str = "release";
const EPOCH: &str = "epoch";
const MODELS: &str = "models";
const CONTROLS: &str = "controls";

/// An enclave that passed every step for this client's nonce. The only constructor is [`judge`].
#[derive(Clone, Debug)]
pub struct Verified {
    attested: Attested,
    charter: SignedCharter,
    claims: Claims,
    release: AcceptedRelease,
    evidence: EvidenceDigest,
    nonce: ClientNonce,
    offer: OfferId,
}

/// What came back for a hello.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The evidence as received.
    pub evidence: &'a [u8],
    /// The nonce that the hello carried.
    pub nonce: ClientNonce,
    /// The client's time.
    pub now: UnixMillis,
}

/// Judges evidence. The transcript has one line for every check, whatever the result.
///
/// # Errors
/// The result is the [`EvidenceError`] of the first step that failed.
pub fn judge(
    received: Received<'_>,
    root: &TrustRoot,
    trust: &Trust,
) -> (Transcript, Result<Verified, EvidenceError>) {
    let mut judgement = Judgement { transcript: Transcript::new(), root, trust };
    let result = judgement.run(received);
    (judgement.finish(), result)
}

struct Judgement<'a> {
    transcript: Transcript,
    root: &'a TrustRoot,
    trust: &'a Trust,
}

impl Judgement<'_> {
    /// The transcript, with a line for each step that was not reached.
    fn finish(self) -> Transcript {
        let mut transcript = self.transcript;
        transcript.skip_rest(&CHECKS);
        if let ControlsDemand::Meeting(requirements) = &self.trust.controls {
            transcript.skip_rest(&requirements.iter().map(Requirement::id).collect::<Vec<_>>());
        }
        transcript.skip_rest(&OWN_CHECKS);
        transcript
    }

    fn run(&mut self, received: Received<'_>) -> Result<Verified, EvidenceError> {
        let (Stored { attested, charter, claims, release }, offer) =
            self.steps(received.evidence, received.now, |judgement, evidence| {
                judgement.note(OFFER, find_offer(&evidence.offers, received.nonce), |_| {
                    "the attested list of offers holds the nonce of this client".to_owned()
                })
            })?;
        let digest = attested.statement().digest().map_err(|_| EvidenceError::Malformed)?;
        Ok(Verified { attested, charter, claims, release, evidence: digest, nonce: received.nonce, offer })
    }

    /// Every step. The fourth, on the offers, is the caller's.
    fn steps<T>(
        &mut self,
        bytes: &[u8],
        now: UnixMillis,
        offer: impl FnOnce(&mut Self, &Evidence) -> Result<T, EvidenceError>,
    ) -> Result<(Stored, T), EvidenceError> {
        // 1
        let evidence = Evidence::decode(bytes).map_err(|_| EvidenceError::Malformed);
        let evidence = self.note(EVIDENCE, evidence, |_| format!("{} bytes", bytes.len()))?;
        // 2
        let charter = self.charter(&evidence);
        let charter = self.note(CHARTER, charter, |charter| {
            format!("{} of deployment {}", charter.digest(), charter.charter().deployment)
        })?;
        // 3
        let attested = self.document(&evidence, &charter, now)?;
        // 4
        let offer = offer(self, &evidence)?;
        // 5
        let claims = self.note(CLAIMS, judge_claims(&evidence), |claims| {
            format!("name this charter, release and controls; {} models", claims.models.len())
        })?;
        // 6
        let release = self.release(&evidence, &charter, (&attested, &claims), now);
        let release = self.note(RELEASE, release, |release| format!("{} is in force", release.digest()))?;
        // 7, 8, 9
        self.demands(&claims, release.controls())?;
        Ok((Stored { attested, charter, claims, release }, offer))
    }

    fn charter(&self, evidence: &Evidence) -> Result<SignedCharter, EvidenceError> {
        let digest = CharterDigest::of(&evidence.charter);
        if let CharterDemand::Exactly(demanded) = &self.trust.charter
            && *demanded != digest
        {
            return Err(EvidenceError::OtherCharter);
        }
        let charter = self.trust.seen.charter(&evidence.charter)?;
        match &self.trust.charter {
            CharterDemand::SignedBy(keys) if !keys.iter().any(|key| key.id() == charter.signer()) => {
                Err(EvidenceError::CharterSigner)
            }
            _ => Ok(charter),
        }
    }

    fn document(
        &mut self,
        evidence: &Evidence,
        charter: &SignedCharter,
        now: UnixMillis,
    ) -> Result<Attested, EvidenceError> {
        let with_charter = |image| PcrSet::image(image)?.and(PcrIndex::CHARTER, charter.pcr16());
        let sets = self.trust.images.iter().map(with_charter).collect::<Result<_, _>>();
        let expectations = Expectations {
            debug_images: DebugImages::Refused,
            pcrs: sets.and_then(PcrDemand::one_of).map_err(|_| EvidenceError::Demand)?,
            freshness: Freshness::MaxAge(self.trust.max_age),
            nonce: Demand::Exactly(OffersDigest::of(&evidence.offers).as_bytes().to_vec()),
            user_data: Demand::Exactly(ClaimsDigest::of(&evidence.claims).as_bytes().to_vec()),
            public_key: Demand::Absent,
        };
        let (transcript, result) = verify(&evidence.document, self.root, now, &expectations);
        self.transcript.append(transcript);
        Ok(result?)
    }

    fn release(
        &self,
        evidence: &Evidence,
        charter: &SignedCharter,
        (attested, claims): (&Attested, &Claims),
        now: UnixMillis,
    ) -> Result<AcceptedRelease, EvidenceError> {
        let image = attested.image().ok_or(EvidenceError::Demand)?;
        let bytes = ReleaseBytes { release: &evidence.release, controls: &evidence.controls };
        let opened = self.trust.seen.release(bytes.release, charter)?;
        let context = ReleaseContext { charter, image: &image, now };
        let accepted = AcceptedRelease::judge_opened(&opened, bytes, context)?;
        let released = accepted.release();
        let same =
            released.epoch == claims.epoch && claims.models.iter().all(|m| released.models.contains(m));
        if same { Ok(accepted) } else { Err(EvidenceError::Claims) }
    }

    fn demands(&mut self, claims: &Claims, controls: &Controls) -> Result<(), EvidenceError> {
        let least = self.trust.least_epoch;
        let epoch = if claims.epoch >= least { Ok(()) } else { Err(EvidenceError::RolledBack) };
        self.note(EPOCH, epoch, |()| format!("{} is at least {least}", claims.epoch))?;
        match &self.trust.models {
            ModelDemand::OwnerMayChange => {
                self.transcript.skip(MODELS, "the trust file lets the owner change the model");
            }
            ModelDemand::Exactly(demanded) => {
                let held = demanded.iter().all(|model| claims.models.contains(model));
                let held = if held { Ok(()) } else { Err(EvidenceError::OtherModel) };
                self.note(MODELS, held, |()| {
                    format!("{} demanded, all of them in the release", demanded.len())
                })?;
            }
        }
        self.controls(claims, controls)
    }

    fn controls(&mut self, claims: &Claims, controls: &Controls) -> Result<(), EvidenceError> {
        match &self.trust.controls {
            ControlsDemand::OwnerDecides => {
                self.transcript.skip(CONTROLS, "the trust file lets the owner decide the controls");
                Ok(())
            }
            ControlsDemand::Meeting(requirements) => {
                let mut met = Ok(());
                for requirement in requirements {
                    match requirement.judge(controls, claims) {
                        Ok(found) => self.transcript.pass(requirement.id(), found),
                        Err(found) => {
                            self.transcript.fail(requirement.id(), found);
                            met = Err(EvidenceError::OtherControls);
                        }
                    }
                }
                self.note(CONTROLS, met, |()| format!("{} demanded, all of them met", requirements.len()))
            }
            ControlsDemand::Exactly(demanded) => {
                let same = *demanded == claims.controls;
                let same = if same { Ok(()) } else { Err(EvidenceError::OtherControls) };
                self.note(CONTROLS, same, |()| format!("{demanded}"))
            }
        }
    }

    /// Records a step and hands its value on.
    fn note<T>(
        &mut self,
        id: &'static str,
        result: Result<T, EvidenceError>,
        passed: impl FnOnce(&T) -> String,
    ) -> Result<T, EvidenceError> {
        match &result {
            Ok(value) => self.transcript.pass(id, passed(value)),
            Err(error) => self.transcript.fail(id, error.to_string()),
        }
        result
    }
}

/// What stands for a client's nonce in the list of offers.
#[must_use]
pub fn nonce_digest(nonce: ClientNonce) -> NonceDigest {
    NonceDigest::new(labelled(label::NONCE, nonce.as_bytes()))
}

fn find_offer(list: &[u8], own: ClientNonce) -> Result<OfferId, EvidenceError> {
    let offers = read_offers(list).ok_or(EvidenceError::Malformed)?;
    let own = nonce_digest(own);
    offers.iter().find(|(nonce, _)| *nonce == own).map(|(_, offer)| *offer).ok_or(EvidenceError::NoOffer)
}

fn judge_claims(evidence: &Evidence) -> Result<Claims, EvidenceError> {
    let claims = Claims::decode(&evidence.claims).map_err(|_| EvidenceError::Claims)?;
    let bound = claims.protocol == PROTOCOL_VERSION
        && claims.charter == CharterDigest::of(&evidence.charter)
        && claims.release == ReleaseDigest::of(&evidence.release)
        && claims.controls == ControlsDigest::of(&evidence.controls);
    if bound { Ok(claims) } else { Err(EvidenceError::Claims) }
}

impl Verified {
    /// What the enclave claims, covered by its document.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The release it serves.
    #[must_use]
    pub fn release(&self) -> &AcceptedRelease {
        &self.release
    }

    /// The owner's charter.
    #[must_use]
    pub fn charter(&self) -> &SignedCharter {
        &self.charter
    }

    /// The attestation document.
    #[must_use]
    pub fn attested(&self) -> &Attested {
        &self.attested
    }

    /// Digest of what the evidence states.
    #[must_use]
    pub fn evidence(&self) -> EvidenceDigest {
        self.evidence
    }

    /// The nonce it answers.
    #[must_use]
    pub fn nonce(&self) -> ClientNonce {
        self.nonce
    }

    /// The offer made to this client.
    #[must_use]
    pub fn offer(&self) -> OfferId {
        self.offer
    }
}
