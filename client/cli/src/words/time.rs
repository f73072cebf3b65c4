//! Points in time as text: RFC 3339 in UTC, proleptic Gregorian calendar.

use strongroom_attestation::UnixMillis;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Days from 1 March of year 0 to 1 January 1970. Years that begin in March have their leap day at the end.
const MARCH_0_TO_1970: u64 = 719_468;

/// Days of 400 years, of 100 without the leap day of a 400th, of 4 with a leap day.
const DAYS_400: u64 = 146_097;
const DAYS_100: u64 = 36_524;
const DAYS_4: u64 = 1_461;

/// Latest year that is written and read.
const MAX_YEAR: u64 = 9999;

/// Writes a time with its milliseconds.
pub(crate) fn utc(time: UnixMillis) -> String {
    let millis = time.as_millis();
    let (year, month, day) = date(millis / DAY_MS);
    let second = millis % DAY_MS / 1000;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        millis % 1000
    )
}

/// Reads milliseconds since 1970, a date, or a date with a time in UTC.
pub(crate) fn parse(text: &str) -> Result<UnixMillis, String> {
    if let Ok(millis) = text.parse::<u64>() {
        return Ok(UnixMillis::new(millis));
    }
    read(text)
        .map(UnixMillis::new)
        .ok_or_else(|| "a time is milliseconds since 1970, YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ".to_owned())
}

fn read(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if !(1970..=MAX_YEAR).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days(year, month, day).checked_sub(MARCH_0_TO_1970)?;
    if self::date(days) != (year, month, day) {
        return None;
    }
    let Some(time) = time else { return Some(days * DAY_MS) };
    let [hour, minute, second] = numbers(time.strip_suffix('Z')?, ':', [2, 2, 2])?;
    (hour < 24 && minute < 60 && second < 60)
        .then(|| days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000)
}

fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut next = |digits| {
        let part = parts.next()?;
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        if plain { part.parse().ok() } else { None }
    };
    let [first, second, third] = digits;
    let numbers = [next(first)?, next(second)?, next(third)?];
    parts.next().is_none().then_some(numbers)
}

/// Days since 1 March of year 0.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month > 2 { year } else { year - 1 };
    let from_march = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1
}

/// Year, month and day of a day since 1970.
fn date(since_1970: u64) -> (u64, u64, u64) {
    let days = since_1970 + MARCH_0_TO_1970;
    let (cycle, in_cycle) = (days / DAYS_400, days % DAYS_400);
    let in_century = in_cycle - (in_cycle / DAYS_100).min(3) * DAYS_100;
    let in_four = in_century % DAYS_4;
    let year =
        cycle * 400 + (in_cycle / DAYS_100).min(3) * 100 + in_century / DAYS_4 * 4 + (in_four / 365).min(3);
    let in_year = in_four - (in_four / 365).min(3) * 365;
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (if month > 2 { year } else { year + 1 }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_665_651_482_000, "2022-10-13T08:58:02Z"),
            (4_107_542_399_000, "2100-02-28T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(parse(text), Ok(UnixMillis::new(millis)), "{text}");
            assert_eq!(utc(UnixMillis::new(millis)), text.replace('Z', ".000Z"));
        }
        assert_eq!(parse("2000-03-01"), Ok(UnixMillis::new(951_868_800_000)));
        assert_eq!(parse("1234"), Ok(UnixMillis::new(1234)));
        for wrong in
            ["2100-02-29", "2000-13-01", "2000-1-1", "yesterday", "2000-01-01T24:00:00Z", "1969-12-31"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_reads_back() {
        for day in 0..=292_194 {
            let time = UnixMillis::new(day * DAY_MS);
            let text = utc(time);
            assert_eq!(parse(text.split('T').next().unwrap()), Ok(time), "{text}");
        }
    }
}
