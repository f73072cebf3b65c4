//! A bounded walk over CBOR bytes that builds nothing.

use super::{Bounds, CborError};

/// Checks that `bytes` is exactly one well-formed item within `bounds`.
///
/// # Errors
/// The first violation met, see [`CborError`].
pub fn scan(bytes: &[u8], bounds: Bounds) -> Result<(), CborError> {
    if bytes.len() > bounds.max_bytes {
        return Err(CborError::TooLong);
    }
    let mut walk = Walk { rest: bytes, items_left: bounds.max_items, longhand: false };
    walk.item(bounds.max_depth)?;
    if walk.rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
}

struct Walk<'a> {
    rest: &'a [u8],
    items_left: usize,
    /// Whether a head since the last reset was not in its shortest definite form.
    longhand: bool,
}

/// The argument of an initial byte: a number, or "until a break".
enum Argument {
    Definite(u64),
    Indefinite,
}

const BREAK: u8 = 0xff;

impl<'a> Walk<'a> {
    fn item(&mut self, depth: u8) -> Result<(), CborError> {
        let depth = depth.checked_sub(1).ok_or(CborError::TooDeep)?;
        self.items_left = self.items_left.checked_sub(1).ok_or(CborError::TooManyItems)?;
        let (major, argument) = self.head()?;
        match (major, argument) {
            (0 | 1, Argument::Definite(_)) => Ok(()),
            (2, Argument::Definite(length)) => self.skip(length).map(drop),
            (3, Argument::Definite(length)) => self.text(length),
            (2 | 3, Argument::Indefinite) => self.chunks(major),
            (4, argument) => self.array(argument, depth),
            (5, argument) => self.map(argument, depth),
            (7, Argument::Definite(_)) => Ok(()),
            _ => Err(CborError::Malformed),
        }
    }

    fn head(&mut self) -> Result<(u8, Argument), CborError> {
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let argument = match info {
            0..=23 => Argument::Definite(u64::from(info)),
            24 => Argument::Definite(u64::from(self.byte()?)),
            25 => Argument::Definite(self.big_endian(2)?),
            26 => Argument::Definite(self.big_endian(4)?),
            27 => Argument::Definite(self.big_endian(8)?),
            31 => Argument::Indefinite,
            _ => return Err(CborError::Malformed),
        };
        self.longhand |= match argument {
            Argument::Definite(value) => info > 23 && info > shortest_info(value),
            Argument::Indefinite => true,
        };
        // RFC 8949 section 3.3: simple values below 32 have one encoding only.
        match argument {
            Argument::Definite(value) if major == 7 && info == 24 && value < 32 => Err(CborError::Malformed),
            argument => Ok((major, argument)),
        }
    }

    fn array(&mut self, argument: Argument, depth: u8) -> Result<(), CborError> {
        match argument {
            Argument::Definite(count) => (0..count).try_for_each(|_| self.item(depth)),
            Argument::Indefinite => {
                while !self.at_break()? {
                    self.item(depth)?;
                }
                Ok(())
            }
        }
    }

    fn map(&mut self, argument: Argument, depth: u8) -> Result<(), CborError> {
        let mut keys = Vec::new();
        match argument {
            Argument::Definite(count) => {
                for _ in 0..count {
                    keys.push(self.entry(depth)?);
                }
            }
            Argument::Indefinite => {
                while !self.at_break()? {
                    keys.push(self.entry(depth)?);
                }
            }
        }
        keys.sort_unstable();
        let twice = keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
        if twice { Err(CborError::DuplicateKey) } else { Ok(()) }
    }

    /// Walks one key and its value and returns the key's bytes. A key has one encoding only, so
    /// that equal keys are equal bytes.
    fn entry(&mut self, depth: u8) -> Result<&'a [u8], CborError> {
        let before = self.rest;
        self.longhand = false;
        self.item(depth)?;
        if self.longhand {
            return Err(CborError::Malformed);
        }
        let length = before.len() - self.rest.len();
        let key = before.get(..length).ok_or(CborError::Truncated)?;
        self.item(depth)?;
        Ok(key)
    }

    /// The chunks of an indefinite string: definite strings of the same major type.
    fn chunks(&mut self, string: u8) -> Result<(), CborError> {
        while !self.at_break()? {
            self.items_left = self.items_left.checked_sub(1).ok_or(CborError::TooManyItems)?;
            match self.head()? {
                (major, Argument::Definite(length)) if major == string && string == 2 => {
                    self.skip(length)?;
                }
                (major, Argument::Definite(length)) if major == string => self.text(length)?,
                _ => return Err(CborError::Malformed),
            }
        }
        Ok(())
    }

    fn text(&mut self, length: u64) -> Result<(), CborError> {
        std::str::from_utf8(self.skip(length)?).map(drop).map_err(|_| CborError::Malformed)
    }

    /// Consumes the break byte if it is next.
    fn at_break(&mut self) -> Result<bool, CborError> {
        let next = *self.rest.first().ok_or(CborError::Truncated)?;
        if next == BREAK {
            self.byte()?;
        }
        Ok(next == BREAK)
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        let (first, rest) = self.rest.split_first().ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn big_endian(&mut self, width: u64) -> Result<u64, CborError> {
        Ok(self.skip(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn skip(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let length = usize::try_from(length).map_err(|_| CborError::Truncated)?;
        let (skipped, rest) = self.rest.split_at_checked(length).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(skipped)
    }
}

/// The additional information that RFC 8949 section 4.2.1 prescribes for `value`.
fn shortest_info(value: u64) -> u8 {
    match value {
        0..=23 => u8::try_from(value).unwrap_or(23),
        24..=0xff => 24,
        0x100..=0xffff => 25,
        0x1_0000..=0xffff_ffff => 26,
        _ => 27,
    }
}
