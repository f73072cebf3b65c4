//! Conventions, digests, derived keys.

use crate::Counts;
use crate::book::Book;

pub(crate) fn write(counts: &mut Counts) {
    cbor(counts);
    names(counts);
    api_keys(counts);
    digests(counts);
}

fn cbor(counts: &mut Counts) {
    let mut book = Book::new("cbor").given("max_bytes", 64).given("max_depth", 4).given("max_items", 12);
    for (name, bytes) in [
        ("zero", "00"),
        ("largest-integer", "1bffffffffffffffff"),
        ("negative", "3863"),
        ("bytes", "43010203"),
        ("text", "63c3a978"),
        ("array", "8201820203"),
        ("map", "a2617801617902"),
        ("half-float", "f93e00"),
        ("double-float", "fb3fb999999999999a"),
        ("booleans", "82f5f4"),
        ("indefinite-map", "bf617801617902ff"),
        ("indefinite-array", "9f0102ff"),
        ("long-integer-as-a-value", "1800"),
        ("deepest", "818101"),
        ("most-items", "8b0000000000000000000000"),
    ] {
        book.good(name, &hex::decode(bytes).unwrap());
    }
    for (name, reason, bytes) in [
        ("nothing", "no item", ""),
        ("truncated-string", "a string ends early", "4301"),
        ("truncated-head", "a head ends early", "19ff"),
        ("impossible-length", "a length beyond the input", "5bffffffffffffffff"),
        ("impossible-count", "a count beyond the input", "9affffffff01"),
        ("trailing", "a second item", "0000"),
        ("too-deep", "nested deeper than the bound", "8181818101"),
        ("too-many-items", "more items than the bound", "8c000000000000000000000000"),
        ("key-twice", "a key is given twice", "a2617801617802"),
        ("key-twice-indefinite", "a key is given twice", "bf617801617802ff"),
        ("key-twice-nested", "a key is given twice in an inner map", "a16178a2617901617902"),
        ("long-key", "a key is not in its shortest form", "a2010218020a"),
        ("long-key-length", "a key's length is not in its shortest form", "a178017801"),
        ("key-in-chunks", "a key of indefinite length", "a17f6178ff01"),
        ("reserved-head", "additional information 28 is reserved", "1c"),
        ("reserved-simple", "a simple value below 32 in two bytes", "f810"),
        ("text-not-utf-8", "text that is not UTF-8", "61ff"),
        ("text-surrogate", "text with a surrogate", "63eda080"),
        ("text-overlong", "text with an overlong code", "62c080"),
        ("chunk-of-another-type", "a chunk of text in a byte string", "5f6161ff"),
        ("break-alone", "a break outside of anything", "ff"),
        ("break-in-definite-array", "a break inside a definite array", "8201ff"),
        ("odd-indefinite-map", "a key without a value", "bf6178ff"),
        ("unended-map", "an indefinite map without an end", "bf617801"),
    ] {
        book.bad(name, reason, &hex::decode(bytes).unwrap());
    }
    book.bad("too-long", "longer than the bound", &[&[0x58, 63][..], &[0; 63]].concat());
    book.write(counts);
}

fn names(counts: &mut Counts) {
    let mut book = Book::new("name").given("kind", "name");
    let longest = "a".repeat(64);
    for (name, text) in [("short", "a"), ("all-signs", "0.a_b-c"), ("longest", longest.as_str())] {
        book.good(name, text.as_bytes());
    }
    book.good("package-id", b"fraud@1.0").given("kind", "package_id");
    let long = "a".repeat(65);
    for (name, reason, text) in [
        ("empty", "no character", ""),
        ("too-long", "65 characters", long.as_str()),
        ("capital", "a capital letter", "Fraud"),
        ("slash", "a path separator", "a/b"),
        ("dots", "does not begin with a letter or digit", ".."),
        ("dash-first", "does not begin with a letter or digit", "-a"),
        ("space", "a space", "a b"),
        ("not-ascii", "a letter beyond ASCII", "é"),
    ] {
        book.bad(name, reason, text.as_bytes());
    }
    book.bad("not-utf-8", "not text", &[0xff]);
    for (name, reason, text) in [
        ("no-version", "a package id without a version", "fraud"),
        ("two-versions", "a package id with two", "fraud@1@2"),
        ("empty-version", "a package id with an empty version", "fraud@"),
    ] {
        book.bad(name, reason, text.as_bytes()).given("kind", "package_id");
    }
    book.write(counts);
}

fn api_keys(counts: &mut Counts) {
    let mut book = Book::new("api-key");
    let text = "sr_paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU";
    book.good("key", text.as_bytes());
    book.good("line", format!("{text}\n").as_bytes()).other_spelling();
    book.good("windows-line", format!("{text}\r\n").as_bytes()).other_spelling();
    let body = text.strip_prefix("sr_").unwrap();
    for (name, reason, wrong) in [
        ("empty", "no text", String::new()),
        ("no-prefix", "no sr_", body.to_owned()),
        ("capital-prefix", "another prefix", format!("SR_{body}")),
        ("space-before", "a space before it", format!(" {text}")),
        ("two-lines", "two line endings", format!("{text}\n\n")),
        ("padded", "padded base64", format!("{text}=")),
        ("long", "44 characters", format!("{text}A")),
        ("short", "42 characters", text[..45].to_owned()),
        ("standard-alphabet", "+ is not of the URL-safe alphabet", format!("sr_+{}", &body[1..])),
        ("second-spelling", "bits that no byte holds are not zero", format!("{}V", &text[..45])),
    ] {
        book.bad(name, reason, wrong.as_bytes());
    }
    book.bad("not-utf-8", "not text", &[0xff; 46]);
    book.write(counts);
}

fn digests(counts: &mut Counts) {
    let mut book = Book::new("digest");
    for label in [
        "charter",
        "release",
        "controls",
        "model-manifest",
        "private-manifest",
        "claims",
        "offers",
        "nonce",
        "measurements",
        "evidence",
        "channel",
        "request-key",
        "answer-key",
        "request",
        "outcome",
        "receipt",
        "audit-opening",
        "audit",
        "audit-key",
        "audit-chain",
        "audit-checkpoint",
        "audit-commitment",
        "state",
        "field",
        "watermark",
        "report",
        "claim",
        "kms",
    ] {
        book.good(label, b"bytes").given("label", format!("strongroom/{label}-v1"));
    }
    book.good("nothing", b"").given("label", "strongroom/request-v1");
    book.bad("unknown-label", "no such label", b"bytes").given("label", "strongroom/requests-v1");
    book.write(counts);
    let mut book = Book::new("derived-key");
    let secret = [0x11; 32];
    book.good("field", &secret).given("label", "strongroom/field-v1").given("purpose", "");
    let purpose = hex::encode(b"waves");
    book.good("field-waves", &secret).given("label", "strongroom/field-v1").given("purpose", purpose);
    let purpose = hex::encode([b"signs ".as_slice(), &[7; 32]].concat());
    book.good("field-signs", &secret).given("label", "strongroom/field-v1").given("purpose", purpose);
    book.good("watermark", &secret).given("label", "strongroom/watermark-v1").given("purpose", "");
    book.bad("short-secret", "31 bytes", &secret[1..])
        .given("label", "strongroom/field-v1")
        .given("purpose", "");
    book.write(counts);
}
