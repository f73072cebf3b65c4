//! A stream of numbers from a seed, the same for the same seed: AES-256-GCM over zeros, used as a keystream.

use std::f64::consts::TAU;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::error::Unspecified;

/// Bytes drawn at once.
const BLOCK_BYTES: usize = 4096;

/// Numbers from a seed.
pub(super) struct Stream {
    key: LessSafeKey,
    block: Vec<u8>,
    used: usize,
    number: u32,
}

impl Stream {
    pub(super) fn new(seed: &[u8; 32]) -> Result<Self, Unspecified> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, seed)?);
        Ok(Self { key, block: Vec::new(), used: 0, number: 0 })
    }

    /// The first bytes of the stream. Takes it, because numbers drawn afterwards would repeat them.
    pub(super) fn bytes(mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count.next_multiple_of(BLOCK_BYTES).min(count + BLOCK_BYTES));
        while bytes.len() < count {
            let block = self.next_block((count - bytes.len()).min(BLOCK_BYTES));
            bytes.extend_from_slice(&block);
        }
        bytes.truncate(count);
        bytes
    }

    /// A number from 0 to 1, exclusive at both ends.
    pub(super) fn uniform(&mut self) -> f64 {
        let bits = self.next_u64() >> 11;
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64")]
        let fraction = bits as f64;
        (fraction + 0.5) / (1_u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * radius.ln()).sqrt() * (TAU * angle).cos()
    }

    fn next_u64(&mut self) -> u64 {
        if self.used + 8 > self.block.len() {
            self.block = self.next_block(BLOCK_BYTES);
            self.used = 0;
        }
        let bytes = self.block.get(self.used..).and_then(|rest| rest.first_chunk::<8>()).copied();
        self.used += 8;
        u64::from_le_bytes(bytes.unwrap_or_default())
    }

    fn next_block(&mut self, bytes: usize) -> Vec<u8> {
        let mut nonce = [0; 12];
        let (_, counter) = nonce.split_at_mut(8);
        counter.copy_from_slice(&self.number.to_be_bytes());
        self.number = self.number.wrapping_add(1);
        let mut block = vec![0; bytes];
        // Sealing fails for blocks of more than 64 GiB alone.
        let _ = self.key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::empty(),
            &mut block,
        );
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_seed_and_spread_as_they_should() {
        let mut stream = Stream::new(&[1; 32]).unwrap();
        let normals: Vec<f64> = (0..20_000).map(|_| stream.normal()).collect();
        let mut again = Stream::new(&[1; 32]).unwrap();
        assert!(normals.iter().take(100).all(|normal| *normal == again.normal()));
        let mean = normals.iter().sum::<f64>() / 20_000.0;
        let variance = normals.iter().map(|normal| normal * normal).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
        assert_ne!(Stream::new(&[2; 32]).unwrap().uniform(), Stream::new(&[1; 32]).unwrap().uniform());
    }

    #[test]
    fn bytes_do_not_repeat_between_blocks() {
        let bytes = Stream::new(&[1; 32]).unwrap().bytes(2 * BLOCK_BYTES + 5);
        assert_eq!(bytes.len(), 2 * BLOCK_BYTES + 5);
        assert_ne!(bytes[..BLOCK_BYTES], bytes[BLOCK_BYTES..2 * BLOCK_BYTES]);
        let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        assert!((31_000..35_000).contains(&ones), "{ones}");
    }
}
