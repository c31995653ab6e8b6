//! Deleting for good, from the trash only: the rows go at once, a tombstone stays in the
//! change log, and points and files are noted as leftovers.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::trash::{TrashItem, TrashKind};
use crate::tx::WriteTx;
use branchline_core::event::EventKind;
use branchline_core::{Actor, ExperimentId, ModelId, RunId};
use rusqlite::{OptionalExtension, params};

/// What hangs on an experiment and does not go with its row by itself, but for its runs and traces.
const OF_EXPERIMENT: [&str; 1] = ["DELETE FROM logged_model WHERE experiment_id = ?1"];

impl WriteTx<'_> {
    /// Removes a run that is in the trash, by itself or with its experiment; answers
    /// whether it was still there.
    ///
    /// # Errors
    /// The database's.
    fn erase_run(&mut self, actor: &Actor, row: i64, keep_files: bool) -> StoreResult<bool> {
        let found: Option<(String, i64, String)> = self
            .connection
            .prepare_cached(
                "SELECT r.run_id, r.experiment_id, r.artifact_uri
                 FROM run r JOIN experiment e ON e.id = r.experiment_id
                 WHERE r.id = ?1 AND (r.deleted = 1 OR e.deleted = 1)",
            )?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let Some((id, experiment, uri)) = found else { return Ok(false) };
        self.leave_points(row)?;
        if !keep_files && is_own(&uri, &id) {
            self.leave_files(&uri)?;
        }
        let seq = self.record(actor, Kind::Run, row, Some(&id), Op::Erase)?;
        self.connection.prepare_cached("DELETE FROM run WHERE id = ?1")?.execute([row])?;
        self.rules.forget();
        self.notify(seq, EventKind::Run(RunId::new(id), ExperimentId(experiment)));
        Ok(true)
    }

    /// Removes up to `limit` of the runs of an experiment in the trash; answers how many.
    ///
    /// # Errors
    /// The database's.
    pub fn erase_runs_of(
        &mut self,
        actor: &Actor,
        item: &TrashItem,
        limit: usize,
    ) -> StoreResult<i64> {
        let rows: Vec<i64> = self
            .connection
            .prepare_cached(
                "SELECT r.id FROM run r JOIN experiment e ON e.id = r.experiment_id
                 WHERE r.experiment_id = ?1 AND e.deleted = 1 LIMIT ?2",
            )?
            .query_map(params![item.row, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                row.get(0)
            })?
            .collect::<rusqlite::Result<_>>()?;
        let keep_files = is_own(&item.artifact_uri, &item.id);
        let mut gone = 0;
        for row in rows {
            gone += i64::from(self.erase_run(actor, row, keep_files)?);
        }
        Ok(gone)
    }

    /// Removes up to `limit` of the traces of an experiment in the trash; answers how many.
    ///
    /// # Errors
    /// The database's.
    pub fn erase_traces_of(
        &mut self,
        actor: &Actor,
        item: &TrashItem,
        limit: usize,
    ) -> StoreResult<i64> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM experiment WHERE id = ?1 AND deleted = 1")?;
        if !statement.exists([item.row])? {
            return Ok(0);
        }
        drop(statement);
        let keep_files = is_own(&item.artifact_uri, &item.id);
        let doomed = self.traces_until(item.experiment, None, None, limit)?;
        for trace in &doomed {
            if let Some(uri) = &trace.artifact_location
                && !keep_files
                && is_own(uri, trace.trace_id.as_str())
            {
                self.leave_files(uri)?;
            }
            self.erase_trace(actor, item.experiment, trace)?;
        }
        Ok(i64::try_from(doomed.len()).unwrap_or(i64::MAX))
    }

    /// Removes a thing that is in the trash; an experiment once its runs and traces are gone. Answers
    /// whether it was still there: it may have been restored.
    ///
    /// # Errors
    /// The database's.
    pub fn erase(&mut self, actor: &Actor, item: &TrashItem) -> StoreResult<bool> {
        match item.kind {
            TrashKind::Run => self.erase_run(actor, item.row, false),
            TrashKind::Model => self.erase_model(actor, item),
            TrashKind::Experiment => self.erase_experiment(actor, item),
        }
    }

    fn erase_model(&mut self, actor: &Actor, item: &TrashItem) -> StoreResult<bool> {
        let mut statement = self
            .connection
            .prepare_cached("DELETE FROM logged_model WHERE id = ?1 AND deleted = 1")?;
        let gone = statement.execute([item.row])? > 0;
        drop(statement);
        if gone {
            if is_own(&item.artifact_uri, &item.id) {
                self.leave_files(&item.artifact_uri)?;
            }
            let seq = self.record(actor, Kind::LoggedModel, item.row, Some(&item.id), Op::Erase)?;
            let id = ModelId::new(item.id.clone());
            self.notify(seq, EventKind::LoggedModel(id, item.experiment));
        }
        Ok(gone)
    }

    fn erase_experiment(&mut self, actor: &Actor, item: &TrashItem) -> StoreResult<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM experiment e WHERE e.id = ?1 AND e.deleted = 1
             AND NOT EXISTS (SELECT 1 FROM run WHERE experiment_id = e.id)
             AND NOT EXISTS (SELECT 1 FROM trace WHERE experiment_id = e.id)",
        )?;
        let empty = statement.exists([item.row])?;
        drop(statement);
        if !empty {
            return Ok(false);
        }
        if is_own(&item.artifact_uri, &item.id) {
            self.leave_files(&item.artifact_uri)?;
        } else {
            for (id, uri) in self.locations_within(item.experiment)? {
                if is_own(&uri, &id) {
                    self.leave_files(&uri)?;
                }
            }
        }
        for sql in OF_EXPERIMENT {
            self.connection.prepare_cached(sql)?.execute([item.row])?;
        }
        self.connection
            .prepare_cached(
                "DELETE FROM permission WHERE resource_type = 'experiment' AND resource_id = ?1",
            )?
            .execute([item.row])?;
        let seq = self.record(actor, Kind::Experiment, item.row, Some(&item.name), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM experiment WHERE id = ?1")?
            .execute([item.row])?;
        self.rules.forget();
        self.notify(seq, EventKind::Experiment(item.experiment));
        Ok(true)
    }
}

/// A folder is removed only when its path says whose it is: a location that was given may
/// hold other things too.
pub(crate) fn is_own(uri: &str, id: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let path = path.strip_suffix("/artifacts").unwrap_or(path);
    path.rsplit(['/', '\\']).next() == Some(id)
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn a_folder_is_ours_when_it_bears_the_id() {
        assert!(is_own("mlflow-artifacts:/1/abc/artifacts", "abc"));
        assert!(is_own("mlflow-artifacts:/12", "12"));
        assert!(is_own("file:///data/12/models/m-1/artifacts/", "m-1"));
        assert!(!is_own("mlflow-artifacts:/", "1"));
        assert!(!is_own("s3://bucket/shared", "12"));
        assert!(!is_own("mlflow-artifacts:/1/other/artifacts", "abc"));
    }
}
