//! Metric curves for charts: whole while short, otherwise sampled so that the first and
//! last point and the extremes of every stretch stay.

use crate::error::StoreResult;
use crate::run::number;
use crate::tx::View;
use branchline_core::RunId;
use rusqlite::{OptionalExtension, params};

/// One run's curve of one metric, by step. The three lists have the same length.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Whose.
    pub run_id: RunId,
    /// Of which metric.
    pub key: String,
    /// Training steps, ascending.
    pub steps: Vec<i64>,
    /// Milliseconds UTC.
    pub timestamps: Vec<i64>,
    /// Values; NaN where NaN was logged.
    pub values: Vec<f64>,
    /// Points that there are.
    pub total: i64,
    /// Whether points were left out.
    pub sampled: bool,
}

/// Which points stay of a curve that has too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The ends, and the smallest and greatest of each stretch: for charts.
    Extremes,
    /// The first of as many stretches of the same length, and the last: as MLflow samples.
    Even,
}

/// Up to this many points a curve is read whole and sampled exactly; above, by seeking, in time
/// that does not grow with the curve.
const READ_WHOLE: i64 = 50_000;

struct Extent {
    total: i64,
    first: i64,
    last: i64,
}

impl View<'_> {
    /// The curve of `key` in a run, at most about `max_points` points between two steps.
    /// `None` when the run has no such metric.
    ///
    /// # Errors
    /// There is no such run.
    pub fn series(
        &self,
        id: &RunId,
        key: &str,
        (max_points, keep): (usize, Keep),
        range: Option<(i64, i64)>,
    ) -> StoreResult<Option<Series>> {
        let run = self.run_row(id)?.row;
        let Some(name) = self.names.id(self.connection, key)? else { return Ok(None) };
        let Some(extent) = self.extent(run, name)? else { return Ok(None) };
        let (from, to) = range.unwrap_or((i64::MIN, i64::MAX));
        let (from, to) = (from.max(extent.first), to.min(extent.last));
        let mut series = Series {
            run_id: id.clone(),
            key: key.to_owned(),
            steps: Vec::new(),
            timestamps: Vec::new(),
            values: Vec::new(),
            total: extent.total,
            sampled: false,
        };
        if extent.total <= READ_WHOLE || self.is_short(run, name, (from, to), max_points)? {
            self.read_whole(run, name, (from, to), (max_points, keep), &mut series)?;
        } else {
            self.read_by_seeking(run, name, (from, to), max_points, &mut series)?;
        }
        Ok(Some(series))
    }

    /// Whether the range holds at most `max_points`: asked without counting further.
    fn is_short(
        &self,
        run: i64,
        name: i64,
        (from, to): (i64, i64),
        max_points: usize,
    ) -> StoreResult<bool> {
        let most = i64::try_from(max_points).unwrap_or(i64::MAX - 1);
        let count: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM metric
                 WHERE run_id = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4 LIMIT ?5)",
            )?
            .query_row(params![run, name, from, to, most + 1], |row| row.get(0))?;
        Ok(count <= most)
    }

    fn extent(&self, run: i64, name: i64) -> StoreResult<Option<Extent>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count, step, (SELECT step FROM metric WHERE run_id = ?1 AND key = ?2
                                      ORDER BY step LIMIT 1)
                 FROM latest_metric WHERE run_id = ?1 AND key = ?2",
            )?
            .query_row([run, name], |row| {
                Ok(Extent { total: row.get(0)?, last: row.get(1)?, first: row.get(2)? })
            })
            .optional()?)
    }

    fn read_whole(
        &self,
        run: i64,
        name: i64,
        (from, to): (i64, i64),
        (max_points, keep): (usize, Keep),
        series: &mut Series,
    ) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT step, timestamp, value, is_nan FROM metric
             WHERE run_id = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4
             ORDER BY step, timestamp, is_nan, value",
        )?;
        let mut rows = statement.query(params![run, name, from, to])?;
        let mut points = Vec::new();
        while let Some(row) = rows.next()? {
            points.push((row.get(0)?, row.get(1)?, number(row.get(2)?, row.get(3)?)));
        }
        series.sampled = points.len() > max_points;
        let points = match keep {
            Keep::Extremes => thin(points, max_points),
            Keep::Even => evenly(points, max_points),
        };
        for (step, timestamp, value) in points {
            push(series, step, timestamp, value);
        }
        Ok(())
    }

    /// Seeks the first point at or after each of evenly spaced steps.
    fn read_by_seeking(
        &self,
        run: i64,
        name: i64,
        (from, to): (i64, i64),
        max_points: usize,
        series: &mut Series,
    ) -> StoreResult<()> {
        let mut seek = self.connection.prepare_cached(
            "SELECT step, timestamp, value, is_nan FROM metric
             WHERE run_id = ?1 AND key = ?2 AND step >= ?3 ORDER BY step, timestamp LIMIT 1",
        )?;
        let places = i128::try_from(max_points.max(2)).unwrap_or(2);
        let width = i128::from(to) - i128::from(from);
        for place in 0..places {
            let at = i128::from(from) + width * place / (places - 1);
            let at = i64::try_from(at).unwrap_or(to);
            let found = seek
                .query_row(params![run, name, at], |row| {
                    Ok((row.get(0)?, row.get(1)?, number(row.get(2)?, row.get(3)?)))
                })
                .optional()?;
            let Some((step, timestamp, value)) = found else { break };
            if step <= to && series.steps.last().is_none_or(|last| *last < step) {
                push(series, step, timestamp, value);
            }
        }
        series.sampled = true;
        Ok(())
    }
}

fn push(series: &mut Series, step: i64, timestamp: i64, value: f64) {
    series.steps.push(step);
    series.timestamps.push(timestamp);
    series.values.push(value);
}

type Point = (i64, i64, f64);

/// Keeps the first and last point, and the smallest and greatest of each stretch between.
fn thin(points: Vec<Point>, max_points: usize) -> Vec<Point> {
    if points.len() <= max_points.max(2) {
        return points;
    }
    let stretches = (max_points / 2).max(1);
    let length = points.len().div_ceil(stretches);
    let last = points.len() - 1;
    let mut kept = vec![0];
    for start in (0..points.len()).step_by(length) {
        let end = (start + length).min(points.len());
        let by_value = |a: &usize, b: &usize| points[*a].2.total_cmp(&points[*b].2);
        let low = (start..end).min_by(by_value).unwrap_or(start);
        let high = (start..end).max_by(by_value).unwrap_or(start);
        kept.extend([low.min(high), low.max(high)]);
    }
    kept.push(last);
    kept.dedup();
    // The first and last point may also be extremes of their stretch.
    kept.sort_unstable();
    kept.dedup();
    kept.into_iter().map(|i| points[i]).collect()
}

/// Keeps the first of as many stretches as points are wanted, in lengths that differ by one at
/// most, the longer ones first; and the last point in the place of the last of them.
fn evenly(points: Vec<Point>, max_points: usize) -> Vec<Point> {
    let most = max_points.max(1);
    if points.len() <= most {
        return points;
    }
    let (length, longer) = (points.len() / most, points.len() % most);
    let starts = (0..most - 1).map(|at| at * length + at.min(longer));
    starts.chain([points.len() - 1]).map(|at| points[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_sample_is_as_mlflow_takes_it() {
        let points: Vec<Point> = (0..10).map(|step| (step, 1, 10.0)).collect();
        let steps = |most| evenly(points.clone(), most).iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(steps(5), [0, 2, 4, 6, 9]);
        assert_eq!(steps(4), [0, 3, 6, 9]);
        assert_eq!(steps(1), [9]);
        assert_eq!(steps(10).len(), 10);
    }

    #[test]
    fn thinning_keeps_ends_and_extremes() {
        let mut points: Vec<Point> = (0..10_000).map(|i| (i, i, 0.5)).collect();
        points[1234].2 = 9.0;
        points[7777].2 = -9.0;
        let kept = thin(points, 100);
        assert!(kept.len() <= 102, "{} points are more than asked for", kept.len());
        assert_eq!(kept.first().unwrap().0, 0);
        assert_eq!(kept.last().unwrap().0, 9_999);
        assert!(kept.contains(&(1234, 1234, 9.0)), "a peak was lost");
        assert!(kept.contains(&(7777, 7777, -9.0)), "a dip was lost");
    }

    #[test]
    fn short_curves_stay_whole() {
        let points: Vec<Point> = (0..10).map(|i| (i, i, 0.0)).collect();
        assert_eq!(thin(points.clone(), 10), points);
    }
}
