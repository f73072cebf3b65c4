//! The two date forms of a signed HTTP exchange, from and to seconds since 1970.

/// Seconds of a day.
const DAY: u64 = 86_400;

/// A date and time of day in UTC.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    second: u64,
}

impl Civil {
    /// The proleptic Gregorian calendar, counted from 1 March of the year 0 so that leap days come last.
    fn from_unix(seconds: u64) -> Self {
        let days = seconds / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            second: seconds % DAY,
        }
    }
}

/// `20150830T123600Z`, the form of `X-Amz-Date`.
#[must_use]
pub fn to_amz(seconds: u64) -> String {
    let Civil { year, month, day, second } = Civil::from_unix(seconds);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z")
}

/// Reads the form of `X-Amz-Date`. `None` for any other text and for years outside 1970 to 9999.
#[must_use]
pub fn from_amz(text: &str) -> Option<u64> {
    let digits = |from: usize, to: usize| {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u64>().ok()).flatten()
    };
    let (year, month, day) = (digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
    let (h, m, s) = (digits(9, 11)?, digits(11, 13)?, digits(13, 15)?);
    // Years and days are few enough to count, and the result is accepted only if it reads back the same.
    let leaps = |y: u64| y / 4 - y / 100 + y / 400;
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let is_leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let of_year = before.get(usize::try_from(month.checked_sub(1)?).ok()?)? + u64::from(is_leap && month > 2);
    let years = year.checked_sub(1970)? * 365 + leaps(year - 1) - leaps(1969);
    let seconds = (years + of_year + day.checked_sub(1)?) * DAY + h * 3600 + m * 60 + s;
    (to_amz(seconds) == text).then_some(seconds)
}

/// `Sun, 30 Aug 2015 12:36:00 GMT`, the form of the `Date` header (RFC 9110 section 5.6.7).
#[must_use]
pub fn to_http(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let pick = |names: &[&'static str], at: u64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
    };
    let Civil { year, month, day, second } = Civil::from_unix(seconds);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    let (weekday, month) = (pick(&DAYS, seconds / DAY % 7), pick(&MONTHS, month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {h:02}:{m:02}:{s:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        for (seconds, amz, http) in [
            (0, "19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_440_938_160, "20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"),
            (1_709_164_800, "20240229T000000Z", "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_399, "21000228T235959Z", "Sun, 28 Feb 2100 23:59:59 GMT"),
        ] {
            assert_eq!(to_amz(seconds), amz);
            assert_eq!(from_amz(amz), Some(seconds));
            assert_eq!(to_http(seconds), http);
        }
    }

    #[test]
    fn other_texts_are_not_dates() {
        for bad in [
            "",
            "20150830T123600",
            "20150230T123600Z",
            "20151301T000000Z",
            "20150830 123600Z",
            "+0150830T123600Z",
        ] {
            assert_eq!(from_amz(bad), None, "{bad}");
        }
    }
}
