//! The audit log, and sealed reports.

use strongroom_attestation::UnixMillis;
use strongroom_attestation::audit::{
    Answered, AuditEvent, AuditOpening, AuditPrivateKey, AuditRecord, AuditWriter, KeyTag, PreviousLog,
    Reason, Verdict,
};
use strongroom_attestation::claims::{BootId, Claims};
use strongroom_attestation::release::{Coarseness, Operation};
use strongroom_attestation::report::{ReportId, SealedReport};
use strongroom_proto::cbor::encode;
use strongroom_proto::relay::AuditBatch;
use strongroom_seal::digest::{AuditHead, ReleaseDigest};
use strongroom_seal::label;
use strongroom_seal::message::Limited;
use strongroom_seal::secret::ApiKey;

use crate::Counts;
use crate::book::Book;
use crate::cbor::Item;
use crate::owner::{envelopes, payload, sign};
use crate::pki::NOW;
use crate::world::{API_KEY, AUDIT_SEED, BOOT, DEPLOYMENT, World, name, x_wing};

pub(crate) fn write(world: &World, counts: &mut Counts) {
    records(counts);
    let owner = AuditPrivateKey::from_seed(zeroize::Zeroizing::new(AUDIT_SEED));
    let boot = BootId::new(BOOT);
    let sealed_to = AuditWriter::encapsulate(&owner.public(), &name(DEPLOYMENT), boot, 1, &world.random);
    let (encapsulated, key) = sealed_to.unwrap();
    let previous = PreviousLog { boot, segment: 0, records: 9, head: AuditHead::of(b"before") };
    let opening = AuditOpening {
        deployment: name(DEPLOYMENT),
        charter: Claims::decode(&world.claims).unwrap().charter,
        boot,
        segment: 1,
        receipt_key: world.keys.receipt.public().clone(),
        encapsulated,
        previous: Some(previous),
        time: UnixMillis::new(NOW),
    };
    let encoded = opening.encode().unwrap();
    let mut book = Book::new("audit-opening");
    book.good("after-another", &encoded);
    book.good("first", &AuditOpening { previous: None, segment: 0, ..opening.clone() }.encode().unwrap());
    let whole = Item::parse(&encoded);
    book.shapes(&whole, "time", &<[u8]>::to_vec);
    book.bad(
        "long-segment",
        "a segment beyond 32 bits",
        &whole.with("segment", Item::Uint(1 << 32)).encode(),
    );
    book.bad(
        "short-head",
        "a head of 47 bytes",
        &whole.with("previous.head", Item::Bytes(vec![1; 47])).encode(),
    );
    book.bad(
        "receipt-key",
        "a receipt key that is no point",
        &whole.with("receipt_key", Item::Bytes(vec![1; 65])).encode(),
    );
    book.write(counts);

    let mut writer = AuditWriter::begin(&opening, &encoded, key);
    let kept = ["release", "opened", "answered", "limit"];
    let events = events().into_iter().filter(|(name, _)| kept.contains(name));
    let sealed: Vec<Vec<u8>> = events.map(|(_, record)| writer.append(&record).unwrap().sealed).collect();
    let stated = writer.checkpoint(UnixMillis::new(NOW + 5));
    let checkpoint = stated.sign(&world.keys.receipt, &world.random).unwrap();
    checkpoints(world, &checkpoint, counts);
    let user_data = Item::Bytes(AuditOpening::digest(&encoded).as_bytes().to_vec());
    let document =
        world.pki.sign(&world.pki.payload(&[(0, world.image.pcr0)], user_data, Item::null()).encode());
    let batch = AuditBatch {
        boot: BOOT,
        segment: 1,
        opening: encoded,
        document,
        first: 0,
        records: sealed.iter().cloned().map(serde_bytes::ByteBuf::from).collect(),
        checkpoint,
    };
    batches(world, &batch, counts);
    reports(world, &owner, counts);
}

fn batches(world: &World, batch: &AuditBatch, counts: &mut Counts) {
    let mut book = Book::new("audit-batch")
        .given("audit_seed", hex::encode(AUDIT_SEED))
        .given("audit_secret_key", hex::encode(&world.keys.audit_secret));
    let bytes = batch.encode().unwrap();
    book.good("whole-log", &bytes);
    let empty = AuditBatch { document: vec![1], ..batch.clone() };
    let whole = Item::parse(&empty.encode().unwrap());
    book.shapes(&whole, "first", &<[u8]>::to_vec);
    let records = |order: &[usize]| {
        let records = order.iter().map(|at| batch.records[*at].clone()).collect();
        AuditBatch { records, ..empty.clone() }.encode().unwrap()
    };
    let all: Vec<usize> = (0..batch.records.len()).collect();
    book.bad("record-dropped", "a record is missing at the end", &records(&all[..all.len() - 1]));
    book.bad("record-missing", "a record is missing at the beginning", &records(&all[1..]));
    let mut swapped = all.clone();
    swapped.swap(0, 1);
    book.bad("records-swapped", "records in another order", &records(&swapped));
    book.bad("record-doubled", "a record twice", &records(&[all.clone(), vec![0]].concat()));
    for (name, reason, changed) in [
        ("changed-record", "a changed record", {
            let Item::Bytes(mut record) = whole.get("records.0") else { panic!("a record") };
            record[9] ^= 1;
            whole.with("records.0", Item::Bytes(record))
        }),
        ("short-record", "a record of 511 bytes", whole.with("records.0", Item::Bytes(vec![1; 511]))),
        ("other-boot", "of another boot than its opening", whole.with("boot", Item::Bytes(vec![1; 16]))),
        ("other-segment", "of another segment than its opening", whole.with("segment", Item::Uint(2))),
        ("overflow", "more records than can be counted", whole.with("first", Item::Uint(u64::MAX))),
        ("no-checkpoint", "no checkpoint", whole.with("checkpoint", Item::Bytes(vec![]))),
    ] {
        book.bad(name, reason, &changed.encode());
    }
    let other = x_wing(&[0x11; 32]).0;
    book.bad("other-owner", "sealed to another owner", &bytes)
        .given("audit_seed", "11".repeat(32))
        .given("audit_secret_key", hex::encode(other));
    book.write(counts);
}

fn checkpoints(world: &World, document: &[u8], counts: &mut Counts) {
    let key = &world.keys.receipt;
    let mut book = Book::new("audit-checkpoint")
        .given("receipt_key", hex::encode(key.public().as_bytes()))
        .given("boot", hex::encode(BOOT))
        .given("segment", 1);
    book.good("checkpoint", document);
    book.bad("other-segment", "of another segment", document).given("segment", 0);
    book.bad("other-boot", "of another boot", document).given("boot", "00".repeat(16));
    envelopes(&mut book, world, label::AUDIT_CHECKPOINT, document, key);
    book.shapes(&payload(document), "records", &|bytes| sign(world, label::AUDIT_CHECKPOINT, bytes, key));
    book.write(counts);
}

fn events() -> Vec<(&'static str, AuditRecord)> {
    let record = |event| AuditRecord { time: UnixMillis::new(NOW), blind: [0xb1; 16], event };
    let answered = Answered {
        key: Some(KeyTag::of(&ApiKey::take(&mut API_KEY.clone()).digest())),
        index: Some(1),
        operation: Some(Operation::Infer),
        model: Some("fraud@1".parse().unwrap()),
        verdict: Verdict::Answered,
        coarseness: Some(Coarseness::Rounded),
        stricter: true,
        rows: 1,
        bits: 12,
        size_log2: 10,
    };
    let with = |operation, verdict| {
        let refused = Answered {
            operation,
            verdict,
            model: None,
            coarseness: None,
            stricter: false,
            rows: 0,
            bits: 0,
            ..answered.clone()
        };
        record(AuditEvent::Answered(refused))
    };
    let infer = Some(Operation::Infer);
    let unknown = Answered {
        key: None,
        index: None,
        operation: None,
        model: None,
        verdict: Verdict::Refused(Reason::Key),
        coarseness: None,
        stricter: false,
        ..answered.clone()
    };
    let mut events = vec![
        ("release", record(AuditEvent::Release { epoch: 7, digest: ReleaseDigest::of(b"r") })),
        ("answered", record(AuditEvent::Answered(answered.clone()))),
        ("opened", with(None, Verdict::Opened)),
        ("repeated", with(infer, Verdict::Repeated)),
        ("status", with(Some(Operation::Status), Verdict::Answered)),
        ("unknown-key", record(AuditEvent::Answered(unknown))),
        ("limit", with(infer, Verdict::Refused(Reason::Limit(Limited::DailyRows)))),
    ];
    for (name, reason) in [
        ("operation", Reason::Operation),
        ("model", Reason::Model),
        ("malformed", Reason::Malformed),
        ("input", Reason::Input),
        ("answer-size", Reason::AnswerSize),
        ("failed", Reason::Failed),
        ("in-flight", Reason::InFlight),
        ("frozen", Reason::Frozen),
        ("out-of-distribution", Reason::OutOfDistribution),
        ("suspended", Reason::Suspended),
    ] {
        events.push((name, with(infer, Verdict::Refused(reason))));
    }
    events
}

fn records(counts: &mut Counts) {
    let mut book = Book::new("audit-record");
    let events = events();
    for (name, record) in &events {
        book.good(name, &encode(record).unwrap());
    }
    let whole = Item::parse(&encode(&events[1].1).unwrap());
    book.shapes(&whole, "time", &<[u8]>::to_vec);
    let answered = |path: &str, value: Item| whole.with(&format!("event.answered.{path}"), value).encode();
    for (name, reason, bytes) in [
        ("verdict-unknown", "not a verdict", answered("verdict", Item::text("ignored"))),
        (
            "reason-unknown",
            "not a reason",
            answered("verdict", Item::map(&[("refused", Item::text("mood"))])),
        ),
        ("operation-unknown", "not an operation", answered("operation", Item::text("train"))),
        ("coarseness-unknown", "not a coarseness", answered("coarseness", Item::text("fine"))),
        ("key-length", "a key's name of 7 bytes", answered("key", Item::Bytes(vec![1; 7]))),
        ("size", "a size beyond 8 bits", answered("size_log2", Item::Uint(256))),
        ("further-field", "a field that is not listed", answered("ip", Item::text("::1"))),
        ("blind-length", "a blind of 15 bytes", whole.with("blind", Item::Bytes(vec![1; 15])).encode()),
        (
            "event-unknown",
            "not an event",
            whole.with("event", Item::map(&[("stopped", Item::null())])).encode(),
        ),
    ] {
        book.bad(name, reason, &bytes);
    }
    book.write(counts);
}

fn reports(world: &World, owner: &AuditPrivateKey, counts: &mut Counts) {
    let id = ReportId { deployment: name(DEPLOYMENT), boot: BootId::new(BOOT), number: 3 };
    let report = SealedReport::seal(id, b"counts", 1004, &owner.public(), &world.random).unwrap();
    let bytes = report.encode().unwrap();
    let mut book = Book::new("sealed-report")
        .given("audit_seed", hex::encode(AUDIT_SEED))
        .given("audit_secret_key", hex::encode(&world.keys.audit_secret));
    book.good("report", &bytes);
    let whole = Item::parse(&bytes);
    book.shapes(&whole, "encapsulated", &<[u8]>::to_vec);
    let Item::Bytes(mut sealed) = whole.get("sealed") else { panic!("bytes") };
    sealed[40] ^= 1;
    for (name, reason, changed) in [
        ("other-deployment", "of another deployment", whole.with("id.deployment", Item::text("vectors-us"))),
        ("other-boot", "of another boot", whole.with("id.boot", Item::Bytes(vec![1; 16]))),
        ("other-number", "under another number", whole.with("id.number", Item::Uint(4))),
        ("changed", "a changed byte", whole.with("sealed", Item::Bytes(sealed))),
        (
            "short-encapsulated",
            "an encapsulated key of 1119 bytes",
            whole.with("encapsulated", Item::Bytes(vec![1; 1119])),
        ),
    ] {
        book.bad(name, reason, &changed.encode());
    }
    let other = x_wing(&[0x11; 32]).0;
    book.bad("other-owner", "sealed to another owner", &bytes)
        .given("audit_seed", "11".repeat(32))
        .given("audit_secret_key", hex::encode(other));
    book.write(counts);
}
