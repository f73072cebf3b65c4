//! The writer of `CiphertextForRecipient`, in the very form of the real answers.
//!
//! Constants are spelled out here and not shared with the reader of `strongroom-kms`: a mistake made once would
//! otherwise agree with itself.

use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};

/// OCTET STRINGs of the content have this many bytes, the last one fewer.
const CHUNK_BYTES: usize = 1000;
/// The only RSA size that KMS takes from a document.
const RSA_BITS: usize = 2048;

/// ContentInfo, [0], EnvelopedData: opened with indefinite lengths, up to the version.
const HEAD: &str = "3080 06092a864886f70d010703 a080 3080 020102";
/// rsaesOaep with SHA-256 and MGF1-SHA-256.
const OAEP: &str = "303c06092a864886f70d010107302fa00f300d06096086480165030402010500\
                    a11c301a06092a864886f70d010108300d06096086480165030402010500";
/// EncryptedContentInfo, opened, and the type `data`.
const CONTENT: &str = "3080 06092a864886f70d010701";
/// The algorithm aes256-CBC, to be followed by its IV.
const AES_CBC: &str = "060960864801650304012a";

/// Seals a plaintext to the public key of an attestation document.
///
/// # Errors
/// [`Unspecified`] when the key is not an RSA-2048 SubjectPublicKeyInfo.
pub fn seal(spki_der: &[u8], plaintext: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
    let public = PublicEncryptingKey::from_der(spki_der).map_err(|_| Unspecified)?;
    if public.key_size_bits() != RSA_BITS {
        return Err(Unspecified);
    }
    let mut content_key = [0; 32];
    rand::fill(&mut content_key)?;
    let wrapped = wrap(OaepPublicEncryptingKey::new(public)?, content_key)?;
    let (iv, content) = encrypt(content_key, plaintext)?;
    let key_id = digest(&SHA256, spki_der);
    let info = [&octets("020102")?, &tlv(0x80, key_id.as_ref()), &octets(OAEP)?, &tlv(0x04, &wrapped)[..]];
    let algorithm = [octets(AES_CBC)?, tlv(0x04, &iv)].concat();
    let mut out = octets(HEAD)?;
    out.extend(tlv(0x31, &tlv(0x30, &info.concat())));
    out.extend(octets(CONTENT)?);
    out.extend(tlv(0x30, &algorithm));
    out.extend([0xa0, 0x80]);
    out.extend(content.chunks(CHUNK_BYTES).flat_map(|chunk| tlv(0x04, chunk)));
    // End-of-contents of [0], EncryptedContentInfo, EnvelopedData, [0] and ContentInfo.
    out.extend([0; 10]);
    Ok(out)
}

fn wrap(public: OaepPublicEncryptingKey, content_key: [u8; 32]) -> Result<Vec<u8>, Unspecified> {
    let mut wrapped = vec![0; public.ciphertext_size()];
    let length = public.encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut wrapped, None)?.len();
    wrapped.truncate(length);
    Ok(wrapped)
}

fn encrypt(content_key: [u8; 32], plaintext: Vec<u8>) -> Result<([u8; 16], Vec<u8>), Unspecified> {
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &content_key)?)?;
    let mut content = plaintext;
    match cipher.encrypt(&mut content)? {
        DecryptionContext::Iv128(iv) => Ok((*AsRef::<[u8; 16]>::as_ref(&iv), content)),
        _ => Err(Unspecified),
    }
}

/// An element of definite length. None here reaches 64 KiB.
fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let header: &[u8] = match (high, low) {
        (0, 0..0x80) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [header, body].concat()
}

fn octets(spaced_hex: &str) -> Result<Vec<u8>, Unspecified> {
    hex::decode(spaced_hex.replace(' ', "")).map_err(|_| Unspecified)
}
