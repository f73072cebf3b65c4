//! Platform configuration registers: their indexes and their SHA-384 values.

use std::fmt;
use std::str::FromStr;

use ring::digest::{Context, SHA384};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits::PCR_COUNT;

/// Bytes of a SHA-384 register.
pub const PCR_BYTES: usize = 48;

/// Which register: 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct PcrIndex(u8);

impl PcrIndex {
    /// The image file.
    pub const IMAGE: Self = Self(0);
    /// The kernel and its boot RAM disk.
    pub const KERNEL: Self = Self(1);
    /// The application without the boot RAM disk.
    pub const APPLICATION: Self = Self(2);
    /// The IAM role of the parent instance.
    pub const ROLE: Self = Self(3);
    /// The id of the parent instance.
    pub const INSTANCE: Self = Self(4);
    /// The owner's charter, extended and locked by the enclave at boot.
    pub const CHARTER: Self = Self(16);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// All registers in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map_while(|index| Self::try_from(index).ok())
    }
}

/// A number that names no register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PCR index is 0 to 31")]
pub struct NoSuchPcr;

impl TryFrom<u8> for PcrIndex {
    type Error = NoSuchPcr;

    fn try_from(index: u8) -> Result<Self, NoSuchPcr> {
        if usize::from(index) < PCR_COUNT { Ok(Self(index)) } else { Err(NoSuchPcr) }
    }
}

impl From<PcrIndex> for u8 {
    fn from(index: PcrIndex) -> Self {
        index.0
    }
}

impl fmt::Display for PcrIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PCR{}", self.0)
    }
}

/// The value of a SHA-384 register. Written as hexadecimal in text and as 48 bytes in CBOR.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pcr([u8; PCR_BYTES]);

/// Text or bytes that are not a SHA-384 register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PCR is 48 bytes, in text 96 hexadecimal digits")]
pub struct NotAPcr;

impl Pcr {
    /// A register that was never extended; in a debug enclave also the image registers.
    pub const ZERO: Self = Self([0; PCR_BYTES]);

    /// Takes the bytes of a register.
    #[must_use]
    pub const fn new(bytes: [u8; PCR_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PCR_BYTES] {
        &self.0
    }

    /// Whether every bit is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    /// What the register holds after an extend: SHA-384(old ‖ data).
    #[must_use]
    pub fn extend(&self, data: &[u8]) -> Self {
        let mut context = Context::new(&SHA384);
        context.update(&self.0);
        context.update(data);
        let mut value = [0; PCR_BYTES];
        value.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, digest)| *byte = *digest);
        Self(value)
    }
}

impl TryFrom<&[u8]> for Pcr {
    type Error = NotAPcr;

    fn try_from(bytes: &[u8]) -> Result<Self, NotAPcr> {
        bytes.try_into().map(Self).map_err(|_| NotAPcr)
    }
}

impl FromStr for Pcr {
    type Err = NotAPcr;

    fn from_str(text: &str) -> Result<Self, NotAPcr> {
        let mut bytes = [0; PCR_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAPcr)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Pcr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Pcr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pcr({self})")
    }
}

impl Serialize for Pcr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Pcr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(PcrVisitor { text: true })
        } else {
            deserializer.deserialize_bytes(PcrVisitor { text: false })
        }
    }
}

/// Accepts the one form that belongs to the encoding, so that a value has one spelling in each.
struct PcrVisitor {
    text: bool,
}

impl Visitor<'_> for PcrVisitor {
    type Value = Pcr;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a SHA-384 register")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pcr, E> {
        if self.text { text.parse().map_err(E::custom) } else { Err(E::custom(NotAPcr)) }
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Pcr, E> {
        if self.text { Err(E::custom(NotAPcr)) } else { Pcr::try_from(bytes).map_err(E::custom) }
    }
}

/// The three registers that measure an image: the same for everyone who runs one release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePcrs {
    /// The image file.
    pub pcr0: Pcr,
    /// The kernel and its boot RAM disk.
    pub pcr1: Pcr,
    /// The application.
    pub pcr2: Pcr,
}

#[cfg(test)]
mod tests {
    use strongroom_proto::cbor::{Bounds, decode, encode_canonical};

    use super::*;

    #[test]
    fn extending_zero_by_nothing_is_the_digest_of_48_zero_bytes() {
        let expected = "8f0d145c0368ad6b70be22e41c400eea91b971d96ba220fec9fae25a58dffdaaf72dbe8f6783d55128c9df4efaf6f8a7";
        assert_eq!(Pcr::ZERO.extend(b"").to_string(), expected);
        assert!(Pcr::ZERO.is_zero());
        assert!(!Pcr::ZERO.extend(b"").is_zero());
    }

    #[test]
    fn text_and_indexes_are_strict() {
        let pcr = Pcr::ZERO.extend(b"x");
        assert_eq!(pcr.to_string().parse(), Ok(pcr));
        assert_eq!("00".parse::<Pcr>(), Err(NotAPcr));
        assert_eq!(PcrIndex::try_from(32), Err(NoSuchPcr));
        assert_eq!(PcrIndex::all().count(), 32);
    }

    #[test]
    fn images_are_byte_strings_in_cbor_and_hexadecimal_in_json() {
        let pcr = Pcr::ZERO.extend(b"x");
        let image = ImagePcrs { pcr0: pcr, pcr1: pcr, pcr2: pcr };
        let bytes = encode_canonical(&image).unwrap();
        assert_eq!(bytes.len(), 1 + 3 * (5 + 2 + 48));
        let bounds = Bounds { max_bytes: 1024, max_depth: 2, max_items: 8 };
        assert_eq!(decode::<ImagePcrs>(&bytes, bounds), Ok(image));
        let text = serde_json::to_string(&image).unwrap();
        assert!(text.contains(&pcr.to_string()));
        assert_eq!(serde_json::from_str::<ImagePcrs>(&text).unwrap(), image);
    }
}
