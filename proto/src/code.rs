//! The closed set of outcomes that are visible in clear.
//!
//! Whatever depends on content, key or policy is sealed and never becomes a code.

/// Outcome of a request as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Answered. The answer may be a sealed refusal.
    Ok,
    /// The bytes are not a message of this protocol.
    Malformed,
    /// Longer than a bound.
    TooLarge,
    /// No such offer or session, or its release is gone: attest again.
    Misdirected,
    /// The caller must wait: sessions, offers or queue slots are used up.
    Busy,
    /// The enclave serves nothing at present.
    Unavailable,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 6] =
        [Self::Ok, Self::Malformed, Self::TooLarge, Self::Misdirected, Self::Busy, Self::Unavailable];

    /// The byte that stands for the code in a reply frame.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Malformed => 1,
            Self::TooLarge => 2,
            Self::Misdirected => 3,
            Self::Busy => 4,
            Self::Unavailable => 5,
        }
    }

    /// The code that `byte` stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.byte() == byte)
    }

    /// The HTTP status (RFC 9110) that carries the code to a client.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Malformed => 400,
            Self::TooLarge => 413,
            Self::Misdirected => 421,
            Self::Busy => 429,
            Self::Unavailable => 503,
        }
    }

    /// The code that an HTTP status of the host means to a client.
    #[must_use]
    pub fn from_http_status(status: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.http_status() == status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_and_status_name_each_code_once() {
        for code in Code::ALL {
            assert_eq!(Code::from_byte(code.byte()), Some(code));
            assert_eq!(Code::from_http_status(code.http_status()), Some(code));
        }
        assert_eq!(Code::from_byte(6), None);
        assert_eq!(Code::from_http_status(500), None);
    }
}
