use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

const BOUNDS: Bounds = Bounds { max_bytes: 4096, max_depth: 6, max_items: 64 };

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    yy: u32,
    x: String,
}

#[test]
fn canonical_form_sorts_keys_by_length_then_bytes() {
    let bytes = encode_canonical(&Point { yy: 7, x: "a".into() }).unwrap();
    assert_eq!(hex(&bytes), "a2617861616279 7907".replace(' ', ""));
    assert_eq!(decode::<Point>(&bytes, BOUNDS).unwrap(), Point { yy: 7, x: "a".into() });
}

#[test]
fn definite_and_indefinite_forms_are_both_read() {
    for form in ["a2617801617902", "bf617801617902ff"] {
        let map: BTreeMap<String, u8> = decode(&unhex(form), BOUNDS).unwrap();
        assert_eq!(map, BTreeMap::from([("x".into(), 1), ("y".into(), 2)]));
    }
}

/// Libraries write names as numbers to save bytes; then two keys that differ name one field.
#[test]
fn names_are_text() {
    assert!(decode::<Point>(&unhex("a2617861616279 7907".replace(' ', "").as_str()), BOUNDS).is_ok());
    assert_eq!(
        decode::<Point>(&unhex("a200070161 61".replace(' ', "").as_str()), BOUNDS),
        Err(CborError::Shape)
    );
}

#[test]
fn each_violation_has_its_error() {
    let cases = [
        ("", CborError::Truncated),
        ("4301", CborError::Truncated),
        ("5bffffffffffffffff", CborError::Truncated),
        ("0000", CborError::Trailing),
        ("81818181818101", CborError::TooDeep),
        ("a2617801617802", CborError::DuplicateKey),
        ("bf617801617802ff", CborError::DuplicateKey),
        ("a20102180103", CborError::Malformed),
        ("a17f6178ff01", CborError::Malformed),
        ("1c", CborError::Malformed),
        ("f810", CborError::Malformed),
        ("c100", CborError::Malformed),
        ("a1c1617801", CborError::Malformed),
        ("5f6161ff", CborError::Malformed),
        ("61ff", CborError::Malformed),
        ("ff", CborError::Malformed),
        ("9affffffff01", CborError::Truncated),
    ];
    for (bytes, expected) in cases {
        assert_eq!(scan(&unhex(bytes), BOUNDS), Err(expected), "{bytes}");
    }
    assert_eq!(scan(&[0x80; 5000], BOUNDS), Err(CborError::TooLong));
    let many = [[0x98, 100].as_slice(), &[0; 100]].concat();
    assert_eq!(scan(&many, BOUNDS), Err(CborError::TooManyItems));
}

proptest! {
    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = decode::<BTreeMap<String, u32>>(&bytes, BOUNDS);
    }

    #[test]
    fn what_we_encode_we_accept(yy in any::<u32>(), x in "\\PC{0,40}") {
        let point = Point { yy, x };
        prop_assert_eq!(&decode::<Point>(&encode(&point).unwrap(), BOUNDS).unwrap(), &point);
        prop_assert_eq!(&decode::<Point>(&encode_canonical(&point).unwrap(), BOUNDS).unwrap(), &point);
    }

    #[test]
    fn every_truncation_is_refused(x in "\\PC{0,40}", cut in any::<prop::sample::Index>()) {
        let bytes = encode(&Point { yy: 1, x }).unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(scan(&bytes[..cut], BOUNDS).is_err());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}
