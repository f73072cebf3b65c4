//! What webpki does not report of a certificate: key usage, basic constraints, validity (RFC 5280).

use super::der::{Der, tag};
use super::validity::Validity;

/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];

/// id-ce-basicConstraints, 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// Bits 0 and 5 of the first byte of KeyUsage (RFC 5280 section 4.2.1.3).
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_CERT_SIGN: u8 = 0x04;

/// The facts of one certificate. Unsigned bytes until a path to a root was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) validity: Validity,
    basic_constraints: Option<BasicConstraints>,
    key_usage: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BasicConstraints {
    ca: bool,
    has_path_length: bool,
}

impl Facts {
    /// Reads one certificate that fills `der`; `None` when anything is out of place.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Der::new(der);
        let mut certificate = Der::new(outer.expect(tag::SEQUENCE)?);
        let mut tbs = Der::new(certificate.expect(tag::SEQUENCE)?);
        // TBSCertificate (RFC 5280 section 4.1): version, serial number, signature, issuer, validity.
        tbs.expect(tag::VERSION)?;
        tbs.expect(tag::INTEGER)?;
        tbs.expect(tag::SEQUENCE)?;
        tbs.expect(tag::SEQUENCE)?;
        let validity = Validity::read(tbs.expect(tag::SEQUENCE)?)?;
        // Then subject, public key, extensions. Nobody issues the unique ids between the last two.
        tbs.expect(tag::SEQUENCE)?;
        tbs.expect(tag::SEQUENCE)?;
        let extensions = tbs.expect(tag::EXTENSIONS)?;
        let mut facts = Self { validity, basic_constraints: None, key_usage: None };
        facts.read_extensions(extensions)?;
        (tbs.is_empty() && outer.is_empty()).then_some(facts)
    }

    /// Whether the key may sign documents and is no certificate authority's.
    pub(crate) fn may_sign_documents(&self) -> bool {
        let end_entity = BasicConstraints { ca: false, has_path_length: false };
        self.basic_constraints == Some(end_entity)
            && self.key_usage.is_some_and(|bits| bits & DIGITAL_SIGNATURE != 0)
    }

    /// Whether the key is a certificate authority's and may sign certificates.
    pub(crate) fn may_sign_certificates(&self) -> bool {
        self.basic_constraints.is_some_and(|constraints| constraints.ca)
            && self.key_usage.is_some_and(|bits| bits & KEY_CERT_SIGN != 0)
    }

    fn read_extensions(&mut self, contents: &[u8]) -> Option<()> {
        let mut explicit = Der::new(contents);
        let mut extensions = Der::new(explicit.expect(tag::SEQUENCE)?);
        while !extensions.is_empty() {
            self.read_extension(extensions.expect(tag::SEQUENCE)?)?;
        }
        explicit.is_empty().then_some(())
    }

    /// Reads one extension; the two of interest at most once each.
    fn read_extension(&mut self, contents: &[u8]) -> Option<()> {
        let mut extension = Der::new(contents);
        let id = extension.expect(tag::OID)?;
        extension.optional(tag::BOOLEAN);
        let value = extension.expect(tag::OCTET_STRING)?;
        let repeated = match id {
            KEY_USAGE => self.key_usage.replace(read_key_usage(value)?).is_some(),
            BASIC_CONSTRAINTS => self.basic_constraints.replace(read_basic_constraints(value)?).is_some(),
            _ => false,
        };
        (extension.is_empty() && !repeated).then_some(())
    }
}

/// The first byte of the bits. A second byte holds `decipherOnly` alone.
fn read_key_usage(value: &[u8]) -> Option<u8> {
    let mut der = Der::new(value);
    let (unused_bits, bits) = der.expect(tag::BIT_STRING)?.split_first()?;
    let last = *bits.last()?;
    let padded_with_zeros = last.checked_shl(8_u32.checked_sub(u32::from(*unused_bits))?).unwrap_or(0) == 0;
    (der.is_empty() && *unused_bits < 8 && bits.len() <= 2 && padded_with_zeros).then_some(*bits.first()?)
}

fn read_basic_constraints(value: &[u8]) -> Option<BasicConstraints> {
    let mut der = Der::new(value);
    let mut sequence = Der::new(der.expect(tag::SEQUENCE)?);
    // DER leaves out a default, so that a boolean that is written is TRUE, and TRUE is 0xff.
    let ca = match sequence.optional(tag::BOOLEAN) {
        None => false,
        Some([0xff]) => true,
        Some(_) => return None,
    };
    let has_path_length = sequence.optional(tag::INTEGER).is_some();
    (der.is_empty() && sequence.is_empty()).then_some(BasicConstraints { ca, has_path_length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_usage_is_read_strictly() {
        assert_eq!(read_key_usage(&[3, 2, 6, 0xc0]), Some(0xc0));
        assert_eq!(read_key_usage(&[3, 2, 2, 0x04]), Some(0x04));
        assert_eq!(read_key_usage(&[3, 3, 7, 0x00, 0x80]), Some(0x00));
        for refused in
            [&[3, 2, 6, 0xe0][..], &[3, 1, 0], &[3, 2, 8, 0], &[3, 2, 6, 0xc0, 0], &[4, 2, 6, 0xc0], &[]]
        {
            assert_eq!(read_key_usage(refused), None, "{refused:02x?}");
        }
    }

    #[test]
    fn basic_constraints_are_read_strictly() {
        let read =
            |bytes: &[u8]| read_basic_constraints(bytes).map(|found| (found.ca, found.has_path_length));
        assert_eq!(read(&[0x30, 0]), Some((false, false)));
        assert_eq!(read(&[0x30, 3, 1, 1, 0xff]), Some((true, false)));
        assert_eq!(read(&[0x30, 6, 1, 1, 0xff, 2, 1, 0]), Some((true, true)));
        for refused in [&[0x30, 3, 1, 1, 0][..], &[0x30, 3, 1, 1, 1], &[0x30, 0, 0], &[0x30, 3, 4, 1, 0]] {
            assert_eq!(read(refused), None, "{refused:02x?}");
        }
    }

    #[test]
    fn no_truncation_of_a_certificate_is_read() {
        let der = include_bytes!("../aws_nitro_root_g1.der");
        assert!(Facts::read(der).is_some_and(|facts| facts.may_sign_certificates()));
        assert!((0..der.len()).all(|length| Facts::read(&der[..length]).is_none()));
    }
}
