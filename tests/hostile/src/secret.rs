//! What the host must never see, in the forms in which it could.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use strongroom_sim::kms::{SimKms, ciphertext};

/// Bytes that must not pass through the host's hands.
pub(crate) struct Secret {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Bytes of a piece by which something longer is recognized.
const PIECE: usize = 32;

/// A short secret as it is, in hexadecimal and in both alphabets of base64.
pub(crate) fn in_every_form(name: &'static str, bytes: &[u8]) -> impl Iterator<Item = Secret> {
    // The last character of base64 depends on what follows.
    let coded = |mut text: String| {
        text.pop();
        text.into_bytes()
    };
    let forms = [
        bytes.to_vec(),
        hex::encode(bytes).into_bytes(),
        hex::encode_upper(bytes).into_bytes(),
        coded(STANDARD_NO_PAD.encode(bytes)),
        coded(URL_SAFE_NO_PAD.encode(bytes)),
    ];
    forms.into_iter().map(move |bytes| Secret { name, bytes })
}

/// The key behind the text that `strongroom api-key` writes, in every form; the text is one of them.
pub(crate) fn api_key(text: &str) -> Vec<Secret> {
    let coded = text.trim().strip_prefix("sr_").unwrap_or_default();
    let key = URL_SAFE_NO_PAD.decode(coded).unwrap_or_default();
    if key.is_empty() { Vec::new() } else { in_every_form("an API key", &key).collect() }
}

/// Pieces of something long, any of which gives it away. Where bytes repeat there are names or zeros, which are anybody's.
pub(crate) fn in_pieces(name: &'static str, bytes: &[u8]) -> impl Iterator<Item = Secret> {
    let telling = |piece: &&[u8]| piece.iter().collect::<std::collections::BTreeSet<_>>().len() > PIECE / 2;
    bytes.chunks_exact(PIECE).filter(telling).map(move |piece| Secret { name, bytes: piece.to_vec() })
}

/// All of something, unless it is so short that it may stand anywhere.
pub(crate) fn if_telling(name: &'static str, bytes: &[u8]) -> Option<Secret> {
    (bytes.len() > PIECE).then(|| Secret { name, bytes: bytes.to_vec() })
}

/// What this wrapped key is when it is unwrapped, under any context that KMS was ever asked to make one for.
pub(crate) fn data_key(kms: &SimKms, key_arn: &str, wrapped: &[u8]) -> Vec<Secret> {
    let mut inside = None;
    // Looked at, and put back as it was.
    let looked = kms.alter(key_arn, |key| inside = Some((key.id.clone(), key.material)));
    let Some((id, material)) = inside.filter(|_| looked.is_ok()) else { return Vec::new() };
    let calls = kms.calls();
    let opened = calls.iter().find_map(|call| ciphertext::open(&id, &material, &call.context, wrapped).ok());
    opened.map(|key| in_every_form("a data key", &key).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

    #[test]
    fn a_key_is_found_as_it_is_in_hexadecimal_and_in_base64() {
        let key: [u8; 32] = strongroom_e2e::random();
        let text = format!("sr_{}", URL_SAFE_NO_PAD.encode(key));
        let passed = [
            key.to_vec(),
            hex::encode(key).into_bytes(),
            text.clone().into_bytes(),
            base64::engine::general_purpose::STANDARD.encode(key).into_bytes(),
        ];
        for bytes in passed {
            let tape = Tape::default();
            assert_eq!(tape.holds(&api_key(&text)), None);
            tape.record(&[b"before ".as_slice(), &bytes, b" behind"].concat());
            assert_eq!(tape.holds(&api_key(&text)), Some("an API key"));
        }
    }

    #[test]
    fn each_piece_of_a_row_gives_it_away() {
        let row = strongroom_e2e::row();
        let pieces: Vec<_> = in_pieces("a request", row).collect();
        assert_eq!(pieces.len(), row.len() / PIECE, "no piece of it is anybody's");
        let tape = Tape::default();
        tape.record(&row[PIECE..]);
        assert_eq!(tape.holds(&pieces), Some("a request"));
    }
}
