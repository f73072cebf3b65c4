//! What an owner signs or hands over.

use strongroom_attestation::published::{PublishedImage, PublishedMeasurements};
use strongroom_attestation::release::Bundle;
use strongroom_seal::key::SigningKey;
use strongroom_seal::label::{self, Label};
use strongroom_seal::signed;

use serde_json::{Value, json};

use crate::Counts;
use crate::book::Book;
use crate::cbor::Item;
use crate::packages::Packages;
use crate::pki::NOW;
use crate::world::{DEPLOYMENT, World, charter, name, private_part};

pub(crate) fn write(world: &World, packages: &Packages, counts: &mut Counts) {
    charters(world, counts);
    releases(world, counts);
    controls(world, counts);
    private_parts(world, counts);
    bundles(world, packages, counts);
    published(world, counts);
}

pub(crate) fn sign(world: &World, label: Label, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    signed::sign(label, payload.to_vec(), key, &world.random).unwrap()
}

/// The payload of a document that nobody has to verify: we signed it.
pub(crate) fn payload(document: &[u8]) -> Item {
    let Item::Bytes(payload) = Item::parse(document).get("2") else { panic!("a payload") };
    Item::parse(&payload)
}

/// Spellings of a signed document that every reader refuses.
pub(crate) fn envelopes(book: &mut Book, world: &World, label: Label, document: &[u8], key: &SigningKey) {
    let whole = Item::parse(document);
    let (Item::Bytes(protected), Item::Bytes(payload)) = (whole.get("0"), whole.get("2")) else {
        panic!("a document")
    };
    let header = Item::parse(&protected);
    let Item::Map(fields) = header.clone() else { panic!("a header") };
    let resigned = |protected: Vec<u8>| {
        let message = Item::Array(vec![
            Item::text("Signature1"),
            Item::Bytes(protected.clone()),
            Item::Bytes(vec![]),
            Item::Bytes(payload.clone()),
        ]);
        let signature = key.sign(&message.encode(), &world.random).unwrap();
        whole.with("0", Item::Bytes(protected)).with("3", Item::Bytes(signature)).encode()
    };
    let mut bad = |name: &str, reason: &str, bytes: &[u8]| {
        book.bad(name, reason, bytes);
    };
    let mut flipped = document.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    bad("cose-bad-signature", "the signature does not verify", &flipped);
    bad("cose-short-signature", "the signature has a byte less", &{
        let Item::Bytes(signature) = whole.get("3") else { panic!("a signature") };
        whole.with("3", Item::Bytes(signature[1..].to_vec())).encode()
    });
    let forged = signed::sign(label, [payload.as_slice()].concat(), &world.keys.other_owner, &world.random);
    bad("cose-other-signer", "signed by a key that is not accepted", &forged.unwrap());
    let other = if label == label::KMS { label::CLAIM } else { label::KMS };
    bad("cose-other-purpose", "signed for another purpose", &sign(world, other, &payload, key));
    bad("cose-truncated", "ends inside the signature", &document[..document.len() - 1]);
    bad("cose-surplus-byte", "a byte follows", &[document, &[0]].concat());
    bad("cose-tagged", "a tag before the array", &[&[0xd2], document].concat());
    let unprotected = Item::Map(vec![(Item::Uint(4), Item::Bytes(vec![1]))]);
    bad("cose-unprotected", "a header that is not protected", &whole.with("1", unprotected).encode());
    bad("cose-no-payload", "null for a payload", &whole.with("2", Item::null()).encode());
    let three = Item::Array(vec![whole.get("0"), whole.get("1"), whole.get("2")]);
    bad("cose-three-elements", "an array of three", &three.encode());
    let more = Item::Map([fields.clone(), vec![(Item::Uint(16), Item::text("more"))]].concat());
    bad("cose-further-header", "a header that is not listed", &resigned(more.encode()));
    let wrong = if key.public().as_bytes().len() == 97 { 6 } else { 34 };
    let mut algorithm = fields.clone();
    algorithm[0].1 = Item::Negative(wrong);
    bad(
        "cose-other-algorithm",
        "an algorithm that is not the key's",
        &resigned(Item::Map(algorithm).encode()),
    );
    let mut nameless = fields;
    nameless.retain(|(key, _)| *key != Item::Uint(4));
    bad("cose-no-key-id", "no key id", &resigned(Item::Map(nameless).encode()));
}

fn charters(world: &World, counts: &mut Counts) {
    let owner = &world.keys.owner;
    let mut book = Book::new("charter");
    book.good("charter", &world.charter);
    let mut more = charter(&world.keys);
    more.keys.push(world.keys.other_owner.public().clone());
    more.kms_keys.push("arn:aws-us-gov:kms:eu-west-1:111122223333:key/mrk-0123456789abcdef".to_owned());
    book.good("two-keys", &more.sign(&world.keys.other_owner, &world.random).unwrap());
    let sealed = |payload: &[u8]| sign(world, label::CHARTER, payload, owner);
    let whole = payload(&world.charter);
    let written_apart = sealed(&whole.indefinite());
    book.good("payload-indefinite", &written_apart).other_spelling();
    envelopes(&mut book, world, label::CHARTER, &world.charter, owner);
    book.shapes(&whole, "least_epoch", &sealed);
    let arn = |text: &str| Item::Array(vec![Item::text(text)]);
    for (name, reason, changed) in [
        ("no-keys", "no signing key", whole.with("keys", Item::Array(vec![]))),
        ("p-256-key", "a key of another curve", {
            let point = Item::Bytes(world.keys.receipt.public().as_bytes().to_vec());
            let Item::Array(keys) = whole.get("keys") else { panic!("keys") };
            whole.with("keys", Item::Array([keys, vec![point]].concat()))
        }),
        ("nine-keys", "more than eight keys", {
            whole.with("keys", Item::Array(vec![whole.get("keys.0"); 9]))
        }),
        ("compressed-key", "a compressed point", {
            let Item::Bytes(point) = whole.get("keys.0") else { panic!("a key") };
            whole.with("keys.0", Item::Bytes([&[2], &point[1..49]].concat()))
        }),
        (
            "alias",
            "an alias in place of a key",
            whole.with("kms_keys", arn("arn:aws:kms:eu-west-1:111122223333:alias/x")),
        ),
        (
            "other-region",
            "a KMS key of another region",
            whole.with("kms_keys", arn("arn:aws:kms:us-east-1:111122223333:key/1")),
        ),
        (
            "short-account",
            "an account of 11 digits",
            whole.with("kms_keys", arn("arn:aws:kms:eu-west-1:11112222333:key/1")),
        ),
        ("no-kms-keys", "no KMS key", whole.with("kms_keys", Item::Array(vec![]))),
        ("bad-name", "a deployment that is not a name", whole.with("deployment", Item::text("Vectors EU"))),
        ("negative-epoch", "a negative epoch", whole.with("least_epoch", Item::Negative(0))),
    ] {
        book.bad(name, reason, &sealed(&changed.encode()));
    }
    book.write(counts);
}

fn releases(world: &World, counts: &mut Counts) {
    let owner = &world.keys.owner;
    let image = json!({
        "pcr0": world.image.pcr0.to_string(),
        "pcr1": world.image.pcr1.to_string(),
        "pcr2": world.image.pcr2.to_string(),
    });
    let mut book = Book::new("release")
        .given("charter", hex::encode(&world.charter))
        .given("controls", hex::encode(&world.controls))
        .given("image", image)
        .given("now", NOW);
    book.good("release", &world.release);
    let day = crate::world::DAY;
    book.good("first-moment", &world.release).given("now", NOW - day);
    book.good("last-moment", &world.release).given("now", NOW + 6 * day - 1);
    book.bad("too-early", "not yet in force", &world.release).given("now", NOW - day - 1);
    book.bad("expired", "no longer in force", &world.release).given("now", NOW + 6 * day);
    let zeros = "04".repeat(48);
    let other = json!({ "pcr0": zeros, "pcr1": zeros, "pcr2": zeros });
    book.bad("other-image", "an image that is not listed", &world.release).given("image", other);
    let changed = Item::parse(&world.controls).with("max_request_bytes", Item::Uint(1024)).encode();
    book.bad("other-controls", "not the controls that it names", &world.release)
        .given("controls", hex::encode(changed));
    envelopes(&mut book, world, label::RELEASE, &world.release, owner);
    let sealed = |payload: &[u8]| sign(world, label::RELEASE, payload, owner);
    let whole = payload(&world.release);
    book.shapes(&whole, "epoch", &sealed);
    for (name, reason, changed) in [
        ("other-deployment", "of another deployment", whole.with("deployment", Item::text("vectors-us"))),
        ("below-the-floor", "an epoch below the charter's", whole.with("epoch", Item::Uint(2))),
        ("epoch-0", "epoch 0", whole.with("epoch", Item::Uint(0))),
        ("never-in-force", "ends before it begins", whole.with("not_after", whole.get("not_before"))),
        ("no-images", "no image", whole.with("images", Item::Array(vec![]))),
        (
            "17-images",
            "more than 16 images",
            whole.with("images", Item::Array(vec![whole.get("images.0"); 17])),
        ),
        ("debug-image", "a register is zero", {
            let zero = Item::Array(vec![
                whole.get("images.0").with("pcr1", Item::Bytes(vec![0; 48])),
                whole.get("images.0"),
            ]);
            whole.with("images", zero)
        }),
        ("short-register", "a register of 47 bytes", whole.with("images.0.pcr0", Item::Bytes(vec![1; 47]))),
        ("no-models", "no model", whole.with("models", Item::Array(vec![]))),
        ("model-twice", "a model twice", whole.with("models.1.id", whole.get("models.0.id"))),
        ("long-digest", "a digest of 49 bytes", whole.with("private", Item::Bytes(vec![1; 49]))),
        ("epoch-as-text", "an epoch as text", whole.with("epoch", Item::text("7"))),
    ] {
        book.bad(name, reason, &sealed(&changed.encode()));
    }
    book.write(counts);
}

fn controls(world: &World, counts: &mut Counts) {
    let mut book = Book::new("controls");
    book.good("every-field", &world.controls);
    let whole = Item::parse(&world.controls);
    let least = ["rate", "telemetry", "answer_quantum_ms", "models", "routes"]
        .iter()
        .fold(whole.clone(), |item, field| item.without(field));
    book.good("required-fields-alone", &least.encode());
    book.good("indefinite", &whole.indefinite()).other_spelling();
    book.shapes(&whole, "counting", &<[u8]>::to_vec);
    let role = |path: &str| format!("roles.analyst.{path}");
    for (name, reason, path, value) in [
        ("authentication", "not a kind of authentication", "authentication".to_owned(), Item::text("none")),
        ("payloads", "not a word on payloads", "payloads".to_owned(), Item::text("recorded")),
        ("counting", "not a way of counting", "counting".to_owned(), Item::text("forever")),
        ("rate-of-nothing", "a rate of no rows", "rate.rows".to_owned(), Item::Uint(0)),
        (
            "rate-over-a-week",
            "a rate over more than a week",
            "rate.per_ms".to_owned(),
            Item::Uint(604_800_001),
        ),
        ("rate-of-too-many", "more rows than 2^32", "rate.burst".to_owned(), Item::Uint((1 << 32) + 1)),
        ("operation", "not an operation", role("operations"), Item::Array(vec![Item::text("train")])),
        ("priority", "not a priority", role("priority"), Item::text("first")),
        ("detail", "not a detail", role("models.fraud.detail"), Item::text("half")),
        ("top-0", "the best none", role("models.fraud.detail"), Item::map(&[("top_k", Item::Uint(0))])),
        ("decimals", "seven decimals", role("models.fraud.decimals"), Item::Uint(7)),
        ("clamp", "an empty clamp", role("models.fraud.clamp.min"), Item::float(8.0)),
        ("noise", "noise of 0", role("models.fraud.noise"), Item::float(0.0)),
        (
            "treatment-field",
            "a treatment with a field that is not listed",
            role("models.fraud.blur"),
            Item::Uint(1),
        ),
        ("role-name", "a role that is not a name", "roles.Chief".to_owned(), whole.get("roles.partner")),
        (
            "even-window",
            "a window of an even number",
            "models.fraud.transforms.x.2.smooth.window".to_owned(),
            Item::Uint(4),
        ),
        (
            "wide-window",
            "a window above 31",
            "models.fraud.transforms.x.2.smooth.window".to_owned(),
            Item::Uint(33),
        ),
        ("step", "a step of 0", "models.fraud.transforms.x.1.quantize.step".to_owned(), Item::float(0.0)),
        (
            "flips",
            "more than one in twenty answered wrong",
            "models.fraud.watch.flips".to_owned(),
            Item::float(0.0625),
        ),
        (
            "unlike",
            "not a word on rows that are unlike",
            "models.fraud.watch.unlike".to_owned(),
            Item::text("dropped"),
        ),
        ("kind", "not a kind of claim", "models.fraud.provenance.0.kind".to_owned(), Item::text("believed")),
        ("output", "not a kind of output", "models.fraud.outputs.label".to_owned(), Item::text("class")),
        (
            "interface",
            "an interface whose symbol has no range",
            "models.fraud.interfaces.1.symbols".to_owned(),
            Item::Map(vec![]),
        ),
        ("route-nowhere", "a route to no model", "routes.payments.models".to_owned(), Item::Array(vec![])),
        (
            "telemetry-period",
            "a report more than once a second",
            "telemetry.period_ms".to_owned(),
            Item::Uint(999),
        ),
        (
            "quantum-of-four",
            "answers on a grid of four milliseconds",
            "answer_quantum_ms".to_owned(),
            Item::Uint(4),
        ),
        (
            "quantum-over-ten-seconds",
            "answers on a grid of more than ten seconds",
            "answer_quantum_ms".to_owned(),
            Item::Uint(10_001),
        ),
    ] {
        book.bad(name, reason, &whole.with(&path, value).encode());
    }
    let roles = (0..257).map(|at| (Item::text(&format!("r{at}")), whole.get("roles.partner"))).collect();
    book.bad("257-roles", "more than 256 roles", &whole.with("roles", Item::Map(roles)).encode());
    book.write(counts);
}

fn private_parts(world: &World, counts: &mut Counts) {
    let mut book = Book::new("private-part").given("controls", hex::encode(&world.controls));
    let bytes = private_part().encode().unwrap();
    book.good("every-field", &bytes);
    let whole = Item::parse(&bytes);
    book.shapes(&whole, "state_key", &<[u8]>::to_vec);
    let key = |path: &str| format!("keys.0.{path}");
    for (name, reason, changed) in [
        ("no-audit-key", "no audit key, and the controls state a log", whole.without("audit_key")),
        (
            "short-audit-key",
            "an audit key of 1215 bytes",
            whole.with("audit_key", Item::Bytes(vec![1; 1215])),
        ),
        ("short-state-key", "a state key of 31 bytes", whole.with("state_key", Item::Bytes(vec![1; 31]))),
        ("unknown-role", "a key of a role that is not stated", whole.with(&key("role"), Item::text("chief"))),
        (
            "unknown-organisation",
            "a key of an organisation that is not there",
            whole.with(&key("organisation"), Item::text("other")),
        ),
        (
            "more-than-its-role",
            "a key that is allowed more than its role",
            whole.with(&key("limits.rows_per_day"), Item::Uint(10_001)),
        ),
        (
            "short-key-digest",
            "a digest of a key of 31 bytes",
            whole.with(&key("key"), Item::Bytes(vec![1; 31])),
        ),
        ("no-monitor", "a model is watched without a profile", whole.without("monitors")),
        (
            "other-routes",
            "not the routes of the controls",
            whole.with("routes.more", whole.get("routes.payments")),
        ),
        (
            "no-last-rule",
            "a route without a rule for everybody",
            whole.with("routes.payments", Item::Array(vec![whole.get("routes.payments.0")])),
        ),
        (
            "unstated-model",
            "a rule to a model that the controls do not state",
            whole.with("routes.payments.1.target.model", Item::text("secret")),
        ),
        (
            "unstated-field",
            "a rule by a field that the controls do not state",
            whole.with("routes.payments.0.when.field", Item::text("country")),
        ),
        (
            "lone-ensemble",
            "an ensemble of one",
            whole.with("routes.payments.0.target.ensemble.members", Item::Array(vec![Item::text("fraud")])),
        ),
        (
            "disagreement",
            "a share above 1",
            whole.with("routes.payments.0.target.ensemble.disagreement", Item::float(1.5)),
        ),
        (
            "organisation-rate",
            "a rate of nothing",
            whole.with("organisations.acme.limits.rate.burst", Item::Uint(0)),
        ),
    ] {
        book.bad(name, reason, &changed.encode());
    }
    book.write(counts);
}

fn bundles(world: &World, packages: &Packages, counts: &mut Counts) {
    let bundle = Bundle {
        release: world.release.clone(),
        controls: world.controls.clone(),
        private: packages.private.clone(),
    };
    let bytes = bundle.encode().unwrap();
    let mut book = Book::new("release-bundle");
    book.good("bundle", &bytes);
    let small = Bundle { release: vec![1], controls: vec![2], private: vec![3] }.encode().unwrap();
    book.shapes(&Item::parse(&small), "controls", &<[u8]>::to_vec);
    let array = Item::Array(vec![Item::Bytes(vec![1])]);
    book.bad(
        "nested",
        "deeper than byte strings in a map",
        &Item::parse(&small).with("private", array).encode(),
    );
    book.write(counts);
}

fn published(world: &World, counts: &mut Counts) {
    let image = |version: &str| PublishedImage { version: name(version), image: world.image };
    let owner = &world.keys.owner;
    let both =
        PublishedMeasurements { deployment: name(DEPLOYMENT), images: vec![image("0.9"), image("1.0")] };
    let document = both.sign(owner, &world.random).unwrap();
    let keys = Value::from(vec![world.owner_hex()]);
    let mut book = Book::new("published-measurements").given("keys", keys).given("deployment", DEPLOYMENT);
    book.good("two-images", &document);
    book.bad("other-deployment", "of another deployment", &document).given("deployment", "vectors-us");
    envelopes(&mut book, world, label::MEASUREMENTS, &document, owner);
    let sealed = |payload: &[u8]| sign(world, label::MEASUREMENTS, payload, owner);
    let whole = payload(&document);
    book.shapes(&whole, "images", &sealed);
    for (name, reason, changed) in [
        ("no-image", "no image", whole.with("images", Item::Array(vec![]))),
        ("17-images", "more than 16", whole.with("images", Item::Array(vec![whole.get("images.0"); 17]))),
        ("debug-image", "a register is zero", whole.with("images.1.image.pcr2", Item::Bytes(vec![0; 48]))),
        ("bad-version", "a version that is not a name", whole.with("images.0.version", Item::text("1 0"))),
    ] {
        book.bad(name, reason, &sealed(&changed.encode()));
    }
    book.write(counts);
}
