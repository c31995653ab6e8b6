//! Datasets that runs used.

use crate::Engine;
use branchline_core::{Actor, ExperimentId, Result};
use branchline_store::DatasetUse;

impl Engine {
    /// The datasets that runs of these experiments used, and what for; at most `limit`.
    ///
    /// # Errors
    /// The credential does not allow reading.
    pub async fn search_datasets(
        &self,
        actor: &Actor,
        experiment_ids: Vec<ExperimentId>,
        limit: usize,
    ) -> Result<Vec<DatasetUse>> {
        self.read(actor, move |view| {
            let mut found = Vec::new();
            for id in experiment_ids {
                found.append(&mut view.datasets_of(id, limit - found.len())?);
            }
            Ok(found)
        })
        .await
    }
}
