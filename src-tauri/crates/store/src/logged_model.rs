//! Logged models (MLflow 3): what a run's `log_model` makes.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::{lifecycle, owner};
use crate::run::number;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{
    Actor, Error, ExperimentId, Lifecycle, LoggedModel, Metric, ModelId, ModelStatus, Param,
    Resource, RunId, Tag,
};
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of a logged model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// The row.
    pub row: i64,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// Deleted.
    pub deleted: bool,
}

/// A logged model to be made.
#[derive(Debug, Clone)]
pub struct NewModelRow<'a> {
    /// `m-…`.
    pub model_id: &'a ModelId,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// Given or generated.
    pub name: &'a str,
    /// Free text.
    pub model_type: Option<&'a str>,
    /// The run that makes it.
    pub source_run_id: Option<&'a RunId>,
    /// Root of its files.
    pub artifact_uri: &'a str,
    /// Written once.
    pub params: &'a [Param],
    /// Can change.
    pub tags: &'a [Tag],
}

pub(crate) const COLUMNS: &str =
    "m.id, m.model_id, m.experiment_id, m.name, m.model_type, m.source_run_id,
    m.status, m.status_message, m.artifact_uri, m.created_at, m.updated_at, m.deleted";

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<(i64, LoggedModel)> {
    let model = LoggedModel {
        model_id: ModelId::new(row.get::<_, String>(1)?),
        experiment_id: ExperimentId(row.get(2)?),
        name: row.get(3)?,
        model_type: row.get(4)?,
        source_run_id: row.get::<_, Option<String>>(5)?.map(RunId::new),
        status: ModelStatus::from_number(row.get(6)?).unwrap_or(ModelStatus::Unspecified),
        status_message: row.get(7)?,
        artifact_uri: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
        lifecycle: lifecycle(row.get(11)?),
        params: Vec::new(),
        tags: Vec::new(),
        metrics: Vec::new(),
    };
    Ok((row.get(0)?, model))
}

fn missing(id: &ModelId) -> Error {
    Error::not_found(format!("Logged model with ID '{id}' not found."))
}

impl View<'_> {
    /// What a write needs to know; deleted ones are not found.
    ///
    /// # Errors
    /// There is no such model.
    pub fn model_row(&self, id: &ModelId) -> StoreResult<ModelRow> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, experiment_id, deleted FROM logged_model WHERE model_id = ?1",
            )?
            .query_row([id.as_str()], |row| {
                Ok(ModelRow {
                    row: row.get(0)?,
                    experiment: ExperimentId(row.get(1)?),
                    deleted: row.get(2)?,
                })
            })
            .optional()?
            .ok_or_else(|| self.absent("logged_model", "model_id", id.as_str(), missing(id)))?;
        self.seen(Resource::Experiment, found.experiment.0)?;
        Ok(found)
    }

    /// An active logged model.
    ///
    /// # Errors
    /// There is none, or it was deleted.
    pub fn logged_model(&self, id: &ModelId) -> StoreResult<LoggedModel> {
        let model = self.any_logged_model(id)?;
        if model.lifecycle == Lifecycle::Deleted {
            return Err(missing(id).into());
        }
        Ok(model)
    }

    /// A logged model, active or deleted.
    ///
    /// # Errors
    /// There is none.
    pub fn any_logged_model(&self, id: &ModelId) -> StoreResult<LoggedModel> {
        let sql = format!("SELECT {COLUMNS} FROM logged_model m WHERE m.model_id = ?1");
        let (row, model) = self
            .connection
            .prepare_cached(&sql)?
            .query_row([id.as_str()], read)
            .optional()?
            .ok_or_else(|| self.absent("logged_model", "model_id", id.as_str(), missing(id)))?;
        self.seen(Resource::Experiment, model.experiment_id.0)?;
        self.complete_model(row, model)
    }

    pub(crate) fn complete_model(
        &self,
        row: i64,
        mut model: LoggedModel,
    ) -> StoreResult<LoggedModel> {
        model.tags = self.text_tags(
            "SELECT key, value FROM logged_model_tag WHERE model_id = ?1 ORDER BY key",
            row,
        )?;
        let params = self.text_tags(
            "SELECT key, value FROM logged_model_param WHERE model_id = ?1 ORDER BY key",
            row,
        )?;
        model.params = params.into_iter().map(|Tag { key, value }| Param { key, value }).collect();
        model.metrics = self.model_metrics(row, &model.model_id)?;
        Ok(model)
    }

    /// The newest of each key, dataset and run.
    fn model_metrics(&self, row: i64, id: &ModelId) -> StoreResult<Vec<Metric>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT key, value, is_nan, timestamp, step, run_id, dataset_name, dataset_digest
             FROM (SELECT *, row_number() OVER (
                       PARTITION BY key, run_id, dataset_name, dataset_digest
                       ORDER BY step DESC, timestamp DESC, value DESC) AS place
                   FROM logged_model_metric WHERE model_id = ?1)
             WHERE place = 1 ORDER BY key",
        )?;
        let rows = statement.query_map([row], |row| {
            Ok(Metric {
                key: row.get(0)?,
                value: number(row.get(1)?, row.get(2)?),
                timestamp: row.get(3)?,
                step: row.get(4)?,
                run_id: Some(row.get(5)?),
                dataset_name: row.get(6)?,
                dataset_digest: row.get(7)?,
                model_id: Some(id.as_str().to_owned()),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Active logged models that a run made or links to as outputs.
    ///
    /// # Errors
    /// There is no such run.
    pub fn models_of_run(&self, id: &RunId) -> StoreResult<Vec<LoggedModel>> {
        let run = self.run_row(id)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM logged_model m
             WHERE m.deleted = 0 AND (m.source_run_id = ?1
                 OR m.model_id IN (SELECT model_id FROM run_model_output WHERE run_id = ?2))
             ORDER BY m.created_at, m.model_id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement
            .query_map(params![id.as_str(), run.row], read)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        rows.into_iter().map(|(row, model)| self.complete_model(row, model)).collect()
    }
}

impl WriteTx<'_> {
    /// Makes a logged model, pending.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_logged_model(
        &mut self,
        actor: &Actor,
        new: &NewModelRow<'_>,
    ) -> StoreResult<ModelRow> {
        self.connection
            .prepare_cached(
                "INSERT INTO logged_model (model_id, experiment_id, name, model_type, source_run_id,
                     status, artifact_uri, created_at, updated_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?7, ?8)",
            )?
            .execute(params![
                new.model_id.as_str(),
                new.experiment.0,
                new.name,
                new.model_type,
                new.source_run_id.map(RunId::as_str),
                new.artifact_uri,
                self.now(),
                owner(actor),
            ])?;
        let model = ModelRow {
            row: self.connection.last_insert_rowid(),
            experiment: new.experiment,
            deleted: false,
        };
        self.put_model_params(model.row, new.params)?;
        self.put_model_tags(model.row, new.tags)?;
        self.model_changed(actor, new.model_id, &model, None, Op::Create)?;
        Ok(model)
    }

    fn put_model_params(&self, row: i64, params: &[Param]) -> StoreResult<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO logged_model_param (model_id, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for param in params {
            insert.execute(params![row, param.key, param.value])?;
        }
        Ok(())
    }

    fn put_model_tags(&self, row: i64, tags: &[Tag]) -> StoreResult<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO logged_model_tag (model_id, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET value = excluded.value",
        )?;
        for tag in tags {
            insert.execute(params![row, tag.key, tag.value])?;
        }
        Ok(())
    }

    fn model_changed(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::LoggedModel, model.row, field, op)?;
        self.connection
            .prepare_cached("UPDATE logged_model SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![model.row, seq, self.now()])?;
        self.notify(seq, EventKind::LoggedModel(id.clone(), model.experiment));
        Ok(())
    }

    /// Says how the upload ended.
    ///
    /// # Errors
    /// The database's.
    pub fn set_model_status(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        status: ModelStatus,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE logged_model SET status = ?2 WHERE id = ?1")?
            .execute(params![model.row, status.number()])?;
        self.model_changed(actor, id, model, Some("status"), Op::Set)
    }

    /// Marks as deleted.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_logged_model(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE logged_model SET deleted = 1, deleted_at = ?2 WHERE id = ?1")?
            .execute(params![model.row, self.now()])?;
        self.model_changed(actor, id, model, None, Op::Delete)
    }

    /// Brings a deleted one back.
    ///
    /// # Errors
    /// The database's.
    pub fn restore_logged_model(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE logged_model SET deleted = 0, deleted_at = NULL WHERE id = ?1")?
            .execute([model.row])?;
        self.model_changed(actor, id, model, None, Op::Restore)
    }

    /// Sets tags.
    ///
    /// # Errors
    /// The database's.
    pub fn set_model_tags(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        tags: &[Tag],
    ) -> StoreResult<()> {
        self.put_model_tags(model.row, tags)?;
        self.model_changed(actor, id, model, Some("tags"), Op::Set)
    }

    /// Removes a tag; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_model_tag(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        key: &str,
    ) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM logged_model_tag WHERE model_id = ?1 AND key = ?2")?
            .execute(params![model.row, key])?;
        if gone > 0 {
            self.model_changed(actor, id, model, Some(key), Op::Unset)?;
        }
        Ok(gone > 0)
    }

    /// Adds params; one that is there already stays.
    ///
    /// # Errors
    /// A param has another value.
    pub fn log_model_params(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        params: &[Param],
    ) -> StoreResult<()> {
        for param in params {
            let old = self.model_param(model.row, &param.key)?;
            if let Some(old) = old.filter(|old| *old != param.value) {
                return Err(param_differs(id, param, &old).into());
            }
        }
        self.put_model_params(model.row, params)?;
        self.model_changed(actor, id, model, Some("params"), Op::Set)
    }

    fn model_param(&self, row: i64, key: &str) -> StoreResult<Option<String>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT value FROM logged_model_param WHERE model_id = ?1 AND key = ?2",
            )?
            .query_row(params![row, key], |row| row.get(0))
            .optional()?)
    }

    /// Adds a point to a model's own metrics.
    ///
    /// # Errors
    /// The database's.
    pub fn log_model_metric(
        &mut self,
        actor: &Actor,
        id: &ModelId,
        model: &ModelRow,
        run: &RunId,
        metric: &Metric,
    ) -> StoreResult<()> {
        let is_nan = metric.value.is_nan();
        let value = if is_nan { 0.0 } else { metric.value.clamp(f64::MIN, f64::MAX) };
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO logged_model_metric
                     (model_id, key, timestamp, step, run_id, value, is_nan, dataset_name, dataset_digest)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                model.row,
                metric.key,
                metric.timestamp,
                metric.step,
                run.as_str(),
                value,
                is_nan,
                metric.dataset_name,
                metric.dataset_digest,
            ])?;
        self.model_changed(actor, id, model, Some("metrics"), Op::Set)
    }
}

fn param_differs(id: &ModelId, param: &Param, old: &str) -> Error {
    Error::invalid(format!(
        "Changing param values is not allowed. Param with key='{}' was already logged with value='{old}' for model ID='{id}'. Attempted logging new value '{}'.",
        param.key, param.value
    ))
    .hint("Log it under another key, or to a new model.")
}
