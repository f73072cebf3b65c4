//! The validity of a certificate (RFC 5280 section 4.1.2.5).

use super::der::{Der, tag};
use crate::time::UnixMillis;

/// From when to when a certificate is valid, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: UnixMillis,
    pub(crate) not_after: UnixMillis,
}

impl Validity {
    pub(crate) fn contains(&self, time: UnixMillis) -> bool {
        (self.not_before..=self.not_after).contains(&time)
    }

    pub(super) fn read(contents: &[u8]) -> Option<Self> {
        let mut der = Der::new(contents);
        let validity = Self { not_before: read_time(der.next()?)?, not_after: read_time(der.next()?)? };
        der.is_empty().then_some(validity)
    }
}

/// YYMMDDHHMMSSZ until 2049, YYYYMMDDHHMMSSZ from 2050; always in UTC, always with seconds.
fn read_time((tag, text): (u8, &[u8])) -> Option<UnixMillis> {
    let (year, rest) = match (tag, text) {
        (tag::UTC_TIME, [a, b, rest @ ..]) => {
            let year = two_digits(*a, *b)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (tag::GENERALIZED_TIME, [a, b, c, d, rest @ ..]) => {
            (100 * two_digits(*a, *b)? + two_digits(*c, *d)?, rest)
        }
        _ => return None,
    };
    let [m1, m2, d1, d2, h1, h2, i1, i2, s1, s2, b'Z'] = rest else { return None };
    let (month, day) = (two_digits(*m1, *m2)?, two_digits(*d1, *d2)?);
    let (hour, minute, second) = (two_digits(*h1, *h2)?, two_digits(*i1, *i2)?, two_digits(*s1, *s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_since_epoch(year, month, day)?;
    Some(UnixMillis::new((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000))
}

fn two_digits(tens: u8, ones: u8) -> Option<u64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    Some(10 * digit(tens)? + digit(ones)?)
}

/// Days from 1970-01-01 in the Gregorian calendar; `None` before it and for dates that do not exist.
fn days_since_epoch(year: u64, month: u64, day: u64) -> Option<u64> {
    const COMMON_YEAR: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |month: usize, days: u64| days + u64::from(leap && month == 1);
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let this_month = length(index, *COMMON_YEAR.get(index)?);
    if day == 0 || day > this_month || year < 1970 {
        return None;
    }
    let months = COMMON_YEAR.iter().enumerate().take(index).map(|(month, days)| length(month, *days));
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let years = 365 * (year - 1970) + leap_days(year - 1) - leap_days(1969);
    Some(years + months.sum::<u64>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<u64> {
        read_time((tag, text.as_bytes())).map(UnixMillis::as_millis)
    }

    #[test]
    fn known_times_are_read() {
        assert_eq!(time(tag::UTC_TIME, "191028132805Z"), Some(1_572_269_285_000));
        assert_eq!(time(tag::UTC_TIME, "491028142805Z"), Some(2_519_044_085_000));
        assert_eq!(time(tag::UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(time(tag::UTC_TIME, "240229235959Z"), Some(1_709_251_199_000));
        assert_eq!(time(tag::GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "230229000000Z",
            "231301000000Z",
            "230100000000Z",
            "230101240000Z",
            "2301010000Z",
            "230101000000",
            "2301010000x0Z",
        ] {
            assert_eq!(time(tag::UTC_TIME, text), None, "{text}");
        }
        assert_eq!(time(tag::GENERALIZED_TIME, "191028132805Z"), None);
        assert_eq!(time(tag::INTEGER, "191028132805Z"), None);
    }
}
