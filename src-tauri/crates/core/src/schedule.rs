//! Schedules: when a job is queued by itself, and what becomes of times that were missed.

use crate::error::{Error, Result};
use crate::job::JobState;

/// When a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// At the wall-clock times of a cron expression.
    Cron {
        /// Five fields, or six with seconds in front.
        expression: String,
        /// The time zone's IANA name.
        zone: String,
    },
    /// Every so often, counted from a moment.
    Every {
        /// Milliseconds between two times.
        interval_ms: i64,
        /// One of the times, milliseconds UTC.
        anchor_at: i64,
    },
}

/// What becomes of times that passed while nobody could fire: the machine slept, the
/// program was closed, or the clock was set forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CatchUp {
    /// Nothing; it goes on at the next time.
    Skip,
    /// One job, however many times were missed.
    #[default]
    Once,
    /// One job for each of them.
    All,
}

impl CatchUp {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Skip, Self::Once, Self::All];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text)
    }
}

/// A time that is looked at later than this was missed.
pub const ON_TIME_MS: i64 = 60_000;
/// Missed times that `all` makes up for at once, and that are counted; the newest of them.
pub const MOST_MADE_UP: usize = 1000;

/// What a look at a schedule finds due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Times at which a job is queued, in order.
    pub fire: Vec<i64>,
    /// Times that are passed over, [`MOST_MADE_UP`] at most, and the last of them.
    pub passed_over: Option<(usize, i64)>,
}

/// Does with the times that are due at `now`, in order, what a policy says.
pub fn judge(policy: CatchUp, mut due: Vec<i64>, now: i64) -> Due {
    let fire = match policy {
        CatchUp::All => std::mem::take(&mut due),
        CatchUp::Once => due.pop().into_iter().collect(),
        CatchUp::Skip => {
            let on_time = due.last().is_some_and(|at| now - at <= ON_TIME_MS);
            if on_time { due.pop().into_iter().collect() } else { Vec::new() }
        }
    };
    Due { fire, passed_over: due.last().map(|last| (due.len(), *last)) }
}

/// The longest name.
const LONGEST_NAME: usize = 100;

/// A schedule's name.
///
/// # Errors
/// It is empty, too long, or has control characters.
pub fn check_schedule_name(name: &str) -> Result<()> {
    let fine = !name.trim().is_empty()
        && name.trim() == name
        && name.chars().count() <= LONGEST_NAME
        && !name.chars().any(char::is_control);
    if fine {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid value for parameter 'name' supplied: it has 1 to {LONGEST_NAME} characters, neither starts nor ends with a space, and has no control characters."
    )))
}

/// What is asked of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSchedule {
    /// One of its own.
    pub name: String,
    /// When.
    pub timing: Timing,
    /// What becomes of missed times.
    pub catch_up: CatchUp,
    /// The job as it is asked for, JSON.
    pub job: String,
    /// It fires.
    pub enabled: bool,
}

/// A schedule as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its id outside.
    pub uid: String,
    /// What was asked of it.
    pub what: NewSchedule,
    /// Why it does not fire, where nobody asked for that.
    pub reason: Option<String>,
    /// When it fires next, milliseconds UTC.
    pub next_at: Option<i64>,
    /// What it came to last.
    pub last: Option<Fire>,
    /// Whose jobs it queues: who last said what it does.
    pub user_id: Option<i64>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

/// What a time came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireOutcome {
    /// A job was queued.
    Queued,
    /// A job with its unique key was alive, so none was queued.
    Alive,
    /// It was passed over, as `skip` and `once` say.
    Missed,
    /// The job could not be queued.
    Refused,
}

impl FireOutcome {
    const ALL: [Self; 4] = [Self::Queued, Self::Alive, Self::Missed, Self::Refused];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Alive => "alive",
            Self::Missed => "missed",
            Self::Refused => "refused",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// A time at which a schedule fired, or should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fire {
    /// The time that was due, milliseconds UTC.
    pub fire_at: i64,
    /// Somebody asked for it.
    pub by_hand: bool,
    /// What it came to.
    pub outcome: FireOutcome,
    /// How many times it stands for: missed ones are told together.
    pub times: u32,
    /// When it came to that, milliseconds UTC.
    pub at: i64,
    /// The job.
    pub task_id: Option<String>,
    /// How the job stands, if it is still there.
    pub job_state: Option<JobState>,
    /// Why there is no job.
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q16_missed_times_come_to_what_the_policy_says() {
        let due = vec![1_000, 2_000, 3_000];
        let late = 3_000 + ON_TIME_MS + 1;
        let judged = |policy, now| judge(policy, due.clone(), now);
        let skipped = judged(CatchUp::Skip, late);
        assert_eq!(skipped, Due { fire: vec![], passed_over: Some((3, 3_000)) });
        let on_time = judged(CatchUp::Skip, 3_100);
        assert_eq!(on_time, Due { fire: vec![3_000], passed_over: Some((2, 2_000)) });
        let once = judged(CatchUp::Once, late);
        assert_eq!(once, Due { fire: vec![3_000], passed_over: Some((2, 2_000)) });
        assert_eq!(judged(CatchUp::All, late), Due { fire: due.clone(), passed_over: None });
        assert_eq!(judge(CatchUp::Once, Vec::new(), 0), Due { fire: vec![], passed_over: None });
    }

    #[test]
    fn names_are_read_back() {
        for policy in CatchUp::ALL {
            assert_eq!(CatchUp::parse(policy.as_str()), Some(policy));
        }
        for outcome in FireOutcome::ALL {
            assert_eq!(FireOutcome::parse(outcome.as_str()), Some(outcome));
        }
        assert!(check_schedule_name("nightly").is_ok());
        for odd in ["", " ", " a", "a\n", &"a".repeat(101)] {
            assert!(check_schedule_name(odd).is_err(), "{odd:?}");
        }
    }
}
