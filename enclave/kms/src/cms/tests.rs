//! The reader against real answers of KMS, every truncation of them, and noise.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PrivateDecryptingKey;
use proptest::prelude::*;

use super::*;

/// Bytes of published test data, or `None` with a loud line where the folder is absent.
fn sample(name: &str) -> Option<Vec<u8>> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/kms"));
    if !folder.exists() {
        eprintln!("SKIPPED: {name}: the folder of published KMS answers is absent");
        return None;
    }
    Some(std::fs::read(folder.join(name)).unwrap())
}

fn recipient(name: &str) -> Option<RecipientKey> {
    let der = sample(name)?;
    Some(RecipientKey::from_private(PrivateDecryptingKey::from_pkcs8(&der).unwrap()).unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn real_answers_open_to_their_published_plaintexts() {
    let (Some(ber), Some(key)) = (sample("edgebit_cfr.ber"), recipient("edgebit_key.p8.der")) else { return };
    let expected = "3be82c440f06cb4d44c4c2ec3bf30d472407d3a9125aa4c1842b98f6bdd26e41";
    assert_eq!(hex(&key.open(&ber).unwrap()), expected);
    let (Some(ber), Some(other)) = (sample("awssamples_cfr.ber"), recipient("awssamples_key.p8.der")) else {
        return;
    };
    let plaintext = other.open(&ber).unwrap();
    assert_eq!(plaintext.len(), 154);
    let expected = "ae015bffab6da23a120695bd25677f5c5bed74d3c58b523d1881f09fbcff380c";
    assert_eq!(hex(digest(&SHA256, &plaintext).as_ref()), expected);
    assert_eq!(key.open(&ber), Err(CmsError::OtherRecipient));
}

#[test]
fn a_chunked_answer_is_read_whole() {
    let Some(ber) = sample("rustcrypto_kms_4.ber") else { return };
    assert_eq!(Enveloped::read(&ber).unwrap().content.len(), 4112);
}

#[test]
fn every_truncation_and_every_trailing_byte_is_malformed() {
    for name in ["edgebit_cfr.ber", "awssamples_cfr.ber", "rustcrypto_kms_4.ber"] {
        let Some(mut ber) = sample(name) else { return };
        for end in 0..ber.len() {
            assert_eq!(Enveloped::read(&ber[..end]), Err(CmsError::Malformed), "{name} cut to {end}");
        }
        ber.push(0);
        assert_eq!(Enveloped::read(&ber), Err(CmsError::Malformed));
    }
}

#[test]
fn no_flipped_bit_gives_the_same_plaintext() {
    let (Some(ber), Some(key)) = (sample("edgebit_cfr.ber"), recipient("edgebit_key.p8.der")) else { return };
    let plaintext = key.open(&ber).unwrap();
    for bit in 0..ber.len() * 8 {
        let mut flipped = ber.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = key.open(&flipped) {
            assert_ne!(other, plaintext, "bit {bit}");
        }
    }
}

/// Writes the content of an answer in some form.
type Rewrite = fn(&[u8]) -> Vec<u8>;

/// The answer of one sample with its content written anew by `write`.
fn with_content(write: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let ber = sample("edgebit_cfr.ber")?;
    let (head, rest) = ber.split_at(431);
    Some([head, &write(&rest[4..52]), &[0; 8]].concat())
}

#[test]
fn primitive_and_chunked_content_are_the_same_and_odd_ones_are_refused() {
    let Some(key) = recipient("edgebit_key.p8.der") else { return };
    let open = |ber: Option<Vec<u8>>| key.open(&ber.unwrap()).map(|p| p.len());
    assert_eq!(open(with_content(|c| [&[0x80, 48], c].concat())), Ok(32));
    let split = |c: &[u8]| [&[0xa0, 0x80, 4, 17][..], &c[..17], &[4, 31], &c[17..], &[0, 0]].concat();
    assert_eq!(open(with_content(split)), Ok(32));
    let odd: [Rewrite; 5] = [
        |_| vec![0x80, 0],
        |_| vec![0xa0, 0x80, 0, 0],
        |c| [&[0x80, 47], &c[..47]].concat(),
        |c| [&[0xa0, 50, 4, 48], c].concat(),
        |c| [&[0xa0, 0x80, 4, 0, 4, 48][..], c, &[0, 0]].concat(),
    ];
    for write in odd {
        assert_eq!(open(with_content(write)), Err(CmsError::Malformed));
    }
}

#[test]
fn wrong_key_and_wrong_padding_are_one_error() {
    let (Some(ber), Some(key)) = (sample("edgebit_cfr.ber"), recipient("edgebit_key.p8.der")) else { return };
    let (mut wrapped, mut padded) = (ber.clone(), ber.clone());
    wrapped[200] ^= 1;
    // The last block's predecessor: the flip lands in the padding.
    padded[435 + 31] ^= 0xff;
    assert_eq!(key.open(&wrapped), Err(CmsError::Unopened));
    assert_eq!(key.open(&padded), Err(CmsError::Unopened));
}

#[test]
fn fresh_keys_differ_and_show_nothing() {
    let (a, b) = (RecipientKey::generate().unwrap(), RecipientKey::generate().unwrap());
    assert_ne!(a.spki_der(), b.spki_der());
    assert_eq!(a.spki_der().len(), 294);
    assert_eq!(format!("{a:?}"), "RecipientKey(redacted)");
}

proptest! {
    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        prop_assert_eq!(Enveloped::read(&bytes), Err(CmsError::Malformed));
    }

    #[test]
    fn a_sample_with_noise_written_over_it_never_panics(
        at in 0usize..490, noise in prop::collection::vec(any::<u8>(), 1..40),
    ) {
        if let Some(mut ber) = sample("edgebit_cfr.ber") {
            let end = (at + noise.len()).min(ber.len());
            ber[at..end].copy_from_slice(&noise[..end - at]);
            let _ = Enveloped::read(&ber);
        }
    }
}
