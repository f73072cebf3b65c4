//! Seeds out of the golden vectors: whatever a format accepts, once each. Signed with keys that everybody has.

use std::collections::BTreeSet;

use strongroom_proto::hello::Evidence;
use strongroom_seal::label::{self, Label};
use strongroom_seal::limits::DOCUMENT_CBOR;
use strongroom_seal::package::Header;
use strongroom_seal::signed::dangerous_unverified_payload;
use strongroom_vectors::VectorFile;

use crate::{fixture, seed};

/// Targets, and the formats whose vectors are seeds of each.
const FORMATS: &[(&str, &[&str])] = &[
    ("audit", &["audit-opening", "audit-record", "audit-checkpoint", "audit-batch"]),
    ("cbor", &["cbor"]),
    ("charter", &["charter"]),
    ("controls", &["controls"]),
    ("evidence", &["judgement"]),
    ("hello", &["hello", "offers", "claims"]),
    ("message", &["opening", "request", "answer"]),
    ("private", &["private-part"]),
    ("published", &["published-measurements"]),
    ("receipt", &["receipt"]),
    ("release", &["release-bundle", "release"]),
    ("report", &["report", "report-summary", "sealed-report"]),
    ("request", &["ask", "outcome"]),
    ("tensors", &["tensor"]),
    ("trust", &["trust-file"]),
];

/// Signed documents, whose content is a seed too.
const SIGNED: [(&str, &str, Label); 4] = [
    ("charter", "charter", label::CHARTER),
    ("published", "published-measurements", label::MEASUREMENTS),
    ("receipt", "receipt", label::RECEIPT),
    ("release", "release", label::RELEASE),
];

/// Bytes of the largest vector that becomes a seed.
const MAX_BYTES: usize = 8 * 1024;

pub(crate) fn all() {
    for (target, formats) in FORMATS {
        for format in *formats {
            for (name, bytes) in accepted(format) {
                seed(target, &format!("{format}-{name}"), &bytes);
            }
        }
    }
    for (target, format, label) in SIGNED {
        let (_, document) = accepted(format).swap_remove(0);
        let payload = dangerous_unverified_payload(label, &document, DOCUMENT_CBOR).unwrap();
        seed(target, &format!("{format}-payload"), &payload);
    }
    seed("release", "controls-every-field", &accepted("controls").swap_remove(0).1);
    manifests();
    parts();
    fixture("trust.toml", first_case("judgement").text("trust_file").unwrap().as_bytes());
}

/// Each accepted vector of a format, once, with the name of its case.
fn accepted(format: &str) -> Vec<(String, Vec<u8>)> {
    let mut seen = BTreeSet::new();
    let cases = VectorFile::read(format).unwrap().cases.into_iter();
    let short = cases.filter(|case| case.valid && case.then.is_none() && case.file.is_none());
    let read = short.map(|case| (case.name.clone(), case.bytes().unwrap().unwrap()));
    read.filter(|(_, bytes)| bytes.len() <= MAX_BYTES && seen.insert(bytes.clone())).collect()
}

fn first_case(format: &str) -> strongroom_vectors::Case {
    VectorFile::read(format).unwrap().cases.swap_remove(0)
}

/// The content of the manifests of sealed packages.
fn manifests() {
    for (name, format, label) in [
        ("model", "model-package", label::MODEL_MANIFEST),
        ("private", "private-package", label::PRIVATE_MANIFEST),
    ] {
        let (_, package) = accepted(format).swap_remove(0);
        let (header, _) = Header::split(&package).unwrap();
        let payload = dangerous_unverified_payload(label, &header.manifest, DOCUMENT_CBOR).unwrap();
        seed("manifest", name, &payload);
    }
}

/// The parts of evidence, each behind its number.
fn parts() {
    let evidence = Evidence::decode(&accepted("judgement").swap_remove(0).1).unwrap();
    let Evidence { document, offers, claims, charter, release, controls } = evidence;
    let parts = [
        ("document", document),
        ("offers", offers),
        ("claims", claims),
        ("charter", charter),
        ("release", release),
        ("controls", controls),
    ];
    for (number, (name, part)) in (0..).zip(parts) {
        seed("evidence", &format!("part-{name}"), &[&[number], part.as_slice()].concat());
    }
}
