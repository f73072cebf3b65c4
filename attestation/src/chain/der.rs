//! A small strict DER reader (X.690 section 10): definite lengths in their shortest form only.

/// Tags that certificates use here.
pub(super) mod tag {
    pub(in crate::chain) const BOOLEAN: u8 = 0x01;
    pub(in crate::chain) const INTEGER: u8 = 0x02;
    pub(in crate::chain) const BIT_STRING: u8 = 0x03;
    pub(in crate::chain) const OCTET_STRING: u8 = 0x04;
    pub(in crate::chain) const OID: u8 = 0x06;
    pub(in crate::chain) const UTC_TIME: u8 = 0x17;
    pub(in crate::chain) const GENERALIZED_TIME: u8 = 0x18;
    pub(in crate::chain) const SEQUENCE: u8 = 0x30;
    pub(in crate::chain) const VERSION: u8 = 0xa0;
    pub(in crate::chain) const EXTENSIONS: u8 = 0xa3;
}

/// Bytes still to be read.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// The contents of the next element if it has this tag; otherwise nothing is consumed.
    pub(super) fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        if self.0.first() == Some(&tag) { self.expect(tag) } else { None }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Tag and contents of the next element; single-byte tags only.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first().filter(|(tag, _)| **tag & 0x1f != 0x1f)?;
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }
}

/// Reads a length of at most two bytes, more than any certificate of a document needs.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes {
        [short, rest @ ..] if *short < 0x80 => Some((usize::from(*short), rest)),
        [0x81, long, rest @ ..] if *long >= 0x80 => Some((usize::from(*long), rest)),
        [0x82, high, low, rest @ ..] if *high > 0 => {
            Some((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_shortest_length_is_read() {
        let long = [&[0x04, 0x81, 0x80], [7; 0x80].as_slice()].concat();
        assert_eq!(Der::new(&long).expect(tag::OCTET_STRING).map(<[u8]>::len), Some(0x80));
        for refused in [
            &[0x04, 0x81, 0x01, 7][..],
            &[0x04, 0x82, 0x00, 0x01, 7],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x1f, 0x01, 0x00],
            &[0x04, 0x02, 7],
            &[0x04],
            &[],
        ] {
            assert_eq!(Der::new(refused).next(), None, "{refused:02x?}");
        }
    }

    #[test]
    fn an_absent_optional_element_consumes_nothing() {
        let mut der = Der::new(&[0x01, 0x01, 0xff]);
        assert_eq!(der.optional(tag::INTEGER), None);
        assert_eq!(der.expect(tag::BOOLEAN), Some(&[0xff][..]));
        assert!(der.is_empty());
    }
}
