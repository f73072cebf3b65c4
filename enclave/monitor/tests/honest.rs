//! Honest keys are left alone: in several worlds, with little calibration data, and when they ask about one class.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests stop at a fault, and print what they measure"
)]

mod world;

use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::Rules;
use strongroom_monitor::{Asker, Level, Monitor};
use strongroom_seal::secret::ApiKeyDigest;
use world::{Answer, Dice, World, batch, shapes};

const NOW: u64 = 1_800_000_000_000;

/// False alarms, and unlike rows, of so many keys of 1000 rows each.
fn replay(
    world: &World,
    monitor: &Monitor,
    keys: u64,
    mut answer: impl FnMut(&World, u64) -> Answer,
) -> (u32, u32) {
    let organisation = "acme".parse().unwrap();
    let (mut alarms, mut unlike) = (0, 0);
    for number in 0..keys {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        let key = ApiKeyDigest::new(digest);
        let asker = Asker { key: &key, organisation: (number % 4 == 0).then_some(&organisation) };
        let mut now = NOW;
        let mut alarmed = false;
        for request in 0..100 {
            let answers: Vec<Answer> = (0..10).map(|_| answer(world, number)).collect();
            now += 7000 + 100 * request;
            let seen = monitor.observe(&asker, &batch(&answers), UnixMillis::new(now));
            unlike += seen.unlike.len() as u32;
            alarmed |= seen.level != Level::Full;
        }
        alarms += u32::from(alarmed);
    }
    (alarms, unlike)
}

fn check(shape: usize, rows: usize, keys: u64, seed: u64, only: Option<usize>) -> (u32, f64) {
    let world = World::new(seed, shapes()[shape].clone());
    let mut dice = Dice(seed + 1);
    let monitor = Monitor::new(world.profile(rows, &mut dice), Rules::default());
    let answer = |world: &World, _: u64| loop {
        let answer = world.honest(&mut dice);
        if only.is_none_or(|class| answer.class == class) {
            return answer;
        }
    };
    let (alarms, unlike) = replay(&world, &monitor, keys, answer);
    let share = f64::from(unlike) / (keys as f64 * 1000.0);
    println!(
        "shape {shape}, {rows} rows, {keys} keys, class {only:?}: {alarms} alarms, {share:.5} unlike, near {} of {}",
        monitor.profile().near,
        monitor.profile().neighbour
    );
    (alarms, share)
}

#[test]
fn of_400_keys_of_1000_rows_at_most_one_alarms() {
    let (alarms, unlike) = check(0, 6000, 400, 11, None);
    assert!(alarms <= 1, "{alarms}");
    assert!(unlike <= 0.003, "{unlike}");
}

#[test]
fn keys_of_other_worlds_are_left_alone_too() {
    for shape in 1..shapes().len() {
        let (alarms, unlike) = check(shape, 8000, 100, 20 + shape as u64, None);
        assert_eq!(alarms, 0, "{shape}");
        assert!(unlike <= 0.003, "{shape}: {unlike}");
    }
}

#[test]
fn keys_that_ask_about_one_class_alone_are_left_alone() {
    for (shape, class) in [(0, 1), (2, 0), (3, 2)] {
        let (alarms, _) = check(shape, 6000, 60, 40 + shape as u64, Some(class));
        assert_eq!(alarms, 0, "{shape}");
    }
}

#[test]
fn three_thousand_rows_are_enough() {
    for seed in 0..4 {
        let (alarms, unlike) = check(0, 3000, 25, 60 + seed, None);
        assert_eq!(alarms, 0, "{seed}");
        assert!(unlike <= 0.003, "{seed}: {unlike}");
    }
}
