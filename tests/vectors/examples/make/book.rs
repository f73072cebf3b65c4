//! Collects the cases of one file, judges them, and writes them.

use serde_json::{Map, Value};
use strongroom_vectors::{Case, Repeated, VectorFile, find, judge};

use crate::cbor::{FALSE, Item};

/// The file of one format in the making.
pub(crate) struct Book {
    file: VectorFile,
}

impl Book {
    pub(crate) fn new(format: &str) -> Self {
        let spec = find(format).unwrap().spec.to_owned();
        Self { file: VectorFile { format: format.to_owned(), spec, given: Map::new(), cases: vec![] } }
    }

    /// What is given to every case.
    pub(crate) fn given(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.file.given.insert(name.to_owned(), value.into());
        self
    }

    fn push(&mut self, name: &str, bytes: &[u8], valid: bool) -> &mut Case {
        assert!(self.file.cases.iter().all(|case| case.name != name), "{} {name} twice", self.file.format);
        self.file.cases.push(Case {
            name: name.to_owned(),
            valid,
            given: Map::new(),
            bytes: Some(hex::encode(bytes)),
            file: None,
            then: None,
            other_spelling: false,
            fields: None,
            reason: None,
            error: None,
        });
        self.file.cases.last_mut().unwrap()
    }

    /// Bytes that are accepted.
    pub(crate) fn good(&mut self, name: &str, bytes: &[u8]) -> With<'_> {
        With(self.push(name, bytes, true))
    }

    /// Bytes that are refused.
    pub(crate) fn bad(&mut self, name: &str, reason: &str, bytes: &[u8]) -> With<'_> {
        let case = self.push(name, bytes, false);
        case.reason = Some(reason.to_owned());
        With(case)
    }

    /// A case whose bytes stand in a file that is no part of this repository.
    pub(crate) fn outside(&mut self, name: &str, file: &str, refused: Option<&str>) -> With<'_> {
        let case = self.push(name, &[], refused.is_none());
        case.bytes = None;
        case.file = Some(file.to_owned());
        case.reason = refused.map(str::to_owned);
        With(case)
    }

    /// Spellings of a map that every reader refuses, with a field that is required.
    pub(crate) fn shapes(&mut self, whole: &Item, field: &str, wrap: &dyn Fn(&[u8]) -> Vec<u8>) {
        let bytes = whole.encode();
        let Item::Map(pairs) = whole else { panic!("only maps") };
        let mut bad = |name: &str, reason: &str, bytes: &[u8]| {
            self.bad(name, reason, &wrap(bytes));
        };
        bad("map-truncated", "the map ends inside an item", &bytes[..bytes.len() - 1]);
        bad("map-surplus-byte", "a byte follows the map", &[bytes.as_slice(), &[0]].concat());
        bad(
            "map-unknown-field",
            "a field that is not listed",
            &whole.with("unlisted", Item::Uint(0)).encode(),
        );
        bad("map-missing-field", "a required field is absent", &whole.without(field).encode());
        let null = whole.with(field, Item::Raw(vec![FALSE]));
        bad("map-wrong-type", "a field of another type", &null.encode());
        let key = Item::text(field);
        let value = whole.get(field);
        let twice = Item::Map(pairs.iter().cloned().chain([(key.clone(), value)]).collect());
        bad("map-key-twice", "a key is given twice", &twice.encode());
        let long = [vec![0x78, field.len() as u8], field.as_bytes().to_vec()].concat();
        let spelt = |(name, value): &(Item, Item)| {
            let name = if *name == key { Item::Raw(long.clone()) } else { name.clone() };
            (name, value.clone())
        };
        let long = Item::Map(pairs.iter().map(spelt).collect());
        bad("map-long-key", "a key is not in its shortest form", &long.encode());
    }

    /// Judges every case and writes the file.
    pub(crate) fn write(mut self, counts: &mut Vec<(String, usize, usize)>) {
        let format = find(&self.file.format).unwrap();
        let mut wrong = Vec::new();
        for case in &mut self.file.cases {
            let mut full = case.clone();
            for (name, value) in &self.file.given {
                full.given.entry(name.clone()).or_insert_with(|| value.clone());
            }
            let at = format!("{}: {}", format.name, case.name);
            match (case.valid, judge(format, &full)) {
                (true, Ok(None)) | (false, Ok(None)) => {}
                (true, Ok(Some(judged))) => {
                    let written = judged.rewritten.is_some();
                    let same = judged.rewritten.is_none_or(|again| again == full.bytes().unwrap().unwrap());
                    if written && same == case.other_spelling {
                        wrong.push(format!("{at}: written otherwise"));
                    }
                    case.fields = Some(judged.fields);
                }
                (false, Err(refused)) => case.error = Some(refused.0),
                (valid, found) => wrong.push(format!("{at}: valid is {valid}, found {:?}", found.map(drop))),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let good = self.file.cases.iter().filter(|case| case.valid).count();
        counts.push((format.name.to_owned(), good, self.file.cases.len() - good));
        let path = VectorFile::folder().join(format.name).with_extension("json");
        let text = serde_json::to_string_pretty(&self.file).unwrap() + "\n";
        std::fs::write(path, text).unwrap();
    }
}

/// The case that was added last.
pub(crate) struct With<'a>(&'a mut Case);

impl With<'_> {
    /// Gives this case something of its own.
    pub(crate) fn given(self, name: &str, value: impl Into<Value>) -> Self {
        self.0.given.insert(name.to_owned(), value.into());
        self
    }

    /// The bytes are followed by one byte so many times.
    pub(crate) fn then(self, byte: u8, times: usize) -> Self {
        self.0.then = Some(Repeated { byte, times });
        self
    }

    /// Our writers would have written it otherwise.
    pub(crate) fn other_spelling(self) -> Self {
        self.0.other_spelling = true;
        self
    }
}
