//! Runs, written: info, params, tags, inputs and outputs.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::run::RunRow;
use crate::tx::WriteTx;
use branchline_core::event::EventKind;
use branchline_core::{
    Actor, DatasetInput, Error, ModelId, ModelOutput, Occasion, Param, RunId, RunStatus, Tag,
};
use rusqlite::{OptionalExtension, params};

/// A run to be made.
#[derive(Debug, Clone)]
pub struct NewRunRow<'a> {
    /// 32 hexadecimal digits.
    pub run_id: &'a RunId,
    /// Its experiment.
    pub experiment: branchline_core::ExperimentId,
    /// Shown name.
    pub name: &'a str,
    /// MLflow's free-text user.
    pub user_id: &'a str,
    /// Milliseconds UTC.
    pub start_time: i64,
    /// Root of its artifacts, a URI.
    pub artifact_uri: &'a str,
    /// `mlflow.runName` among them.
    pub tags: &'a [Tag],
}

impl WriteTx<'_> {
    /// Makes a run.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_run(&mut self, actor: &Actor, new: &NewRunRow<'_>) -> StoreResult<RunRow> {
        self.connection
            .prepare_cached(
                "INSERT INTO run (run_id, experiment_id, name, user_id, status, start_time, artifact_uri, created_by)
                 VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)",
            )?
            .execute(params![
                new.run_id.as_str(),
                new.experiment.0,
                new.name,
                new.user_id,
                new.start_time,
                new.artifact_uri,
                owner(actor),
            ])?;
        let run = RunRow {
            row: self.connection.last_insert_rowid(),
            experiment: new.experiment,
            deleted: false,
        };
        for tag in new.tags {
            self.put_tag(run.row, tag)?;
        }
        self.run_changed(actor, new.run_id, &run, None, Op::Create)?;
        Ok(run)
    }

    /// Records a change of a run and moves its `rev`.
    ///
    /// # Errors
    /// The database's.
    fn run_changed(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Run, run.row, field, op)?;
        self.set_run_rev(run.row, seq)?;
        self.notify(seq, EventKind::Run(id.clone(), run.experiment));
        Ok(())
    }

    fn set_run_rev(&self, row: i64, seq: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE run SET rev = ?2 WHERE id = ?1")?
            .execute(params![row, seq])?;
        Ok(())
    }

    /// Changes what is given of a run's state.
    ///
    /// # Errors
    /// The database's.
    pub fn update_run(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        status: Option<RunStatus>,
        end_time: Option<i64>,
        name: Option<&str>,
    ) -> StoreResult<()> {
        let ended = status.map(|status| self.run_ends(run.row, status)).transpose()?.flatten();
        self.connection
            .prepare_cached(
                "UPDATE run SET status = coalesce(?2, status), end_time = coalesce(?3, end_time),
                     name = coalesce(?4, name) WHERE id = ?1",
            )?
            .execute(params![run.row, status.map(RunStatus::number), end_time, name])?;
        if status.is_some() || end_time.is_some() {
            self.run_changed(actor, id, run, Some("status"), Op::Set)?;
        }
        if name.is_some() {
            self.run_changed(actor, id, run, Some("name"), Op::Set)?;
        }
        match ended {
            Some(occasion) => self.run_happened(actor, id, run, occasion),
            None => Ok(()),
        }
    }

    /// What it is an occasion of that a run comes to a status; nothing where it has that
    /// already, or no rule looks at runs.
    fn run_ends(&self, row: i64, status: RunStatus) -> StoreResult<Option<Occasion>> {
        let occasion = Occasion::of_run(status);
        if occasion.is_none() || !self.rules.look_at_runs(self.connection)? {
            return Ok(None);
        }
        let before: i64 = self
            .connection
            .prepare_cached("SELECT status FROM run WHERE id = ?1")?
            .query_row([row], |row| row.get(0))?;
        Ok(occasion.filter(|_| before != status.number()))
    }

    /// Moves a run to the trash, or back.
    ///
    /// # Errors
    /// The database's.
    pub fn set_run_deleted(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        deleted: bool,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE run SET deleted = ?2, deleted_at = ?3 WHERE id = ?1")?
            .execute(params![run.row, deleted, deleted.then_some(self.now())])?;
        self.run_changed(actor, id, run, None, if deleted { Op::Delete } else { Op::Restore })
    }

    /// Writes params that do not change once written; the same value again is fine.
    ///
    /// # Errors
    /// A param exists with another value.
    pub fn log_params(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        params: &[Param],
    ) -> StoreResult<()> {
        let mut added = 0;
        for param in params {
            let key = self.names.intern(self.connection, &param.key)?;
            let old: Option<String> = self
                .connection
                .prepare_cached("SELECT value FROM param WHERE run_id = ?1 AND key = ?2")?
                .query_row([run.row, key], |row| row.get(0))
                .optional()?;
            match old {
                Some(old) if old == param.value => {}
                Some(old) => return Err(param_differs(id, param, &old).into()),
                None => {
                    self.connection
                        .prepare_cached(
                            "INSERT INTO param (run_id, key, value) VALUES (?1, ?2, ?3)",
                        )?
                        .execute(params![run.row, key, param.value])?;
                    added += 1;
                }
            }
        }
        if added > 0 {
            self.run_changed(actor, id, run, Some("params"), Op::Set)?;
        }
        Ok(())
    }

    fn put_tag(&self, row: i64, tag: &Tag) -> StoreResult<()> {
        let key = self.names.intern(self.connection, &tag.key)?;
        self.connection
            .prepare_cached(
                "INSERT INTO tag (run_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![row, key, tag.value])?;
        Ok(())
    }

    /// Sets tags.
    ///
    /// # Errors
    /// The database's.
    pub fn set_tags(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        tags: &[Tag],
    ) -> StoreResult<()> {
        for tag in tags {
            self.put_tag(run.row, tag)?;
            self.run_changed(actor, id, run, Some(&tag.key), Op::Set)?;
        }
        Ok(())
    }

    /// A tag's value.
    ///
    /// # Errors
    /// The database's.
    pub fn tag(&self, run: &RunRow, key: &str) -> StoreResult<Option<String>> {
        let Some(key) = self.names.id(self.connection, key)? else { return Ok(None) };
        Ok(self
            .connection
            .prepare_cached("SELECT value FROM tag WHERE run_id = ?1 AND key = ?2")?
            .query_row([run.row, key], |row| row.get(0))
            .optional()?)
    }

    /// Removes a tag; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_tag(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        key: &str,
    ) -> StoreResult<bool> {
        let Some(name) = self.names.id(self.connection, key)? else { return Ok(false) };
        let gone = self
            .connection
            .prepare_cached("DELETE FROM tag WHERE run_id = ?1 AND key = ?2")?
            .execute([run.row, name])?;
        if gone > 0 {
            self.run_changed(actor, id, run, Some(key), Op::Unset)?;
        }
        Ok(gone > 0)
    }

    /// Links datasets and models that a run used. A link that exists keeps its tags.
    ///
    /// # Errors
    /// The database's.
    pub fn log_inputs(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        datasets: &[DatasetInput],
        models: &[ModelId],
    ) -> StoreResult<()> {
        for input in datasets {
            let dataset = self.put_dataset(run.experiment.0, &input.dataset)?;
            let new = self
                .connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO run_dataset (run_id, dataset_id) VALUES (?1, ?2)",
                )?
                .execute([run.row, dataset])?;
            for tag in input.tags.iter().filter(|_| new > 0) {
                self.connection
                    .prepare_cached(
                        "INSERT OR REPLACE INTO run_dataset_tag (run_id, dataset_id, key, value)
                         VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![run.row, dataset, tag.key, tag.value])?;
            }
        }
        for model in models {
            self.connection
                .prepare_cached(
                    "INSERT OR IGNORE INTO run_model_input (run_id, model_id) VALUES (?1, ?2)",
                )?
                .execute(params![run.row, model.as_str()])?;
        }
        self.run_changed(actor, id, run, Some("inputs"), Op::Set)
    }

    fn put_dataset(&self, experiment: i64, dataset: &branchline_core::Dataset) -> StoreResult<i64> {
        let found: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT id FROM dataset WHERE experiment_id = ?1 AND name = ?2 AND digest = ?3",
            )?
            .query_row(params![experiment, dataset.name, dataset.digest], |row| row.get(0))
            .optional()?;
        if let Some(id) = found {
            return Ok(id);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO dataset (experiment_id, name, digest, source_type, source, schema, profile)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                experiment,
                dataset.name,
                dataset.digest,
                dataset.source_type,
                dataset.source,
                dataset.schema,
                dataset.profile,
            ])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Links models that a run produced.
    ///
    /// # Errors
    /// The database's.
    pub fn log_outputs(
        &mut self,
        actor: &Actor,
        id: &RunId,
        run: &RunRow,
        outputs: &[ModelOutput],
    ) -> StoreResult<()> {
        for output in outputs {
            self.connection
                .prepare_cached(
                    "INSERT INTO run_model_output (run_id, model_id, step) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET step = excluded.step",
                )?
                .execute(params![run.row, output.model_id.as_str(), output.step])?;
        }
        self.run_changed(actor, id, run, Some("outputs"), Op::Set)
    }
}

fn param_differs(id: &RunId, param: &Param, old: &str) -> Error {
    Error::invalid(format!(
        "Changing param values is not allowed. Param with key='{}' was already logged with value='{old}' for run ID='{id}'. Attempted logging new value '{}'.",
        param.key, param.value
    ))
    .hint("Log it under another key, or start a new run.")
}
