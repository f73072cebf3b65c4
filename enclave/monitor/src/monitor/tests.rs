use super::*;
use crate::mix::mix;
use crate::profile::testing::plain;

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const FEATURES: usize = 4;

fn key(number: u32) -> ApiKeyDigest {
    let mut digest = [0; 32];
    digest.first_chunk_mut::<4>().unwrap().copy_from_slice(&number.to_be_bytes());
    ApiKeyDigest::new(digest)
}

fn alone(key: &ApiKeyDigest) -> Asker<'_> {
    Asker { key, organisation: None }
}

fn member<'a>(key: &'a ApiKeyDigest, organisation: &'a Name) -> Asker<'a> {
    Asker { key, organisation: Some(organisation) }
}

/// Distances up to 4 are as usual, and any beyond are none of the data's.
fn profile() -> Profile {
    let mut profile = Profile { near: 0.01, ..plain(FEATURES) };
    profile.classes[0].distances = (0..1000_u16).map(|at| f32::from(at) / 250.0).collect();
    profile.classes[0].threshold = Some(4.0);
    profile
}

fn monitor() -> Monitor {
    Monitor::new(profile(), Rules::default())
}

/// One row of this length, in a direction of its own.
fn row(number: u64, length: f32) -> Rows {
    let direction: Vec<f32> = (0..FEATURES as u64)
        .map(|at| (mix(number << 8 | at) >> 40) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    let own = direction.iter().map(|value| value * value).sum::<f32>().sqrt();
    let features = direction.iter().map(|value| value * length / own).collect();
    Rows::new(FEATURES, features, vec![0], vec![]).unwrap()
}

#[test]
fn rows_beyond_the_threshold_or_the_box_are_unlike_by_position() {
    let mut profile = profile();
    profile.bounds[0] = (-1.5, 1.5);
    let monitor = Monitor::new(profile, Rules::default());
    let rows = Rows::new(
        FEATURES,
        vec![1.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0],
        vec![0; 4],
        vec![],
    );
    let seen = monitor.observe(&alone(&key(1)), &rows.unwrap(), NOW);
    assert_eq!(seen, Seen { level: Level::Full, unlike: vec![1, 2] });
}

#[test]
fn rows_of_another_width_or_class_are_unlike() {
    let monitor = monitor();
    let wide = Rows::new(FEATURES + 1, vec![0.0; FEATURES + 1], vec![0], vec![]).unwrap();
    assert_eq!(monitor.observe(&alone(&key(1)), &wide, NOW).unlike, [0]);
    let strange = Rows::new(FEATURES, vec![0.0; FEATURES], vec![7], vec![]).unwrap();
    assert_eq!(monitor.observe(&alone(&key(1)), &strange, NOW).unlike, [0]);
}

#[test]
fn a_suspension_is_of_one_key_and_ends_and_comes_again() {
    let (monitor, rules) = (monitor(), Rules::default());
    let (thief, other) = (key(1), key(2));
    let rows =
        |from: u64| (from..from + 10).map(|at| monitor.observe(&alone(&thief), &row(at, 50.0), NOW).level);
    let until = UnixMillis::new(NOW.as_millis() + rules.suspension_ms);
    assert_eq!(rows(0).last(), Some(Level::Suspended(until)));
    assert_eq!(monitor.level(&alone(&thief), NOW), Level::Suspended(until));
    assert_eq!(monitor.level(&alone(&other), NOW), Level::Full);
    assert_eq!(monitor.level(&alone(&thief), until), Level::Full);
    let again = (10..20).map(|at| monitor.observe(&alone(&thief), &row(at, 50.0), until).level);
    assert!(matches!(again.last(), Some(Level::Suspended(_))));
}

#[test]
fn young_keys_of_one_organisation_are_added_up() {
    let monitor = monitor();
    let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
    for number in 0..20 {
        let key = key(number);
        monitor.observe(&member(&key, &acme), &row(number.into(), 50.0), NOW);
        assert_eq!(monitor.level(&alone(&key), NOW), Level::Full, "one row of its own is nothing");
    }
    assert!(matches!(monitor.level(&member(&key(99), &acme), NOW), Level::Suspended(_)), "a new key, too");
    assert_eq!(monitor.level(&member(&key(99), &other), NOW), Level::Full);
    assert_eq!(monitor.level(&alone(&key(99)), NOW), Level::Full);
}

#[test]
fn an_old_key_does_not_answer_for_its_organisation_s_young_ones() {
    let (monitor, acme) = (monitor(), "acme".parse().unwrap());
    let old = key(1);
    (0..200).for_each(|at| drop(monitor.observe(&member(&old, &acme), &row(at, 2.0), NOW)));
    (200..230).for_each(|at| drop(monitor.observe(&member(&old, &acme), &row(at, 50.0), NOW)));
    assert!(matches!(monitor.level(&member(&old, &acme), NOW), Level::Suspended(_)));
    assert_eq!(monitor.level(&member(&key(2), &acme), NOW), Level::Full);
    for number in 10..30 {
        monitor.observe(&member(&key(number), &acme), &row(u64::from(number) << 32, 50.0), NOW);
    }
    assert!(matches!(monitor.level(&member(&key(2), &acme), NOW), Level::Suspended(_)));
    let later = UnixMillis::new(NOW.as_millis() + Rules::default().suspension_ms);
    assert_eq!(monitor.level(&member(&old, &acme), later), Level::Full);
}

#[test]
fn a_client_that_asks_about_the_same_row_is_left_alone() {
    let monitor = monitor();
    let seen = (0..1000).map(|_| monitor.observe(&alone(&key(1)), &row(7, 50.0), NOW).level);
    assert_eq!(seen.max(), Some(Level::Full), "though the row is unlike the data");
}

#[test]
fn many_faults_round() {
    let monitor = monitor();
    (0..20).for_each(|_| monitor.failed(&alone(&key(1)), NOW));
    assert_eq!(monitor.level(&alone(&key(1)), NOW), Level::Rounded);
}

#[test]
fn a_successor_knows_what_its_predecessor_knew() {
    let previous = monitor();
    (0..10).for_each(|at| drop(previous.observe(&alone(&key(1)), &row(at, 50.0), NOW)));
    let same = monitor();
    same.succeed(&previous);
    assert!(matches!(same.level(&alone(&key(1)), NOW), Level::Suspended(_)));
    assert_eq!((same.keys(), same.rings()), (1, 1));
    let other = Monitor::new(Profile { near: 0.02, ..profile() }, Rules::default());
    other.succeed(&previous);
    assert!(matches!(other.level(&alone(&key(1)), NOW), Level::Suspended(_)));
    assert_eq!((other.keys(), other.rings()), (1, 0), "rows in other units cannot be compared");
}

#[test]
fn the_same_questions_get_the_same_levels() {
    let run = || {
        let monitor = monitor();
        let length = |at: u64| (mix(at) % 12) as f32 / 2.0;
        (0..300).map(|at| monitor.observe(&alone(&key(1)), &row(at, length(at)), NOW)).collect::<Vec<_>>()
    };
    assert!(run() == run());
}

#[test]
fn a_hundred_thousand_keys_that_asked_once_take_little() {
    let monitor = monitor();
    for number in 0..100_000 {
        monitor.observe(&alone(&key(number)), &row(number.into(), 1.0), NOW);
    }
    assert_eq!(monitor.keys(), 100_000);
    assert!(monitor.rings() <= MAX_RINGS, "{}", monitor.rings());
    // A table has room for up to 16/7 of its entries, each with a byte of its own.
    let entry = (32 + size_of::<Detectors>() + 1) * 16 / 7;
    let rings = MAX_RINGS * crate::limits::RING_ROWS * (size_of::<Mark>() + 8);
    assert!(monitor.keys() * entry + rings <= 100 << 20, "{} + {rings}", monitor.keys() * entry);
}
