//! Reads the two forms of a time that services of AWS write.

/// Milliseconds since the Unix epoch, or nothing for other text and for times before it.
///
/// Form of RFC 3339 section 5.6: `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)`, in UTC or with an offset.
pub(crate) fn parse_rfc3339_ms(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    // A leap second counts as the second that follows it.
    let in_range = (1..=days_in(year, month)?).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !in_range {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    u64::try_from((seconds - offset_s(zone)?) * 1000 + fraction_ms).ok()
}

/// Seconds since the Unix epoch of an HTTP date, such as `Sun, 30 Aug 2015 12:36:00 GMT`
/// (RFC 9110 section 5.6.7, the form that servers must write).
pub(crate) fn parse_http_s(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split(' ').skip(1);
    let mut next = || words.next();
    let (day, month, year, clock, zone) = (next()?, next()?, next()?, next()?, next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let seconds = parse_rfc3339_ms(&format!("{year}-{month:02}-{day}T{clock}Z"))? / 1000;
    (zone == "GMT" && words.next().is_none()).then_some(seconds)
}

/// Three groups of digits of the given widths.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |width| {
        let part = parts.next().filter(|part| part.len() == width)?;
        part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten()
    };
    let [a, b, c] = widths;
    let read = [next(a)?, next(b)?, next(c)?];
    parts.next().is_none().then_some(read)
}

/// Milliseconds of an optional fraction, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(digits) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    let (digits, zone) = digits.split_at(end);
    let ms: String = digits.chars().chain("000".chars()).take(3).collect();
    (!digits.is_empty()).then_some((ms.parse().ok()?, zone))
}

fn offset_s(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) =
        zone.strip_prefix('+').map(|rest| (1, rest)).or(zone.strip_prefix('-').map(|rest| (-1, rest)))?;
    let [hour, minute, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    (hour < 24 && minute < 60).then_some(sign * (hour * 3600 + minute * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> Option<i64> {
    match month {
        2 => Some(if is_leap(year) { 29 } else { 28 }),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}

/// Days of the proleptic Gregorian calendar since 1970-01-01, with years that begin in March so
/// that the leap day comes last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2024-12-31T23:59:59.5Z", 1_735_689_599_500),
            ("2024-12-31T23:59:59.123456789Z", 1_735_689_599_123),
            ("2025-01-01T02:00:00+02:00", 1_735_689_600_000),
            ("2024-12-31T18:30:00-05:30", 1_735_689_600_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(parse_rfc3339_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn http_dates() {
        assert_eq!(parse_http_s("Sun, 30 Aug 2015 12:36:00 GMT"), Some(1_440_938_160));
        assert_eq!(parse_http_s("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for text in [
            "",
            "Sun, 30 Aug 2015 12:36:00",
            "Sun, 30 Aug 2015 12:36:00 CET",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun Aug 30 12:36:00 2015",
            "Sun, 30 Aug 2015 12:36:00 GMT more",
            "Sun, 31 Feb 2015 12:36:00 GMT",
        ] {
            assert_eq!(parse_http_s(text), None, "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "2024-12-31",
            "2024-12-31T23:59:59",
            "2024-12-31 23:59:59Z",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-12-31T24:00:00Z",
            "2024-12-31T23:59:59.Z",
            "2024-12-31T23:59:59+2:00",
            "2024-12-31T23:59:59Zjunk",
            "+024-12-31T23:59:59Z",
            "1969-12-31T23:59:59Z",
            "2024-12-31T23:59:é9Z",
        ] {
            assert_eq!(parse_rfc3339_ms(text), None, "{text}");
        }
    }
}
