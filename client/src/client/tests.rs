use strongroom_attestation::claims::BootId;
use strongroom_attestation::receipt::Budget;
use strongroom_proto::name::PackageId;
use strongroom_seal::digest::{ControlsDigest, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest};
use strongroom_seal::message::Answer;
use strongroom_seal::tensor::DType;

use super::*;

fn tensor(bytes: usize) -> Tensor<'static> {
    Tensor { name: "x".into(), dtype: DType::Int8, shape: vec![bytes as u64], data: vec![0; bytes].into() }
}

fn call(bytes: usize, version: Option<&str>) -> Call {
    let version = version.map(|version| version.parse().unwrap());
    let request = InferRequest {
        model: "fraud".parse().unwrap(),
        version,
        inputs: vec![tensor(bytes)],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    Call::new(request, &SystemRandom::new()).unwrap()
}

fn answer(id: &str) -> Answer<'static> {
    let PackageId { name, version } = id.parse().unwrap();
    Answer { model: name, version, outputs: vec![tensor(1)] }
}

fn receipt(model: Option<ModelDigest>) -> Receipt {
    Receipt {
        request: RequestDigest::of(b"q"),
        outcome: OutcomeDigest::of(b"a"),
        model,
        release: ReleaseDigest::of(b"r"),
        epoch: 1,
        controls: ControlsDigest::of(b"c"),
        treatment: None,
        budget: Budget::default(),
        boot: BootId::new([1; 16]),
        index: Some(1),
        audit: None,
        time: UnixMillis::new(2),
        anchor: UnixMillis::new(1),
    }
}

#[test]
fn an_answer_is_of_the_model_asked_for_and_claimed() {
    let digest = |id: &PackageId| match id.to_string().as_str() {
        "fraud@1" => Some(ModelDigest::of(b"fraud")),
        "other@1" => Some(ModelDigest::of(b"other")),
        _ => None,
    };
    let (fraud, other) = (ModelDigest::of(b"fraud"), ModelDigest::of(b"other"));
    let accepts = |call: &Call, id: &str, model| call.accept(answer(id), receipt(model), digest).err();
    assert_eq!(accepts(&call(1, None), "fraud@1", Some(fraud)), None);
    assert_eq!(accepts(&call(1, Some("1")), "fraud@1", Some(fraud)), None);
    let other_model = Some(ClientError::OtherModel);
    assert_eq!(accepts(&call(1, Some("2")), "fraud@1", Some(fraud)), other_model, "another version");
    assert_eq!(accepts(&call(1, None), "other@1", Some(other)), other_model, "another name");
    assert_eq!(accepts(&call(1, None), "fraud@1", Some(other)), other_model, "another digest");
    assert_eq!(accepts(&call(1, None), "fraud@1", None), other_model, "no digest");
    assert_eq!(accepts(&call(1, None), "fraud@9", None), other_model, "not claimed");
}

#[test]
fn a_torn_output_is_not_an_answer() {
    let digest = ModelDigest::of(b"fraud");
    let mut torn = answer("fraud@1");
    torn.outputs[0].shape = vec![2];
    let refused = call(1, None).accept(torn, receipt(Some(digest)), |_| Some(digest)).err();
    assert_eq!(refused, Some(ClientError::NotAnAnswer));
}

#[test]
fn only_a_small_request_travels_with_the_opening() {
    let small = call(1000, None);
    assert_eq!(small.encoded_for_opening(), small.encoded());
    assert!(call(600_000, None).encoded_for_opening().is_empty());
    let largest = call(520_000, None);
    assert_eq!(largest.encoded_for_opening(), largest.encoded());
}

#[test]
fn a_torn_request_is_not_sent() {
    let torn = Tensor { shape: vec![9], ..tensor(1) };
    let request = InferRequest {
        model: "m".parse().unwrap(),
        version: None,
        inputs: vec![torn],
        outputs: vec![],
        risk: BTreeMap::new(),
    };
    let refused = Call::new(request, &SystemRandom::new()).err();
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
