use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use strongroom_attestation::audit::Checkpoint;
use strongroom_attestation::claims::{BootId, Claims};
use strongroom_attestation::evidence::{CharterDemand, ControlsDemand, ModelDemand, Requirement};
use strongroom_attestation::receipt::{Budget, ReceiptError};
use strongroom_attestation::release::{
    Authentication, Coarseness, Controls, Counting, Limits, Operation, Payloads, Priority, ReleasedModel,
    RoleControls, RouteControls, Treatment,
};
use strongroom_attestation::{ImagePcrs, Pcr, TrustRoot};
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::{
    AuditHead, CharterDigest, ControlsDigest, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest,
};
use strongroom_seal::key::{Algorithm, SigningKey};
use strongroom_seal::message::{Answer, AuditReport};
use strongroom_seal::tensor::DType;

use ring::rand::SystemRandom;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::receipt::Receipt;
use strongroom_proto::name::Name;
use strongroom_seal::tensor::Tensor;

use crate::accept::{self, Against};
use crate::floors::Floors;
use crate::{Call, ClientError, Demands, InferRequest, TrustFile};

fn tensor(bytes: usize) -> Tensor<'static> {
    Tensor { name: "x".into(), dtype: DType::Int8, shape: vec![bytes as u64], data: vec![0; bytes].into() }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn call(bytes: usize, version: Option<&str>) -> Call {
    let request = InferRequest {
        model: name("fraud"),
        version: version.map(name),
        inputs: vec![tensor(bytes)],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    Call::infer(request, &SystemRandom::new()).unwrap()
}

fn answer(id: &str) -> Answer<'static> {
    let PackageId { name, version } = id.parse().unwrap();
    Answer { model: name, version, outputs: vec![tensor(1)] }
}

fn digest(id: &str) -> ModelDigest {
    ModelDigest::of(id.as_bytes())
}

fn released(id: &str) -> ReleasedModel {
    ReleasedModel { id: id.parse().unwrap(), digest: digest(id) }
}

fn receipt(model: Option<&str>) -> Receipt {
    Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model: model.map(digest),
        release: ReleaseDigest::of(b"r"),
        epoch: 1,
        controls: ControlsDigest::of(b"c"),
        treatment: Some(Treatment { decimals: Some(2), ..Treatment::EXACT }),
        voted: false,
        budget: Budget::default(),
        boot: BootId::new([1; 16]),
        index: Some(1),
        audit: None,
        time: UnixMillis::new(2),
        anchor: UnixMillis::new(1),
    }
}

fn claims(receipt_key: &SigningKey) -> Claims {
    Claims {
        protocol: 1,
        charter: CharterDigest::of(b"c"),
        release: ReleaseDigest::of(b"r"),
        epoch: 1,
        controls: ControlsDigest::of(b"c"),
        models: ["fraud@1", "fraud@2", "strict@1", "other@1"].map(released).to_vec(),
        channel_key: vec![],
        receipt_key: receipt_key.public().clone(),
        boot: BootId::new([1; 16]),
    }
}

/// Clients get 'fraud' and 'guarded' rounded, operators of 'fraud' the label alone. 'guarded' is a route.
fn controls() -> Controls {
    let role = |models: &[(&str, Treatment)]| RoleControls {
        operations: BTreeSet::from([Operation::Infer]),
        models: models.iter().map(|(model, treatment)| (name(model), *treatment)).collect(),
        limits: Limits::NONE,
        priority: Priority::Normal,
    };
    let rounded = Treatment { decimals: Some(2), ..Treatment::EXACT };
    let models = BTreeSet::from(["fraud", "strict"].map(name));
    let route = RouteControls { models, fields: BTreeSet::new(), votes: false };
    Controls {
        authentication: Authentication::ApiKey,
        max_request_bytes: 1 << 20,
        payloads: Payloads::NotRecorded,
        audit: true,
        counting: Counting::PerBoot,
        rate: None,
        telemetry: None,
        answer_quantum_ms: None,
        roles: BTreeMap::from([
            (name("clients"), role(&[("fraud", rounded), ("guarded", rounded)])),
            (name("operators"), role(&[("fraud", Treatment::LABEL_ONLY)])),
        ]),
        models: BTreeMap::new(),
        routes: BTreeMap::from([(name("guarded"), route)]),
    }
}

fn trust(models: ModelDemand) -> TrustFile {
    TrustFile::new(demands(models)).unwrap()
}

fn demands(models: ModelDemand) -> Demands {
    let pcr = Pcr::new([1; 48]);
    Demands {
        root: TrustRoot::aws_nitro_g1(),
        images: vec![ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr }],
        charter: CharterDemand::Exactly(CharterDigest::of(b"c")),
        least_epoch: 0,
        models,
        controls: ControlsDemand::OwnerDecides,
        max_age: Duration::from_secs(300),
    }
}

/// What becomes of an answer of `id` with this receipt to who asked for this name and version.
fn accept(
    models: ModelDemand,
    asked: (&str, Option<&str>),
    id: &str,
    receipt: Receipt,
) -> Option<ClientError> {
    let key = SigningKey::generate(Algorithm::Es256, &SystemRandom::new()).unwrap().0;
    let (claims, controls, trust) = (claims(&key), controls(), trust(models));
    let against = Against { claims: &claims, controls: &controls, trust: &trust, evidence: &Bytes::new() };
    let version = asked.1.map(name);
    against.answer((&name(asked.0), version.as_ref()), answer(id), (receipt, b"signed")).err()
}

const ANY: ModelDemand = ModelDemand::OwnerMayChange;
const OTHER: Option<ClientError> = Some(ClientError::OtherModel);

#[test]
fn step_2_an_answer_is_of_what_was_asked_for() {
    let accept = |asked, id| accept(ANY, asked, id, receipt(Some(id)));
    assert_eq!(accept(("fraud", None), "fraud@1"), None);
    assert_eq!(accept(("fraud", Some("1")), "fraud@1"), None);
    assert_eq!(accept(("fraud", Some("2")), "fraud@1"), OTHER, "another version");
    assert_eq!(accept(("fraud", None), "other@1"), OTHER, "another name");
    assert_eq!(accept(("guarded", None), "strict@1"), None, "the route leads there");
    assert_eq!(accept(("guarded", None), "other@1"), OTHER, "the route does not lead there");
}

#[test]
fn step_3_the_model_is_the_one_that_was_verified() {
    let fraud = ("fraud", None);
    assert_eq!(accept(ANY, fraud, "fraud@1", receipt(Some("other@1"))), OTHER, "another digest");
    assert_eq!(accept(ANY, fraud, "fraud@1", receipt(None)), OTHER, "no digest");
    assert_eq!(accept(ANY, fraud, "fraud@9", receipt(Some("fraud@9"))), OTHER, "not claimed");
    let pinned = || ModelDemand::Exactly(vec![released("fraud@1")]);
    assert_eq!(accept(pinned(), fraud, "fraud@1", receipt(Some("fraud@1"))), None);
    assert_eq!(accept(pinned(), fraud, "fraud@2", receipt(Some("fraud@2"))), OTHER, "not pinned");
    assert_eq!(accept(pinned(), ("guarded", None), "strict@1", receipt(Some("strict@1"))), OTHER);
}

#[test]
fn step_4_no_answer_is_finer_than_the_controls_say() {
    let with = |treatment| {
        let receipt = Receipt { treatment, ..receipt(Some("fraud@1")) };
        accept(ANY, ("fraud", None), "fraud@1", receipt)
    };
    let refused = Some(ClientError::Receipt(ReceiptError::NotVerified));
    assert_eq!(with(Some(Treatment::LABEL_ONLY)), None, "coarser is allowed");
    assert_eq!(with(Some(Treatment::EXACT)), refused);
    assert_eq!(with(None), refused);
    let key = SigningKey::generate(Algorithm::Es256, &SystemRandom::new()).unwrap().0;
    let demanding = |sort| {
        let outputs = Requirement::Outputs([sort].into());
        let demands = Demands { controls: ControlsDemand::Meeting([outputs].into()), ..demands(ANY) };
        let (claims, controls, trust) = (claims(&key), controls(), TrustFile::new(demands).unwrap());
        let against =
            Against { claims: &claims, controls: &controls, trust: &trust, evidence: &Bytes::new() };
        let receipt = Receipt { treatment: Some(Treatment::LABEL_ONLY), ..receipt(Some("fraud@1")) };
        against.answer((&name("fraud"), None), answer("fraud@1"), (receipt, b"signed")).err()
    };
    assert_eq!(demanding(Coarseness::LabelOnly), None);
    assert_eq!(demanding(Coarseness::Rounded), Some(ClientError::OtherSort), "coarser than is demanded");
    let unasked = accept(ANY, ("strict", None), "strict@1", receipt(Some("strict@1")));
    assert_eq!(unasked, refused, "no role may ask for it");
}

#[test]
fn step_1_and_5_clocks_run_forward_and_outputs_are_whole() {
    assert_eq!(accept::clock(&receipt(None)), Ok(()));
    let early = Receipt { anchor: UnixMillis::new(3), ..receipt(None) };
    assert_eq!(accept::clock(&early), Err(ReceiptError::NotVerified.into()));
    let key = SigningKey::generate(Algorithm::Es256, &SystemRandom::new()).unwrap().0;
    let (claims, controls, trust) = (claims(&key), controls(), trust(ANY));
    let against = Against { claims: &claims, controls: &controls, trust: &trust, evidence: &Bytes::new() };
    let mut torn = answer("fraud@1");
    torn.outputs[0].shape = vec![2];
    let refused = against.answer((&name("fraud"), None), torn, (receipt(Some("fraud@1")), b"")).err();
    assert_eq!(refused, Some(ClientError::NotAnAnswer));
}

#[test]
fn a_route_is_asked_only_if_all_it_leads_to_is_pinned() {
    let request = |model: &str| InferRequest {
        model: name(model),
        version: None,
        inputs: vec![],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    let check = |models, model| {
        Call::infer(request(model), &SystemRandom::new()).unwrap().check(&trust(models), &controls())
    };
    let one = || ModelDemand::Exactly(vec![released("fraud@1")]);
    let both = || ModelDemand::Exactly(vec![released("fraud@1"), released("strict@1")]);
    assert_eq!(check(one(), "fraud"), Ok(()));
    assert_eq!(check(one(), "guarded"), Err(ClientError::ModelNotDemanded));
    assert_eq!(check(one(), "other"), Err(ClientError::ModelNotDemanded));
    assert_eq!(check(both(), "guarded"), Ok(()));
    assert_eq!(check(ANY, "guarded"), Ok(()));
}

#[test]
fn the_head_of_the_audit_log_is_the_verified_enclaves() {
    let random = SystemRandom::new();
    let key = SigningKey::generate(Algorithm::Es256, &random).unwrap().0;
    let other = SigningKey::generate(Algorithm::Es256, &random).unwrap().0;
    let claims = claims(&key);
    let head = |boot, key: &SigningKey| {
        let head = AuditHead::of(b"h");
        let time = UnixMillis::new(1);
        Checkpoint { boot: BootId::new(boot), segment: 0, records: 7, head, time }.sign(key, &random).unwrap()
    };
    let report = |records, checkpoint| AuditReport { segment: Some(0), records, confirmed: 0, checkpoint };
    let judge = |report| accept::report(&report, &claims);
    assert_eq!(judge(report(7, head([1; 16], &key))), Ok(()));
    for wrong in [
        report(8, head([1; 16], &key)),
        report(7, head([2; 16], &key)),
        report(7, head([1; 16], &other)),
        AuditReport { segment: Some(1), ..report(7, head([1; 16], &key)) },
        report(7, vec![]),
    ] {
        assert_eq!(judge(wrong), Err(ClientError::AuditHead));
    }
    assert_eq!(judge(AuditReport { segment: None, ..report(0, vec![]) }), Ok(()), "no log is kept");
}

#[test]
fn a_refusal_says_when_to_come_back() {
    use strongroom_seal::message::{Limited, Refusal};
    let limit = |retry_after_ms| Refusal::Limit { what: Limited::KeyRate, retry_after_ms };
    let after = |refusal: Refusal| ClientError::from(refusal).retry_after();
    assert_eq!(after(limit(Some(1500))), Some(Duration::from_millis(1500)));
    assert_eq!(after(Refusal::Frozen { retry_after_ms: Some(2) }), Some(Duration::from_millis(2)));
    assert_eq!(after(limit(None)), None);
    assert_eq!(after(Refusal::Key), None);
}

#[test]
fn only_a_small_request_travels_with_the_opening() {
    let small = call(1000, None);
    assert_eq!(small.encoded_for_opening(), small.encoded());
    assert!(call(600_000, None).encoded_for_opening().unwrap().is_empty());
    let largest = call(520_000, None);
    assert_eq!(largest.encoded_for_opening(), largest.encoded());
}

#[test]
fn a_question_that_was_answered_is_gone_and_not_asked_again() {
    let call = call(1000, None);
    assert!(call.encoded().is_ok());
    call.answered();
    assert!(matches!(call.encoded(), Err(ClientError::Request(_))));
    assert!(matches!(call.encoded_for_opening(), Err(ClientError::Request(_))));
}

#[test]
fn a_torn_request_is_not_sent() {
    let torn = Tensor { shape: vec![9], ..tensor(1) };
    let request = InferRequest {
        model: name("m"),
        version: None,
        inputs: vec![torn],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    let refused = Call::infer(request, &SystemRandom::new()).err();
    assert!(matches!(refused, Some(ClientError::Request(_))));
}

#[test]
fn a_floor_rises_and_never_falls() {
    let (a, b): (Name, Name) = ("a".parse().unwrap(), "b".parse().unwrap());
    let floors = Floors::new(BTreeMap::from([(a.clone(), 5)]));
    floors.raise(&a, 3);
    floors.raise(&b, 2);
    floors.raise(&b, 4);
    assert_eq!((floors.of(&a), floors.of(&b)), (5, 4));
    assert_eq!(floors.all(), BTreeMap::from([(a, 5), (b, 4)]));
}
