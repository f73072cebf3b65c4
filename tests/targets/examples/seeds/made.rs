//! Seeds that are sealed and signed here, with keys that end with this process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use strongroom_attestation::audit::{AuditOpening, AuditPrivateKey, AuditPublicKey, AuditWriter};
use strongroom_attestation::claims::BootId;
use strongroom_attestation::release::{
    Authentication, Condition, Controls, Counting, KeyEntry, Limits, ModelControls, Operation, Organisation,
    OutputKind, Payloads, Priority, Private, Rate, RoleControls, RouteControls, RouteRule, Target, Transform,
    Treatment, encode_controls,
};
use strongroom_attestation::report::{ReportId, SealedReport};
use strongroom_attestation::{DocumentRequest, PcrIndex, UnixMillis};
use strongroom_controls::ledger::Holders;
use strongroom_controls::{Charge, Ledger};
use strongroom_kms::cms::RecipientKey;
use strongroom_monitor::Profile;
use strongroom_monitor::laplace::NoRandom;
use strongroom_monitor::limits::BINS;
use strongroom_monitor::profile::{Class, Decision, Space};
use strongroom_monitor::telemetry::{Head, OutcomeKind, Telemetry};
use strongroom_proto::cbor;
use strongroom_proto::frame::{Header, Kind};
use strongroom_proto::hello::{ClientNonce, Evidence, NonceDigest, OfferId, write_offers};
use strongroom_proto::limits::AUDIT_RECORD_BYTES;
use strongroom_proto::message::{ENCAPSULATED_KEY_BYTES, opening_header, request_header};
use strongroom_proto::name::Name;
use strongroom_proto::relay::{AuditBatch, BootDocuments, Credentials, Range, Status};
use strongroom_proto::report::KeptReport;
use strongroom_seal::digest::CharterDigest;
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::limits::MIN_CHUNK_BYTES;
use strongroom_seal::message::{Answer, Ask, Outcome, Refusal, Request, RequestId};
use strongroom_seal::model::{AnswerBound, Dim, DimRange, Interface, Schema, TensorSpec};
use strongroom_seal::package::{
    Content, Manifest, ModelManifest, PrivateManifest, SignedManifest, WrappedKey, measure,
};
use strongroom_seal::secret::{ApiKeyDigest, DataKey, StateKey};
use strongroom_seal::tensor::{DType, Tensor, push_string};
use strongroom_sim::kms::cms;
use strongroom_sim::nsm::{Draft, Statement};
use strongroom_sim::pki::NitroPki;
use strongroom_targets::{DATA_KEY, DEPLOYMENT, DOCUMENT_TIME, content};

use crate::{fixture, seed};

pub(crate) fn all() {
    frames();
    requests();
    documents();
    packages();
    answers_of_kms();
    controls();
    counters();
}

fn frame(kind: Kind, body: &[u8]) -> Vec<u8> {
    [&Header::new(kind, 7, body.len()).unwrap().to_bytes()[..], body].concat()
}

fn frames() {
    let seed = |name: &str, bytes: &[u8]| seed("frame", name, bytes);
    let offer = OfferId::new([2; 16]);
    let opening =
        [opening_header(offer, ClientNonce::new([3; 32]), &[5; ENCAPSULATED_KEY_BYTES]), vec![6; 32]]
            .concat();
    seed("opening", &frame(Kind::Message, &opening));
    seed("request", &frame(Kind::Message, &[request_header(offer, 7), vec![6; 32]].concat()));
    let range = Range { package: "fraud@1".parse().unwrap(), offset: 4096, length: 65_536 };
    seed("range", &frame(Kind::Range, &range.encode().unwrap()));
    let batch = AuditBatch {
        boot: [3; 16],
        segment: 0,
        opening: vec![1; 16],
        document: vec![2; 16],
        first: 4,
        records: vec![serde_bytes::ByteBuf::from(vec![5; AUDIT_RECORD_BYTES]); 2],
        checkpoint: vec![6; 16],
    };
    seed("audit", &frame(Kind::Audit, &batch.encode().unwrap()));
    let status =
        Status { serving: true, epoch: 3, sessions: 2, answered: 9, panics: 1, refusal: String::new() };
    seed("status", &frame(Kind::Reply, &[&[0], status.encode().unwrap().as_slice()].concat()));
    let evidence = Evidence {
        document: vec![1; 8],
        offers: write_offers(&[(NonceDigest::new([4; 48]), offer)]),
        claims: vec![2; 4],
        charter: vec![3; 4],
        release: vec![4; 4],
        controls: vec![5; 4],
    };
    let reply = frame(Kind::Reply, &[&[0], evidence.encode().unwrap().as_slice()].concat());
    seed("evidence", &[frame(Kind::Hello, &[3; 32]), reply].concat());
    let documents = BootDocuments { charter: vec![1; 16], release: vec![2; 16], state: vec![8; 8] };
    seed("boot", &frame(Kind::HostReply, &documents.encode().unwrap()));
    let credentials = Credentials {
        access_key_id: "key".into(),
        secret_access_key: "secret".into(),
        session_token: "token".into(),
        expires_ms: 5,
    };
    seed("credentials", &frame(Kind::HostReply, &credentials.encode().unwrap()));
}

fn tensors() -> Vec<Tensor<'static>> {
    let mut texts = Vec::new();
    push_string(&mut texts, b"one").unwrap();
    push_string(&mut texts, b"").unwrap();
    let x = Tensor { name: "x".into(), dtype: DType::Fp32, shape: vec![2, 2], data: vec![0; 16].into() };
    let text = Tensor { name: "text".into(), dtype: DType::Bytes, shape: vec![2], data: texts.into() };
    vec![x, text]
}

fn requests() {
    let seed = |name: &str, bytes: &[u8]| seed("request", name, bytes);
    let request = Request {
        id: RequestId::new([7; 16]),
        model: "fraud".parse().unwrap(),
        version: Some("1".parse().unwrap()),
        inputs: tensors(),
        outputs: vec!["y".into()],
        risk: [("amount".parse().unwrap(), 12.5)].into(),
    };
    let model = request.model.clone();
    let bytes = Ask::Infer(request).encode().unwrap();
    seed("request", &bytes);
    seed("opening", &[[8; 32].as_slice(), &bytes].concat());
    let answer = Answer { model, version: "1".parse().unwrap(), outputs: tensors() };
    let outcome = Outcome::Answer(answer).encode().unwrap();
    seed("outcome", &outcome);
    let length = u32::try_from(outcome.len()).unwrap().to_be_bytes();
    seed("answer", &[length.as_slice(), &outcome, &[9; 8]].concat());
    seed("refused", &Outcome::Refused(Refusal::Input("input 'x' is missing".into())).encode().unwrap());
}

fn documents() {
    let pki = NitroPki::generate(DOCUMENT_TIME).unwrap();
    let leaf = pki.issue_leaf(DOCUMENT_TIME).unwrap();
    fixture("root.der", pki.root_der());
    let full = DocumentRequest::new().with_nonce(b"nonce".to_vec()).unwrap();
    let full = full.with_user_data(b"user data".to_vec()).unwrap();
    let full = full.with_public_key(b"public key".to_vec()).unwrap();
    let image = strongroom_sim::nsm::measure(b"the bytes of an enclave");
    let draft = |request: &DocumentRequest| {
        Draft::genuine(&Statement {
            module_id: "i-0-enc0",
            timestamp: DOCUMENT_TIME,
            pcrs: BTreeMap::from([
                (PcrIndex::IMAGE, image.pcr0),
                (PcrIndex::KERNEL, image.pcr1),
                (PcrIndex::APPLICATION, image.pcr2),
            ]),
            certificate: leaf.certificate(),
            cabundle: pki.cabundle(),
            request,
        })
    };
    let seed = |name: &str, bytes: &[u8]| seed("document", name, bytes);
    let plain = draft(&DocumentRequest::new());
    seed("plain", &plain.sign(&leaf).unwrap());
    seed("tagged", &[&[0xd2], plain.sign(&leaf).unwrap().as_slice()].concat());
    let mut full = draft(&full);
    seed("full", &full.sign(&leaf).unwrap());
    full.indefinite = true;
    seed("indefinite", &full.sign(&leaf).unwrap());
}

fn sealed<M: Manifest>(owner: &SigningKey, manifest: M, plain: &[u8]) -> Vec<u8> {
    let signed = SignedManifest::sign(manifest, owner, &SystemRandom::new()).unwrap();
    let key_arn = "arn:aws:kms:eu-central-1:111122223333:key/11111111-2222-3333-4444-555555555555".to_owned();
    let mut package = Vec::new();
    let wrapped = WrappedKey { key_arn, blob: vec![1; 64] };
    signed.seal(&DataKey::take(&mut DATA_KEY.clone()), wrapped, &mut &*plain, &mut package).unwrap();
    package
}

fn packages() {
    let owner = SigningKey::generate(Algorithm::Es384, &SystemRandom::new()).unwrap().0;
    fixture("owner.sec1", owner.public().as_bytes());
    let measured = |plain: &[u8]| -> Content { measure(&mut &*plain, MIN_CHUNK_BYTES).unwrap() };
    let plain = content(64);
    let manifest =
        PrivateManifest { deployment: DEPLOYMENT.parse().unwrap(), epoch: 1, content: measured(&plain) };
    seed("package", "private", &sealed(&owner, manifest, &plain));
    // Two chunks, the second of four bytes.
    let plain = content(MIN_CHUNK_BYTES as usize + 4);
    let spec = |name: &str, shape| TensorSpec { name: name.to_owned(), dtype: DType::Fp32, shape };
    let batch = || Dim::Symbol("batch".to_owned());
    let manifest = ModelManifest {
        deployment: DEPLOYMENT.parse().unwrap(),
        model: "fraud@1".parse().unwrap(),
        interface: Interface {
            inputs: vec![spec("x", vec![batch(), Dim::Fixed(2)])],
            outputs: vec![spec("y", vec![batch()])],
            symbols: [("batch".to_owned(), DimRange { min: 1, max: 8 })].into(),
        },
        schema: Schema::default(),
        answer: AnswerBound { names_bytes: 64, bytes_per_request_kib: 64, max_bytes: 4096 },
        content: measured(&plain),
        provenance: Vec::new(),
        operators: Vec::new(),
    };
    seed("package", "model", &sealed(&owner, manifest, &plain));
}

fn controls() {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let limits =
        Limits { rate: Some(Rate { rows: 10, per_ms: 1000, burst: 20 }), rows: Some(9), ..Limits::NONE };
    let treatment = Treatment { decimals: Some(3), noise: Some(0.05), ..Treatment::EXACT };
    let role = RoleControls {
        operations: Operation::ALL.into(),
        models: [(name("fraud"), treatment), (name("payments"), Treatment::LABEL_ONLY)].into(),
        limits,
        priority: Priority::Normal,
    };
    let transforms = [("x".to_owned(), vec![Transform::Clip { min: -1.0, max: 1.0 }])].into();
    let model = ModelControls {
        outputs: [("y".to_owned(), OutputKind::Probabilities)].into(),
        transforms,
        ..ModelControls::default()
    };
    let route = RouteControls {
        models: [name("fraud"), name("large")].into(),
        fields: [name("amount")].into(),
        votes: false,
    };
    let public = Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 65_536,
        payloads: Payloads::NotRecorded,
        audit: true,
        counting: Counting::PerBoot,
        rate: limits.rate,
        telemetry: None,
        answer_quantum_ms: None,
        roles: [(name("analyst"), role)].into(),
        models: [(name("fraud"), model)].into(),
        routes: [(name("payments"), route)].into(),
    };
    seed("controls", "public", &encode_controls(&public).unwrap());
    let random = SystemRandom::new();
    let audit_key = AuditPrivateKey::generate(&random).unwrap().public();
    let when = Condition { field: name("amount"), at_least: Some(1000.0), below: None };
    let rule = |when, model: &str| RouteRule { roles: [].into(), when, target: Target::Model(name(model)) };
    let key = KeyEntry {
        key: ApiKeyDigest::new([1; 32]),
        role: name("analyst"),
        organisation: Some(name("acme")),
        models: None,
        not_after: None,
        frozen_until: None,
        limits: Some(limits),
    };
    let organisation = Organisation { limits, frozen_until: None };
    let private = Private {
        state_key: StateKey::take(&mut [7; 32]),
        audit_key: Some(audit_key.clone()),
        organisations: [(name("acme"), organisation)].into(),
        keys: vec![key],
        monitors: BTreeMap::new(),
        routes: [(name("payments"), vec![rule(Some(when), "large"), rule(None, "fraud")])].into(),
    };
    assert_eq!(private.check(&public), Ok(()));
    seed("private", "private", &private.encode().unwrap());
    let signer = SigningKey::generate(Algorithm::Es256, &random).unwrap().0;
    let boot = BootId::new([3; 16]);
    let (encapsulated, _) =
        AuditWriter::encapsulate(&audit_key, &name(DEPLOYMENT), boot, 0, &random).unwrap();
    let opening = AuditOpening {
        deployment: name(DEPLOYMENT),
        charter: CharterDigest::of(b"charter"),
        boot,
        segment: 0,
        receipt_key: signer.public().clone(),
        encapsulated,
        previous: None,
        time: UnixMillis::new(5),
    };
    seed("audit", "opening", &opening.encode().unwrap());
    watching(&audit_key, boot);
}

/// A profile, and a report as it reaches host and owner.
fn watching(audit_key: &AuditPublicKey, boot: BootId) {
    let class = Class {
        share: 0.5,
        mean: vec![0.0, 1.0],
        distances: vec![0.5, 1.5],
        margins: vec![0.1],
        threshold: Some(3.0),
    };
    let profile = Profile {
        rows: 1000,
        space: Space::Input("x".into()),
        features: 2,
        decision: Some(Decision { scores: "y".into(), label: None }),
        classes: vec![class.clone(), class],
        centre: vec![0.0, 1.0],
        scale: vec![1.0, 2.0],
        whitening: vec![1.0, 0.0, 0.5],
        bounds: vec![(-9.0, 9.0), (-9.0, 9.0)],
        edges: vec![vec![0.0; BINS - 1]; 2],
        shares: vec![vec![0.1; BINS]; 2],
        neighbour: 1.0,
        near: 0.25,
    };
    seed("profile", "profile", &profile.encode().unwrap());
    let alone = Profile { space: Space::Output("embedding".into()), decision: None, ..profile.clone() };
    let class = Class { margins: vec![], share: 1.0, ..alone.classes[0].clone() };
    let alone = Profile { classes: vec![class], shares: vec![vec![0.1; BINS]; 2], ..alone };
    seed("profile", "one-class", &alone.encode().unwrap());
    telemetry(profile, boot);
    let id = ReportId { deployment: DEPLOYMENT.parse().unwrap(), boot, number: 1 };
    let report = SealedReport::seal(id, b"report", 64, audit_key, &SystemRandom::new()).unwrap();
    seed("report", "report-sealed", &report.encode().unwrap());
    let kept = KeptReport { boot: *boot.as_bytes(), number: 1, summary: vec![0xa0], sealed: vec![] };
    seed("report", "report-kept", &kept.encode().unwrap());
}

/// A report of two models, one of them watched.
fn telemetry(profile: Profile, boot: BootId) {
    let name = |text: &str| text.parse::<Name>().unwrap();
    let models = [(name("fraud"), Some(Arc::new(profile))), (name("large"), None)];
    let telemetry = Telemetry::new(models, 1.0).unwrap();
    for _ in 0..1000 {
        telemetry.record_outcome(&name("fraud"), OutcomeKind::Answered, Duration::from_micros(300));
    }
    let head = Head { boot, number: 1, epoch: 3, from: UnixMillis::new(5), to: UnixMillis::new(6) };
    let random = SystemRandom::new();
    let report = telemetry.report(head, &mut |bytes| random.fill(bytes).map_err(|_| NoRandom)).unwrap();
    seed("report", "report-opened", &report.encode().unwrap());
}

/// What a boot leaves of its counters.
fn counters() {
    let name = "acme".parse::<Name>().unwrap();
    let limits =
        Limits { rows: Some(90), rate: Some(Rate { rows: 10, per_ms: 1000, burst: 20 }), ..Limits::NONE };
    let ledger = Ledger::default();
    for byte in 1..4 {
        let key = ApiKeyDigest::new([byte; 32]);
        let organisation = (byte > 1).then_some((&name, &limits));
        let models = vec![(&name, limits.rate.as_ref())];
        let holders = Holders { key: (&key, &limits), organisation, models, enclave: limits.rate.as_ref() };
        ledger.charge(&holders, Charge { rows: 3, bits: 40 }, DOCUMENT_TIME).unwrap();
        seed("state", &format!("keys-{byte}"), &cbor::encode(&ledger.save()).unwrap());
    }
}

fn answers_of_kms() {
    let key = RecipientKey::generate().unwrap();
    let seed = |name: &str, length: usize| {
        seed("cms", name, &cms::seal(key.spki_der(), content(length)).unwrap());
    };
    seed("key", 32);
    seed("chunks", 1500);
}
