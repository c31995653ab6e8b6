//! Datasets of experiments, as a choice of filters shows them.

use crate::error::StoreResult;
use crate::tx::View;
use branchline_core::ExperimentId;
use rusqlite::params;

/// A dataset that runs of an experiment used, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetUse {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The dataset's name.
    pub name: String,
    /// The dataset's digest.
    pub digest: String,
    /// What for, such as `train`.
    pub context: Option<String>,
}

impl View<'_> {
    /// The datasets that runs of an experiment used, each once for everything that it
    /// was used for, sorted; at most `limit`.
    ///
    /// # Errors
    /// The database's.
    pub fn datasets_of(&self, id: ExperimentId, limit: usize) -> StoreResult<Vec<DatasetUse>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT d.name, d.digest, t.value
             FROM dataset d JOIN run_dataset rd ON rd.dataset_id = d.id
             LEFT JOIN run_dataset_tag t ON t.run_id = rd.run_id
                  AND t.dataset_id = rd.dataset_id AND t.key = 'mlflow.data.context'
             WHERE d.experiment_id = ?1 ORDER BY 1, 2, 3 LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![id.0, limit], |row| {
            Ok(DatasetUse {
                experiment_id: id,
                name: row.get(0)?,
                digest: row.get(1)?,
                context: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
