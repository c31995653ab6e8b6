//! The change log, read: what is new after a cursor, for those who watch.

use crate::error::StoreResult;
use crate::tx::View;
use branchline_core::event::Cursor;
use branchline_core::{ExperimentId, Permission, RunId, TraceId};
use rusqlite::{Connection, Row, params};

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Kind {
    Experiment = 1,
    Run = 2,
    Metric = 3,
    LoggedModel = 4,
    RegisteredModel = 5,
    ModelVersion = 6,
    User = 7,
    /// A trace, its spans and its assessments. The tombstone's field is the trace's id.
    Trace = 8,
    EvaluationDataset = 9,
    Scorer = 10,
    Webhook = 11,
    /// A job; the field is the state that it came to.
    Job = 20,
    /// A schedule; the field is its id.
    Schedule = 21,
    Project = 22,
    Sweep = 23,
    /// A rule; the entity is its user, the field its id.
    Rule = 24,
    /// What a user was told; the entity is the user, the field its number.
    Notification = 25,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum Op {
    Create = 1,
    Set = 2,
    Unset = 3,
    Delete = 4,
    Restore = 5,
    /// Gone for good; the row is the tombstone.
    Erase = 6,
}

/// What a listener watches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The list of experiments.
    Experiments,
    /// The runs of one experiment.
    Experiment(ExperimentId),
    /// One run's info, params, tags and artifacts.
    Run(RunId),
    /// One run's metric points.
    RunMetrics(RunId),
    /// The traces of one experiment.
    Traces(ExperimentId),
    /// The registry.
    Models,
    /// Every job's state.
    Jobs,
    /// What one job writes, and its state.
    JobLog(String),
    /// The schedules: changed, fired, gone.
    Schedules,
    /// The projects: changed, offering something else, gone.
    Projects,
    /// The rules of a user, and what they told; the user's row.
    Notifications(i64),
}

/// One change of what is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An experiment changed.
    Experiment(ExperimentId),
    /// A run changed, or got metrics.
    Run(RunId),
    /// A metric got points between two steps, both included.
    Metric {
        /// The metric's name.
        key: String,
        /// First step touched.
        from_step: i64,
        /// Last step touched.
        to_step: i64,
    },
    /// A trace, its spans or assessments changed; one that is gone is not named.
    Trace(Option<TraceId>),
    /// A registered model, its versions or aliases changed; deleted ones have no name left.
    Model(Option<String>),
    /// A job came to a state.
    Job {
        /// Its id.
        task_id: String,
        /// The state's name.
        state: String,
    },
    /// A schedule changed, fired, or is gone.
    Schedule(String),
    /// A project changed, offers something else, or is gone.
    Project(i64),
    /// A rule changed, or is gone.
    Rule(String),
    /// A user was told of something, or saw it; its number.
    Notification(String),
}

/// What is new after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Continue from here.
    pub cursor: Cursor,
    /// In order, without repeats.
    pub items: Vec<Change>,
    /// The cursor is of another life or too old: read everything again.
    pub resync: bool,
}

/// A reader further behind than this reads everything again instead.
const FARTHEST: i64 = 50_000;
/// Rows older than this go, once nobody needs them; deletions stay.
const KEPT_MS: i64 = 7 * 24 * 3600 * 1000;

pub(crate) fn last_seq(connection: &Connection) -> StoreResult<i64> {
    let seq: Option<i64> =
        connection.query_row("SELECT max(seq) FROM change", [], |row| row.get(0))?;
    Ok(seq.unwrap_or(0))
}

/// Removes rows that are older than a week and in the index of words, tombstones excepted, and
/// the newest, from which the log goes on counting.
pub(crate) fn trim(connection: &Connection, now: i64) -> StoreResult<()> {
    connection.execute(
        "DELETE FROM change WHERE hlc < ?1 AND op <> ?2
         AND seq <= (SELECT seq FROM search_state) AND seq < (SELECT max(seq) FROM change)",
        params![(now - KEPT_MS) << 16, Op::Erase as i64],
    )?;
    // A trace that did not come within that time does not come any more.
    connection.execute("DELETE FROM trace_link WHERE created_at < ?1", [now - KEPT_MS])?;
    Ok(())
}

fn read_job(row: &Row<'_>) -> rusqlite::Result<Option<Change>> {
    Ok(Some(Change::Job { task_id: row.get(0)?, state: row.get(1)? }))
}

impl View<'_> {
    /// What is new on `topic` after `after`.
    ///
    /// # Errors
    /// The database's.
    pub fn changes_after(&self, topic: &Topic, after: Cursor, epoch: i64) -> StoreResult<Changes> {
        let last = last_seq(self.connection)?;
        let cursor = Cursor { epoch, seq: last };
        let oldest: Option<i64> =
            self.connection.query_row("SELECT min(seq) FROM change", [], |row| row.get(0))?;
        let behind = last - after.seq;
        // Coalescing takes rows away, but never without a newer one that covers them; only
        // trimming loses any, and it takes the oldest.
        let trimmed = oldest.is_some_and(|oldest| after.seq + 1 < oldest && after.seq != 0);
        if after.epoch != epoch || !(0..=FARTHEST).contains(&behind) || (trimmed && behind > 0) {
            return Ok(Changes {
                cursor,
                items: Vec::new(),
                resync: after.epoch != epoch || behind != 0,
            });
        }
        let mut items = self.matching(topic, after.seq)?;
        items.dedup();
        Ok(Changes { cursor, items, resync: false })
    }

    fn matching(&self, topic: &Topic, after: i64) -> StoreResult<Vec<Change>> {
        match topic {
            Topic::Experiments => self.changed_experiments(after),
            Topic::Experiment(id) => self.collect(
                "SELECT DISTINCT r.run_id FROM change c JOIN run r ON r.id = c.entity
                 WHERE c.seq > ?1 AND c.kind IN (2, 3) AND r.experiment_id = ?2",
                params![after, id.0],
                |row| Ok(Some(Change::Run(RunId::new(row.get::<_, String>(0)?)))),
            ),
            Topic::Run(id) => self.collect(
                "SELECT DISTINCT r.run_id FROM change c JOIN run r ON r.id = c.entity
                 WHERE c.seq > ?1 AND c.kind IN (2, 3) AND r.run_id = ?2",
                params![after, id.as_str()],
                |row| Ok(Some(Change::Run(RunId::new(row.get::<_, String>(0)?)))),
            ),
            Topic::RunMetrics(id) => self.collect(
                "SELECT n.text, min(c.step_from), max(c.step_to)
                 FROM change c JOIN run r ON r.id = c.entity JOIN name n ON n.id = c.field
                 WHERE c.seq > ?1 AND c.kind = 3 AND r.run_id = ?2 GROUP BY n.text",
                params![after, id.as_str()],
                |row| {
                    Ok(Some(Change::Metric {
                        key: row.get(0)?,
                        from_step: row.get(1)?,
                        to_step: row.get(2)?,
                    }))
                },
            ),
            // The tombstone of a trace names its experiment as the step.
            Topic::Traces(id) => self.collect(
                "SELECT DISTINCT t.trace_id FROM change c LEFT JOIN trace t ON t.id = c.entity
                 WHERE c.seq > ?1 AND c.kind = 8
                   AND (t.experiment_id = ?2 OR (c.op = 6 AND c.step_from = ?2))
                   AND EXISTS (SELECT 1 FROM experiment WHERE id = ?2)",
                params![after, id.0],
                |row| Ok(Some(Change::Trace(row.get::<_, Option<String>>(0)?.map(TraceId::new)))),
            ),
            Topic::Models => self.changed_models(after),
            Topic::Jobs => self.collect(
                "SELECT j.task_id, coalesce(c.field, j.state) FROM change c JOIN job j ON j.id = c.entity
                 WHERE c.seq > ?1 AND c.kind = 20 ORDER BY c.seq",
                params![after],
                read_job,
            ),
            Topic::JobLog(id) => self.collect(
                "SELECT j.task_id, coalesce(c.field, j.state) FROM change c JOIN job j ON j.id = c.entity
                 WHERE c.seq > ?1 AND c.kind = 20 AND j.task_id = ?2 ORDER BY c.seq",
                params![after, id],
                read_job,
            ),
            Topic::Schedules => self.collect(
                "SELECT DISTINCT field FROM change WHERE seq > ?1 AND kind = 21",
                params![after],
                |row| Ok(Some(Change::Schedule(row.get(0)?))),
            ),
            Topic::Projects => self.collect(
                "SELECT DISTINCT entity FROM change WHERE seq > ?1 AND kind = 22",
                params![after],
                |row| Ok(Some(Change::Project(row.get(0)?))),
            ),
            Topic::Notifications(user) => self.collect(
                "SELECT DISTINCT kind = 25, field FROM change
                 WHERE seq > ?1 AND kind IN (24, 25) AND entity = ?2",
                params![after, user],
                |row| {
                    let name = row.get(1)?;
                    Ok(Some(match row.get(0)? {
                        true => Change::Notification(name),
                        false => Change::Rule(name),
                    }))
                },
            ),
        }
    }

    fn changed_experiments(&self, after: i64) -> StoreResult<Vec<Change>> {
        // An experiment that is gone for good is named to who may see everything only.
        let seen = match self.veiled {
            true => "WHERE EXISTS (SELECT 1 FROM experiment WHERE id = changed.id)",
            false => "",
        };
        let sql = format!(
            "SELECT DISTINCT id FROM (
                 SELECT CASE kind WHEN 1 THEN entity
                     ELSE (SELECT experiment_id FROM run WHERE id = entity) END AS id
                 FROM change WHERE seq > ?1 AND kind IN (1, 2, 3)) changed {seen}"
        );
        self.collect(&sql, [after], |row| {
            Ok(row.get::<_, Option<i64>>(0)?.map(|id| Change::Experiment(ExperimentId(id))))
        })
    }

    /// A model without a name is gone. Whether its listener could see it nothing tells any
    /// more; it is told where models are seen unless somebody said otherwise.
    fn changed_models(&self, after: i64) -> StoreResult<Vec<Change>> {
        let gone = !self.veiled || self.default_permission()? >= Permission::Read;
        self.collect(
            "SELECT DISTINCT name FROM (
                 SELECT CASE kind WHEN 5 THEN
                         (SELECT name FROM registered_model WHERE id = entity)
                     ELSE (SELECT m.name FROM model_version v
                           JOIN registered_model m ON m.id = v.registered_model_id
                           WHERE v.id = entity) END AS name,
                     kind = 5 AND op = 6 AS gone
                 FROM change WHERE seq > ?1 AND kind IN (5, 6))
             WHERE name IS NOT NULL OR (gone AND ?2)",
            params![after, gone],
            |row| Ok(Some(Change::Model(row.get(0)?))),
        )
    }

    fn collect(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<Option<Change>>,
    ) -> StoreResult<Vec<Change>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, |row| read(row))?;
        Ok(rows.filter_map(Result::transpose).collect::<rusqlite::Result<_>>()?)
    }
}
