//! What the controls cost: everything between a decrypted request and the sealed answer but the model and the
//! signature, for a model of 30 features and two classes with every control on; the receipt; and a release of
//! 100,000 API keys.
//!
//! `cargo bench -p strongroom-controls`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops at a fault")]

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Instant;

use ring::rand::SystemRandom;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::{
    Answered, AuditEvent, AuditOpening, AuditPrivateKey, AuditRecord, AuditWriter, KeyTag, Verdict,
};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::receipt::Receipt;
use strongroom_attestation::release::{
    Authentication, Controls, Counting, KeyEntry, Limits, ModelControls, Operation, Organisation, OutputKind,
    Payloads, Priority, Private, Rate, RoleControls, Transform, Treatment,
};
use strongroom_controls::ledger::Holders;
use strongroom_controls::measure::Priced;
use strongroom_controls::noise::Field;
use strongroom_controls::{Grants, Ledger, outputs, transform};
use strongroom_proto::name::Name;
use strongroom_seal::digest::{
    CharterDigest, ControlsDigest, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::model::{AnswerBound, Dim, Interface, Schema, TensorSpec, ValueRule};
use strongroom_seal::secret::{ApiKey, ApiKeyDigest, DataKey, StateKey};
use strongroom_seal::tensor::{DType, Tensor};

const FEATURES: usize = 30;
const KEYS: u32 = 100_000;
const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
/// So many rows in a time that no benchmark ever meets a limit.
const RATE: Rate = Rate { rows: 1 << 31, per_ms: 1, burst: 1 << 32 };

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn interface() -> Interface {
    let batch = || Dim::Symbol("batch".into());
    let spec = |name: &str, dtype, shape| TensorSpec { name: name.into(), dtype, shape };
    Interface {
        inputs: vec![spec("X", DType::Fp32, vec![batch(), Dim::Fixed(FEATURES as u64)])],
        outputs: vec![
            spec("label", DType::Int64, vec![batch()]),
            spec("probabilities", DType::Fp32, vec![batch(), Dim::Fixed(2)]),
        ],
        symbols: BTreeMap::from([("batch".into(), strongroom_seal::model::DimRange { min: 1, max: 4096 })]),
    }
}

fn schema() -> Schema {
    let rule = ValueRule {
        min: vec![-100.0; FEATURES],
        max: vec![100.0; FEATURES],
        lengthscale: vec![2.0],
        ..ValueRule::default()
    };
    Schema { inputs: BTreeMap::from([("X".into(), rule)]), max_bytes: Some(1 << 20) }
}

fn treatment() -> Treatment {
    Treatment { noise: Some(0.02), temperature: Some(1.5), decimals: Some(3), ..Treatment::EXACT }
}

fn limits() -> Limits {
    let most = Some(u64::MAX);
    Limits { rate: Some(RATE), rows_per_day: most, rows: most, bits_per_day: most, bits: most }
}

fn controls() -> Controls {
    let role = RoleControls {
        operations: BTreeSet::from([Operation::Infer]),
        models: BTreeMap::from([(name("fraud"), treatment())]),
        limits: limits(),
        priority: Priority::Normal,
    };
    let outputs = [("label", OutputKind::Label), ("probabilities", OutputKind::Probabilities)];
    let steps = vec![Transform::Clip { min: -50.0, max: 50.0 }, Transform::Quantize { step: 0.001 }];
    let model = ModelControls {
        limits: Limits { rate: Some(RATE), ..Limits::NONE },
        outputs: outputs.map(|(name, kind)| (name.to_owned(), kind)).into(),
        transforms: BTreeMap::from([("X".into(), steps)]),
        ..ModelControls::default()
    };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1 << 20,
        payloads: Payloads::NotRecorded,
        audit: true,
        counting: Counting::PerBoot,
        rate: Some(RATE),
        telemetry: None,
        answer_quantum_ms: None,
        roles: BTreeMap::from([(name("analyst"), role)]),
        models: BTreeMap::from([(name("fraud"), model)]),
        routes: BTreeMap::new(),
    }
}

fn key(number: u32) -> ApiKeyDigest {
    if number == 0 {
        return ApiKey::take(&mut [7; 32]).digest();
    }
    let mut digest = [0; 32];
    digest.first_chunk_mut::<4>().unwrap().copy_from_slice(&number.to_be_bytes());
    ApiKeyDigest::new(digest)
}

fn private(keys: u32) -> Private {
    let entry = |number| KeyEntry {
        key: key(number),
        role: name("analyst"),
        organisation: Some(name("acme")),
        models: None,
        not_after: Some(NOW.plus(std::time::Duration::from_secs(3600))),
        frozen_until: None,
        limits: None,
    };
    let acme = Organisation { limits: limits(), frozen_until: None };
    let audit_key = AuditPrivateKey::generate(&SystemRandom::new()).unwrap().public();
    Private {
        state_key: StateKey::take(&mut [1; 32]),
        audit_key: Some(audit_key),
        organisations: BTreeMap::from([(name("acme"), acme)]),
        keys: (0..keys).map(entry).collect(),
        monitors: BTreeMap::new(),
        routes: BTreeMap::new(),
    }
}

fn writer() -> AuditWriter {
    let random = SystemRandom::new();
    let owner = AuditPrivateKey::generate(&random).unwrap();
    let boot = BootId::new([3; 16]);
    let (encapsulated, key) =
        AuditWriter::encapsulate(&owner.public(), &name("d"), boot, 0, &random).unwrap();
    let opening = AuditOpening {
        deployment: name("d"),
        charter: CharterDigest::of(b"c"),
        boot,
        segment: 0,
        receipt_key: SigningKey::generate(Algorithm::Es256, &random).unwrap().0.public().clone(),
        encapsulated,
        previous: None,
        time: NOW,
    };
    AuditWriter::begin(&opening, &opening.encode().unwrap(), key)
}

/// One request of one row through every control, as the enclave calls them.
fn request() {
    let (controls, private) = (controls(), private(KEYS));
    let grants = Grants::new(&private, &controls);
    let ledger = Ledger::default();
    let (interface, schema) = (interface(), schema());
    let field = Field::new(DataKey::take(&mut [5; 32]).field_key().unwrap(), &interface, &schema).unwrap();
    let model = controls.model(&name("fraud")).unwrap();
    let answer = AnswerBound { names_bytes: 64, bytes_per_request_kib: 256, max_bytes: 1 << 20 };
    let data: Vec<u8> = (0..FEATURES).flat_map(|n| (n as f32 / 7.0).to_le_bytes()).collect();
    let inputs = vec![Tensor {
        name: "X".into(),
        dtype: DType::Fp32,
        shape: vec![1, FEATURES as u64],
        data: data.into(),
    }];
    let label = Tensor { name: "label".into(), dtype: DType::Int64, shape: vec![1], data: vec![0; 8].into() };
    let scores: Vec<u8> = [0.8_f32, 0.2].iter().flat_map(|score| score.to_le_bytes()).collect();
    let scores =
        Tensor { name: "probabilities".into(), dtype: DType::Fp32, shape: vec![1, 2], data: scores.into() };
    let mut log = writer();
    let caller = grants.authenticate(&ApiKey::take(&mut [7; 32]), NOW).ok().unwrap();
    let (fraud, rate) = (name("fraud"), controls.rate);
    measure("request, every control on, without model and signature", 2000, || {
        let treatment = *caller.may_infer(&fraud, NOW).unwrap();
        let symbols = interface.admit(black_box(&inputs)).unwrap();
        let priced = Priced { interface: &interface, controls: model, answer: &answer };
        let charge = priced.charge(&treatment, &symbols);
        let limits = caller.limits();
        let holders = Holders {
            key: (caller.key(), &limits),
            organisation: caller.organisation(),
            models: vec![(&fraud, model.limits.rate.as_ref())],
            enclave: rate.as_ref(),
        };
        ledger.charge(&holders, charge, NOW).unwrap();
        schema.admit(&inputs).unwrap();
        let mut seen = inputs.clone();
        transform::apply(&mut seen, &model.transforms);
        let noise = field.keyed(caller.key(), &seen, &treatment);
        let computed = vec![label.clone(), scores.clone()];
        let treated = outputs::treat(computed, model, &treatment, noise.as_ref()).unwrap();
        let answered = Answered {
            key: Some(KeyTag::of(caller.key())),
            index: Some(ledger.next_receipt(caller.key())),
            operation: Some(Operation::Infer),
            model: None,
            verdict: Verdict::Answered,
            coarseness: Some(treatment.coarseness()),
            stricter: false,
            rows: charge.rows,
            bits: charge.bits,
            size_log2: 10,
        };
        let record = AuditRecord { time: NOW, blind: [1; 16], event: AuditEvent::Answered(answered) };
        (treated, log.append(&record).unwrap(), ledger.left(caller.key(), &limits, NOW))
    });
}

fn receipt() {
    let random = SystemRandom::new();
    let signer = SigningKey::generate(Algorithm::Es256, &random).unwrap().0;
    let receipt = Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model: Some(ModelDigest::of(b"m")),
        release: ReleaseDigest::of(b"r"),
        epoch: 3,
        controls: ControlsDigest::of(b"c"),
        treatment: Some(treatment()),
        voted: false,
        budget: strongroom_attestation::receipt::Budget { rows: Some(9), ..Default::default() },
        boot: BootId::new([1; 16]),
        index: Some(7),
        audit: Some(strongroom_seal::digest::AuditCommitment::of(b"h")),
        time: NOW,
        anchor: NOW,
    };
    measure("receipt, with its signature", 500, || black_box(&receipt).sign(&signer, &random).unwrap());
}

fn release() {
    let controls = controls();
    let bytes = private(KEYS).encode().unwrap();
    measure("release of 100,000 keys: decode, check, index", 1, || {
        let private = Private::decode(black_box(&bytes)).unwrap();
        private.check(&controls).unwrap();
        Grants::new(&private, &controls)
    });
}

/// Prints the least and the median time of one call, of many samples of so many calls each.
fn measure<T>(what: &str, calls: u32, mut call: impl FnMut() -> T) {
    const SAMPLES: usize = 41;
    (0..calls).for_each(|_| drop(black_box(call())));
    let mut micros: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| drop(black_box(call())));
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    let (least, median) = (micros.first().unwrap(), micros.get(SAMPLES / 2).unwrap());
    println!("{what}: least {least:.2} us, median {median:.2} us");
}

fn main() {
    request();
    receipt();
    release();
}
