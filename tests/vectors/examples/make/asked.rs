//! What stands inside records.

use serde_json::Value;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::claims::Claims;
use strongroom_attestation::receipt::{Budget, Receipt};
use strongroom_seal::digest::{AuditCommitment, ModelDigest, OutcomeDigest, ReleaseDigest, RequestDigest};
use strongroom_seal::label;
use strongroom_seal::message::{
    Answer, Ask, AuditReport, EnclaveStatus, Limited, Outcome, Refusal, Request, RequestId,
};
use strongroom_seal::tensor::{DType, Tensor, push_string};

use crate::Counts;
use crate::book::Book;
use crate::cbor::Item;
use crate::channel::inference;
use crate::owner::{envelopes, payload, sign};
use crate::pki::NOW;
use crate::world::{World, name, treatment};

pub(crate) fn write(world: &World, counts: &mut Counts) {
    asks(counts);
    tensors(counts);
    outcomes(counts);
    receipts(world, counts);
}

fn tensor(dtype: DType, shape: &[u64], data: &[u8]) -> Tensor<'static> {
    Tensor { name: "x".into(), dtype, shape: shape.to_vec(), data: data.to_vec().into() }
}

fn asks(counts: &mut Counts) {
    let mut book = Book::new("ask");
    let whole = Item::parse(&inference());
    book.good("inference", &inference());
    let every = Request {
        id: RequestId::new([1; 16]),
        model: name("payments"),
        version: Some(name("1")),
        inputs: vec![
            tensor(DType::Int8, &[2], &[1, 255]),
            Tensor { name: "flag".into(), ..tensor(DType::Bool, &[1, 1], &[1]) },
        ],
        outputs: vec!["label".into(), "scores".into()],
        risk: [(name("amount"), 1250.5), (name("count"), 2.0)].into(),
    };
    book.good("every-field", &Ask::Infer(every).encode().unwrap());
    for (name, ask) in [("status", Ask::Status), ("audit", Ask::Audit)] {
        book.good(name, &ask.encode().unwrap());
    }
    let inner = |changed: Item| Item::map(&[("infer", changed)]).encode();
    let inference = whole.get("infer");
    book.good(
        "integer-as-a-risk-field",
        &inner(inference.with("risk", Item::map(&[("amount", Item::Uint(5))]))),
    )
    .other_spelling();
    book.good("indefinite", &inner(Item::Raw(inference.indefinite()))).other_spelling();
    book.shapes(&inference, "model", &|bytes| [&[0xa1, 0x65], b"infer".as_slice(), bytes].concat());
    let many = |count| Item::Array(vec![inference.get("inputs.0"); count]);
    let fields =
        |count| Item::Map((0..count).map(|at| (Item::text(&format!("f{at:02}")), Item::Uint(1))).collect());
    book.good("64-tensors", &inner(inference.with("inputs", many(64))));
    book.bad("65-tensors", "more than 64 tensors", &inner(inference.with("inputs", many(65))));
    book.bad(
        "65-outputs",
        "more than 64 outputs",
        &inner(inference.with("outputs", Item::Array(vec![Item::text("y"); 65]))),
    );
    book.bad("17-risk-fields", "more than 16 risk fields", &inner(inference.with("risk", fields(17))));
    book.bad(
        "risk-nan",
        "a risk field that is not a number",
        &inner(inference.with("risk", Item::map(&[("amount", Item::Raw(vec![0xf9, 0x7e, 0]))]))),
    );
    book.bad(
        "risk-infinite",
        "an infinite risk field",
        &inner(inference.with("risk", Item::map(&[("amount", Item::Raw(vec![0xf9, 0x7c, 0]))]))),
    );
    book.bad("short-id", "an id of 15 bytes", &inner(inference.with("id", Item::Bytes(vec![1; 15]))));
    book.bad(
        "model-name",
        "a model that is not a name",
        &inner(inference.with("model", Item::text("Fraud"))),
    );
    book.bad(
        "tensor-field",
        "a tensor with a field that is not listed",
        &inner(inference.with("inputs.0.more", Item::Uint(1))),
    );
    book.bad(
        "dtype",
        "a type that there is not",
        &inner(inference.with("inputs.0.dtype", Item::text("fp32"))),
    );
    book.bad(
        "short-data",
        "a tensor with a byte less",
        &inner(inference.with("inputs.0.data", Item::Bytes(vec![0; 7]))),
    );
    book.bad("unknown-word", "not something to ask", &Item::text("train").encode());
    book.bad(
        "two-things",
        "a map of two",
        &Item::map(&[("infer", inference.clone()), ("status", Item::null())]).encode(),
    );
    book.bad("nothing", "an empty map", &Item::Map(vec![]).encode());
    book.bad("bare-infer", "an inference of nothing", &Item::text("infer").encode());
    book.bad("empty", "no bytes", &[]);
    let deep = (0..12).fold(Item::Uint(0), |item, _| Item::Array(vec![item]));
    book.bad("too-deep", "nested deeper than a request ever is", &inner(inference.with("outputs", deep)));
    book.bad("padding-left", "zeros after the request", &[crate::channel::inference(), vec![0; 4]].concat());
    book.write(counts);
}

#[allow(clippy::too_many_lines, reason = "one line for each type")]
fn tensors(counts: &mut Counts) {
    let mut book = Book::new("tensor");
    let le = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let bytes = |tensor: Tensor<'static>| strongroom_proto::cbor::encode(&tensor).unwrap();
    let mut strings = Vec::new();
    push_string(&mut strings, "é".as_bytes()).unwrap();
    push_string(&mut strings, b"").unwrap();
    push_string(&mut strings, &[0, 0xff]).unwrap();
    for (name, dtype, shape, data) in [
        ("bool", DType::Bool, &[3_u64][..], vec![0, 1, 1]),
        ("uint8", DType::Uint8, &[2], vec![0, 255]),
        ("uint16", DType::Uint16, &[2], vec![0x34, 0x12, 0xff, 0xff]),
        ("uint32", DType::Uint32, &[1, 1], vec![0x78, 0x56, 0x34, 0x12]),
        ("uint64", DType::Uint64, &[1], vec![0xff; 8]),
        ("int8", DType::Int8, &[2], vec![127, 128]),
        ("int16", DType::Int16, &[1], vec![0, 0x80]),
        ("int32", DType::Int32, &[1], vec![0xfe, 0xff, 0xff, 0xff]),
        ("int64", DType::Int64, &[1], i64::MIN.to_le_bytes().to_vec()),
        ("fp16", DType::Fp16, &[2], vec![0x00, 0x3e, 0x01, 0x00]),
        ("bf16", DType::Bf16, &[2], vec![0xc0, 0x3f, 0x49, 0xc0]),
        ("fp32", DType::Fp32, &[2, 2], le(&[1.5, -2.0, 0.25, 1e20])),
        ("fp64", DType::Fp64, &[1], 0.1_f64.to_le_bytes().to_vec()),
        ("bytes", DType::Bytes, &[3, 1], strings.clone()),
        ("scalar", DType::Fp32, &[], le(&[0.5])),
        ("no-elements", DType::Fp32, &[0, 4], vec![]),
        ("no-strings", DType::Bytes, &[0], vec![]),
        ("eight-dimensions", DType::Int8, &[1; 8], vec![1]),
    ] {
        book.good(name, &bytes(tensor(dtype, shape, &data)));
    }
    let longest = Tensor { name: "n".repeat(128).into(), ..tensor(DType::Int8, &[1], &[1]) };
    book.good("longest-name", &bytes(longest));
    let whole = Item::parse(&bytes(tensor(DType::Int8, &[2], &[1, 2])));
    book.shapes(&whole, "shape", &<[u8]>::to_vec);
    for (name, reason, dtype, shape, data) in [
        ("short", "a byte less than type and shape ask for", DType::Fp32, &[2_u64, 1][..], vec![0; 7]),
        ("long", "a byte more", DType::Fp32, &[2, 1], vec![0; 9]),
        ("other-shape", "another number of elements", DType::Int16, &[3], vec![0; 4]),
        ("bytes-without-elements", "bytes, and a shape of none", DType::Int8, &[0], vec![1]),
        ("bool-2", "a BOOL of 2", DType::Bool, &[2], vec![1, 2]),
        ("overflow", "a shape beyond 2^64 elements", DType::Int8, &[1 << 63, 2], vec![]),
        (
            "overflow-behind-zero",
            "no elements, and dimensions beyond 2^64",
            DType::Fp32,
            &[0, 1 << 40, 1 << 40],
            vec![],
        ),
        ("overflow-before-zero", "the same in another order", DType::Fp32, &[1 << 40, 1 << 40, 0], vec![]),
        ("overflow-of-bytes", "a shape beyond 2^64 bytes", DType::Fp64, &[1 << 61], vec![]),
        ("nine-dimensions", "more than eight dimensions", DType::Int8, &[1; 9], vec![1]),
        ("torn-string", "a string that ends early", DType::Bytes, &[1], vec![5, 0, 0, 0, b'a']),
        ("torn-length", "a length of three bytes", DType::Bytes, &[1], vec![0, 0, 0]),
        ("big-endian-length", "a length in the other order", DType::Bytes, &[1], vec![0, 0, 0, 1, b'a']),
        ("fewer-strings", "fewer strings than the shape says", DType::Bytes, &[4, 1], strings.clone()),
        ("more-strings", "more strings than the shape says", DType::Bytes, &[2], strings),
    ] {
        book.bad(name, reason, &bytes(tensor(dtype, shape, &data)));
    }
    book.bad(
        "no-name",
        "an empty name",
        &bytes(Tensor { name: "".into(), ..tensor(DType::Int8, &[1], &[1]) }),
    );
    let long = Tensor { name: "n".repeat(129).into(), ..tensor(DType::Int8, &[1], &[1]) };
    book.bad("long-name", "a name of 129 bytes", &bytes(long));
    book.bad(
        "name-not-utf-8",
        "a name that is not UTF-8",
        &whole.with("name", Item::Raw(vec![0x61, 0xff])).encode(),
    );
    book.bad("unknown-type", "a type that there is not", &whole.with("dtype", Item::text("STRING")).encode());
    book.bad(
        "negative-dimension",
        "a negative dimension",
        &whole.with("shape", Item::Array(vec![Item::Negative(0)])).encode(),
    );
    book.write(counts);
}

/// An answer, as the enclave writes it.
pub(crate) fn answer() -> Vec<u8> {
    let label = Tensor { name: "label".into(), ..tensor(DType::Int64, &[1], &1_i64.to_le_bytes()) };
    let data: Vec<u8> = [0.25_f32, 0.75].iter().flat_map(|value| value.to_le_bytes()).collect();
    let scores = Tensor { name: "scores".into(), ..tensor(DType::Fp32, &[1, 2], &data) };
    let answer = Answer { model: name("fraud"), version: name("1"), outputs: vec![label, scores] };
    Outcome::Answer(answer).encode().unwrap()
}

fn outcomes(counts: &mut Counts) {
    let mut book = Book::new("outcome");
    book.good("open", &Outcome::Open.encode().unwrap());
    book.good("answer", &answer());
    let status = EnclaveStatus {
        uptime_ms: 1,
        epoch: 7,
        not_after_ms: NOW,
        models: vec!["fraud@1".parse().unwrap()],
        sessions: 2,
        answered: u64::MAX,
        panics: 2,
        audit_pending: 0,
    };
    let status = Outcome::Status(status).encode().unwrap();
    book.good("status", &status);
    let report = AuditReport { segment: Some(1), records: 3, confirmed: 2, checkpoint: vec![1, 2, 3] };
    book.good("audit", &Outcome::Audit(report).encode().unwrap());
    let none = AuditReport { segment: None, records: 0, confirmed: 0, checkpoint: vec![] };
    book.good("no-audit", &Outcome::Audit(none).encode().unwrap());
    for (name, refusal) in refusals() {
        book.good(&format!("refused-{name}"), &Outcome::Refused(refusal).encode().unwrap());
    }
    let whole = Item::parse(&answer());
    book.shapes(&whole.get("answer"), "version", &|bytes| {
        [&[0xa1, 0x66], b"answer".as_slice(), bytes].concat()
    });
    let refused = |refusal: Item| Item::map(&[("refused", refusal)]).encode();
    let limit = |what: &str, after: Item| {
        Item::map(&[("limit", Item::map(&[("what", Item::text(what)), ("retry_after_ms", after)]))])
    };
    for (name, reason, bytes) in [
        ("unknown-refusal", "not a refusal", refused(Item::text("busy"))),
        ("unknown-limit", "not a limit", refused(limit("weekly_rows", Item::null()))),
        ("negative-wait", "a negative time to wait", refused(limit("rows", Item::Negative(0)))),
        ("input-without-text", "an input refused without a text", refused(Item::text("input"))),
        (
            "suspended-for-ever",
            "a suspension without an end",
            refused(Item::map(&[("suspended", Item::map(&[("retry_after_ms", Item::null())]))])),
        ),
        (
            "17-rows",
            "more than 16 positions",
            refused(Item::map(&[(
                "out_of_distribution",
                Item::map(&[("rows", Item::Array(vec![Item::Uint(1); 17]))]),
            )])),
        ),
        (
            "two-outcomes",
            "a map of two",
            Item::map(&[("refused", Item::text("key")), ("open", Item::null())]).encode(),
        ),
        ("unknown-outcome", "not an outcome", Item::text("closed").encode()),
        ("answer-of-nothing", "an answer without its fields", Item::text("answer").encode()),
        (
            "torn-tensor",
            "a tensor that contradicts itself",
            whole.with("answer.outputs.0.data", Item::Bytes(vec![1])).encode(),
        ),
        (
            "status-field",
            "a status with a field that is not listed",
            Item::parse(&status).with("status.load", Item::Uint(1)).encode(),
        ),
        (
            "status-model",
            "a status with a model that is not a name",
            Item::parse(&status).with("status.models.0.name", Item::text("")).encode(),
        ),
        ("empty", "no bytes", vec![]),
    ] {
        book.bad(name, reason, &bytes);
    }
    book.write(counts);
}

fn refusals() -> Vec<(String, Refusal)> {
    let plain = [
        ("key", Refusal::Key),
        ("operation", Refusal::Operation),
        ("model", Refusal::Model),
        ("malformed", Refusal::Malformed),
        ("answer-size", Refusal::AnswerSize),
        ("failed", Refusal::Failed),
        ("in-flight", Refusal::InFlight),
        ("input", Refusal::Input("input 'x' is missing".to_owned())),
        ("out-of-distribution", Refusal::OutOfDistribution { rows: vec![0, 15] }),
        ("suspended", Refusal::Suspended { retry_after_ms: 60_000 }),
        ("frozen", Refusal::Frozen { retry_after_ms: Some(1000) }),
        ("frozen-for-good", Refusal::Frozen { retry_after_ms: None }),
    ];
    let limits = [
        ("key-rate", Limited::KeyRate, Some(250)),
        ("organisation-rate", Limited::OrganisationRate, Some(250)),
        ("service-rate", Limited::ServiceRate, Some(1000)),
        ("daily-rows", Limited::DailyRows, Some(3_600_000)),
        ("rows", Limited::Rows, None),
        ("daily-bits", Limited::DailyBits, Some(3_600_000)),
        ("bits", Limited::Bits, None),
        ("burst", Limited::Burst, None),
    ];
    let limits = limits.map(|(name, what, retry_after_ms)| (name, Refusal::Limit { what, retry_after_ms }));
    plain.into_iter().chain(limits).map(|(name, refusal)| (name.to_owned(), refusal)).collect()
}

/// What the enclave signs under an exchange.
pub(crate) fn receipt(world: &World, request: &[u8], outcome: &[u8]) -> Receipt {
    let claims = Claims::decode(&world.claims).unwrap();
    Receipt {
        request: RequestDigest::of(request),
        outcome: OutcomeDigest::of(outcome),
        model: Some(world.models[0].digest),
        release: claims.release,
        epoch: claims.epoch,
        controls: claims.controls,
        treatment: Some(treatment()),
        voted: false,
        budget: Budget { rows_today: Some(49), bits: Some(999_990), ..Budget::default() },
        boot: claims.boot,
        index: Some(1),
        audit: Some(AuditCommitment::of(b"record")),
        time: UnixMillis::new(NOW),
        anchor: UnixMillis::new(NOW - 1000),
    }
}

fn receipts(world: &World, counts: &mut Counts) {
    let key = &world.keys.receipt;
    let (request, outcome) = (inference(), answer());
    let stated = receipt(world, &request, &outcome);
    let document = stated.sign(key, &world.random).unwrap();
    let mut book = Book::new("receipt")
        .given("claims", hex::encode(&world.claims))
        .given("request_digest", RequestDigest::of(&request).to_string())
        .given("outcome_digest", OutcomeDigest::of(&outcome).to_string());
    book.good("answer", &document);
    let voted = Receipt { voted: true, budget: Budget::default(), ..stated.clone() };
    book.good("voted", &voted.sign(key, &world.random).unwrap());
    let refused = Receipt { model: None, treatment: None, index: None, audit: None, ..stated.clone() };
    book.good("refused", &refused.sign(key, &world.random).unwrap());
    let other = Value::from(OutcomeDigest::of(b"other").to_string());
    book.bad("other-outcome", "of another outcome", &document).given("outcome_digest", other.clone());
    book.bad("other-request", "of another request", &document).given("request_digest", other);
    for (name, reason, wrong) in [
        (
            "other-release",
            "of another release",
            Receipt { release: ReleaseDigest::of(b"x"), ..stated.clone() },
        ),
        ("other-epoch", "of another epoch", Receipt { epoch: 8, ..stated.clone() }),
        (
            "other-model",
            "of a model that is not claimed",
            Receipt { model: Some(ModelDigest::of(b"x")), ..stated.clone() },
        ),
        (
            "before-its-anchor",
            "older than the document its clock goes by",
            Receipt { time: UnixMillis::new(NOW - 1001), ..stated.clone() },
        ),
    ] {
        book.bad(name, reason, &wrong.sign(key, &world.random).unwrap());
    }
    envelopes(&mut book, world, label::RECEIPT, &document, key);
    let sealed = |payload: &[u8]| sign(world, label::RECEIPT, payload, key);
    let whole = payload(&document);
    book.shapes(&whole, "controls", &sealed);
    for (name, reason, changed) in [
        ("other-boot", "of another boot", whole.with("boot", Item::Bytes(vec![1; 16]))),
        ("other-controls", "of other controls", whole.with("controls", Item::Bytes(vec![1; 48]))),
        (
            "budget-field",
            "a budget with a field that is not listed",
            whole.with("budget.days", Item::Uint(1)),
        ),
        ("negative-index", "a negative index", whole.with("index", Item::Negative(0))),
        ("detail", "a treatment that there is not", whole.with("treatment.detail", Item::text("none"))),
    ] {
        book.bad(name, reason, &sealed(&changed.encode()));
    }
    book.write(counts);
}
