//! Bodies of schedules.

use crate::api::jobs::SubmitJob;
use crate::api::wire::Time;
use branchline_core::{
    CatchUp, Clock, Error, Fire, NewSchedule, Result, Schedule, SystemClock, Timing,
};
use branchline_engine::{Engine, ScheduleUpdate};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A schedule to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly", "cron": "30 2 * * *", "zone": "Europe/Berlin", "catch_up": "once", "job": {"command": ["python", "train.py"]}}))]
pub(super) struct SubmitSchedule {
    /// One of its own.
    name: String,
    /// Minute, hour, day, month, weekday, and seconds in front if there are six; or `every`.
    cron: Option<String>,
    /// The IANA name of the time zone of `cron`; the server's own when absent.
    zone: Option<String>,
    /// Seconds between two times, counted from `start`.
    every: Option<f64>,
    /// A time from which `every` counts; now when absent.
    start: Option<Time>,
    /// What becomes of missed times: `skip`, `once` or `all`; `once` when absent.
    catch_up: Option<String>,
    /// The job that is queued each time, as `POST /api/v1/jobs` takes it, without `task_id`,
    /// `eta` and a moment in `expires`: those are for one time.
    #[schema(value_type = SubmitJob)]
    job: Map<String, Value>,
    /// It fires; so when absent.
    enabled: Option<bool>,
}

/// What to change of a schedule; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"every": 3600, "enabled": true}))]
pub(super) struct ChangeSchedule {
    name: Option<String>,
    /// A cron expression; takes the place of `every`.
    cron: Option<String>,
    /// The IANA name of the time zone of `cron`.
    zone: Option<String>,
    /// Seconds between two times; takes the place of `cron`.
    every: Option<f64>,
    /// A time from which `every` counts; now when absent.
    start: Option<Time>,
    /// `skip`, `once` or `all`.
    catch_up: Option<String>,
    #[schema(value_type = Option<SubmitJob>)]
    job: Option<Map<String, Value>>,
    enabled: Option<bool>,
}

/// When to fire, as the parts of a request say.
#[derive(Debug, Clone, Default)]
pub(super) struct When {
    pub(super) cron: Option<String>,
    pub(super) zone: Option<String>,
    pub(super) every: Option<f64>,
    pub(super) start: Option<i64>,
}

/// The zone of this machine.
fn own_zone() -> String {
    iana_time_zone::get_timezone().unwrap_or_else(|_unknown| "UTC".to_owned())
}

impl When {
    fn is_said(&self) -> bool {
        self.cron.is_some() || self.zone.is_some() || self.every.is_some() || self.start.is_some()
    }

    /// The timing; nothing when nothing is said.
    pub(super) fn read(self, now: i64) -> Result<Option<Timing>> {
        match (self.cron, self.every) {
            (Some(expression), None) if self.start.is_none() => {
                let zone = self.zone.unwrap_or_else(own_zone);
                Ok(Some(Timing::Cron { expression, zone }))
            }
            (None, Some(seconds)) if self.zone.is_none() => {
                // Whether it is sensible is the timing's own rule.
                #[expect(clippy::cast_possible_truncation, reason = "out of range is refused")]
                let interval_ms = (seconds * 1000.0).round() as i64;
                Ok(Some(Timing::Every { interval_ms, anchor_at: self.start.unwrap_or(now) }))
            }
            (None, None) if self.zone.is_none() && self.start.is_none() => Ok(None),
            _ => Err(Error::invalid(
                "A schedule has 'cron', with 'zone', or 'every', with 'start'; not both.",
            )),
        }
    }
}

fn catch_up(text: &str) -> Result<CatchUp> {
    CatchUp::parse(text).ok_or_else(|| {
        let names = CatchUp::ALL.map(CatchUp::as_str).join(", ");
        Error::invalid(format!("'{text}' is not what becomes of missed times: {names}."))
    })
}

/// The job's text, if a schedule can have it.
fn job_text(job: Map<String, Value>) -> Result<String> {
    let once = |field: &str| match (field, job.get(field)) {
        (_, None | Some(Value::Null)) => false,
        ("expires", Some(value)) => !value.is_number(),
        _ => true,
    };
    if let Some(field) = ["task_id", "eta", "expires"].into_iter().find(|field| once(field)) {
        return Err(Error::invalid(format!(
            "The job of a schedule has no '{field}' of one time; it is queued many times."
        ))
        .hint("'countdown' and 'expires' in seconds count from each time."));
    }
    Ok(Value::Object(job).to_string())
}

/// Whether a job runs a program.
fn runs_command(job: &Map<String, Value>) -> bool {
    job.get("command").is_some_and(|command| !command.is_null())
}

impl SubmitSchedule {
    pub(super) fn has_command(&self) -> bool {
        runs_command(&self.job)
    }

    pub(super) fn read(self) -> Result<NewSchedule> {
        let when = When {
            cron: self.cron,
            zone: self.zone,
            every: self.every,
            start: self.start.map(|Time(at)| at),
        };
        let timing = when
            .read(SystemClock.now_ms())?
            .ok_or_else(|| Error::invalid("A schedule has 'cron' or 'every'."))?;
        Ok(NewSchedule {
            name: self.name,
            timing,
            catch_up: self.catch_up.as_deref().map(catch_up).transpose()?.unwrap_or_default(),
            job: job_text(self.job)?,
            enabled: self.enabled.unwrap_or(true),
        })
    }
}

impl ChangeSchedule {
    pub(super) fn has_command(&self) -> bool {
        self.job.as_ref().is_some_and(runs_command)
    }

    /// What to change of a schedule that fires as `now` says.
    pub(super) fn read(self, now: &Timing) -> Result<ScheduleUpdate> {
        let mut when = When {
            cron: self.cron,
            zone: self.zone,
            every: self.every,
            start: self.start.map(|Time(at)| at),
        };
        // Half of what is there may be changed.
        match now {
            Timing::Cron { expression, zone } if when.every.is_none() && when.is_said() => {
                when.cron.get_or_insert_with(|| expression.clone());
                when.zone.get_or_insert_with(|| zone.clone());
            }
            Timing::Every { interval_ms, anchor_at } if when.cron.is_none() && when.is_said() => {
                when.every.get_or_insert(seconds(*interval_ms));
                when.start.get_or_insert(*anchor_at);
            }
            _ => {}
        }
        Ok(ScheduleUpdate {
            name: self.name,
            timing: when.read(SystemClock.now_ms())?,
            catch_up: self.catch_up.as_deref().map(catch_up).transpose()?,
            job: self.job.map(job_text).transpose()?,
            enabled: self.enabled,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 ms")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// A time at which a schedule fired, or should have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fire)]
pub(super) struct FireBody {
    /// The time that was due; the last of several.
    fire_at: Time,
    /// Somebody asked for it.
    by_hand: bool,
    /// `queued`; `alive`: the job with its unique key had not ended; `missed`: passed over, as
    /// `catch_up` says; `refused`: the job could not be queued.
    outcome: &'static str,
    /// How many times it stands for.
    times: u32,
    /// When it came to that.
    at: Time,
    /// The job.
    task_id: Option<String>,
    /// The job's state, while there is one.
    status: Option<&'static str>,
    /// Why there is no job.
    message: Option<String>,
}

impl From<Fire> for FireBody {
    fn from(fire: Fire) -> Self {
        Self {
            fire_at: Time(fire.fire_at),
            by_hand: fire.by_hand,
            outcome: fire.outcome.as_str(),
            times: fire.times,
            at: Time(fire.at),
            task_id: fire.task_id,
            status: fire.job_state.map(|state| state.as_str()),
            message: fire.message,
        }
    }
}

/// A schedule as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(super) struct ScheduleBody {
    id: String,
    name: String,
    /// A cron expression; or `every`.
    cron: Option<String>,
    /// The time zone of `cron`.
    zone: Option<String>,
    /// Seconds between two times.
    every: Option<f64>,
    /// A time from which `every` counts.
    start: Option<Time>,
    /// When that is, in words.
    words: String,
    /// `skip`, `once` or `all`.
    catch_up: &'static str,
    /// The job as it is queued each time.
    #[schema(value_type = Object)]
    job: Value,
    enabled: bool,
    /// Why it does not fire, where nobody asked for that.
    reason: Option<String>,
    /// When it fires next.
    next_at: Option<Time>,
    last: Option<FireBody>,
    created_at: Time,
    updated_at: Time,
}

impl From<Schedule> for ScheduleBody {
    fn from(schedule: Schedule) -> Self {
        let what = schedule.what;
        let words = Engine::schedule_words(&what.timing);
        let (cron, every) = match what.timing {
            Timing::Cron { expression, zone } => (Some((expression, zone)), None),
            Timing::Every { interval_ms, anchor_at } => (None, Some((interval_ms, anchor_at))),
        };
        let (cron, zone) = cron.unzip();
        Self {
            id: schedule.uid,
            name: what.name,
            cron,
            zone,
            every: every.map(|(ms, _)| seconds(ms)),
            start: every.map(|(_, anchor)| Time(anchor)),
            words,
            catch_up: what.catch_up.as_str(),
            job: serde_json::from_str(&what.job).unwrap_or_default(),
            enabled: what.enabled,
            reason: schedule.reason,
            next_at: schedule.next_at.map(Time),
            last: schedule.last.map(Into::into),
            created_at: Time(schedule.created_at),
            updated_at: Time(schedule.updated_at),
        }
    }
}
