//! Frames, and what host and enclave tell each other.

use strongroom_proto::Code;
use strongroom_proto::frame::{Header, Kind};
use strongroom_proto::name::PackageId;
use strongroom_proto::relay::{BootDocuments, Credentials, Range, Status};
use strongroom_proto::report::{DriftSummary, KeptReport, ModelSummary, Summary};
use strongroom_seal::record::Bound;
use strongroom_seal::secret::StateKey;

use crate::Counts;
use crate::book::Book;
use crate::cbor::Item;
use crate::pki::NOW;
use crate::world::{BOOT, DEPLOYMENT, STATE_KEY, World, name};

pub(crate) fn write(_: &World, counts: &mut Counts) {
    frames(counts);
    relay(counts);
    reports(counts);
    state(counts);
}

fn frames(counts: &mut Counts) {
    let mut book = Book::new("frame");
    let frame = |kind: Kind, body: &[u8]| {
        [&Header::new(kind, 0x0102_0304, body.len()).unwrap().to_bytes(), body].concat()
    };
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Reply) {
        let body: &[u8] = if kind.max_body_bytes() == 0 { b"" } else { b"body" };
        book.good(&format!("{kind:?}").to_lowercase(), &frame(kind, body));
    }
    for code in Code::ALL {
        book.good(&format!("reply-{code:?}").to_lowercase(), &frame(Kind::Reply, &[code.byte(), 1, 2]));
    }
    book.good("empty-message", &frame(Kind::Message, b""));
    let header = |length: u32, kind: u8| [&length.to_be_bytes(), &[kind][..], &[0, 0, 0, 1]].concat();
    for (name, reason, bytes) in [
        ("empty", "no bytes", vec![]),
        ("short-header", "ends inside the header", header(0, 4)[..8].to_vec()),
        ("unknown-kind", "kind 5", header(0, 5)),
        ("kind-0", "kind 0", header(0, 0)),
        ("long-hello", "a hello of 33 bytes", [header(33, 1), vec![0; 33]].concat()),
        ("status-with-a-body", "a body where there is none", [header(1, 4), vec![0]].concat()),
        ("boot-with-a-body", "a body where there is none", [header(1, 32), vec![0]].concat()),
        ("long-log-line", "a line of 1025 bytes", [header(1025, 35), vec![b'x'; 1025]].concat()),
        ("long-range", "more than 64 KiB", header(64 * 1024 + 1, 34)),
        ("long-audit", "more than 1 MiB", header(1024 * 1024 + 1, 36)),
        ("long-release", "more than 32 MiB", header(32 * 1024 * 1024 + 1, 3)),
        ("largest-length", "a length of 4 GiB", header(u32::MAX, 2)),
        ("cut-body", "a body that ends early", [header(4, 2), vec![0; 3]].concat()),
        ("surplus-byte", "a byte more than stated", [header(4, 2), vec![0; 5]].concat()),
        (
            "little-endian-length",
            "a length in the other order",
            [4_u32.to_le_bytes().as_slice(), &[2, 0, 0, 0, 1], b"body"].concat(),
        ),
        ("reply-without-a-code", "an empty reply", header(0, 16)),
        ("reply-of-no-code", "code 6", [header(1, 16), vec![6]].concat()),
    ] {
        book.bad(name, reason, &bytes);
    }
    book.write(counts);
}

fn relay(counts: &mut Counts) {
    let documents =
        BootDocuments { charter: vec![1; 3], release: vec![2; 3], state: vec![] }.encode().unwrap();
    let mut book = Book::new("boot-documents");
    book.good("no-state", &documents);
    let state = BootDocuments { charter: vec![1; 3], release: vec![2; 3], state: vec![3; 300] };
    book.good("state", &state.encode().unwrap());
    book.shapes(&Item::parse(&documents), "state", &<[u8]>::to_vec);
    book.write(counts);

    let credentials = Credentials {
        access_key_id: "AKIAEXAMPLE".into(),
        secret_access_key: "example".into(),
        session_token: "token/+=".into(),
        expires_ms: NOW,
    };
    let bytes = credentials.encode().unwrap();
    let mut book = Book::new("credentials");
    book.good("credentials", &bytes);
    let whole = Item::parse(&bytes);
    book.shapes(&whole, "session_token", &<[u8]>::to_vec);
    book.bad(
        "negative-time",
        "a time before the epoch",
        &whole.with("expires_ms", Item::Negative(5)).encode(),
    );
    book.bad(
        "not-utf-8",
        "text that is not UTF-8",
        &whole.with("session_token", Item::Raw(vec![0x61, 0xff])).encode(),
    );
    book.write(counts);

    let package: PackageId = "fraud@1".parse().unwrap();
    let bytes = Range { package, offset: 1 << 33, length: 4 * 1024 * 1024 }.encode().unwrap();
    let mut book = Book::new("range");
    book.good("range", &bytes);
    let whole = Item::parse(&bytes);
    book.shapes(&whole, "offset", &<[u8]>::to_vec);
    book.bad(
        "path",
        "a package that names a path",
        &whole.with("package.name", Item::text("../fraud")).encode(),
    );
    book.bad("long-length", "a length beyond 32 bits", &whole.with("length", Item::Uint(1 << 32)).encode());
    book.bad("negative-offset", "a negative offset", &whole.with("offset", Item::Negative(0)).encode());
    book.write(counts);

    let (answered, refusal) = (1 << 40, String::new());
    let status = Status { serving: true, epoch: 7, sessions: 3, answered, panics: 2, refusal };
    let mut book = Book::new("host-status");
    let bytes = status.encode().unwrap();
    book.good("serving", &bytes);
    let refused = Status { serving: false, epoch: 0, refusal: "release has expired".into(), ..status };
    book.good("refused", &refused.encode().unwrap());
    book.shapes(&Item::parse(&bytes), "epoch", &<[u8]>::to_vec);
    book.write(counts);
}

fn summary() -> Summary {
    let drift = DriftSummary {
        features: 30,
        drifted: 2,
        psi: 0.5,
        psi_threshold: 0.25,
        ks: 0.125,
        ks_threshold: 0.25,
    };
    let fraud = ModelSummary {
        requests: Some(120),
        refused: Some(0.25),
        failed: None,
        latency_us: [Some(1024), Some(4096), None],
        rows: Some(4000),
        classes: vec![Some(0.75), None],
        drift: Some(drift),
    };
    Summary {
        number: 3,
        epoch: 7,
        from_ms: NOW - 1000,
        to_ms: NOW,
        epsilon: 1.0,
        models: [(name("fraud"), fraud), (name("large"), ModelSummary::default())].into(),
    }
}

fn reports(counts: &mut Counts) {
    let padded = summary().pad(1024).unwrap();
    let mut book = Book::new("report-summary");
    book.good("summary", &padded);
    book.good("no-padding", &summary().pad(4 + summary().encode().unwrap().len()).unwrap());
    let whole = Item::parse(&summary().encode().unwrap());
    let pad = |bytes: &[u8]| {
        let mut padded = [&(bytes.len() as u32).to_be_bytes(), bytes].concat();
        padded.resize(1024, 0);
        padded
    };
    book.shapes(&whole, "epoch", &pad);
    book.bad("long-length", "a length beyond the bytes", &[&2000_u32.to_be_bytes(), &padded[4..]].concat());
    book.bad("short-length", "a length that cuts the map", &[&9_u32.to_be_bytes(), &padded[4..]].concat());
    book.bad("three-bytes", "no whole length", &[0; 3]);
    book.bad(
        "two-latencies",
        "two latencies in place of three",
        &pad(&whole.with("models.fraud.latency_us", Item::Array(vec![Item::null(); 2])).encode()),
    );
    book.bad(
        "model-name",
        "a model that is not a name",
        &pad(&whole.with("models.Fraud", whole.get("models.large")).encode()),
    );
    book.write(counts);
    let kept = KeptReport { boot: BOOT, number: 3, summary: padded, sealed: vec![9; 40] }.encode().unwrap();
    let mut book = Book::new("report");
    book.good("report", &kept);
    let small = KeptReport { boot: BOOT, number: 0, summary: vec![], sealed: vec![] }.encode().unwrap();
    book.good("no-audit-key", &small);
    let whole = Item::parse(&small);
    book.shapes(&whole, "summary", &<[u8]>::to_vec);
    book.bad("long-boot", "a boot of 17 bytes", &whole.with("boot", Item::Bytes(vec![1; 17])).encode());
    book.write(counts);
}

fn state(counts: &mut Counts) {
    let mut book =
        Book::new("sealed-state").given("state_key", hex::encode(STATE_KEY)).given("deployment", DEPLOYMENT);
    let key = || StateKey::take(&mut STATE_KEY.clone()).record_key(&BOOT).unwrap();
    let nobody = Item::map(&[
        (
            "counters",
            Item::map(&[
                (
                    "keys",
                    Item::Array(vec![Item::Array(vec![
                        Item::Bytes(vec![1; 32]),
                        Item::Array([1, 2, 3, 4, 5, 6].map(Item::Uint).to_vec()),
                    ])]),
                ),
                ("organisations", Item::Array(vec![])),
                ("models", Item::Array(vec![])),
                ("enclave", Item::Uint(0)),
            ]),
        ),
        ("audit", Item::null()),
    ]);
    let sealed = |size| key().seal(2, Bound(DEPLOYMENT.as_bytes()), &[&nobody.encode()], size).unwrap();
    let state = |sealed: Vec<u8>| {
        Item::map(&[
            ("boot", Item::Bytes(BOOT.to_vec())),
            ("number", Item::Uint(2)),
            ("sealed", Item::Bytes(sealed)),
        ])
    };
    let good = state(sealed(4096));
    book.good("smallest", &good.encode());
    book.good("larger", &state(sealed(8192)).encode());
    book.bad("other-deployment", "of another deployment", &good.encode()).given("deployment", "vectors-us");
    book.bad("other-key", "under another state key", &good.encode()).given("state_key", "00".repeat(32));
    book.bad("other-boot", "of another boot", &good.with("boot", Item::Bytes(vec![1; 16])).encode());
    book.bad("other-number", "under another number", &good.with("number", Item::Uint(3)).encode());
    book.bad("too-small", "2048 bytes, sealed well", &state(sealed(2048)).encode());
    book.bad("no-power-of-two", "6144 bytes, sealed well", &state(sealed(6144)).encode());
    book.shapes(&good, "number", &<[u8]>::to_vec);
    book.write(counts);
}
