//! Loading what belongs to the runs of a page: each statement is looked up once for the
//! page, and tables that most runs have nothing in are asked together.

use crate::error::StoreResult;
use crate::names::Names;
use crate::run::{number, plain_metric};
use crate::tx::View;
use branchline_core::{Metric, Param, Run, RunInfo, Tag};
use rusqlite::{CachedStatement, Connection};

struct Loader<'c> {
    connection: &'c Connection,
    names: &'c Names,
    metrics: CachedStatement<'c>,
    params: CachedStatement<'c>,
    tags: CachedStatement<'c>,
    links: CachedStatement<'c>,
}

/// Which of the rarer tables a run has rows in.
struct Links {
    datasets: bool,
    model_inputs: bool,
    model_outputs: bool,
}

impl<'c> Loader<'c> {
    fn new(view: &View<'c>) -> StoreResult<Self> {
        let connection = view.connection;
        Ok(Self {
            connection,
            names: view.names,
            metrics: connection.prepare_cached(
                "SELECT key, value, is_nan, timestamp, step, rev
                 FROM latest_metric WHERE run_id = ?1",
            )?,
            params: connection.prepare_cached("SELECT key, value FROM param WHERE run_id = ?1")?,
            tags: connection.prepare_cached("SELECT key, value FROM tag WHERE run_id = ?1")?,
            links: connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM run_dataset WHERE run_id = ?1),
                        EXISTS (SELECT 1 FROM run_model_input WHERE run_id = ?1),
                        EXISTS (SELECT 1 FROM run_model_output WHERE run_id = ?1)",
            )?,
        })
    }

    /// A run's metrics, and the last change of any.
    fn metrics(&mut self, run: i64) -> StoreResult<(Vec<Metric>, i64)> {
        let mut rev = 0;
        let mut rows = self.metrics.query([run])?;
        let mut metrics = Vec::new();
        while let Some(row) = rows.next()? {
            let key = self.names.text(self.connection, row.get(0)?)?.to_string();
            let value = number(row.get(1)?, row.get(2)?);
            metrics.push(plain_metric(key, value, row.get(3)?, row.get(4)?));
            rev = rev.max(row.get(5)?);
        }
        metrics.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok((metrics, rev))
    }

    fn params(&mut self, run: i64) -> StoreResult<Vec<Param>> {
        let mut rows = self.params.query([run])?;
        let mut params = Vec::new();
        while let Some(row) = rows.next()? {
            let key = self.names.text(self.connection, row.get(0)?)?.to_string();
            params.push(Param { key, value: row.get(1)? });
        }
        params.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(params)
    }

    fn tags(&mut self, run: i64) -> StoreResult<Vec<Tag>> {
        let mut rows = self.tags.query([run])?;
        let mut tags = Vec::new();
        while let Some(row) = rows.next()? {
            let key = self.names.text(self.connection, row.get(0)?)?.to_string();
            tags.push(Tag { key, value: row.get(1)? });
        }
        tags.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(tags)
    }

    fn links(&mut self, run: i64) -> StoreResult<Links> {
        Ok(self.links.query_row([run], |row| {
            Ok(Links {
                datasets: row.get(0)?,
                model_inputs: row.get(1)?,
                model_outputs: row.get(2)?,
            })
        })?)
    }
}

impl View<'_> {
    /// Runs with all that is current about them, in the given order.
    pub(crate) fn complete_runs(&self, infos: Vec<(i64, RunInfo)>) -> StoreResult<Vec<Run>> {
        let mut loader = Loader::new(self)?;
        let complete = |(row, info): (i64, RunInfo)| -> StoreResult<Run> {
            let links = loader.links(row)?;
            let (metrics, rev) = loader.metrics(row)?;
            Ok(Run {
                info: RunInfo { rev: info.rev.max(rev), ..info },
                metrics,
                params: loader.params(row)?,
                tags: loader.tags(row)?,
                dataset_inputs: match links.datasets {
                    true => self.dataset_inputs(row)?,
                    false => Vec::new(),
                },
                model_inputs: match links.model_inputs {
                    true => self.model_inputs(row)?,
                    false => Vec::new(),
                },
                model_outputs: match links.model_outputs {
                    true => self.model_outputs(row)?,
                    false => Vec::new(),
                },
            })
        };
        infos.into_iter().map(complete).collect()
    }
}
