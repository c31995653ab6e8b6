//! Metric points: a set per run and key, with the latest and the sums kept beside.

use crate::error::{StoreError, StoreResult};
use crate::run::{RunRow, number};
use crate::tx::{StepRange, View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Metric, RunId};
use rusqlite::{OptionalExtension, params};

/// One metric of a run, summed up. NaN points count, and take no part in the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSummary {
    /// Name.
    pub key: String,
    /// Value of the greatest (step, timestamp, value).
    pub last: f64,
    /// Its step.
    pub step: i64,
    /// Its time, milliseconds UTC.
    pub timestamp: i64,
    /// Smallest; `None` when all are NaN.
    pub min: Option<f64>,
    /// Greatest; `None` when all are NaN.
    pub max: Option<f64>,
    /// Mean; `None` when all are NaN.
    pub mean: Option<f64>,
    /// Distinct points.
    pub count: i64,
}

/// One point of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricPoint {
    /// The number measured; NaN where NaN was logged.
    pub value: f64,
    /// Milliseconds UTC.
    pub timestamp: i64,
    /// Training step.
    pub step: i64,
}

impl MetricPoint {
    /// Where a history goes on after this point.
    pub fn cursor(&self) -> HistoryCursor {
        let is_nan = self.value.is_nan();
        let value = if is_nan { 0.0 } else { self.value };
        HistoryCursor { timestamp: self.timestamp, step: self.step, value, is_nan }
    }
}

/// Where a history goes on: the last point read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistoryCursor {
    /// Of that point.
    pub timestamp: i64,
    /// Of that point.
    pub step: i64,
    /// Of that point, 0 for NaN.
    pub value: f64,
    /// Of that point.
    pub is_nan: bool,
}

/// A metric's row in `latest_metric`, while points are added.
struct Latest {
    value: f64,
    is_nan: bool,
    step: i64,
    timestamp: i64,
    count: i64,
    nan_count: i64,
    min: Option<f64>,
    max: Option<f64>,
    sum: f64,
    ordered: bool,
}

impl Latest {
    fn first(point: &Point) -> Self {
        Self {
            value: point.value,
            is_nan: point.is_nan,
            step: point.step,
            timestamp: point.timestamp,
            count: 0,
            nan_count: 0,
            min: None,
            max: None,
            sum: 0.0,
            // A NaN sorts apart in the key, so its history is sorted when read.
            ordered: !point.is_nan,
        }
    }

    fn add(&mut self, point: &Point) {
        self.count += 1;
        if point.is_nan {
            self.nan_count += 1;
        } else {
            self.min = Some(self.min.map_or(point.value, |min| min.min(point.value)));
            self.max = Some(self.max.map_or(point.value, |max| max.max(point.value)));
            self.sum += point.value;
        }
        self.ordered &=
            !point.is_nan && point.step >= self.step && point.timestamp >= self.timestamp;
        let newest = (self.step, self.timestamp, self.value);
        if (point.step, point.timestamp, point.value) > newest {
            (self.step, self.timestamp) = (point.step, point.timestamp);
            (self.value, self.is_nan) = (point.value, point.is_nan);
        }
    }
}

/// A point as it is stored, and as it was logged.
pub(crate) struct Point {
    pub(crate) step: i64,
    timestamp: i64,
    is_nan: bool,
    value: f64,
    pub(crate) logged: f64,
    /// It was not there before.
    pub(crate) is_new: bool,
}

impl Point {
    /// NaN is kept as 0 with a flag, infinities as the greatest finite numbers, as
    /// MLflow's `sanitize_metric_value` does; -0.0 as 0.0, for they are one value.
    fn of(metric: &Metric) -> Self {
        let is_nan = metric.value.is_nan();
        let value = if is_nan { 0.0 } else { metric.value.clamp(f64::MIN, f64::MAX) + 0.0 };
        Self {
            step: metric.step,
            timestamp: metric.timestamp,
            is_nan,
            value,
            logged: metric.value,
            is_new: false,
        }
    }
}

impl WriteTx<'_> {
    /// Adds points to a run. An exact repeat is one point.
    ///
    /// # Errors
    /// The database's.
    pub fn log_metrics(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        metrics: &[Metric],
    ) -> StoreResult<()> {
        // Stable, so that points of one key keep the order in which they were logged.
        let mut sorted: Vec<&Metric> = metrics.iter().collect();
        sorted.sort_by(|a, b| a.key.cmp(&b.key));
        let mut seq = None;
        for of_key in sorted.chunk_by(|a, b| a.key == b.key) {
            let Some(first) = of_key.first() else { continue };
            let key = self.names.intern(self.connection, &first.key)?;
            let mut points: Vec<Point> = of_key.iter().map(|metric| Point::of(metric)).collect();
            let Some((range, latest)) = self.add_points(run, key, &mut points)? else { continue };
            let rev = self.record_metric(actor, run.row, key, range)?;
            self.put_latest(run, key, &latest, rev)?;
            self.judge_points(actor, id, run, (key, &first.key), &points)?;
            seq = Some(rev);
        }
        if let Some(seq) = seq {
            self.notify(seq, EventKind::Metrics(id.clone(), run.experiment));
        }
        Ok(())
    }

    /// Marks the points that are new; answers the range of steps that they are in, and what is
    /// the metric's row then.
    fn add_points(
        &self,
        run: &RunRow,
        key: i64,
        points: &mut [Point],
    ) -> StoreResult<Option<(StepRange, Latest)>> {
        let Some(first) = points.first() else { return Ok(None) };
        let mut latest = self.latest_row(run.row, key)?.unwrap_or_else(|| Latest::first(first));
        let mut range = StepRange { from: i64::MAX, to: i64::MIN, points: 0 };
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO metric (run_id, key, step, timestamp, is_nan, value)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        for point in points {
            let new = insert.execute(params![
                run.row,
                key,
                point.step,
                point.timestamp,
                point.is_nan,
                point.value
            ])?;
            point.is_new = new > 0;
            if point.is_new {
                latest.add(point);
                range.from = range.from.min(point.step);
                range.to = range.to.max(point.step);
                range.points += 1;
            }
        }
        drop(insert);
        Ok((range.points > 0).then_some((range, latest)))
    }

    fn latest_row(&self, run: i64, key: i64) -> StoreResult<Option<Latest>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT value, is_nan, step, timestamp, count, nan_count, min_value, max_value,
                        sum_value, ordered
                 FROM latest_metric WHERE run_id = ?1 AND key = ?2",
            )?
            .query_row([run, key], |row| {
                Ok(Latest {
                    value: row.get(0)?,
                    is_nan: row.get(1)?,
                    step: row.get(2)?,
                    timestamp: row.get(3)?,
                    count: row.get(4)?,
                    nan_count: row.get(5)?,
                    min: row.get(6)?,
                    max: row.get(7)?,
                    sum: row.get(8)?,
                    ordered: row.get(9)?,
                })
            })
            .optional()?)
    }

    fn put_latest(&self, run: &RunRow, key: i64, latest: &Latest, rev: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO latest_metric (run_id, key, experiment_id, value, is_nan, step, timestamp,
                     count, nan_count, min_value, max_value, sum_value, ordered, rev)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                 ON CONFLICT DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan,
                     step = excluded.step, timestamp = excluded.timestamp, count = excluded.count,
                     nan_count = excluded.nan_count, min_value = excluded.min_value,
                     max_value = excluded.max_value, sum_value = excluded.sum_value,
                     ordered = excluded.ordered, rev = excluded.rev",
            )?
            .execute(params![
                run.row,
                key,
                run.experiment.0,
                latest.value,
                latest.is_nan,
                latest.step,
                latest.timestamp,
                latest.count,
                latest.nan_count,
                latest.min,
                latest.max,
                latest.sum.clamp(f64::MIN, f64::MAX),
                latest.ordered,
                rev,
            ])?;
        Ok(())
    }
}

impl View<'_> {
    /// Each metric of a run summed up, sorted by key.
    ///
    /// # Errors
    /// There is no such run.
    pub fn metric_summaries(&self, id: &RunId) -> StoreResult<Vec<MetricSummary>> {
        let run = self.run_row(id)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT n.text, m.value, m.is_nan, m.step, m.timestamp, m.min_value, m.max_value,
                    m.sum_value, m.count, m.nan_count
             FROM latest_metric m JOIN name n ON n.id = m.key WHERE m.run_id = ?1 ORDER BY n.text",
        )?;
        let rows = statement.query_map([run.row], |row| {
            let (sum, count, nan_count): (f64, i64, i64) = (row.get(7)?, row.get(8)?, row.get(9)?);
            let real = count - nan_count;
            Ok(MetricSummary {
                key: row.get(0)?,
                last: number(row.get(1)?, row.get(2)?),
                step: row.get(3)?,
                timestamp: row.get(4)?,
                min: row.get(5)?,
                max: row.get(6)?,
                mean: (real > 0).then(|| sum / real as f64),
                count,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Calls `visit` with up to `limit` points after `after`, in MLflow's order: timestamp,
    /// step, value. Reads as it goes; stops when `visit` answers `false`.
    ///
    /// # Errors
    /// There is no such run. An unknown key has no points.
    pub fn metric_history(
        &self,
        id: &RunId,
        key: &str,
        after: Option<HistoryCursor>,
        limit: Option<usize>,
        visit: &mut dyn FnMut(MetricPoint) -> bool,
    ) -> StoreResult<()> {
        let run = self.run_row(id)?;
        let Some(name) = self.names.id(self.connection, key)? else { return Ok(()) };
        let sql = history_sql(self.is_ordered(run.row, name)?, after.is_some());
        let mut statement = self.connection.prepare_cached(&sql)?;
        let limit = limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let from =
            after.unwrap_or(HistoryCursor { timestamp: 0, step: 0, value: 0.0, is_nan: false });
        let mut rows = if after.is_some() {
            statement.query(params![
                run.row,
                name,
                limit,
                from.timestamp,
                from.step,
                from.value,
                from.is_nan
            ])?
        } else {
            statement.query(params![run.row, name, limit])?
        };
        while let Some(row) = rows.next()? {
            let value = number(row.get(2)?, row.get(3)?);
            if !visit(MetricPoint { value, timestamp: row.get(0)?, step: row.get(1)? }) {
                break;
            }
        }
        Ok(())
    }

    fn is_ordered(&self, run: i64, key: i64) -> StoreResult<bool> {
        let ordered = self
            .connection
            .prepare_cached("SELECT ordered FROM latest_metric WHERE run_id = ?1 AND key = ?2")?
            .query_row([run, key], |row| row.get(0))
            .optional()
            .map_err(StoreError::from)?;
        Ok(ordered.unwrap_or(true))
    }
}

/// While step order equals time order the clustered order is MLflow's, and nothing is sorted.
fn history_sql(ordered: bool, after: bool) -> String {
    let order =
        if ordered { "step, timestamp, is_nan, value" } else { "timestamp, step, value, is_nan" };
    let beyond = match (after, ordered) {
        (false, _) => "",
        (true, true) => "AND (step, timestamp, is_nan, value) > (?5, ?4, ?7, ?6)",
        (true, false) => "AND (timestamp, step, value, is_nan) > (?4, ?5, ?6, ?7)",
    };
    format!(
        "SELECT timestamp, step, value, is_nan FROM metric
         WHERE run_id = ?1 AND key = ?2 {beyond} ORDER BY {order} LIMIT ?3"
    )
}
