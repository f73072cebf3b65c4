//! The fuzz targets on their seeds, on changed seeds and on noise.

#![allow(clippy::unwrap_used, reason = "helpers of tests, which the lint does not take for tests here")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use strongroom_targets::{TARGETS, Target};

/// Fewest seeds of a target; a moved folder must not turn the tests into nothing.
const FEWEST_SEEDS: usize = 2;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus")).join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn target(name: &str) -> Target {
    TARGETS.iter().find(|(target, _)| *target == name).unwrap().1
}

/// Bytes of the largest seed: an image has to hold a kernel.
const LARGEST_SEED_BYTES: usize = 11 * 1024;

/// One change as a peer might make it.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Remove(Index, u8),
    Insert(Index, Vec<u8>),
    Double(Index, u8),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Set(index, value) => {
                let at = at(index);
                bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = *value);
            }
            Self::Cut(index) => bytes.truncate(at(index)),
            Self::Remove(index, length) => {
                let start = at(index);
                bytes.drain(start..(start + usize::from(*length)).min(bytes.len()));
            }
            Self::Insert(index, new) => {
                let at = at(index);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Double(index, length) => {
                let start = at(index);
                let part: Vec<u8> = bytes.iter().skip(start).take(usize::from(*length)).copied().collect();
                bytes.splice(start..start, part);
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let index = any::<Index>;
    let change = prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, value)| Change::Set(at, value)),
        1 => index().prop_map(Change::Cut),
        1 => (index(), any::<u8>()).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..32)).prop_map(|(at, new)| Change::Insert(at, new)),
        1 => (index(), any::<u8>()).prop_map(|(at, length)| Change::Double(at, length)),
    ];
    prop::collection::vec(change, 1..6)
}

#[test]
fn every_target_is_fuzzed_and_every_folder_of_seeds_has_its_target() {
    let listed: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(listed.is_sorted(), "the list is in order");
    let names = |folder: &str| {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz")).join(folder);
        let stems = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<_> =
            stems.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("fuzz_targets"), listed);
    assert_eq!(names("corpus"), listed);
}

#[test]
fn seeds_are_small() {
    for (name, _) in TARGETS {
        let largest = seeds(name).iter().map(Vec::len).max();
        assert!(largest <= Some(LARGEST_SEED_BYTES), "{name} has a seed of {largest:?} bytes");
    }
}

#[test]
fn every_seed_is_accepted_and_keeps_the_promises() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= FEWEST_SEEDS, "{name} has {} seeds", seeds.len());
        let refused = seeds.iter().position(|seed| !target(seed));
        assert_eq!(refused, None, "{name} refuses a seed");
    }
}

macro_rules! properties {
    ($($name:ident),*) => {$(
        mod $name {
            use super::*;

            proptest! {
                #[test]
                fn noise_keeps_the_promises(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
                    target(stringify!($name))(&bytes);
                }

                #[test]
                fn changed_seeds_keep_the_promises(seed in any::<Index>(), changes in changes()) {
                    let seeds = seeds(stringify!($name));
                    let mut bytes = seeds.get(seed.index(seeds.len())).unwrap().clone();
                    changes.iter().for_each(|change| change.apply(&mut bytes));
                    target(stringify!($name))(&bytes);
                }
            }
        }
    )*};
}

strongroom_targets::for_each_target!(properties);
