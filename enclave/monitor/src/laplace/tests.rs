use super::*;

/// SplitMix64 (Steele, Lea, Flood 2014), so that every run draws the same.
pub(crate) fn stream(mut state: u64) -> impl FnMut(&mut [u8]) -> Result<(), NoRandom> {
    move |bytes| {
        for chunk in bytes.chunks_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

const DRAWS: u32 = 200_000;

/// Pearson's statistic of the draws against the exact chances; what lies beyond ±`reach` is one cell on each side.
fn chi_square(scale: Scale, reach: i64, seed: u64) -> (f64, u32) {
    let mut fill = stream(seed);
    let mut random = Random::new(&mut fill);
    let mut counts = vec![0_u32; usize::try_from(2 * reach + 3).unwrap()];
    for _ in 0..DRAWS {
        let drawn = scale.sample(&mut random).unwrap().clamp(-reach - 1, reach + 1);
        counts[usize::try_from(drawn + reach + 1).unwrap()] += 1;
    }
    let decay = (-1.0 / scale.as_f64()).exp();
    let at = |y: i64| (1.0 - decay) / (1.0 + decay) * decay.powi(i32::try_from(y.abs()).unwrap());
    let beyond = decay.powi(i32::try_from(reach + 1).unwrap()) / (1.0 + decay);
    let chance = |y: i64| if y.abs() > reach { beyond } else { at(y) };
    let cells = (-reach - 1..=reach + 1).zip(&counts);
    let sum = cells.map(|(y, count)| {
        let expected = f64::from(DRAWS) * chance(y);
        assert!(expected > 5.0, "too few expected at {y}");
        (f64::from(*count) - expected).powi(2) / expected
    });
    (sum.sum(), u32::try_from(counts.len() - 1).unwrap())
}

#[test]
fn draws_are_distributed_as_the_exact_chances_say() {
    for (seed, (numerator, denominator, reach)) in
        [(1, 3, 2), (1, 1, 6), (7, 3, 12), (31, 2, 60), (1_000_001, 100_000, 50)].into_iter().enumerate()
    {
        let scale = Scale::new(numerator, denominator).unwrap();
        let (statistic, degrees) = chi_square(scale, reach, seed as u64);
        // The normal approximation of χ² at five deviations.
        let bound = f64::from(degrees) + 5.0 * (2.0 * f64::from(degrees)).sqrt() + 5.0;
        assert!(statistic < bound, "{numerator}/{denominator}: {statistic} of {degrees}");
    }
}

#[test]
fn noise_is_symmetric_and_has_its_variance() {
    let scale = Scale::for_privacy(31, 0.5).unwrap();
    let mut fill = stream(7);
    let mut random = Random::new(&mut fill);
    let draws: Vec<f64> =
        (0..DRAWS).map(|_| f64::from(i32::try_from(scale.sample(&mut random).unwrap()).unwrap())).collect();
    let mean = draws.iter().sum::<f64>() / f64::from(DRAWS);
    let variance = draws.iter().map(|draw| draw * draw).sum::<f64>() / f64::from(DRAWS);
    let expected = 2.0 * scale.as_f64().powi(2);
    assert!(mean.abs() < 5.0 * (expected / f64::from(DRAWS)).sqrt(), "{mean}");
    assert!((variance / expected - 1.0).abs() < 0.03, "{variance} for {expected}");
}

#[test]
fn a_scale_is_never_below_what_privacy_asks() {
    for epsilon in [1e-9, 4.0 / 86_400.0, 0.1, 1.0 / 3.0, 1.0, 99.9] {
        let scale = Scale::for_privacy(31, epsilon).unwrap();
        assert!(scale.as_f64() >= 31.0 / epsilon * (1.0 - 1e-15), "{epsilon}");
        assert!(scale.as_f64() <= 31.0 / epsilon * 1.01, "{epsilon}");
    }
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300] {
        assert_eq!(Scale::for_privacy(31, epsilon), None, "{epsilon}");
    }
    assert_eq!(Scale::for_privacy(0, 1.0), None);
    assert_eq!(Scale::for_privacy(MAX_SENSITIVITY + 1, 1.0), None);
}

#[test]
fn extreme_scales_and_streams_end_without_a_panic() {
    let mut fill = stream(3);
    let mut random = Random::new(&mut fill);
    for scale in [Scale::new((1 << 53) - 1, 1), Scale::new(1, u64::MAX), Scale::new(1, 1)] {
        for _ in 0..1000 {
            scale.unwrap().sample(&mut random).unwrap();
        }
    }
    let mut broken = |_: &mut [u8]| Err(NoRandom);
    assert_eq!(Scale::new(5, 1).unwrap().sample(&mut Random::new(&mut broken)), Err(NoRandom));
}
