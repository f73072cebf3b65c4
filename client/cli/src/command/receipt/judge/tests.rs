use std::collections::{BTreeMap, BTreeSet};

use ring::rand::SystemRandom;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_attestation::claims::{BootId, Claims, PROTOCOL_VERSION};
use strongroom_attestation::receipt::Budget;
use strongroom_attestation::release::{
    Authentication, Controls, Counting, Limits, Operation, Payloads, Priority, Release, ReleasedModel,
    RoleControls, Treatment, encode_controls,
};
use strongroom_client::Demands;
use strongroom_proto::hello::{NonceDigest, OfferId, write_offers};
use strongroom_seal::digest::{
    ClaimsDigest, ControlsDigest, ModelDigest, OffersDigest, OutcomeDigest, PrivateDigest, ReleaseDigest,
    RequestDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};

use super::*;
use crate::nitro::{MADE_MS, Pretended, Stated, image};

/// An enclave that was, its evidence, and a receipt of its.
struct Past {
    nsm: Pretended,
    receipt_key: SigningKey,
    evidence: Evidence,
    receipt: Receipt,
}

fn controls() -> Controls {
    let role = RoleControls {
        operations: BTreeSet::from([Operation::Infer]),
        models: BTreeMap::from([("m".parse().unwrap(), Treatment::LABEL_ONLY)]),
        limits: Limits::NONE,
        priority: Priority::Normal,
    };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1 << 20,
        payloads: Payloads::NotRecorded,
        audit: false,
        counting: Counting::PerBoot,
        rate: None,
        telemetry: None,
        answer_quantum_ms: None,
        roles: BTreeMap::from([("clients".parse().unwrap(), role)]),
        models: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

fn model() -> ReleasedModel {
    ReleasedModel { id: "m@1".parse().unwrap(), digest: ModelDigest::of(b"m") }
}

fn past() -> Past {
    let random = SystemRandom::new();
    let (owner, _) = SigningKey::generate(Algorithm::Es384, &random).unwrap();
    let (receipt_key, _) = SigningKey::generate(Algorithm::Es256, &random).unwrap();
    let charter = Charter {
        deployment: "d".parse().unwrap(),
        keys: vec![owner.public().clone()],
        region: "eu-west-1".parse().unwrap(),
        kms_keys: vec![
            "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        ],
        least_epoch: 1,
    };
    let charter = charter.sign(&owner, &random).unwrap();
    let controls = encode_controls(&controls()).unwrap();
    let release = Release {
        deployment: "d".parse().unwrap(),
        epoch: 3,
        not_before: UnixMillis::new(MADE_MS - 1000),
        not_after: UnixMillis::new(MADE_MS + 60_000),
        images: vec![image(1)],
        models: vec![model()],
        controls: ControlsDigest::of(&controls),
        private: PrivateDigest::of(b"p"),
    };
    let release = release.sign(&owner, &random).unwrap();
    let claims = Claims {
        protocol: PROTOCOL_VERSION,
        charter: CharterDigest::of(&charter),
        release: ReleaseDigest::of(&release),
        epoch: 3,
        controls: ControlsDigest::of(&controls),
        models: vec![model()],
        channel_key: vec![],
        receipt_key: receipt_key.public().clone(),
        boot: BootId::new([1; 16]),
    };
    let receipt = Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model: Some(model().digest),
        release: claims.release,
        epoch: 3,
        controls: claims.controls,
        treatment: Some(Treatment::LABEL_ONLY),
        voted: false,
        budget: Budget::default(),
        boot: claims.boot,
        index: Some(1),
        audit: None,
        time: UnixMillis::new(MADE_MS + 500),
        anchor: UnixMillis::new(MADE_MS),
    };
    let claims = claims.encode().unwrap();
    let offers = write_offers(&[(NonceDigest::new([7; 48]), OfferId::new([8; 16]))]);
    let nsm = Pretended::new();
    let document = nsm.document(Stated {
        image: image(1),
        pcr16: SignedCharter::open(&charter).unwrap().pcr16(),
        user_data: ClaimsDigest::of(&claims).as_bytes().to_vec(),
        nonce: Some(OffersDigest::of(&offers).as_bytes().to_vec()),
    });
    let evidence = Evidence { document, offers, claims, charter, release, controls };
    Past { nsm, receipt_key, evidence, receipt }
}

impl Past {
    fn trust(&self, change: impl Fn(&mut Demands)) -> TrustFile {
        let mut demands = Demands {
            root: self.nsm.root(),
            images: vec![image(1)],
            charter: CharterDemand::Exactly(CharterDigest::of(&self.evidence.charter)),
            least_epoch: 3,
            models: ModelDemand::Exactly(vec![model()]),
            controls: ControlsDemand::OwnerDecides,
            max_age: Duration::from_secs(300),
        };
        change(&mut demands);
        TrustFile::new(demands).unwrap()
    }

    fn judge(
        &self,
        receipt: &Receipt,
        evidence: &Evidence,
        trust: &TrustFile,
    ) -> (Transcript, Result<Receipt>) {
        let document = receipt.sign(&self.receipt_key, &SystemRandom::new()).unwrap();
        judge(&document, &evidence.encode().unwrap(), Some(trust))
    }

    /// The check that fails, and its exit code.
    fn failure(&self, receipt: &Receipt, evidence: &Evidence, trust: &TrustFile) -> (&'static str, u8) {
        let (transcript, judged) = self.judge(receipt, evidence, trust);
        (transcript.first_failure().unwrap().id, crate::exit::code(&judged.err().unwrap()))
    }
}

#[test]
fn a_kept_receipt_verifies_years_later() {
    let past = past();
    let (transcript, judged) = past.judge(&past.receipt, &past.evidence, &past.trust(|_| ()));
    assert_eq!(judged.ok(), Some(past.receipt.clone()), "{transcript}");
    let skipped: Vec<_> =
        transcript.lines().iter().filter(|line| line.status == Status::Skip).map(|line| line.id).collect();
    assert_eq!(skipped, ["offer", "controls"]);
    let refusal = Receipt { model: None, treatment: None, ..past.receipt.clone() };
    assert!(past.judge(&refusal, &past.evidence, &past.trust(|_| ())).1.is_ok());
}

#[test]
fn step_1_the_evidence_meets_every_demand() {
    let past = past();
    let with = |change: fn(&mut Demands)| past.failure(&past.receipt, &past.evidence, &past.trust(change));
    assert_eq!(with(|demands| demands.images = vec![image(2)]), ("pcrs", 11));
    assert_eq!(with(|demands| demands.least_epoch = 4), ("epoch", 12));
    assert_eq!(with(|demands| demands.root = Pretended::new().root()), ("chain", 10));
    let other = |change: fn(&mut Evidence)| {
        let mut evidence = past.evidence.clone();
        change(&mut evidence);
        past.failure(&past.receipt, &evidence, &past.trust(|_| ()))
    };
    assert_eq!(other(|evidence| evidence.claims.push(0)), ("user-data", 14));
    assert_eq!(other(|evidence| evidence.offers.push(0)), ("nonce", 12));
    assert_eq!(other(|evidence| evidence.controls.push(0)), ("claims", 14));
}

#[test]
fn step_2_to_5_the_receipt_fits_the_evidence() {
    let past = past();
    let with = |receipt: Receipt| past.failure(&receipt, &past.evidence, &past.trust(|_| ()));
    let receipt = || past.receipt.clone();
    assert_eq!(with(Receipt { epoch: 4, ..receipt() }), ("receipt-claims", 14));
    assert_eq!(with(Receipt { boot: BootId::new([2; 16]), ..receipt() }), ("receipt-claims", 14));
    let early = Receipt { anchor: UnixMillis::new(MADE_MS + 501), ..receipt() };
    assert_eq!(with(early), ("receipt-time", 14));
    let late = Receipt { time: UnixMillis::new(MADE_MS + 60_000), ..receipt() };
    assert_eq!(with(late), ("receipt-time", 14));
    assert_eq!(with(Receipt { treatment: Some(Treatment::EXACT), ..receipt() }), ("receipt-treatment", 14));
    assert_eq!(with(Receipt { model: None, ..receipt() }), ("receipt-treatment", 14), "of no model");
    let stranger = Past { receipt_key: self::past().receipt_key, ..self::past() };
    let trust = past.trust(|_| ());
    assert_eq!(stranger.failure(&receipt(), &past.evidence, &trust), ("receipt-signature", 14));
}

#[test]
fn without_a_trust_file_the_root_is_that_of_aws() {
    let past = past();
    let document = past.receipt.sign(&past.receipt_key, &SystemRandom::new()).unwrap();
    let (transcript, judged) = judge(&document, &past.evidence.encode().unwrap(), None);
    assert_eq!(transcript.first_failure().unwrap().id, "chain");
    assert_eq!(crate::exit::code(&judged.err().unwrap()), 10);
    assert!(transcript.lines().iter().all(|line| line.id != "charter" || line.status == Status::Skip));
    let (transcript, judged) = judge(&document, b"nothing", None);
    assert_eq!(crate::exit::code(&judged.err().unwrap()), 10);
    assert_eq!(transcript.lines()[0].id, "evidence");
}
