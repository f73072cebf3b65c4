//! Our readers and writers agree with every vector, and would notice if one were another.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test may stop at a fault"
)]

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use strongroom_vectors::{Case, FORMATS, VectorFile, judge};

/// Vectors that are refused, at least.
const LEAST_NEGATIVES: usize = 50;

fn files() -> impl Iterator<Item = (&'static strongroom_vectors::Format, VectorFile)> {
    FORMATS.iter().map(|format| (format, VectorFile::read(format.name).unwrap()))
}

/// What differs from what the case states; [`None`] where nothing does.
fn disagreement(format: &strongroom_vectors::Format, case: &Case) -> Option<String> {
    match judge(format, case) {
        Ok(None) => {
            eprintln!(
                "SKIPPED: {} of {} is absent, so {} was not judged",
                case.file.as_ref()?,
                format.name,
                case.name
            );
            None
        }
        Ok(Some(_)) if !case.valid => Some("is accepted".to_owned()),
        Ok(Some(judged)) => {
            let other = judged
                .rewritten
                .is_some_and(|again| !case.other_spelling && Some(again) != case.bytes().unwrap());
            // Through the text, as the file went: a number in decimal is read to within its last bit.
            let found: serde_json::Value = serde_json::from_str(&judged.fields.to_string()).unwrap();
            let fields = case.fields.as_ref() != Some(&found);
            (other || fields).then(|| format!("holds something else: {}", judged.fields))
        }
        Err(refused) if case.valid => Some(format!("is refused: {}", refused.0)),
        Err(refused) => {
            (case.error.as_ref() != Some(&refused.0)).then(|| format!("is refused otherwise: {}", refused.0))
        }
    }
}

#[test]
fn every_case_is_judged_as_it_states() {
    for (format, file) in files() {
        for case in &file.cases {
            assert_eq!(disagreement(format, case), None, "{} of {}", case.name, format.name);
        }
    }
}

#[test]
fn every_format_has_a_file_that_names_it_and_its_description() {
    let protocol = std::fs::read_to_string(VectorFile::folder().join("../../docs/protocol.md")).unwrap();
    for (format, file) in files() {
        assert_eq!((file.format.as_str(), file.spec.as_str()), (format.name, format.spec));
        let anchor = file.spec.strip_prefix("docs/protocol.md").unwrap();
        assert!(protocol.contains(&format!("({anchor})")), "{}: no section {anchor}", format.name);
        let names: BTreeSet<_> = file.cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), file.cases.len(), "{}: a name twice", format.name);
        assert!(file.cases.iter().any(|case| case.valid), "{}: nothing is accepted", format.name);
        assert!(file.cases.iter().any(|case| !case.valid), "{}: nothing is refused", format.name);
        for case in &file.cases {
            assert_eq!(case.fields.is_some(), case.valid, "{} of {}", case.name, format.name);
            assert_eq!(case.reason.is_some(), !case.valid, "{} of {}", case.name, format.name);
        }
    }
}

#[test]
fn enough_cases_are_refused() {
    let negatives = files().flat_map(|(_, file)| file.cases).filter(|case| !case.valid).count();
    assert!(negatives >= LEAST_NEGATIVES, "only {negatives} negative vectors");
}

#[test]
fn no_file_differs_from_its_sum_and_none_stands_beside_them() {
    let folder = VectorFile::folder();
    let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    let mut listed = BTreeSet::new();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        let bytes = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(sum, hex::encode(digest(&SHA256, &bytes)), "{name} was changed: run the example 'make'");
        listed.insert(name.to_owned());
    }
    let there: BTreeSet<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    assert_eq!(there, listed);
    let formats = FORMATS.iter().map(|format| format!("{}.json", format.name));
    assert_eq!(formats.chain(["keys.json".to_owned()]).collect::<BTreeSet<_>>(), listed);
}

/// Positions of each case at which a bit is changed.
const CHANGES: usize = 24;

#[test]
fn a_changed_bit_of_an_accepted_case_is_noticed() {
    for (format, file) in files() {
        let cases =
            file.cases.iter().filter(|case| case.valid && !case.other_spelling && case.file.is_none());
        for case in cases {
            let bytes = case.bytes().unwrap().unwrap();
            for position in (0..CHANGES).map(|step| step * bytes.len() / CHANGES).collect::<BTreeSet<_>>() {
                let mut changed = bytes.clone();
                let Some(byte) = changed.get_mut(position) else { continue };
                *byte ^= 1;
                let changed = Case { bytes: Some(hex::encode(changed)), ..case.clone() };
                let noticed = disagreement(format, &changed).is_some();
                assert!(noticed, "byte {position} of {} of {}", case.name, format.name);
            }
        }
    }
}

#[test]
fn a_case_that_states_something_else_is_noticed() {
    for (format, file) in files() {
        for case in file.cases.iter().filter(|case| case.file.is_none()) {
            let turned = Case { valid: !case.valid, ..case.clone() };
            assert!(disagreement(format, &turned).is_some(), "{} of {}", case.name, format.name);
        }
    }
}
