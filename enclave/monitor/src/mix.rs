//! Numbers that look random and are always the same: to split rows, to choose among them, and to sign projections.

/// Finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A hash of a row by its values, for whoever knows `seed`. It keeps rows apart, not secrets.
pub(crate) fn hash(seed: u64, features: &[f32]) -> u64 {
    features.iter().fold(seed, |state, value| mix(state ^ u64::from((value + 0.0).to_bits())))
}

/// A position below `length`, by the given number. 0 when there is none.
pub(crate) fn position(number: u64, length: usize) -> usize {
    let length = u64::try_from(length).unwrap_or(u64::MAX).max(1);
    usize::try_from(mix(number) % length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_zeros_hash_alike_and_seeds_and_orders_differ() {
        assert_eq!(hash(1, &[0.0, 1.0]), hash(1, &[-0.0, 1.0]));
        assert_ne!(hash(1, &[0.0, 1.0]), hash(2, &[0.0, 1.0]));
        assert_ne!(hash(1, &[0.0, 1.0]), hash(1, &[1.0, 0.0]));
        assert_eq!(position(7, 0), 0);
        assert!((0..100).all(|number| position(number, 9) < 9));
    }
}
