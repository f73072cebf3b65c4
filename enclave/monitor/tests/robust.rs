//! Nothing that a release or a client can send makes the monitor panic.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests stop at a fault")]

mod world;

use std::sync::LazyLock;

use proptest::prelude::*;
use strongroom_attestation::UnixMillis;
use strongroom_attestation::release::Rules;
use strongroom_monitor::{Asker, Level, Monitor, Profile, Rows};
use strongroom_seal::secret::ApiKeyDigest;
use world::{Dice, World, shapes};

static PROFILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let world = World::new(1, shapes().remove(3));
    world.profile(300, &mut Dice(2)).encode().unwrap()
});

fn any_float() -> impl Strategy<Value = f32> {
    prop_oneof![any::<f32>(), -3.0_f32..3.0, Just(f32::MAX), Just(f32::MIN_POSITIVE), Just(f32::NAN)]
}

/// Features, classes and margins of some rows of a width.
type Parts = (Vec<f32>, Vec<usize>, Vec<f32>);

/// Some rows of this width, with classes and margins that need not make sense.
fn any_parts(width: usize) -> impl Strategy<Value = Parts> {
    (1_usize..20).prop_flat_map(move |rows| {
        let features = prop::collection::vec(any_float(), rows * width);
        let classes = prop::collection::vec(prop_oneof![0_usize..4, any::<usize>()], rows);
        let margins = prop_oneof![Just(Vec::new()), prop::collection::vec(any_float(), rows)];
        (features, classes, margins)
    })
}

fn observe(profile: Profile, (features, classes, margins): Parts, now: u64) {
    let rows = Rows::new(features.len() / classes.len(), features, classes, margins).unwrap();
    let monitor = Monitor::new(profile, Rules::default());
    let (key, acme) = (ApiKeyDigest::new([1; 32]), "acme".parse().unwrap());
    let asker = Asker { key: &key, organisation: Some(&acme) };
    for request in 0..3 {
        let seen = monitor.observe(&asker, &rows, UnixMillis::new(now.wrapping_mul(request)));
        assert!(seen.unlike.is_sorted() && seen.unlike.len() <= rows.len());
        assert!(seen.level >= Level::Full);
        monitor.failed(&asker, UnixMillis::new(now));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_a_profile_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = Profile::decode(&bytes);
    }

    #[test]
    fn a_changed_profile_is_refused_or_of_use(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        rows in any_parts(10),
    ) {
        let mut bytes = PROFILE.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(profile) = Profile::decode(&bytes) {
            observe(profile, rows, 60_000);
        }
    }

    #[test]
    fn any_numbers_that_pass_the_checks_can_be_worked_with(
        numbers in prop::collection::vec(any_float(), 40),
        near in any_float(),
        rows in any_parts(10),
        now in any::<u64>(),
    ) {
        let mut profile = Profile::decode(&PROFILE).unwrap();
        let (centre, scale) = numbers.split_at(10);
        profile.centre = centre.to_vec();
        profile.scale = scale[..10].iter().map(|value| value.abs()).collect();
        profile.whitening[..20].copy_from_slice(&numbers[20..]);
        profile.near = near;
        if profile.check().is_ok() {
            observe(profile, rows, now);
        }
    }

    #[test]
    fn rows_of_any_width_are_looked_at(rows in (1_usize..40).prop_flat_map(any_parts), now in any::<u64>()) {
        observe(Profile::decode(&PROFILE).unwrap(), rows, now);
    }
}
