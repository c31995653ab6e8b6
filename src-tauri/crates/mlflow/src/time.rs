//! Times and durations in protobuf's JSON: RFC 3339 and `0.162s`.

use chrono::{DateTime, SecondsFormat};
use serde::de::{Deserialize, Deserializer, Error, Unexpected};

/// A point in time, in milliseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timestamp(pub i64);

/// A length of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(pub i64);

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|time| Self(time.timestamp_millis()))
            .map_err(|_| D::Error::invalid_value(Unexpected::Str(&text), &"a time of RFC 3339"))
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        milliseconds(&text).map(Self).ok_or_else(|| {
            D::Error::invalid_value(Unexpected::Str(&text), &"seconds such as `0.162s`")
        })
    }
}

fn milliseconds(text: &str) -> Option<i64> {
    let number = text.strip_suffix('s')?;
    let (sign, number) = match number.strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole.checked_mul(1000)?.checked_add(thousandths)?.checked_mul(sign)
}

/// A time as RFC 3339; what no calendar holds is the beginning of 1970.
pub(crate) fn rfc3339(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH);
    // Whole seconds are written without a fraction, as protobuf does.
    let whole = time.timestamp_subsec_millis() == 0;
    let form = if whole { SecondsFormat::Secs } else { SecondsFormat::Millis };
    time.to_rfc3339_opts(form, true)
}

/// A time as Python writes it: `2023-11-14T22:13:20+00:00`.
pub(crate) fn iso_utc(ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH);
    time.to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// A duration as seconds: `0.162s`.
pub(crate) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    if rest == 0 { format!("{sign}{whole}s") } else { format!("{sign}{whole}.{rest:03}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp(text: &str) -> Option<i64> {
        serde_json::from_str::<Timestamp>(&format!("\"{text}\"")).ok().map(|t| t.0)
    }
    fn duration(text: &str) -> Option<i64> {
        serde_json::from_str::<Duration>(&format!("\"{text}\"")).ok().map(|d| d.0)
    }

    #[test]
    fn times_go_both_ways() {
        for ms in [0, 1, 1_795_579_679_528, 1_700_000_000_000, -1] {
            assert_eq!(timestamp(&rfc3339(ms)), Some(ms), "{}", rfc3339(ms));
        }
        assert_eq!(rfc3339(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(1_700_000_000_120), "2023-11-14T22:13:20.120Z");
        assert_eq!(rfc3339(i64::MAX), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp("2023-11-14T23:13:20.1239+01:00"), Some(1_700_000_000_123));
        for wrong in ["", "yesterday", "1700000000"] {
            assert_eq!(timestamp(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_go_both_ways() {
        for ms in [0, 1, 162, 1000, 61_500, -5, i64::MAX] {
            assert_eq!(duration(&seconds(ms)), Some(ms), "{}", seconds(ms));
        }
        assert_eq!(seconds(162), "0.162s");
        assert_eq!(duration("1.5s"), Some(1500));
        assert_eq!(duration("0.000000001s"), Some(0));
        for wrong in ["", "s", "1", ".5s", "1.s2", "1e3s", "99999999999999999999s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
