//! Runs, read: everything current about them.

use crate::error::StoreResult;
use crate::experiment::lifecycle;
use crate::tx::View;
use branchline_core::{
    Dataset, DatasetInput, Error, ExperimentId, Metric, ModelId, ModelOutput, Resource, Run, RunId,
    RunInfo, RunStatus, Tag,
};
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The row.
    pub row: i64,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// In the trash.
    pub deleted: bool,
}

pub(crate) const INFO: &str = "r.id, r.run_id, r.name, r.experiment_id, r.user_id, r.status,
    r.start_time, r.end_time, r.artifact_uri, r.deleted, r.rev";

pub(crate) fn read_info(row: &Row<'_>) -> rusqlite::Result<(i64, RunInfo)> {
    let info = RunInfo {
        run_id: RunId::new(row.get::<_, String>(1)?),
        name: row.get(2)?,
        experiment_id: ExperimentId(row.get(3)?),
        user_id: row.get(4)?,
        status: RunStatus::from_number(row.get(5)?).unwrap_or(RunStatus::Running),
        start_time: row.get(6)?,
        end_time: row.get(7)?,
        artifact_uri: row.get(8)?,
        lifecycle: lifecycle(row.get(9)?),
        rev: row.get(10)?,
    };
    Ok((row.get(0)?, info))
}

/// A stored value with its NaN flag as the number that was logged. Infinities are kept
/// as the greatest finite numbers, as MLflow keeps and answers them.
pub(crate) fn number(value: f64, is_nan: bool) -> f64 {
    if is_nan { f64::NAN } else { value }
}

pub(crate) fn plain_metric(key: String, value: f64, timestamp: i64, step: i64) -> Metric {
    Metric {
        key,
        value,
        timestamp,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

fn missing(id: &RunId) -> Error {
    Error::not_found(format!("Run with id={id} not found"))
}

impl View<'_> {
    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such run.
    pub fn run_row(&self, id: &RunId) -> StoreResult<RunRow> {
        let found = self
            .connection
            .prepare_cached("SELECT id, experiment_id, deleted FROM run WHERE run_id = ?1")?
            .query_row([id.as_str()], |row| {
                Ok(RunRow {
                    row: row.get(0)?,
                    experiment: ExperimentId(row.get(1)?),
                    deleted: row.get(2)?,
                })
            })
            .optional()?
            .ok_or_else(|| self.absent("run", "run_id", id.as_str(), missing(id)))?;
        self.seen(Resource::Experiment, found.experiment.0)?;
        Ok(found)
    }

    /// Identity and state.
    ///
    /// # Errors
    /// There is no such run.
    pub fn run_info(&self, id: &RunId) -> StoreResult<RunInfo> {
        Ok(self.run_info_row(id)?.1)
    }

    fn run_info_row(&self, id: &RunId) -> StoreResult<(i64, RunInfo)> {
        self.connection
            .prepare_cached(&format!("SELECT {INFO} FROM run r WHERE r.run_id = ?1"))?
            .query_row([id.as_str()], read_info)
            .optional()?
            .ok_or_else(|| self.absent("run", "run_id", id.as_str(), missing(id)))
    }

    /// A run with all that is current about it.
    ///
    /// # Errors
    /// There is no such run.
    pub fn run(&self, id: &RunId) -> StoreResult<Run> {
        let found = self.run_info_row(id)?;
        self.complete_runs(vec![found])?.pop().ok_or_else(|| missing(id).into())
    }

    pub(crate) fn dataset_inputs(&self, run: i64) -> StoreResult<Vec<DatasetInput>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT d.id, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
             FROM run_dataset rd JOIN dataset d ON d.id = rd.dataset_id WHERE rd.run_id = ?1",
        )?;
        let mut rows = statement.query([run])?;
        let mut inputs = Vec::new();
        while let Some(row) = rows.next()? {
            let dataset = Dataset {
                name: row.get(1)?,
                digest: row.get(2)?,
                source_type: row.get(3)?,
                source: row.get(4)?,
                schema: row.get(5)?,
                profile: row.get(6)?,
            };
            inputs.push(DatasetInput { tags: self.dataset_input_tags(run, row.get(0)?)?, dataset });
        }
        Ok(inputs)
    }

    fn dataset_input_tags(&self, run: i64, dataset: i64) -> StoreResult<Vec<Tag>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT key, value FROM run_dataset_tag WHERE run_id = ?1 AND dataset_id = ?2",
        )?;
        let tags = statement
            .query_map([run, dataset], |row| Ok(Tag { key: row.get(0)?, value: row.get(1)? }))?;
        Ok(tags.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn model_inputs(&self, run: i64) -> StoreResult<Vec<ModelId>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT model_id FROM run_model_input WHERE run_id = ?1")?;
        let ids = statement.query_map([run], |row| Ok(ModelId::new(row.get::<_, String>(0)?)))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }

    pub(crate) fn model_outputs(&self, run: i64) -> StoreResult<Vec<ModelOutput>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT model_id, step FROM run_model_output WHERE run_id = ?1")?;
        let outputs = statement.query_map([run], |row| {
            Ok(ModelOutput { model_id: ModelId::new(row.get::<_, String>(0)?), step: row.get(1)? })
        })?;
        Ok(outputs.collect::<rusqlite::Result<_>>()?)
    }

    /// Active runs whose id begins with `prefix`.
    ///
    /// # Errors
    /// The database's.
    pub fn runs_by_prefix(&self, prefix: &str, limit: usize) -> StoreResult<Vec<RunInfo>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {INFO} FROM run r JOIN experiment e ON e.id = r.experiment_id
             WHERE r.run_id >= ?1 AND r.run_id < ?1 || '~' AND r.deleted = 0 AND e.deleted = 0
             ORDER BY r.run_id LIMIT ?2"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![prefix, limit], read_info)?;
        let infos = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(infos.into_iter().map(|(_, info)| info).collect())
    }

    /// Names and experiments of runs, for lists that point to runs. Unknown ids are left out.
    ///
    /// # Errors
    /// The database's.
    pub fn run_infos(&self, ids: &[RunId]) -> StoreResult<Vec<RunInfo>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {INFO} FROM run r WHERE r.run_id = ?1"))?;
        let mut infos = Vec::with_capacity(ids.len());
        for id in ids {
            infos.extend(statement.query_row(params![id.as_str()], read_info).optional()?);
        }
        Ok(infos.into_iter().map(|(_, info)| info).collect())
    }
}
