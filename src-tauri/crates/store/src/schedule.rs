//! Schedules and the times at which they fired.

use crate::change::{Kind, Op};
use crate::error::{StoreError, StoreResult};
use crate::experiment::owner;
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{
    Actor, CatchUp, Error, ErrorCode, Fire, FireOutcome, JobState, NewSchedule, Schedule, Timing,
    new_uid,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// Times that are remembered of a schedule.
const KEPT: i64 = 1000;

/// A schedule with its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// The row.
    pub row: i64,
    /// As everybody may know it.
    pub schedule: Schedule,
}

const COLUMNS: &str = "s.id, s.uid, s.name, s.cron, s.zone, s.interval_ms, s.anchor_at, s.catch_up,
    s.job, s.enabled, s.reason, s.next_at, s.user_id, s.created_at, s.updated_at";
const FIRE: &str =
    "f.fire_at, f.by_hand, f.outcome, f.times, f.at, f.task_id, j.state, f.message, f.id";
const FIRE_SOURCE: &str = "schedule_fire f LEFT JOIN job j ON j.task_id = f.task_id";

fn read(row: &Row<'_>) -> rusqlite::Result<ScheduleRow> {
    let timing = match row.get::<_, Option<String>>(3)? {
        Some(expression) => Timing::Cron { expression, zone: row.get(4)? },
        None => Timing::Every { interval_ms: row.get(5)?, anchor_at: row.get(6)? },
    };
    let catch_up: String = row.get(7)?;
    let what = NewSchedule {
        name: row.get(2)?,
        timing,
        catch_up: CatchUp::parse(&catch_up).unwrap_or_default(),
        job: row.get(8)?,
        enabled: row.get(9)?,
    };
    let schedule = Schedule {
        uid: row.get(1)?,
        what,
        reason: row.get(10)?,
        next_at: row.get(11)?,
        last: None,
        user_id: row.get(12)?,
        created_at: row.get(13)?,
        updated_at: row.get(14)?,
    };
    Ok(ScheduleRow { row: row.get(0)?, schedule })
}

fn read_fire(row: &Row<'_>) -> rusqlite::Result<Fire> {
    let (outcome, state): (String, Option<String>) = (row.get(2)?, row.get(6)?);
    Ok(Fire {
        fire_at: row.get(0)?,
        by_hand: row.get(1)?,
        outcome: FireOutcome::parse(&outcome).unwrap_or(FireOutcome::Refused),
        times: row.get(3)?,
        at: row.get(4)?,
        task_id: row.get(5)?,
        job_state: state.as_deref().and_then(JobState::parse),
        message: row.get(7)?,
    })
}

impl View<'_> {
    /// A schedule by its id or its name.
    ///
    /// # Errors
    /// There is none.
    pub fn schedule(&self, key: &str) -> StoreResult<ScheduleRow> {
        let sql = format!(
            "SELECT {COLUMNS} FROM schedule s WHERE s.uid = ?1 OR s.name = ?1
             ORDER BY s.uid = ?1 DESC LIMIT 1"
        );
        let found = self.connection.prepare_cached(&sql)?.query_row([key], read).optional()?;
        let found =
            found.ok_or_else(|| Error::not_found(format!("There is no schedule '{key}'.")))?;
        self.with_last(found)
    }

    fn with_last(&self, mut found: ScheduleRow) -> StoreResult<ScheduleRow> {
        let sql = format!(
            "SELECT {FIRE} FROM {FIRE_SOURCE} WHERE f.schedule_id = ?1 ORDER BY f.id DESC LIMIT 1"
        );
        found.schedule.last =
            self.connection.prepare_cached(&sql)?.query_row([found.row], read_fire).optional()?;
        Ok(found)
    }

    /// The schedules, by name.
    ///
    /// # Errors
    /// The database's.
    pub fn schedules(&self) -> StoreResult<Vec<Schedule>> {
        let sql = format!("SELECT {COLUMNS} FROM schedule s ORDER BY s.name");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()?;
        rows.into_iter().map(|found| Ok(self.with_last(found)?.schedule)).collect()
    }

    /// One page of the times at which a schedule fired, newest first.
    ///
    /// # Errors
    /// A page token that is wrong.
    pub fn fires(
        &self,
        schedule: i64,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Fire>> {
        let select = Select {
            columns: FIRE,
            source: Sql::new(FIRE_SOURCE),
            filter: vec![Sql::with("f.schedule_id = ?", [Value::Integer(schedule)])],
            terms: vec![Term::new("f.id", true)],
        };
        let question = query::fingerprint(&("fires", schedule));
        self.page(&[select], question, token, max_results, &read_fire)
    }

    /// The name of the schedule that queued a job, if one did.
    ///
    /// # Errors
    /// The database's.
    pub fn schedule_of_job(&self, task_id: &str) -> StoreResult<Option<String>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT s.name FROM schedule_fire f JOIN schedule s ON s.id = f.schedule_id
                 WHERE f.task_id IS NOT NULL AND f.task_id = ?1 ORDER BY f.id LIMIT 1",
            )?
            .query_row([task_id], |row| row.get(0))
            .optional()?)
    }

    /// Whether a schedule has to be looked at, at `now`, and when the next is due.
    ///
    /// # Errors
    /// The database's.
    pub fn schedules_at(&self, now: i64) -> StoreResult<(bool, Option<i64>)> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT coalesce(min(next_at) <= ?1 OR max(planned_at) > ?1, 0), min(next_at)
                 FROM schedule WHERE enabled = 1",
            )?
            .query_row([now], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

impl WriteTx<'_> {
    fn schedule_changed(&mut self, actor: &Actor, row: i64, uid: &str, op: Op) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Schedule, row, Some(uid), op)?;
        self.connection
            .prepare_cached("UPDATE schedule SET rev = ?2 WHERE id = ?1")?
            .execute([row, seq])?;
        self.notify(seq, EventKind::Schedule(uid.to_owned()));
        Ok(())
    }

    /// Makes a schedule; answers its id.
    ///
    /// # Errors
    /// The name is taken.
    pub fn insert_schedule(
        &mut self,
        actor: &Actor,
        new: &NewSchedule,
        next_at: Option<i64>,
    ) -> StoreResult<String> {
        let (uid, now) = (new_uid(), self.now());
        // Only a row: what it holds is written by the same words that change one.
        self.connection
            .prepare_cached(
                "INSERT INTO schedule (uid, name, catch_up, job, enabled, planned_at, user_id,
                     interval_ms, anchor_at, created_at, updated_at)
                 VALUES (?1, ?2, 'once', '', 0, ?3, ?4, 1, 0, ?3, ?3)",
            )?
            .execute(params![uid, new.name, now, owner(actor)])
            .map_err(|cause| taken(&new.name, cause))?;
        let row = self.connection.last_insert_rowid();
        self.write_schedule(row, new, next_at)?;
        self.schedule_changed(actor, row, &uid, Op::Create)?;
        Ok(uid)
    }

    fn write_schedule(
        &self,
        row: i64,
        what: &NewSchedule,
        next_at: Option<i64>,
    ) -> StoreResult<()> {
        let (cron, interval) = match &what.timing {
            Timing::Cron { expression, zone } => (Some((expression, zone)), None),
            Timing::Every { interval_ms, anchor_at } => (None, Some((interval_ms, anchor_at))),
        };
        self.connection
            .prepare_cached(
                "UPDATE schedule SET name = ?2, cron = ?3, zone = ?4, interval_ms = ?5,
                     anchor_at = ?6, catch_up = ?7, job = ?8, enabled = ?9, reason = NULL,
                     next_at = ?10, planned_at = ?11, updated_at = ?11
                 WHERE id = ?1",
            )?
            .execute(params![
                row,
                what.name,
                cron.map(|(expression, _)| expression),
                cron.map(|(_, zone)| zone),
                interval.map(|(ms, _)| ms),
                interval.map(|(_, anchor)| anchor),
                what.catch_up.as_str(),
                what.job,
                what.enabled,
                next_at.filter(|_| what.enabled),
                self.now(),
            ])
            .map_err(|cause| taken(&what.name, cause))?;
        Ok(())
    }

    /// Writes a schedule as it is now. `takes_over` says that the actor decided what it
    /// does: its jobs are theirs from now on.
    ///
    /// # Errors
    /// The name is taken.
    pub fn update_schedule(
        &mut self,
        actor: &Actor,
        schedule: &ScheduleRow,
        next_at: Option<i64>,
        takes_over: bool,
    ) -> StoreResult<()> {
        self.write_schedule(schedule.row, &schedule.schedule.what, next_at)?;
        if takes_over {
            self.connection
                .prepare_cached("UPDATE schedule SET user_id = ?2 WHERE id = ?1")?
                .execute(params![schedule.row, owner(actor)])?;
        }
        self.schedule_changed(actor, schedule.row, &schedule.schedule.uid, Op::Set)
    }

    /// Ends a schedule's firing, and says why.
    ///
    /// # Errors
    /// The database's.
    pub fn stop_schedule(
        &mut self,
        actor: &Actor,
        schedule: &ScheduleRow,
        reason: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE schedule SET enabled = 0, next_at = NULL, reason = ?2 WHERE id = ?1",
            )?
            .execute(params![schedule.row, reason])?;
        self.schedule_changed(actor, schedule.row, &schedule.schedule.uid, Op::Set)
    }

    /// Removes a schedule with its history; its jobs stay.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_schedule(&mut self, actor: &Actor, schedule: &ScheduleRow) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM schedule WHERE id = ?1")?
            .execute([schedule.row])?;
        self.schedule_changed(actor, schedule.row, &schedule.schedule.uid, Op::Erase)
    }

    /// Schedules that are due, or whose next time was found when the clock was later than
    /// now; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub fn due_schedules(&self, limit: u32) -> StoreResult<Vec<(ScheduleRow, bool)>> {
        let sql = format!(
            "SELECT {COLUMNS}, s.planned_at > ?1 FROM schedule s
             WHERE s.enabled = 1 AND (s.next_at <= ?1 OR s.planned_at > ?1)
             ORDER BY s.next_at, s.id LIMIT ?2"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement
            .query_map(params![self.now(), limit], |row| Ok((read(row)?, row.get(15)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes when a schedule is due next, as it is found now.
    ///
    /// # Errors
    /// The database's.
    pub fn plan_schedule(
        &mut self,
        actor: &Actor,
        schedule: &ScheduleRow,
        next_at: Option<i64>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE schedule SET next_at = ?2, planned_at = ?3 WHERE id = ?1")?
            .execute(params![schedule.row, next_at, self.now()])?;
        self.schedule_changed(actor, schedule.row, &schedule.schedule.uid, Op::Set)
    }

    /// Whether a time has fired already.
    ///
    /// # Errors
    /// The database's.
    pub fn has_fired(&self, schedule: i64, fire_at: i64) -> StoreResult<bool> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT 1 FROM schedule_fire WHERE schedule_id = ?1 AND fire_at = ?2
                 AND by_hand = 0 AND outcome <> 'missed'",
            )?
            .exists([schedule, fire_at])?)
    }

    /// Notes what a time came to; the oldest are forgotten.
    ///
    /// # Errors
    /// The time has fired already.
    pub fn note_fire(&mut self, schedule: i64, fire: &Fire) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO schedule_fire (schedule_id, fire_at, by_hand, outcome, times, at,
                     task_id, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                schedule,
                fire.fire_at,
                fire.by_hand,
                fire.outcome.as_str(),
                fire.times,
                self.now(),
                fire.task_id,
                fire.message,
            ])?;
        self.connection
            .prepare_cached(
                "DELETE FROM schedule_fire WHERE schedule_id = ?1 AND id <=
                     (SELECT id FROM schedule_fire WHERE schedule_id = ?1
                      ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute([schedule, KEPT])?;
        Ok(())
    }

    /// How many schedules there are.
    ///
    /// # Errors
    /// The database's.
    pub fn schedule_count(&self) -> StoreResult<i64> {
        Ok(self.connection.query_row("SELECT count(*) FROM schedule", [], |row| row.get(0))?)
    }
}

fn taken(name: &str, cause: rusqlite::Error) -> StoreError {
    if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
        return Error::new(
            ErrorCode::ResourceAlreadyExists,
            format!("There is a schedule '{name}' already."),
        )
        .into();
    }
    cause.into()
}
