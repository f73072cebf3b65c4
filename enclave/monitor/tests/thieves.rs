//! Thieves are seen, each by the right detector and within the stated number of queries, in several worlds.

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

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const ROWS: usize = 8000;

/// Queries until the level, of so many.
fn until(monitor: &Monitor, level: Level, queries: &[Answer]) -> Option<usize> {
    let key = ApiKeyDigest::new([1; 32]);
    let asker = Asker { key: &key, organisation: None };
    let reached =
        |answer: &Answer| monitor.observe(&asker, &batch(std::slice::from_ref(answer)), NOW).level >= level;
    queries.iter().position(reached).map(|position| position + 1)
}

/// Each world with its monitor, and dice for the thief.
fn worlds() -> impl Iterator<Item = (usize, World, Monitor, Dice)> {
    shapes().into_iter().enumerate().map(|(at, shape)| {
        let world = World::new(100 + at as u64, shape);
        let mut dice = Dice(200 + at as u64);
        let monitor = Monitor::new(world.profile(ROWS, &mut dice), Rules::default());
        (at, world, monitor, dice)
    })
}

/// A level that only the last step reaches.
const SUSPENDED: Level = Level::Suspended(UnixMillis::new(0));

fn moved(monitor: &Monitor, row: &[f32], by: f32, dice: &mut Dice) -> Vec<f32> {
    let moved = |(value, scale): (&f32, &f32)| value + by * scale * dice.normal();
    row.iter().zip(&monitor.profile().scale).map(moved).collect()
}

fn between(one: &[f32], other: &[f32], part: f32) -> Vec<f32> {
    one.iter().zip(other).map(|(one, other)| one + part * (other - one)).collect()
}

#[test]
fn noise_is_too_far_within_ten_queries() {
    for (at, world, monitor, mut dice) in worlds() {
        let centre = monitor.profile().centre.clone();
        let queries: Vec<Answer> =
            (0..20).map(|_| world.ask(moved(&monitor, &centre, 2.5, &mut dice))).collect();
        let seen = until(&monitor, SUSPENDED, &queries);
        println!("noise in world {at}: {seen:?}");
        assert!(seen.is_some_and(|queries| queries <= 10), "{at}: {seen:?}");
    }
}

#[test]
fn other_data_is_too_far_within_twenty_queries() {
    for (at, world, monitor, mut dice) in worlds() {
        let mut shape = world.shape.clone();
        shape.apart *= 3.0;
        let other = World::new(900 + at as u64, shape);
        let queries: Vec<Answer> = (0..40).map(|_| world.ask(other.row(&mut dice).0)).collect();
        let seen = until(&monitor, SUSPENDED, &queries);
        println!("other data in world {at}: {seen:?}");
        assert!(seen.is_some_and(|queries| queries <= 20), "{at}: {seen:?}");
    }
}

#[test]
fn jitter_is_flagged_within_sixty_queries() {
    for (at, world, monitor, mut dice) in worlds() {
        for (seeds, by) in [(5, 0.02), (10, 0.05), (20, 0.1)] {
            let seeds: Vec<Answer> = (0..seeds).map(|_| world.honest(&mut dice)).collect();
            let copy = |number: usize, dice: &mut Dice| {
                world.ask(moved(&monitor, &seeds[number % seeds.len()].features, by, dice))
            };
            let queries: Vec<Answer> = (0..100).map(|number| copy(number, &mut dice)).collect();
            let monitor = Monitor::new(monitor.profile().clone(), Rules::default());
            let seen = until(&monitor, Level::LabelOnly, &queries);
            println!("jitter of {by} around {} in world {at}: {seen:?}", seeds.len());
            assert!(seen.is_some_and(|queries| queries <= 60), "{at}: {seen:?}");
        }
    }
}

#[test]
fn asking_near_the_boundary_is_flagged_within_sixty_queries() {
    for (at, world, monitor, mut dice) in worlds() {
        // The most doubtful tenth of a pool of real rows, as a copy that is nearly as good would choose them.
        let mut pool: Vec<Answer> = (0..600).map(|_| world.honest(&mut dice)).collect();
        pool.sort_by(|one, other| one.margin.total_cmp(&other.margin));
        pool.truncate(60);
        let seen = until(&monitor, Level::LabelOnly, &pool);
        println!("active learning in world {at}: {seen:?}");
        assert!(seen.is_some_and(|queries| queries <= 60), "{at}: {seen:?}");
    }
}

#[test]
fn a_walk_along_the_boundary_is_stopped() {
    for (at, world, monitor, mut dice) in worlds() {
        let start = world.honest(&mut dice);
        let other =
            std::iter::repeat_with(|| world.honest(&mut dice)).find(|other| other.class != start.class);
        let other = other.unwrap();
        let mut queries = Vec::new();
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..12 {
            let part = f32::midpoint(low, high);
            let answer = world.ask(between(&start.features, &other.features, part));
            if answer.class == start.class {
                low = part
            } else {
                high = part
            }
            queries.push(answer);
        }
        let boundary = between(&start.features, &other.features, high);
        queries.extend((0..200).map(|_| world.ask(moved(&monitor, &boundary, 0.02, &mut dice))));
        let key = until(&monitor, SUSPENDED, &queries);
        println!("HopSkipJump in world {at}: {key:?}");
        assert!(key.is_some_and(|queries| queries <= 100), "{at}: {key:?}");
    }
}

#[test]
fn many_keys_of_one_organisation_with_a_query_each_are_one_thief() {
    for (at, world, monitor, mut dice) in worlds() {
        let seed = world.honest(&mut dice);
        let acme = "acme".parse().unwrap();
        let mut levels = (0..60_u8).map(|number| {
            let key = ApiKeyDigest::new([number; 32]);
            let asker = Asker { key: &key, organisation: Some(&acme) };
            let answer = world.ask(moved(&monitor, &seed.features, 0.05, &mut dice));
            monitor.observe(&asker, &batch(&[answer]), NOW).level
        });
        assert!(levels.any(|level| level >= Level::LabelOnly), "{at}");
    }
}
