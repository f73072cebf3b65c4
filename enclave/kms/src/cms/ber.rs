//! A cursor over BER, as little of it as the answers of KMS need (X.690 section 8.1).
//!
//! It never recurses and never searches for the end of an element of indefinite length: the caller knows the
//! form and closes what it opened, so no nesting in the input can cost anything.

use super::CmsError;

/// Long-form lengths have at most this many bytes here; four would already exceed any answer.
const MAX_LENGTH_BYTES: usize = 3;

/// What is left to read.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Reads bytes that can only be these.
    pub(super) fn literal(&mut self, expected: &[u8]) -> Result<(), CmsError> {
        self.0 = self.0.strip_prefix(expected).ok_or(CmsError::Malformed)?;
        Ok(())
    }

    /// Enters an element of indefinite length.
    pub(super) fn open(&mut self, tag: u8) -> Result<(), CmsError> {
        self.literal(&[tag, 0x80])
    }

    /// Reads the end-of-contents of an element of indefinite length.
    pub(super) fn close(&mut self) -> Result<(), CmsError> {
        self.literal(&[0, 0])
    }

    /// Reads a whole element of definite length and gives a cursor over its contents.
    pub(super) fn definite(&mut self, tag: u8) -> Result<Self, CmsError> {
        self.bytes(tag).map(Self)
    }

    /// Reads a whole element of definite length and gives its contents.
    pub(super) fn bytes(&mut self, tag: u8) -> Result<&'a [u8], CmsError> {
        self.literal(&[tag])?;
        let length = self.length()?;
        let (body, rest) = self.0.split_at_checked(length).ok_or(CmsError::Malformed)?;
        self.0 = rest;
        Ok(body)
    }

    /// The next tag, without reading it.
    pub(super) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Result<(), CmsError> {
        if self.0.is_empty() { Ok(()) } else { Err(CmsError::Malformed) }
    }

    /// A definite length in its shortest form, as DER has it; KMS writes no other.
    fn length(&mut self) -> Result<usize, CmsError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(usize::from(first));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 || count > MAX_LENGTH_BYTES {
            return Err(CmsError::Malformed);
        }
        let mut length = 0usize;
        for _ in 0..count {
            length = length << 8 | usize::from(self.byte()?);
        }
        let shortest = if count == 1 { 0x80 } else { 1usize << (8 * (count - 1)) };
        if length < shortest { Err(CmsError::Malformed) } else { Ok(length) }
    }

    fn byte(&mut self) -> Result<u8, CmsError> {
        let (first, rest) = self.0.split_first().ok_or(CmsError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(bytes: &[u8]) -> Result<usize, CmsError> {
        let mut cursor = Cursor::new(bytes);
        let body = cursor.bytes(4)?;
        cursor.finish()?;
        Ok(body.len())
    }

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(octets(&[4, 0]), Ok(0));
        assert_eq!(octets(&[4, 1, 9]), Ok(1));
        assert_eq!(octets(&[&[4, 0x81, 0x80][..], &[7; 128]].concat()), Ok(128));
        assert_eq!(octets(&[&[4, 0x82, 1, 0][..], &[7; 256]].concat()), Ok(256));
        for bad in [&[][..], &[4], &[4, 2, 9], &[4, 0x80, 0, 0], &[4, 0x81, 1, 9], &[4, 0x82, 0, 1, 9]] {
            assert_eq!(octets(bad), Err(CmsError::Malformed), "{bad:?}");
        }
        assert_eq!(octets(&[4, 0x84, 0, 0, 0, 1, 9]), Err(CmsError::Malformed));
        assert_eq!(octets(&[4, 0xff]), Err(CmsError::Malformed));
        assert_eq!(octets(&[4, 1, 9, 9]), Err(CmsError::Malformed));
    }
}
