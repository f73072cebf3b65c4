//! Writes the vectors anew: `cargo run --release -p strongroom-vectors --example make`.
//!
//! The keys of `keys.json` are kept where the file is there. Signatures, encapsulations and certificates are random, so
//! every run changes most files: run it when a format has changed, and look at what changed beside them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a tool for developers may stop at a fault"
)]

mod asked;
mod basic;
mod book;
mod cbor;
mod channel;
mod evidence;
mod hosted;
mod log;
mod owner;
mod packages;
mod pki;
mod trust;
mod world;

use ring::digest::{SHA256, digest};
use strongroom_vectors::{FORMATS, VectorFile};

use world::{Keys, World};

/// Files written so far: name, cases that are accepted, cases that are refused.
pub(crate) type Counts = Vec<(String, usize, usize)>;

fn main() {
    let keys = Keys::load();
    let packages = packages::Packages::seal(&keys);
    let world = World::new(packages.model_digest, packages.private_digest, keys);
    let mut counts = Counts::new();
    basic::write(&mut counts);
    owner::write(&world, &packages, &mut counts);
    packages.write(&world, &mut counts);
    evidence::write(&world, &mut counts);
    channel::write(&world, &mut counts);
    asked::write(&world, &mut counts);
    trust::write(&world, &mut counts);
    hosted::write(&world, &mut counts);
    log::write(&world, &mut counts);
    sums();
    let missing: Vec<_> = FORMATS
        .iter()
        .map(|format| format.name)
        .filter(|name| counts.iter().all(|count| count.0 != *name))
        .collect();
    assert!(missing.is_empty(), "no file for {missing:?}");
    let total = |of: fn(&(String, usize, usize)) -> usize| counts.iter().map(of).sum::<usize>();
    let stdout =
        format!("{} formats: {} positive, {} negative\n", counts.len(), total(|c| c.1), total(|c| c.2));
    std::io::Write::write_all(&mut std::io::stdout(), stdout.as_bytes()).unwrap();
}

/// SHA-256 of every file, so that no case changes unseen.
fn sums() {
    let mut names: Vec<String> = FORMATS.iter().map(|format| format!("{}.json", format.name)).collect();
    names.push("keys.json".to_owned());
    names.sort();
    let line = |name: &String| {
        let bytes = std::fs::read(VectorFile::folder().join(name)).unwrap();
        format!("{}  {name}\n", hex::encode(digest(&SHA256, &bytes)))
    };
    std::fs::write(VectorFile::folder().join("SHA256SUMS"), names.iter().map(line).collect::<String>())
        .unwrap();
}
