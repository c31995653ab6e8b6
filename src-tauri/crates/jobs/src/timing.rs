//! When a schedule fires. Pure: the time is passed in.
//!
//! A cron expression is about the clock on the wall, which a time zone moves twice a
//! year. Times that name their hour and minute happen once a day whatever the clock does:
//! in spring right after the gap if they fall into it, in autumn at the first of the two.
//! Times with a `*` or a step in hour, minute or second follow the clock as it shows: those
//! in the gap do not exist, those of the repeated hour happen in both.

use branchline_core::schedule::MOST_MADE_UP;
use branchline_core::{Error, Result, Timing};
use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use croner::{Cron, JobType};

/// Clocks are moved by less than this.
const LARGEST_SHIFT: Duration = Duration::hours(3);
const SHORTEST_MS: i64 = 1000;
const LONGEST_MS: i64 = 3650 * 24 * 3600 * 1000;

/// A timing that was read, so that it can be asked.
pub struct Rhythm(Kind);

enum Kind {
    Cron { cron: Box<Cron>, zone: Tz, once_a_day: bool },
    Every { interval: i64, anchor: i64 },
}

impl std::fmt::Debug for Rhythm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rhythm").finish_non_exhaustive()
    }
}

impl Rhythm {
    /// Reads a timing.
    ///
    /// # Errors
    /// The expression, the zone or the interval is wrong, and how.
    pub fn read(timing: &Timing) -> Result<Self> {
        let kind = match timing {
            Timing::Cron { expression, zone } => {
                let cron = read_cron(expression)?;
                let once_a_day = cron.determine_job_type() == JobType::FixedTime;
                Kind::Cron { cron: Box::new(cron), zone: read_zone(zone)?, once_a_day }
            }
            Timing::Every { interval_ms, anchor_at } => {
                if !(SHORTEST_MS..=LONGEST_MS).contains(interval_ms) {
                    return Err(Error::invalid(
                        "Invalid value for parameter 'every' supplied: it is one second to ten years.",
                    ));
                }
                Kind::Every { interval: *interval_ms, anchor: *anchor_at }
            }
        };
        Ok(Self(kind))
    }

    /// The first time after `after`, milliseconds UTC.
    pub fn next_after(&self, after: i64) -> Option<i64> {
        match &self.0 {
            Kind::Every { interval, anchor } => {
                let steps = (after - anchor).div_euclid(*interval) + 1;
                steps.checked_mul(*interval)?.checked_add(*anchor)
            }
            Kind::Cron { cron, zone, once_a_day } => next(cron, *zone, *once_a_day, after),
        }
    }

    /// The next `count` times after `after`.
    pub fn following(&self, after: i64, count: usize) -> Vec<i64> {
        std::iter::successors(self.next_after(after), |at| self.next_after(*at))
            .take(count)
            .collect()
    }

    /// The times from `first` to `now`, in order; of more than [`MOST_MADE_UP`] the newest.
    pub fn due(&self, first: i64, now: i64) -> Vec<i64> {
        let mut window = 60_000_i64;
        loop {
            let from = first.max(now.saturating_sub(window));
            let mut found = Vec::new();
            let mut at = self.next_after(from - 1);
            while let Some(time) = at.filter(|time| *time <= now) {
                found.push(time);
                at = self.next_after(time);
            }
            if from == first || found.len() >= MOST_MADE_UP {
                found.drain(..found.len().saturating_sub(MOST_MADE_UP));
                return found;
            }
            window = window.saturating_mul(4);
        }
    }

    /// What it means, in English.
    pub fn words(&self) -> String {
        match &self.0 {
            Kind::Cron { cron, zone, .. } => {
                format!("{} ({zone})", cron.describe().trim_end_matches('.'))
            }
            Kind::Every { interval, .. } => {
                const UNITS: [(i64, &str); 4] = [
                    (86_400_000, "day"),
                    (3_600_000, "hour"),
                    (60_000, "minute"),
                    (1000, "second"),
                ];
                let whole = UNITS.iter().find(|(ms, _)| interval % ms == 0);
                match whole.map(|(ms, unit)| (interval / ms, unit)) {
                    Some((1, unit)) => format!("Every {unit}"),
                    Some((many, unit)) => format!("Every {many} {unit}s"),
                    None => format!("Every {interval} milliseconds"),
                }
            }
        }
    }
}

fn read_cron(expression: &str) -> Result<Cron> {
    let wrong = |why: String| {
        Error::invalid(format!("'{expression}' is no cron expression: {why}.")).hint(
            "Five fields: minute, hour, day, month, weekday; a sixth in front is seconds. '30 2 * * *' is every day at half past two.",
        )
    };
    // Fields joined with one space, as the reader wants them.
    let joined = expression.split_whitespace().collect::<Vec<_>>().join(" ");
    CronParser::builder()
        .seconds(Seconds::Optional)
        .build()
        .parse(&joined)
        .map_err(|cause| wrong(cause.to_string().trim_end_matches('.').to_owned()))
}

fn read_zone(zone: &str) -> Result<Tz> {
    zone.parse().map_err(|_unknown| {
        Error::invalid(format!("There is no time zone '{zone}'."))
            .hint("Zones have IANA names such as Europe/Berlin, America/New_York or UTC.")
    })
}

/// What the clock on the wall is ahead of UTC.
fn ahead(zone: Tz, at: DateTime<Utc>) -> Duration {
    let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    Duration::seconds(i64::from(offset.local_minus_utc()))
}

/// The first time after `after`. The wall's clock shows some times twice: looking starts
/// far enough back that none of them is missed, and ends at the first time whose first
/// showing is later, because those after it are later still.
fn next(cron: &Cron, zone: Tz, once_a_day: bool, after: i64) -> Option<i64> {
    // Expressions know whole seconds.
    let start = DateTime::from_timestamp(after.div_euclid(1000), 0)?;
    let now = ahead(zone, start);
    let before = ahead(zone, start - LARGEST_SHIFT).max(now);
    let later = ahead(zone, start + LARGEST_SHIFT).min(now);
    let mut wall = (start + now - (before - later)).naive_utc();
    let mut inclusive = true;
    let mut best: Option<i64> = None;
    loop {
        let found = cron.find_next_occurrence(&wall.and_utc(), inclusive).ok()?;
        wall = found.naive_utc();
        inclusive = false;
        let (first, second) = showings(zone, wall, once_a_day);
        for at in [first, second].into_iter().flatten().filter(|at| *at > after) {
            best = Some(best.map_or(at, |known| known.min(at)));
        }
        if first.is_some_and(|at| at > after) {
            return best;
        }
    }
}

/// When the wall's clock shows a time: once, twice, or in spring not at all.
fn showings(zone: Tz, wall: NaiveDateTime, once_a_day: bool) -> (Option<i64>, Option<i64>) {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) => (Some(at.timestamp_millis()), None),
        LocalResult::Ambiguous(first, second) => {
            let second = (!once_a_day).then(|| second.timestamp_millis());
            (Some(first.timestamp_millis()), second)
        }
        LocalResult::None if once_a_day => (after_gap(zone, wall), None),
        LocalResult::None => (None, None),
    }
}

/// The first moment after the gap that `wall` is in. Clocks are moved at whole minutes.
fn after_gap(zone: Tz, wall: NaiveDateTime) -> Option<i64> {
    let second = wall.and_utc().timestamp();
    let minute = second.div_euclid(60) + 1;
    (minute..minute + LARGEST_SHIFT.num_minutes()).find_map(|minute| {
        let wall = DateTime::from_timestamp(minute * 60, 0)?.naive_utc();
        zone.from_local_datetime(&wall).earliest().map(|at| at.timestamp_millis())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(expression: &str, zone: &str) -> Rhythm {
        Rhythm::read(&Timing::Cron { expression: expression.into(), zone: zone.into() }).unwrap()
    }

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn texts(times: &[i64], zone: Tz) -> Vec<String> {
        let written = |at: &i64| {
            let at = DateTime::from_timestamp_millis(*at).unwrap();
            at.with_timezone(&zone).format("%d %H:%M:%S%:z").to_string()
        };
        times.iter().map(written).collect()
    }

    const BERLIN: Tz = chrono_tz::Europe::Berlin;

    #[test]
    fn q16_in_spring_a_daily_time_in_the_gap_comes_right_after_it_and_others_do_not_exist() {
        let before = ms("2026-03-28T12:00:00Z");
        let daily = cron("30 2 * * *", "Europe/Berlin").following(before, 2);
        assert_eq!(texts(&daily, BERLIN), ["29 03:00:00+02:00", "30 02:30:00+02:00"]);
        let often = cron("*/30 * * * *", "Europe/Berlin").following(ms("2026-03-29T00:20:00Z"), 3);
        assert_eq!(
            texts(&often, BERLIN),
            ["29 01:30:00+01:00", "29 03:00:00+02:00", "29 03:30:00+02:00"]
        );
    }

    #[test]
    fn q16_in_autumn_a_daily_time_comes_once_and_others_in_both_hours() {
        let before = ms("2026-10-24T12:00:00Z");
        let daily = cron("30 2 * * *", "Europe/Berlin").following(before, 2);
        assert_eq!(texts(&daily, BERLIN), ["25 02:30:00+02:00", "26 02:30:00+01:00"]);
        let often = cron("*/30 * * * *", "Europe/Berlin").following(ms("2026-10-24T23:50:00Z"), 6);
        assert_eq!(
            texts(&often, BERLIN),
            [
                "25 02:00:00+02:00",
                "25 02:30:00+02:00",
                "25 02:00:00+01:00",
                "25 02:30:00+01:00",
                "25 03:00:00+01:00",
                "25 03:30:00+01:00",
            ]
        );
        // Whatever moment one asks from, the answer is the next of the list.
        let list = cron("*/10 * * * *", "Europe/Berlin").following(ms("2026-10-24T20:00:00Z"), 60);
        for pair in list.windows(2) {
            let asked = cron("*/10 * * * *", "Europe/Berlin").next_after(pair[0] + 1);
            assert_eq!(asked, Some(pair[1]));
            assert!(pair[0] < pair[1]);
        }
        // Half an hour, on the other side of the world.
        let howe = cron("45 * * * *", "Australia/Lord_Howe");
        let times = howe.following(ms("2026-04-04T14:00:00Z"), 3);
        let zone = chrono_tz::Australia::Lord_Howe;
        assert_eq!(
            texts(&times, zone),
            ["05 01:45:00+11:00", "05 01:45:00+10:30", "05 02:45:00+10:30"]
        );
    }

    #[test]
    fn q16_seconds_are_optional_and_wrong_expressions_say_why() {
        let start = ms("2026-11-28T00:00:00Z");
        let every = cron("*/20 * * * * *", "UTC").following(start, 2);
        assert_eq!(every, [start + 20_000, start + 40_000]);
        assert_eq!(cron("5 0 * * *", "UTC").next_after(start), Some(start + 300_000));
        let wrong = |expression: &str, zone: &str| {
            let timing = Timing::Cron { expression: expression.into(), zone: zone.into() };
            Rhythm::read(&timing).unwrap_err().message
        };
        assert!(wrong("61 * * * *", "UTC").starts_with("'61 * * * *' is no cron expression: "));
        assert!(wrong("* *", "UTC").contains("no cron expression"));
        assert!(wrong("* * * * *", "Mars/Olympus").contains("no time zone 'Mars/Olympus'"));
        assert!(Rhythm::read(&Timing::Every { interval_ms: 10, anchor_at: 0 }).is_err());
        let never = cron("0 0 30 2 *", "UTC");
        let asked = std::time::Instant::now();
        assert_eq!(never.next_after(start), None);
        assert!(asked.elapsed().as_secs() < 5, "a day that never comes is found out quickly");
    }

    #[test]
    fn q16_an_interval_counts_from_its_anchor_whatever_was_missed() {
        let every = Rhythm::read(&Timing::Every { interval_ms: 10_000, anchor_at: 3_000 }).unwrap();
        assert_eq!(every.next_after(3_000), Some(13_000));
        assert_eq!(every.next_after(12_999), Some(13_000));
        assert_eq!(every.next_after(-1), Some(3_000));
        assert_eq!(every.due(13_000, 40_000), [13_000, 23_000, 33_000]);
        assert_eq!(every.words(), "Every 10 seconds");
    }

    #[test]
    fn q16_a_year_of_missed_seconds_is_bounded() {
        let start = ms("2025-11-28T00:00:00Z");
        let now = ms("2026-11-28T00:00:00Z");
        let due = cron("* * * * * *", "Europe/Berlin").due(start, now);
        assert_eq!(due.len(), MOST_MADE_UP);
        assert_eq!(due.last(), Some(&now));
        let daily = cron("0 12 * * *", "Europe/Berlin").due(start, now);
        assert_eq!(daily.len(), 365);
        assert_eq!(cron("0 12 * * *", "UTC").due(now, now + 1), Vec::<i64>::new());
    }

    #[test]
    fn a_cron_expression_is_told_in_words() {
        let words = cron("30 2 * * 1-5", "Europe/Berlin").words();
        assert!(words.ends_with(" (Europe/Berlin)") && !words.contains(". ("), "{words}");
    }
}
