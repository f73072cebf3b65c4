//! Points in time as an owner writes and reads them: RFC 3339, with an offset.

use std::time::Duration;

use strongroom_attestation::UnixMillis;
use toml::value::{Datetime, Offset};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Ten years.
const MAX_DURATION_SECONDS: u64 = 3650 * 24 * 3600;

/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH_DAYS: i64 = 719_468;

/// Days of 400 years of the Gregorian calendar.
const ERA_DAYS: i64 = 146_097;

/// The time, if date, time of day and offset are stated and it is not before 1970.
pub(crate) fn millis(time: &Datetime) -> Option<UnixMillis> {
    let (date, clock) = (time.date?, time.time?);
    let offset_minutes = match time.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = i64::from(clock.hour) * 60 + i64::from(clock.minute) - offset_minutes;
    let seconds = (days * 24 * 60 + minutes) * 60 + i64::from(clock.second.unwrap_or(0));
    let millis = seconds * 1000 + i64::from(clock.nanosecond.unwrap_or(0) / 1_000_000);
    u64::try_from(millis).ok().map(UnixMillis::new)
}

/// The time in UTC, to the second.
pub(crate) fn text(time: UnixMillis) -> String {
    let (days, of_day) = (time.as_millis() / DAY_MS, time.as_millis() % DAY_MS / 1000);
    let (year, month, day) = date(i64::try_from(days).unwrap_or(i64::MAX / ERA_DAYS));
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `90s`, `30m`, `2h` or `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a duration is a number with s, m, h or d, such as 2h".to_owned();
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 24 * 3600,
        _ => return Err(wrong()),
    };
    let number: u64 = text.get(..text.len() - 1).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    let seconds = number.checked_mul(unit).filter(|seconds| *seconds <= MAX_DURATION_SECONDS);
    seconds.map(Duration::from_secs).ok_or_else(|| "a duration is at most 3650d".to_owned())
}

/// A point in time as an argument.
pub(crate) fn argument(text: &str) -> Result<UnixMillis, String> {
    let time = text.parse::<Datetime>().ok().and_then(|time| millis(&time));
    time.ok_or_else(|| "a time has a date, a time of day and an offset: 2026-12-01T00:00:00Z".to_owned())
}

/// Days since 1970 of a date; years begin in March, so that the leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - EPOCH_DAYS
}

/// The other way round.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * day_of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day_of_year - (153 * march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (written, ms, utc) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2000-02-29T23:59:59.5Z", 951_868_799_500, "2000-02-29T23:59:59Z"),
            ("2026-12-01T02:00:00+02:00", 1_796_083_200_000, "2026-12-01T00:00:00Z"),
        ] {
            let time = argument(written).unwrap();
            assert_eq!((time.as_millis(), text(time).as_str()), (ms, utc));
        }
        for wrong in ["2026-12-01", "2026-12-01T00:00:00", "10:00:00", "1969-12-31T00:00:00Z", "soon"] {
            assert!(argument(wrong).is_err(), "{wrong}");
        }
        for day in (0..60_000).step_by(97) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
        }
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        for wrong in ["", "h", "2", "-1h", "2w", "99999999999999999999d", "3651d", "2é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
