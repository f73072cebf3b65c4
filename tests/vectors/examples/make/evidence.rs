//! Hello, evidence and its judgement.

use serde_json::{Value, json};
use strongroom_attestation::{ImagePcrs, Pcr};
use strongroom_proto::hello::Evidence;
use strongroom_seal::digest::{CharterDigest, ControlsDigest, ReleaseDigest};
use strongroom_seal::label;

use crate::Counts;
use crate::book::Book;
use crate::cbor::Item;
use crate::owner::{payload, sign};
use crate::pki::{LEAF, NOW, Plan, assemble, document, protected, signature};
use crate::trust::file;
use crate::world::{NONCE, Parts, World, charter};

const HOUR: u64 = 3600 * 1000;

pub(crate) fn write(world: &World, counts: &mut Counts) {
    let mut book = Book::new("hello");
    book.good("nonce", &NONCE);
    book.bad("short", "31 bytes", &NONCE[1..]);
    book.bad("long", "33 bytes", &[NONCE.as_slice(), &[0]].concat());
    book.bad("nothing", "no bytes", &[]);
    book.write(counts);
    offers(world, counts);
    claims(world, counts);
    let mut book = Book::new("evidence");
    book.good("evidence", &world.evidence(&world.parts()));
    let some = |byte: u8| vec![byte; 3];
    let small = Evidence {
        document: some(1),
        offers: some(2),
        claims: some(3),
        charter: some(4),
        release: some(5),
        controls: some(6),
    };
    let bytes = small.encode().unwrap();
    let whole = Item::parse(&bytes);
    book.good("opaque-parts", &bytes);
    book.good("other-order", &{
        let Item::Map(mut pairs) = whole.clone() else { panic!("a map") };
        pairs.reverse();
        Item::Map(pairs).encode()
    })
    .other_spelling();
    book.good("indefinite", &whole.indefinite()).other_spelling();
    book.shapes(&whole, "offers", &<[u8]>::to_vec);
    book.write(counts);
    documents(world, counts);
    judgements(world, counts);
}

fn offers(world: &World, counts: &mut Counts) {
    let mut book = Book::new("offers").given("nonce", hex::encode(NONCE));
    book.good("two", &world.offers);
    book.good("own-alone", &world.offers[64..]);
    book.bad("torn", "not whole pairs", &world.offers[1..]);
    book.bad("surplus-byte", "not whole pairs", &[world.offers.as_slice(), &[0]].concat());
    book.bad("others-alone", "no offer to this nonce", &world.offers[..64]);
    book.bad("nothing", "no offer at all", &[]);
    book.bad("other-nonce", "no offer to this nonce", &world.offers).given("nonce", "00".repeat(32));
    book.write(counts);
}

fn claims(world: &World, counts: &mut Counts) {
    let whole = Item::parse(&world.claims);
    let mut book = Book::new("claims");
    book.good("claims", &world.claims);
    book.good("no-models", &whole.with("models", Item::Array(vec![])).encode());
    book.shapes(&whole, "epoch", &<[u8]>::to_vec);
    for (name, reason, changed) in [
        ("protocol-2", "another version of the protocol", whole.with("protocol", Item::Uint(2))),
        (
            "short-channel-key",
            "a channel key of 1215 bytes",
            whole.with("channel_key", Item::Bytes(vec![1; 1215])),
        ),
        ("short-digest", "a digest of 47 bytes", whole.with("charter", Item::Bytes(vec![1; 47]))),
        ("short-boot", "a boot of 15 bytes", whole.with("boot", Item::Bytes(vec![1; 15]))),
        (
            "short-receipt-key",
            "a receipt key of 64 bytes",
            whole.with("receipt_key", Item::Bytes(vec![4; 64])),
        ),
        ("negative-epoch", "a negative epoch", whole.with("epoch", Item::Negative(0))),
        (
            "model-field",
            "a model with a field that is not listed",
            whole.with("models.0.more", Item::Uint(1)),
        ),
        ("model-name", "a model whose name is a path", whole.with("models.0.id.name", Item::text("../x"))),
    ] {
        book.bad(name, reason, &changed.encode());
    }
    book.write(counts);
}

fn pcr_json(image: &ImagePcrs) -> Value {
    json!([{ "0": image.pcr0.to_string(), "1": image.pcr1.to_string(), "2": image.pcr2.to_string() }])
}

#[allow(clippy::too_many_lines, reason = "one line for each step of the verifier")]
fn documents(world: &World, counts: &mut Counts) {
    let pki = &world.pki;
    let ImagePcrs { pcr0, pcr1, pcr2 } = world.image;
    let (user_data, nonce) = (Item::Bytes(vec![0x33; 48]), Item::Bytes(vec![0x44; 48]));
    let whole = pki.payload(&[(0, pcr0), (1, pcr1), (2, pcr2), (16, Pcr::new([0x22; 48]))], user_data, nonce);
    let good = pki.sign(&whole.encode());
    let mut book = Book::new("attestation-document")
        .given("root", hex::encode(&pki.root.der))
        .given("now", NOW)
        .given("max_age_ms", 300_000)
        .given("pcrs", pcr_json(&world.image))
        .given("user_data", "33".repeat(48))
        .given("nonce", "44".repeat(48))
        .given("public_key", Value::Null);
    book.good("document", &good);
    book.good("tagged", &[&[0xd2], good.as_slice()].concat());
    book.good("indefinite-payload", &pki.sign(&whole.indefinite()));
    book.good("absent-in-place-of-null", &pki.sign(&whole.without("public_key").encode()));
    let key = whole.with("public_key", Item::Bytes(vec![7; 32]));
    book.good("public-key", &pki.sign(&key.encode())).given("public_key", "07".repeat(32));
    let second = json!([{ "0": "aa".repeat(48) }, { "16": "22".repeat(48) }]);
    book.good("second-alternative", &good).given("pcrs", second);
    book.good("as-old-as-allowed", &good).given("now", NOW - 1000 + 300_000);
    let ahead = pki.sign(&whole.with("timestamp", Item::Uint(NOW + 60_000)).encode());
    book.good("a-minute-ahead", &ahead);
    let zero = |register: u64| {
        let Item::Map(pairs) = whole.get("pcrs") else { panic!("registers") };
        let changed = |(index, value): (Item, Item)| match index {
            Item::Uint(found) if found == register => (index, Item::Bytes(vec![0; 48])),
            _ => (index, value),
        };
        whole.with("pcrs", Item::Map(pairs.into_iter().map(changed).collect()))
    };
    let debug = pki.sign(&zero(0).encode());
    book.good("debug-image-by-choice", &debug).given("debug_images", "allowed").given("pcrs", Value::Null);
    // Step 1 to 6: the envelope.
    let plain = whole.encode();
    let signed = signature(&pki.leaf, &protected(), &plain);
    let nothing = || Item::Map(vec![]);
    let mut bad = |name: &str, reason: &str, bytes: &[u8]| {
        book.bad(name, reason, bytes);
    };
    bad(
        "step-1-too-long",
        "longer than 16 KiB and 128 B",
        &assemble(&protected(), nothing(), &[0; 16 * 1024], &[0; 200]).encode(),
    );
    bad("step-2-other-tag", "a tag that is not 18", &[&[0xd1], good.as_slice()].concat());
    bad("step-2-two-tags", "tagged twice", &[&[0xd2, 0xd2], good.as_slice()].concat());
    bad("step-2-surplus-byte", "a byte follows", &[good.as_slice(), &[0]].concat());
    bad("step-2-indefinite", "an indefinite array", &[&[0x9f], &good[1..], &[0xff]].concat());
    bad(
        "step-2-long-head",
        "a length that is not in its shortest form",
        &[&good[..1], &[0x58, 0x04], &good[2..]].concat(),
    );
    bad("step-2-truncated", "ends inside the signature", &good[..good.len() - 1]);
    let es256 = Item::Map(vec![(Item::Uint(1), Item::Negative(6))]).encode();
    bad("step-3-es256", "another algorithm", &document(&pki.leaf, &es256, &plain));
    let kid =
        Item::Map(vec![(Item::Uint(1), Item::Negative(34)), (Item::Uint(4), Item::Bytes(vec![1]))]).encode();
    bad("step-3-further-header", "a second protected header", &document(&pki.leaf, &kid, &plain));
    let unprotected = Item::Map(vec![(Item::Uint(4), Item::Bytes(vec![1]))]);
    bad(
        "step-4-unprotected",
        "something is not protected",
        &assemble(&protected(), unprotected, &plain, &signed).encode(),
    );
    bad("step-5-empty-payload", "an empty payload", &document(&pki.leaf, &protected(), &[]));
    bad(
        "step-6-short-signature",
        "a signature of 95 bytes",
        &assemble(&protected(), nothing(), &plain, &signed[1..]).encode(),
    );
    // Step 7 to 17: the payload, signed well.
    let twice = {
        let Item::Map(pairs) = whole.clone() else { panic!("a map") };
        Item::Map([pairs.clone(), vec![pairs[0].clone()]].concat())
    };
    for (name, reason, payload) in [
        ("step-7-key-twice", "a key is given twice", twice.encode()),
        ("step-7-surplus-byte", "a byte follows the map", [plain.as_slice(), &[0]].concat()),
        ("step-7-array", "not a map", Item::Array(vec![Item::Uint(1)]).encode()),
        ("step-8-unknown-field", "a field that is not listed", whole.with("more", Item::Uint(1)).encode()),
        (
            "step-8-nitrotpm",
            "the document of an instance",
            whole.with("nitrotpm_pcrs", whole.get("pcrs")).encode(),
        ),
        ("step-8-missing-field", "no timestamp", whole.without("timestamp").encode()),
        ("step-9-module-id", "an empty module id", whole.with("module_id", Item::text("")).encode()),
        ("step-10-digest", "registers of another hash", whole.with("digest", Item::text("SHA256")).encode()),
        ("step-11-timestamp", "timestamp 0", whole.with("timestamp", Item::Uint(0)).encode()),
        ("step-12-no-pcrs", "no registers", whole.with("pcrs", nothing()).encode()),
        (
            "step-12-index",
            "register 32",
            whole.with("pcrs", Item::Map(vec![(Item::Uint(32), Item::Bytes(vec![1; 48]))])).encode(),
        ),
        (
            "step-12-length",
            "a register of 47 bytes",
            whole.with("pcrs", Item::Map(vec![(Item::Uint(0), Item::Bytes(vec![1; 47]))])).encode(),
        ),
        (
            "step-13-certificate",
            "an empty certificate",
            whole.with("certificate", Item::Bytes(vec![])).encode(),
        ),
        ("step-13-text", "a certificate as text", whole.with("certificate", Item::text("leaf")).encode()),
        (
            "step-14-empty-bundle",
            "a bundle without a certificate",
            whole.with("cabundle", Item::Array(vec![])).encode(),
        ),
        (
            "step-14-large-bundle",
            "a bundle of eight",
            whole.with("cabundle", Item::Array(vec![whole.get("cabundle.0"); 8])).encode(),
        ),
        ("step-15-public-key", "an empty public key", whole.with("public_key", Item::Bytes(vec![])).encode()),
        (
            "step-16-user-data",
            "513 bytes of user data",
            whole.with("user_data", Item::Bytes(vec![1; 513])).encode(),
        ),
        ("step-17-nonce", "a nonce of 513 bytes", whole.with("nonce", Item::Bytes(vec![1; 513])).encode()),
        ("step-17-text", "a nonce as text", whole.with("nonce", Item::text("D")).encode()),
    ] {
        bad(name, reason, &pki.sign(&payload));
    }
    // Step 18 to 23: the chain.
    let bundle = |order: &[&[u8]]| {
        let listed = order.iter().map(|der| Item::Bytes(der.to_vec())).collect();
        pki.sign(&whole.with("cabundle", Item::Array(listed)).encode())
    };
    let [root, regional, zonal, instance] =
        [&pki.root, &pki.regional, &pki.zonal, &pki.instance].map(|issued| issued.der.as_slice());
    bad("step-18-missing-issuer", "an issuer is missing", &bundle(&[root, regional, instance]));
    bad("step-18-other-order", "issuers in another order", &bundle(&[root, zonal, regional, instance]));
    bad(
        "step-18-beside-the-path",
        "a certificate that is not on the path",
        &bundle(&[root, regional, zonal, instance, &pki.leaf.der]),
    );
    let other = crate::pki::Pki::new();
    book.bad("step-18-other-root", "under another root", &good).given("root", hex::encode(&other.root.der));
    book.good("step-18-first-entry-is-ignored", &bundle(&[&other.root.der, regional, zonal, instance]));
    let leaf = |plan: Plan| {
        let issued = pki.other_leaf(&plan);
        let payload = whole.with("certificate", Item::Bytes(issued.der.clone())).encode();
        document(&issued, &protected(), &payload)
    };
    book.bad("step-18-root-of-aws", "pretended under the root of AWS", &good).given("root", "aws");
    let expired = Plan { to: NOW - 2000, ..LEAF };
    book.bad("step-19-expired", "the leaf has ended", &leaf(expired));
    book.bad("step-19-not-yet", "the leaf is not valid yet", &leaf(Plan { from: NOW + 1000, ..LEAF }));
    let late = NOW + 3 * HOUR + 1000;
    book.bad("step-19-years-later", "judged after the leaf's three hours", &good)
        .given("now", late)
        .given("max_age_ms", 4 * HOUR);
    let below = pki.other_leaf(&Plan { basic: (true, None), usage: 0x84, ..LEAF });
    let under = |plan: Plan| {
        let issued = crate::pki::issue_under(&plan, &below);
        let bundle = [root, regional, zonal, instance, &below.der].map(|der| Item::Bytes(der.to_vec()));
        let payload = whole
            .with("cabundle", Item::Array(bundle.to_vec()))
            .with("certificate", Item::Bytes(issued.der.clone()));
        document(&issued, &protected(), &payload.encode())
    };
    book.bad("step-20-path-length", "one issuer more than a path length allows", &under(LEAF));
    book.bad("step-21-authority", "the leaf is an authority", &leaf(Plan { basic: (true, None), ..LEAF }));
    book.bad("step-21-usage", "the leaf may not sign documents", &leaf(Plan { usage: 0x04, ..LEAF }));
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    book.bad("step-23-signature", "the signature does not verify", &forged);
    let stranger = pki.other_leaf(&LEAF);
    book.bad("step-23-other-key", "signed by another leaf's key", &document(&stranger, &protected(), &plain));
    // Step 24 to 30: demands.
    for register in [0, 1, 2] {
        let name = format!("step-24-pcr{register}");
        book.bad(&name, "a debug image", &pki.sign(&zero(register).encode())).given("pcrs", Value::Null);
    }
    book.bad("step-25-pcrs", "other registers than demanded", &good)
        .given("pcrs", json!([{ "0": "aa".repeat(48) }]));
    let mixed = json!([{ "0": world.image.pcr0.to_string(), "1": "aa".repeat(48) }, { "0": "aa".repeat(48), "1": world.image.pcr1.to_string() }]);
    book.bad("step-25-mixed", "a register of each set is met, and no set", &good).given("pcrs", mixed);
    book.bad("step-26-stale", "older than demanded", &good).given("now", NOW - 1000 + 300_001);
    let ahead = pki.sign(&whole.with("timestamp", Item::Uint(NOW + 60_001)).encode());
    book.bad("step-27-future", "more than a minute from the future", &ahead);
    book.bad("step-28-nonce", "another nonce", &good).given("nonce", "00".repeat(48));
    book.bad("step-28-present", "a nonce where none is demanded", &good).given("nonce", Value::Null);
    book.bad("step-29-user-data", "other user data", &good).given("user_data", "00".repeat(48));
    let empty = pki.sign(&whole.with("user_data", Item::Bytes(vec![])).encode());
    book.bad("step-29-empty", "empty user data where none is demanded", &empty)
        .given("user_data", Value::Null);
    book.bad("step-30-public-key", "no public key where one is demanded", &good)
        .given("public_key", "07".repeat(32));
    real(&mut book);
    book.write(counts);
}

/// Documents that AWS signed, which are no part of this repository.
fn real(book: &mut Book) {
    let demands = |nonce: Value, user_data: Value, public_key: Value| {
        [("nonce", nonce), ("user_data", user_data), ("public_key", public_key)]
    };
    for (name, file, now, refused) in [
        ("aws-valid", "ev_valid.bin", 1_665_651_482_136_u64, None),
        ("aws-debug", "ev_debug.bin", 1_665_582_606_081, Some("a debug image")),
        ("aws-two", "veracruz.bin", 1_668_034_320_696, None),
        (
            "aws-bad-signature",
            "veracruz_badsig.bin",
            1_668_034_320_696,
            Some("the signature does not verify"),
        ),
        ("aws-pcr16", "marlin_aws_pcr16.bin", 1_745_922_759_691, None),
    ] {
        let path = format!("../../../shared/data/attestation/{file}");
        let mut case = book
            .outside(name, &path, refused)
            .given("root", "aws")
            .given("now", now)
            .given("pcrs", Value::Null);
        for (field, value) in demands(json!("any"), json!("any"), json!("any")) {
            case = case.given(field, value);
        }
    }
}

fn judgements(world: &World, counts: &mut Counts) {
    let good = world.evidence(&world.parts());
    let trust = file(world);
    let mut book = Book::new("judgement")
        .given("nonce", hex::encode(NONCE))
        .given("now", NOW)
        .given("trust_file", trust.text());
    book.good("evidence", &good);
    for (name, file) in trust.waived() {
        book.good(name, &good).given("trust_file", file);
    }
    book.bad("step-1-not-evidence", "not a map of six", &good[1..]);
    book.bad("step-1-surplus-byte", "a byte follows", &[good.as_slice(), &[0]].concat());
    for (name, reason, file) in trust.missed() {
        book.bad(name, reason, &good).given("trust_file", file);
    }
    let owner = &world.keys.owner;
    let parts = world.parts();
    let mut changed = parts.clone();
    let mut more = charter(&world.keys);
    more.least_epoch = 4;
    changed.charter = more.sign(owner, &world.random).unwrap();
    book.bad(
        "step-2-other-charter",
        "another charter, and its register is not in the document",
        &world.evidence(&changed),
    )
    .given("trust_file", trust.by_signer());
    changed.charter = sign(world, label::RELEASE, &payload(&parts.charter).encode(), owner);
    book.bad("step-2-no-charter", "signed, but not as a charter", &world.evidence(&changed));
    let mut changed = parts.clone();
    changed.document = Some(world.pki.sign(&world.statement(&parts).encode()));
    changed.offers = [parts.offers.as_slice(), &[1; 64]].concat();
    book.bad("step-3-other-offers", "the document commits to other offers", &world.evidence(&changed));
    changed.offers = parts.offers.clone();
    changed.claims = Item::parse(&parts.claims).with("boot", Item::Bytes(vec![1; 16])).encode();
    book.bad("step-3-other-claims", "the document commits to other claims", &world.evidence(&changed));
    let key = world.statement(&parts).with("public_key", Item::Bytes(vec![1; 32])).encode();
    changed = Parts { document: Some(world.pki.sign(&key)), ..parts.clone() };
    book.bad("step-3-public-key", "a document for another purpose", &world.evidence(&changed));
    book.bad("step-3-stale", "older than the trust file allows", &good).given("now", NOW + 299_001);
    changed = Parts { offers: parts.offers[..64].to_vec(), ..parts.clone() };
    book.bad("step-4-no-offer", "no offer to this nonce", &world.evidence(&changed));
    changed.offers = parts.offers[1..].to_vec();
    book.bad("step-4-torn", "not whole pairs", &world.evidence(&changed));
    book.bad("step-4-other-nonce", "no offer to this nonce", &good).given("nonce", "00".repeat(32));
    let claims = Item::parse(&parts.claims);
    for (name, reason, changed_claims) in [
        ("step-5-protocol", "claims of another protocol", claims.with("protocol", Item::Uint(2))),
        (
            "step-5-charter",
            "claims that name another charter",
            claims.with("charter", Item::Bytes(CharterDigest::of(b"x").as_bytes().to_vec())),
        ),
        (
            "step-5-release",
            "claims that name another release",
            claims.with("release", Item::Bytes(ReleaseDigest::of(b"x").as_bytes().to_vec())),
        ),
        (
            "step-5-controls",
            "claims that name other controls",
            claims.with("controls", Item::Bytes(ControlsDigest::of(b"x").as_bytes().to_vec())),
        ),
        ("step-6-epoch", "claims of another epoch than the release's", claims.with("epoch", Item::Uint(8))),
        (
            "step-6-model",
            "a claimed model that is not released",
            claims.with("models.0.id.version", Item::text("2")),
        ),
    ] {
        changed = Parts { claims: changed_claims.encode(), ..parts.clone() };
        book.bad(name, reason, &world.evidence(&changed));
    }
    let release = payload(&parts.release);
    let with_release = |document: Vec<u8>| {
        let digest = ReleaseDigest::of(&document).as_bytes().to_vec();
        let claims = claims.with("release", Item::Bytes(digest)).encode();
        world.evidence(&Parts { claims, release: document, ..parts.clone() })
    };
    let other = sign(world, label::RELEASE, &release.encode(), &world.keys.other_owner);
    book.bad("step-6-signer", "a release that a stranger signed", &with_release(other));
    for (name, reason, stated) in [
        ("step-6-expired", "a release that has ended", release.with("not_after", Item::Uint(NOW))),
        (
            "step-6-image",
            "a release of another image",
            release.with("images.0.pcr0", Item::Bytes(vec![9; 48])),
        ),
        (
            "step-6-deployment",
            "a release of another deployment",
            release.with("deployment", Item::text("vectors-us")),
        ),
        (
            "step-6-other-controls",
            "a release with other controls",
            release.with("controls", Item::Bytes(vec![9; 48])),
        ),
    ] {
        book.bad(name, reason, &with_release(sign(world, label::RELEASE, &stated.encode(), owner)));
    }
    book.write(counts);
}
