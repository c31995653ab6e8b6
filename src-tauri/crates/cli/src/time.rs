//! Times as people write and read them.

use chrono::{DateTime, Days, Months, NaiveDate, SecondsFormat, TimeDelta, Utc};

/// RFC 3339 with `Z`, as the API writes it.
pub(crate) fn rfc3339(milliseconds: i64) -> String {
    let end = if milliseconds < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(milliseconds)
        .unwrap_or(end)
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a moment to come: `30d`, `12h`, `2027-01-31` (its first second, UTC) or
/// RFC 3339.
pub(crate) fn read(text: &str, now_ms: i64) -> Result<i64, String> {
    let text = text.trim();
    let now = DateTime::from_timestamp_millis(now_ms).unwrap_or(DateTime::<Utc>::MIN_UTC);
    let date = || {
        let midnight = text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?;
        Some(midnight.and_utc())
    };
    let moment = after(text, now)
        .or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()))
        .or_else(date);
    moment.map(|time| time.timestamp_millis()).ok_or_else(|| {
        format!("'{text}' is no time: write `30d`, `12h`, `2027-01-31` or `2027-01-31T12:00:00Z`.")
    })
}

/// Reads a moment gone by: `30d` ago, or before a date, as [`read`] does.
pub(crate) fn read_past(text: &str, now_ms: i64) -> Result<i64, String> {
    let text = text.trim();
    let now = DateTime::from_timestamp_millis(now_ms).unwrap_or(DateTime::<Utc>::MIN_UTC);
    match after(text, now) {
        Some(moment) => Ok(now_ms - (moment.timestamp_millis() - now_ms)),
        None => read(text, now_ms),
    }
}

fn after(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let unit = text.chars().last()?;
    let count: u32 = text.get(..text.len() - unit.len_utf8())?.parse().ok()?;
    match unit {
        'm' => now.checked_add_signed(TimeDelta::try_minutes(count.into())?),
        'h' => now.checked_add_signed(TimeDelta::try_hours(count.into())?),
        'd' => now.checked_add_days(Days::new(count.into())),
        'w' => now.checked_add_days(Days::new(u64::from(count) * 7)),
        'y' => now.checked_add_months(Months::new(count.checked_mul(12)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(rfc3339(read(text, NOW).unwrap()), expected);
    }

    #[test]
    fn moments_are_read_as_people_write_them() {
        check("90m", "2026-01-01T01:30:00.000Z");
        check("12h", "2026-01-01T12:00:00.000Z");
        check("30d", "2026-01-31T00:00:00.000Z");
        check("2w", "2026-01-15T00:00:00.000Z");
        check("1y", "2027-01-01T00:00:00.000Z");
        check("2027-01-31", "2027-01-31T00:00:00.000Z");
        check("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00.000Z");
    }

    #[test]
    fn an_age_is_counted_back() {
        assert_eq!(rfc3339(read_past("30d", NOW).unwrap()), "2025-12-02T00:00:00.000Z");
        assert_eq!(rfc3339(read_past("2025-01-31", NOW).unwrap()), "2025-01-31T00:00:00.000Z");
        assert!(read_past("soon", NOW).is_err());
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "d", "soon", "-3d", "3é", "2027-13-01", "99999999999d", "4294967295y"] {
            assert!(read(text, NOW).is_err(), "{text}");
        }
    }
}
