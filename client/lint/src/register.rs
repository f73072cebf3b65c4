//! The value of a platform configuration register.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::Deserialize;

use crate::limits::REGISTER_BYTES;

/// Why a text is not the value of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a register has {} hexadecimal digits", 2 * REGISTER_BYTES)]
pub struct NotARegister;

/// The 48 bytes of one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Register([u8; REGISTER_BYTES]);

impl Register {
    /// Takes the bytes.
    #[must_use]
    pub const fn new(value: [u8; REGISTER_BYTES]) -> Self {
        Self(value)
    }

    /// Whether it is the value that the measured registers have in debug mode.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == [0; REGISTER_BYTES]
    }
}

impl fmt::Display for Register {
    /// Lower-case hex, as KMS writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Register {
    type Err = NotARegister;

    /// Hex of either case and nothing else.
    fn from_str(text: &str) -> Result<Self, NotARegister> {
        let digits: Option<Vec<u8>> = text.chars().map(digit).collect();
        let digits = digits.filter(|digits| digits.len() == 2 * REGISTER_BYTES).ok_or(NotARegister)?;
        let mut value = [0; REGISTER_BYTES];
        for (at, digit) in digits.into_iter().enumerate() {
            let byte = value.get_mut(at / 2).ok_or(NotARegister)?;
            *byte = (*byte << 4) | digit;
        }
        Ok(Self(value))
    }
}

impl TryFrom<String> for Register {
    type Error = NotARegister;

    fn try_from(text: String) -> Result<Self, NotARegister> {
        text.parse()
    }
}

fn digit(c: char) -> Option<u8> {
    c.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Several registers in words, such as `PCR0 and PCR16`.
pub(crate) fn names(numbers: impl IntoIterator<Item = u8>) -> String {
    let mut text = String::new();
    for number in numbers {
        let and = if text.is_empty() { "" } else { " and " };
        let _ = write!(text, "{and}PCR{number}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_case_is_read_and_lower_case_written() {
        let upper: Register = "AB".repeat(48).parse().unwrap();
        assert_eq!(upper.to_string(), "ab".repeat(48));
        assert_eq!(upper, "aB".repeat(48).parse().unwrap());
        assert!(!upper.is_zero() && "0".repeat(96).parse::<Register>().unwrap().is_zero());
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "a".repeat(97);
        for bad in ["", "*", "ab", &long, &"?".repeat(96), &"+a".repeat(48), &"é".repeat(48)] {
            assert_eq!(bad.parse::<Register>(), Err(NotARegister), "{bad}");
        }
    }

    #[test]
    fn registers_in_words() {
        assert_eq!((names([0]).as_str(), names([0, 16]).as_str()), ("PCR0", "PCR0 and PCR16"));
    }
}
