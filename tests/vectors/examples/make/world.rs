//! One deployment: its keys, its owner's documents, and an enclave of it.

use std::collections::BTreeMap;

use hpke::kem::XWing;
use hpke::{Kem, Serializable};
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use strongroom_attestation::audit::AuditPrivateKey;
use strongroom_attestation::charter::{Charter, SignedCharter};
use strongroom_attestation::claims::{BootId, Claims};
use strongroom_attestation::evidence::nonce_digest;
use strongroom_attestation::release::{
    Authentication, ClaimKind, Clamp, Condition, Controls, Counting, Detail, Ensemble, KeyEntry, Limits,
    ModelControls, Monitored, Operation, Organisation, OutputKind, Payloads, Priority, Private, Provenance,
    Rate, Release, ReleasedModel, RoleControls, RouteControls, RouteRule, Rules, Target, Telemetry,
    Transform, Treatment, Unlike, Watch, encode_controls,
};
use strongroom_attestation::{ImagePcrs, Pcr, UnixMillis};
use strongroom_proto::hello::{ClientNonce, Evidence, NonceDigest, OfferId, write_offers};
use strongroom_proto::name::Name;
use strongroom_seal::digest::{
    ClaimsDigest, ControlsDigest, ModelDigest, OffersDigest, PrivateDigest, ReleaseDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::secret::{ApiKey, StateKey};
use strongroom_vectors::VectorFile;

use crate::cbor::Item;
use crate::packages::interface;
use crate::pki::{NOW, Pki};

pub(crate) const DEPLOYMENT: &str = "vectors-eu";
pub(crate) const NONCE: [u8; 32] = [0x4e; 32];
pub(crate) const OFFER: [u8; 16] = [0x0f; 16];
pub(crate) const BOOT: [u8; 16] = [0xb0; 16];
pub(crate) const API_KEY: [u8; 32] = [0xa5; 32];
pub(crate) const STATE_KEY: [u8; 32] = [0x57; 32];
pub(crate) const AUDIT_SEED: [u8; 32] = [0xad; 32];
pub(crate) const KEY_ARN: &str =
    "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000";
pub(crate) const DAY: u64 = 24 * 3600 * 1000;

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Test keys: worthless, and in the files for everybody.
pub(crate) struct Keys {
    pub(crate) owner: SigningKey,
    pub(crate) other_owner: SigningKey,
    pub(crate) receipt: SigningKey,
    pub(crate) other_receipt: SigningKey,
    pub(crate) channel_secret: Vec<u8>,
    pub(crate) channel_public: Vec<u8>,
    pub(crate) audit_secret: Vec<u8>,
}

impl Keys {
    /// The keys of `keys.json`, or new ones where it is absent.
    pub(crate) fn load() -> Self {
        let path = VectorFile::folder().join("keys.json");
        let mut kept: BTreeMap<String, Value> = std::fs::read(&path)
            .ok()
            .map_or_else(BTreeMap::new, |text| serde_json::from_slice(&text).unwrap());
        let random = SystemRandom::new();
        let mut key = |name: &str, algorithm| {
            let old =
                kept.get(name).and_then(|key| key["pkcs8"].as_str()).map(|hex| hex::decode(hex).unwrap());
            let pkcs8 = old.unwrap_or_else(|| SigningKey::generate(algorithm, &random).unwrap().1.to_vec());
            let key = SigningKey::from_pkcs8(algorithm, &pkcs8, &random).unwrap();
            let entry = json!({
                "pkcs8": hex::encode(&pkcs8),
                "public": hex::encode(key.public().as_bytes()),
                "id": key.public().id().to_string(),
            });
            kept.insert(name.to_owned(), entry);
            key
        };
        let owner = key("owner", Algorithm::Es384);
        let other_owner = key("other_owner", Algorithm::Es384);
        let receipt = key("receipt", Algorithm::Es256);
        let other_receipt = key("other_receipt", Algorithm::Es256);
        let (channel_secret, channel_public) = x_wing(&[0xc4; 32]);
        let (audit_secret, audit_public) = x_wing(&AUDIT_SEED);
        let about = "TEST KEYS. Everybody has them: never use one for anything but these vectors.";
        kept.insert("about".into(), json!(about));
        let x_wing = |secret: &[u8], public: &[u8]| json!({ "secret_key": hex::encode(secret), "public": hex::encode(public) });
        kept.insert("channel".into(), x_wing(&channel_secret, &channel_public));
        kept.insert("audit".into(), x_wing(&audit_secret, &audit_public));
        std::fs::write(path, serde_json::to_string_pretty(&kept).unwrap() + "\n").unwrap();
        Self { owner, other_owner, receipt, other_receipt, channel_secret, channel_public, audit_secret }
    }
}

/// The X-Wing key of a seed, secret half first.
pub(crate) fn x_wing(seed: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let (private, public) = XWing::derive_keypair(seed);
    (private.to_bytes().to_vec(), public.to_bytes().to_vec())
}

/// Everything that the files share.
pub(crate) struct World {
    pub(crate) keys: Keys,
    pub(crate) pki: Pki,
    pub(crate) random: SystemRandom,
    pub(crate) charter: Vec<u8>,
    pub(crate) controls: Vec<u8>,
    pub(crate) release: Vec<u8>,
    pub(crate) claims: Vec<u8>,
    pub(crate) offers: Vec<u8>,
    pub(crate) image: ImagePcrs,
    pub(crate) models: Vec<ReleasedModel>,
}

impl World {
    pub(crate) fn new(model: [u8; 48], private: [u8; 48], keys: Keys) -> Self {
        let random = SystemRandom::new();
        let pcr = |byte| Pcr::new([byte; 48]);
        let image = ImagePcrs { pcr0: pcr(1), pcr1: pcr(2), pcr2: pcr(3) };
        let charter = charter(&keys).sign(&keys.owner, &random).unwrap();
        let controls = encode_controls(&controls()).unwrap();
        let digest = |bytes: &[u8; 48]| hex::encode(bytes).parse::<ModelDigest>().unwrap();
        let models = vec![
            ReleasedModel { id: "fraud@1".parse().unwrap(), digest: digest(&model) },
            ReleasedModel { id: "large@2.0".parse().unwrap(), digest: ModelDigest::of(b"large") },
        ];
        let private: PrivateDigest = hex::encode(private).parse().unwrap();
        let stated = Release {
            deployment: name(DEPLOYMENT),
            epoch: 7,
            not_before: UnixMillis::new(NOW - DAY),
            not_after: UnixMillis::new(NOW + 6 * DAY),
            images: vec![image],
            models: models.clone(),
            controls: ControlsDigest::of(&controls),
            private,
        };
        let release = stated.sign(&keys.owner, &random).unwrap();
        let claims = Claims {
            protocol: 1,
            charter: SignedCharter::open(&charter).unwrap().digest(),
            release: ReleaseDigest::of(&release),
            epoch: 7,
            controls: ControlsDigest::of(&controls),
            models: models.clone(),
            channel_key: keys.channel_public.clone(),
            receipt_key: keys.receipt.public().clone(),
            boot: BootId::new(BOOT),
        };
        let offers = write_offers(&[
            (NonceDigest::new([9; 48]), OfferId::new([8; 16])),
            (nonce_digest(ClientNonce::new(NONCE)), OfferId::new(OFFER)),
        ]);
        let claims = claims.encode().unwrap();
        Self { keys, pki: Pki::new(), random, charter, controls, release, claims, offers, image, models }
    }

    /// The evidence of these parts, with a document that commits to them.
    pub(crate) fn evidence(&self, parts: &Parts) -> Vec<u8> {
        let document =
            parts.document.clone().unwrap_or_else(|| self.pki.sign(&self.statement(parts).encode()));
        let evidence = Evidence {
            document,
            offers: parts.offers.clone(),
            claims: parts.claims.clone(),
            charter: parts.charter.clone(),
            release: parts.release.clone(),
            controls: parts.controls.clone(),
        };
        evidence.encode().unwrap()
    }

    pub(crate) fn statement(&self, parts: &Parts) -> Item {
        let ImagePcrs { pcr0, pcr1, pcr2 } = self.image;
        let pcr16 = SignedCharter::open(&self.charter).unwrap().pcr16();
        let user_data = Item::Bytes(ClaimsDigest::of(&parts.claims).as_bytes().to_vec());
        let nonce = Item::Bytes(OffersDigest::of(&parts.offers).as_bytes().to_vec());
        self.pki.payload(&[(0, pcr0), (1, pcr1), (2, pcr2), (16, pcr16)], user_data, nonce)
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            document: None,
            offers: self.offers.clone(),
            claims: self.claims.clone(),
            charter: self.charter.clone(),
            release: self.release.clone(),
            controls: self.controls.clone(),
        }
    }

    pub(crate) fn owner_hex(&self) -> String {
        hex::encode(self.keys.owner.public().as_bytes())
    }
}

/// What evidence is made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) document: Option<Vec<u8>>,
    pub(crate) offers: Vec<u8>,
    pub(crate) claims: Vec<u8>,
    pub(crate) charter: Vec<u8>,
    pub(crate) release: Vec<u8>,
    pub(crate) controls: Vec<u8>,
}

pub(crate) fn charter(keys: &Keys) -> Charter {
    Charter {
        deployment: name(DEPLOYMENT),
        keys: vec![keys.owner.public().clone()],
        region: name("eu-west-1"),
        kms_keys: vec![KEY_ARN.to_owned()],
        least_epoch: 3,
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        rate: Some(Rate { rows: 100, per_ms: 60_000, burst: 200 }),
        rows_per_day: Some(10_000),
        rows: None,
        bits_per_day: Some(50_000),
        bits: Some(1_000_000),
    }
}

/// Controls that use every field there is.
pub(crate) fn controls() -> Controls {
    let analyst = RoleControls {
        operations: Operation::ALL.into(),
        models: [(name("fraud"), treatment()), (name("payments"), Treatment::LABEL_ONLY)].into(),
        limits: limits(),
        priority: Priority::Normal,
    };
    let partner = RoleControls {
        operations: [Operation::Infer].into(),
        models: [(name("fraud"), Treatment { decimals: Some(2), ..Treatment::EXACT })].into(),
        limits: Limits { rows: Some(5), ..Limits::NONE },
        priority: Priority::Low,
    };
    let transforms = vec![
        Transform::Clip { min: -4.0, max: 4.0 },
        Transform::Quantize { step: 0.25 },
        Transform::Smooth { window: 3, axis: 1 },
    ];
    let fraud = ModelControls {
        limits: Limits { rate: limits().rate, ..Limits::NONE },
        outputs: [("label".to_owned(), OutputKind::Label), ("scores".to_owned(), OutputKind::Probabilities)]
            .into(),
        transforms: [("x".to_owned(), transforms)].into(),
        watch: Some(Watch { unlike: Unlike::Refused, reacts: true, flips: Some(0.03125) }),
        provenance: vec![Provenance {
            claim: name("training-data"),
            kind: ClaimKind::Declared,
            sha256: [5; 32],
        }],
        interfaces: [(name("1"), interface())].into(),
        frozen_until: Some(UnixMillis::new(NOW - DAY)),
    };
    let route = RouteControls {
        models: [name("fraud"), name("large")].into(),
        fields: [name("amount")].into(),
        votes: true,
    };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1 << 20,
        payloads: Payloads::NotRecorded,
        audit: true,
        counting: Counting::PerBoot,
        rate: limits().rate,
        telemetry: Some(Telemetry { epsilon_per_day: 4.0, period_ms: DAY / 4 }),
        answer_quantum_ms: Some(50),
        roles: [(name("analyst"), analyst), (name("partner"), partner)].into(),
        models: [(name("fraud"), fraud)].into(),
        routes: [(name("payments"), route)].into(),
    }
}

pub(crate) fn treatment() -> Treatment {
    Treatment {
        detail: Detail::TopK(3),
        clamp: Some(Clamp { min: -8.0, max: 8.0 }),
        temperature: Some(1.5),
        noise: Some(0.125),
        decimals: Some(4),
    }
}

/// A private part that fits them and uses every field there is.
pub(crate) fn private_part() -> Private {
    let full = KeyEntry {
        key: ApiKey::take(&mut API_KEY.clone()).digest(),
        role: name("analyst"),
        organisation: Some(name("acme")),
        models: Some([name("fraud"), name("payments")].into()),
        not_after: Some(UnixMillis::new(NOW + DAY)),
        frozen_until: Some(UnixMillis::new(NOW - DAY)),
        limits: Some(Limits { rows_per_day: Some(50), ..Limits::NONE }),
    };
    let plain = KeyEntry {
        key: ApiKey::take(&mut [0xa6; 32]).digest(),
        role: name("partner"),
        organisation: None,
        models: None,
        not_after: None,
        frozen_until: None,
        limits: None,
    };
    let ensemble = Ensemble {
        members: vec![name("fraud"), name("large")],
        disagreement: 0.25,
        stricter: Treatment::LABEL_ONLY,
        vote: true,
    };
    let when = Condition { field: name("amount"), at_least: Some(1000.0), below: Some(5000.0) };
    let rules = vec![
        RouteRule { roles: [name("analyst")].into(), when: Some(when), target: Target::Ensemble(ensemble) },
        RouteRule { roles: [].into(), when: None, target: Target::Model(name("fraud")) },
    ];
    Private {
        state_key: StateKey::take(&mut STATE_KEY.clone()),
        audit_key: Some(AuditPrivateKey::from_seed(zeroize::Zeroizing::new(AUDIT_SEED)).public()),
        organisations: [(name("acme"), Organisation { limits: limits(), frozen_until: None })].into(),
        keys: vec![full, plain],
        monitors: [(name("fraud"), Monitored { profile: vec![1, 2, 3], rules: Rules::default() })].into(),
        routes: [(name("payments"), rules)].into(),
    }
}
