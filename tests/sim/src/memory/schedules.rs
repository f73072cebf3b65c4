//! AES-256 keys in memory, told by what a cipher makes of them: after the 32 bytes of the key stand 208 that follow from it
//! (FIPS 197, section 5.2). So keys are found that nobody outside can name.
//!
//! Ciphers that use a processor's instructions for AES keep a schedule as the standard writes it; that is what runs on every
//! machine with Nitro Enclaves.

use std::collections::BTreeSet;

/// Words of a key.
const KEY_WORDS: usize = 8;

/// Words of a schedule of 14 rounds.
const SCHEDULE_WORDS: usize = 60;

const WORD_BYTES: usize = 4;

/// Keys whose whole schedule stands in memory, each once.
#[must_use]
pub fn keys_in(haystacks: &[Vec<u8>]) -> BTreeSet<[u8; 32]> {
    let cipher = SubBytes::new();
    let mut found = BTreeSet::new();
    for haystack in haystacks {
        let words: Vec<u32> =
            haystack.as_chunks::<WORD_BYTES>().0.iter().map(|word| u32::from_be_bytes(*word)).collect();
        for window in words.windows(SCHEDULE_WORDS) {
            // Cheap, and true by chance once in 2^64, or where everything is alike.
            if window[9] != window[8] ^ window[1] || window[10] != window[9] ^ window[2] {
                continue;
            }
            let key: [u32; KEY_WORDS] = window[..KEY_WORDS].try_into().unwrap();
            if cipher.expand(key) == window {
                found.insert(key.map(u32::to_be_bytes).as_flattened().try_into().unwrap());
            }
        }
    }
    found
}

/// The substitution of FIPS 197, section 5.1.1.
struct SubBytes([u8; 256]);

impl SubBytes {
    /// Walks all elements but zero as powers of 3, beside their inverses.
    fn new() -> Self {
        let mut table = [0x63; 256];
        let (mut element, mut inverse) = (1_u8, 1_u8);
        loop {
            element ^= (element << 1) ^ if element & 0x80 == 0 { 0 } else { 0x1b };
            inverse ^= inverse << 1;
            inverse ^= inverse << 2;
            inverse ^= inverse << 4;
            inverse ^= if inverse & 0x80 == 0 { 0 } else { 0x09 };
            let turned = (1..5).map(|bits| inverse.rotate_left(bits)).fold(inverse, |sum, bits| sum ^ bits);
            table[usize::from(element)] = turned ^ 0x63;
            if element == 1 {
                return Self(table);
            }
        }
    }

    fn word(&self, word: u32) -> u32 {
        u32::from_be_bytes(word.to_be_bytes().map(|byte| self.0[usize::from(byte)]))
    }

    fn expand(&self, key: [u32; KEY_WORDS]) -> [u32; SCHEDULE_WORDS] {
        let mut schedule = [0; SCHEDULE_WORDS];
        schedule[..KEY_WORDS].copy_from_slice(&key);
        let mut round = 0x0100_0000;
        for place in KEY_WORDS..SCHEDULE_WORDS {
            let before = schedule[place - 1];
            let mixed = match place % KEY_WORDS {
                0 => {
                    let mixed = self.word(before.rotate_left(8)) ^ round;
                    round <<= 1;
                    mixed
                }
                4 => self.word(before),
                _ => before,
            };
            schedule[place] = schedule[place - KEY_WORDS] ^ mixed;
        }
        schedule
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197, appendix A.3.
    #[test]
    fn the_schedule_of_the_standards_example_is_found_where_it_is_whole() {
        let key: [u32; KEY_WORDS] = [
            0x603d_eb10,
            0x15ca_71be,
            0x2b73_aef0,
            0x857d_7781,
            0x1f35_2c07,
            0x3b61_08d7,
            0x2d98_10a3,
            0x0914_dff4,
        ];
        let schedule = SubBytes::new().expand(key);
        assert_eq!(schedule[8..12], [0x9ba3_5411, 0x8e69_25af, 0xa51a_8b5f, 0x2067_fcde]);
        assert_eq!(schedule[56..], [0xfe48_90d1, 0xe618_8d0b, 0x046d_f344, 0x706c_631e]);

        let bytes = schedule.map(u32::to_be_bytes).as_flattened().to_vec();
        let (zeros, key) = (vec![0; 4096], bytes[..32].try_into().unwrap());
        let around = [&zeros[..20], &bytes, &zeros].concat();
        assert_eq!(keys_in(&[zeros.clone(), around.clone(), around]), BTreeSet::from([key]));
        let cut = [&bytes[..239], &zeros].concat();
        assert!(keys_in(&[zeros, cut]).is_empty());
    }
}
