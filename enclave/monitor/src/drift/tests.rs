use super::*;
use crate::laplace::{Random, Scale};

/// SplitMix64, for rows.
struct Rows(u64);

impl Rows {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }
}

/// Deciles of the standard normal distribution.
const DECILES: [f32; BINS - 1] =
    [-1.281_552, -0.841_621, -0.524_401, -0.253_347, 0.0, 0.253_347, 0.524_401, 0.841_621, 1.281_552];

fn normal_counts(rows: &mut Rows, number: usize, shift: f64) -> [i64; BINS] {
    let mut counts = [0; BINS];
    for _ in 0..number {
        counts[bin(&DECILES, (rows.normal() + shift) as f32)] += 1;
    }
    counts
}

/// Counts of bins with these shares.
fn counts(rows: &mut Rows, number: usize, shares: &[f64]) -> [i64; BINS] {
    let mut counts = [0; BINS];
    for _ in 0..number {
        let mut left = rows.uniform();
        let at = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        counts[at.unwrap_or(BINS - 1)] += 1;
    }
    counts
}

fn noised(counts: [i64; BINS], scale: Option<Scale>, random: &mut Random<'_>) -> [i64; BINS] {
    counts.map(|count| count + scale.map_or(0, |scale| scale.sample(random).unwrap()))
}

/// Share of undrifted samples that are named, where the profile itself is a sample of `reference` rows.
fn false_alarms(number: usize, reference: usize, shares: &[f64], scale: Option<Scale>, chance: f64) -> f64 {
    let (mut rows, trials) = (Rows(number as u64), 3000);
    let mut fill = crate::laplace::tests::stream(number as u64);
    let mut random = Random::new(&mut fill);
    let test = Test { chance, noise: scale.map_or(0.0, Scale::as_f64) };
    let edges: Vec<f32> = (1..BINS).map(|edge| edge as f32).collect();
    let mut alarms = 0;
    for _ in 0..trials {
        let profile = counts(&mut rows, reference, shares).map(|count| count as f32 / reference as f32);
        let expected = Expected::new(&edges, &profile, reference as u64);
        let now = noised(counts(&mut rows, number, shares), scale, &mut random);
        alarms += usize::from(expected.judge(&now, test).is_some_and(|drift| drift.is_drift()));
    }
    alarms as f64 / f64::from(trials)
}

const EQUAL: [f64; BINS] = [0.1; BINS];
const UNEQUAL: [f64; BINS] = [0.55, 0.2, 0.1, 0.05, 0.04, 0.03, 0.015, 0.01, 0.004, 0.001];

#[test]
fn chance_alone_is_named_no_oftener_than_stated() {
    for number in [100, 1000, 10_000] {
        for shares in [EQUAL, UNEQUAL] {
            for chance in [0.05, 0.01] {
                let share = false_alarms(number, 5000, &shares, None, chance);
                let deviation = (chance * (1.0 - chance) / 3000.0_f64).sqrt();
                assert!(share <= chance + 2.0 * deviation, "{number} {chance}: {share}");
            }
        }
    }
}

#[test]
fn noise_is_named_no_oftener_than_stated() {
    for number in [100, 1000, 10_000] {
        for scale in [1, 5, 20, 100] {
            for shares in [EQUAL, UNEQUAL] {
                let share = false_alarms(number, 5000, &shares, Scale::new(scale, 1), 0.02);
                assert!(share <= 0.02, "{number} rows, scale {scale}: {share}");
            }
        }
    }
}

#[test]
fn the_folk_threshold_errs_every_third_time_at_a_hundred_rows() {
    let mut rows = Rows(1);
    let expected = Expected::new(&DECILES, &[0.1; BINS], u64::MAX);
    let test = Test { chance: 0.01, noise: 0.0 };
    let exceeds = |counts| expected.judge(&counts, test).unwrap().psi > 0.1;
    let share = (0..4000).filter(|_| exceeds(normal_counts(&mut rows, 100, 0.0))).count() as f64 / 4000.0;
    assert!((0.28..0.42).contains(&share), "{share}");
}

#[test]
fn half_a_deviation_is_found_in_two_thousand_rows() {
    let expected = Expected::new(&DECILES, &[0.1; BINS], 5000);
    let mut rows = Rows(9);
    let mut fill = crate::laplace::tests::stream(9);
    let mut random = Random::new(&mut fill);
    for scale in [None, Scale::new(10, 1)] {
        // As one of 30 features.
        let test = Test::of(30, scale.map_or(0.0, Scale::as_f64));
        let found = (0..200).filter(|_| {
            let counts = noised(normal_counts(&mut rows, 2000, 0.5), scale, &mut random);
            expected.judge(&counts, test).unwrap().is_drift()
        });
        assert!(found.count() >= 198, "{scale:?}");
    }
}

#[test]
fn bins_that_can_hold_nothing_are_left_out_and_rare_ones_put_together() {
    // 0 in 70 rows of 100, 1 in the others.
    let edges = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
    assert_eq!((bin(&edges, 0.0), bin(&edges, 1.0), bin(&edges, 2.0)), (0, 6, 9));
    let shares = [0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0];
    let expected = Expected::new(&edges, &shares, 1000);
    assert_eq!(expected.shares.len(), 2);
    let test = Test::of(1, 0.0);
    let judge = |zeros, ones, beyond| {
        let mut counts = [0; BINS];
        (counts[0], counts[6], counts[9]) = (zeros, ones, beyond);
        expected.judge(&counts, test).unwrap().is_drift()
    };
    assert!(!judge(70, 30, 0) && !judge(70, 29, 1));
    assert!(judge(100, 900, 0));
    assert_eq!(Expected::new(&[1.0; BINS - 1], &shares, 1000).shares.len(), 1);
}

#[test]
fn few_rows_or_none_say_nothing() {
    let expected = Expected::new(&DECILES, &[0.1; BINS], 1000);
    assert!(expected.judge(&[1; BINS], Test::of(1, 0.0)).is_none());
    assert!(expected.judge(&[-50; BINS], Test::of(1, 1.0)).is_none());
    assert!(expected.judge(&[100; BINS], Test::of(1, 100.0)).is_none());
    assert!(expected.judge(&[100; BINS], Test::of(1, 1.0)).is_some());
    for counts in [[i64::MAX; BINS], [i64::MIN; BINS], [0; BINS]] {
        let _ = expected.judge(&counts, Test::of(1, 1.0));
    }
    assert!(Expected::new(&[], &[], 0).judge(&[100; BINS], Test::of(1, 0.0)).is_none());
}
