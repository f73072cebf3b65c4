//! Signing with a key that never leaves KMS: the owner's side, for enclave images.

use aws_lc_rs::digest::{SHA384, digest};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};

use crate::answer;
use crate::arn::KeyArn;
use crate::client::Kms;
use crate::error::KmsError;

/// Bytes of a number of P-384.
const NUMBER_BYTES: usize = 48;

/// Bytes of a signature with ES384: r ‖ s.
pub const SIGNATURE_BYTES: usize = 2 * NUMBER_BYTES;

/// DER tags (X.690 section 8).
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

impl Kms {
    /// Signs a message with ES384: r ‖ s. KMS sees the message's digest alone.
    ///
    /// # Errors
    /// [`KmsError::Refused`] when KMS does not allow it or the key is of another kind, [`KmsError::BadAnswer`]
    /// when the answer holds no such signature, the rest when no answer came.
    pub async fn sign_es384(&self, key: &KeyArn, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KmsError> {
        self.check(key)?;
        let digest = Blob::new(digest(&SHA384, message).as_ref());
        let request = self.sdk.sign().key_id(key.as_str()).message(digest).message_type(MessageType::Digest);
        answer::signature(request.signing_algorithm(SigningAlgorithmSpec::EcdsaSha384).send().await?, key)
    }
}

/// `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3) as two numbers of fixed length.
pub(crate) fn raw(der: &[u8]) -> Option<[u8; SIGNATURE_BYTES]> {
    let (numbers, rest) = element(der, SEQUENCE)?;
    let (r, numbers) = element(numbers, INTEGER)?;
    let (s, numbers) = element(numbers, INTEGER)?;
    if !rest.is_empty() || !numbers.is_empty() {
        return None;
    }
    let mut raw = [0; SIGNATURE_BYTES];
    let (first, second) = raw.split_at_mut(NUMBER_BYTES);
    place(r, first)?;
    place(s, second)?;
    Some(raw)
}

/// The content of the element that `der` begins with, and what follows. Lengths below 128 are all there are.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    match der {
        [found, length @ 0..=127, rest @ ..] if *found == tag => rest.split_at_checked(usize::from(*length)),
        _ => None,
    }
}

/// Writes a positive number to the end of `out`, without its leading zero.
fn place(number: &[u8], out: &mut [u8]) -> Option<()> {
    let number = match number {
        [0, rest @ ..] if !rest.is_empty() => rest,
        [128..=255, ..] | [] => return None,
        number => number,
    };
    let at = out.len().checked_sub(number.len())?;
    out.get_mut(at..)?.copy_from_slice(number);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
        let number = |bytes: &[u8]| [&[INTEGER, bytes.len() as u8], bytes].concat();
        let numbers = [number(r), number(s)].concat();
        [&[SEQUENCE, numbers.len() as u8], numbers.as_slice()].concat()
    }

    #[test]
    fn numbers_are_placed_at_their_ends() {
        let long = [&[0, 0x80], [7; 47].as_slice()].concat();
        let raw = raw(&der(&[5], &long)).unwrap();
        assert_eq!((raw[46], raw[47], raw[48], raw[49]), (0, 5, 0x80, 7));
    }

    #[test]
    fn other_forms_are_refused() {
        let good = der(&[1], &[2]);
        assert!(raw(&good).is_some());
        let too_long = der(&[&[0, 0x80], [7; 48].as_slice()].concat(), &[1]);
        let surplus = [good.as_slice(), &[0]].concat();
        for bad in [&good[..5], &[], &too_long, &surplus, &der(&[0x80], &[1]), &der(&[], &[1])] {
            assert_eq!(raw(bad), None);
        }
    }
}
