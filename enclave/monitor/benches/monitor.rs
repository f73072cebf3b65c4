//! What watching a model costs: every detector for one request of one row, of a model of 30 features and two
//! classes and of one of 384, and making a profile of 100,000 rows.
//!
//! `cargo bench -p strongroom-monitor`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and stops at a fault")]

#[path = "../tests/world/mod.rs"]
mod world;

use std::hint::black_box;
use std::time::Instant;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::Rules;
use strongroom_monitor::{Asker, Monitor, Rows};
use strongroom_seal::secret::ApiKeyDigest;
use world::{Dice, Kind, Shape, World, batch};

const NOW: u64 = 1_800_000_000_000;

fn shape(features: usize) -> Shape {
    Shape { features, shares: vec![0.5, 0.5], apart: 3.0, factors: 4, kinds: vec![Kind::Plain] }
}

/// Requests of a young key of an organisation, whose rings are full.
fn request(features: usize, calls: u32) {
    let (world, mut dice) = (World::new(1, shape(features)), Dice(2));
    let rules = Rules { young_rows: u32::MAX, ..Rules::default() };
    let monitor = Monitor::new(world.profile(6000, &mut dice), rules);
    let requests: Vec<Rows> = (0..1024).map(|_| batch(&[world.honest(&mut dice)])).collect();
    let (key, acme) = (ApiKeyDigest::new([1; 32]), "acme".parse().unwrap());
    let asker = Asker { key: &key, organisation: Some(&acme) };
    let mut requests = requests.iter().cycle().zip(NOW..);
    measure(&format!("request of one row of {features} features, every detector"), calls, || {
        let (rows, now) = requests.next().unwrap();
        let now = UnixMillis::new(now);
        (monitor.level(&asker, now), monitor.observe(&asker, black_box(rows), now))
    });
}

fn profile() {
    let (world, dice) = (World::new(1, shape(30)), Dice(2));
    let start = Instant::now();
    black_box(world.profile(100_000, &mut dice.clone()));
    println!("profile of 100,000 rows of 30 features, and making the rows up: {:.2?}", start.elapsed());
}

/// Prints the least and the median time of one call, of many samples of so many calls each.
fn measure<T>(what: &str, calls: u32, mut call: impl FnMut() -> T) {
    const SAMPLES: usize = 41;
    (0..calls).for_each(|_| drop(black_box(call())));
    let mut micros: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| drop(black_box(call())));
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    let (least, median) = (micros.first().unwrap(), micros.get(SAMPLES / 2).unwrap());
    println!("{what}: least {least:.2} us, median {median:.2} us");
}

fn main() {
    request(30, 5000);
    request(384, 500);
    profile();
}
