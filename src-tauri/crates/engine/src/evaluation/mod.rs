//! Evaluation datasets and their records.

mod json;
mod records;

use crate::Engine;
use crate::experiment::{check_max_results, page};
use branchline_core::{
    Actor, Error, EvaluationDataset, EvaluationDatasetId, ExperimentId, Page, Result, Tag, limits,
    name, search,
};
use branchline_store::{NewEvaluationDatasetRow, View};
use sha2::{Digest, Sha256};

pub use records::UpsertCounts;

/// The tag that says who acts, in MLflow's words.
const USER_TAG: &str = "mlflow.user";

/// An evaluation dataset to be made.
#[derive(Debug, Clone, Default)]
pub struct NewEvaluationDataset {
    /// Need not be unique.
    pub name: String,
    /// `mlflow.user` among them is noted as its maker.
    pub tags: Vec<Tag>,
    /// Where it belongs.
    pub experiment_ids: Vec<ExperimentId>,
}

/// A question about evaluation datasets.
#[derive(Debug, Clone, Default)]
pub struct EvaluationDatasetSearch {
    /// Of any experiment when empty.
    pub experiment_ids: Vec<ExperimentId>,
    /// MLflow's language.
    pub filter: String,
    /// `attribute [ASC|DESC]`.
    pub order_by: Vec<String>,
    /// At least 1.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
}

/// MLflow's fingerprint of a dataset: it changes with every change of the records.
fn digest(name: &str, now: i64) -> String {
    let hash = Sha256::digest(format!("{name}:{now}"));
    hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn check_tag(tag: &Tag) -> Result<()> {
    if tag.key.is_empty() {
        return Err(Error::invalid("The key of a tag cannot be empty."));
    }
    name::check_length("Evaluation dataset tag key", &tag.key, limits::EVALUATION_TAG_KEY)?;
    name::check_length("Evaluation dataset tag value", &tag.value, limits::EVALUATION_TAG_VALUE)
}

fn check_experiments_exist(
    view: &View<'_>,
    ids: &[ExperimentId],
) -> branchline_store::StoreResult<()> {
    ids.iter().try_for_each(|id| view.experiment_row(*id).map(drop))
}

impl Engine {
    /// Makes an evaluation dataset; answers it with its experiments.
    ///
    /// # Errors
    /// The name or a tag breaks a rule; an experiment does not exist.
    pub async fn create_evaluation_dataset(
        &self,
        actor: &Actor,
        new: NewEvaluationDataset,
    ) -> Result<EvaluationDataset> {
        if new.name.trim().is_empty() {
            return Err(Error::invalid("The name of an evaluation dataset cannot be empty."));
        }
        name::check_length("Evaluation dataset name", &new.name, limits::EVALUATION_DATASET_NAME)?;
        new.tags.iter().try_for_each(check_tag)?;
        self.track(actor, move |tx, actor| {
            check_experiments_exist(tx, &new.experiment_ids)?;
            let id = EvaluationDatasetId::random();
            let user = new.tags.iter().find(|tag| tag.key == USER_TAG);
            let row = NewEvaluationDatasetRow {
                id: &id,
                name: &new.name,
                digest: &digest(&new.name, tx.now()),
                user_id: user.map(|tag| tag.value.as_str()),
                tags: &new.tags,
                experiments: &new.experiment_ids,
            };
            tx.insert_evaluation_dataset(actor, &row)?;
            let experiment_ids = tx.experiments_of_evaluation_dataset(&id)?;
            Ok(EvaluationDataset { experiment_ids, ..tx.evaluation_dataset(&id)? })
        })
        .await
    }

    /// An evaluation dataset, without its experiments.
    ///
    /// # Errors
    /// There is none.
    pub async fn evaluation_dataset(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
    ) -> Result<EvaluationDataset> {
        let id = id.clone();
        self.read(actor, move |view| view.evaluation_dataset(&id)).await
    }

    /// Removes a dataset with its records; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_evaluation_dataset(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
    ) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| match tx.evaluation_dataset_row(&id) {
            Ok(dataset) => tx.delete_evaluation_dataset(actor, &dataset),
            Err(error) => missing_is_fine(error),
        })
        .await
    }

    /// One page of datasets.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn search_evaluation_datasets(
        &self,
        actor: &Actor,
        search: EvaluationDatasetSearch,
    ) -> Result<Page<EvaluationDataset>> {
        check_max_results(search.max_results, limits::MAX_RESULTS)?;
        let filter = search::parse_evaluation_dataset_filter(&search.filter)?;
        let order = search::parse_evaluation_dataset_order(&search.order_by)?;
        self.read(actor, move |view| {
            Ok(page(view.search_evaluation_datasets(
                &search.experiment_ids,
                filter.as_ref(),
                &order,
                search.max_results,
                search.page_token.as_deref(),
            )?))
        })
        .await
    }

    /// Sets tags of a dataset; others stay.
    ///
    /// # Errors
    /// There is no such dataset; a tag breaks a rule.
    pub async fn set_evaluation_dataset_tags(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        tags: Vec<Tag>,
    ) -> Result<()> {
        tags.iter().try_for_each(check_tag)?;
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let dataset = tx.evaluation_dataset_row(&id)?;
            tx.set_evaluation_dataset_tags(actor, &dataset, &tags)
        })
        .await
    }

    /// Removes a tag of a dataset; a missing tag or dataset is fine.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_evaluation_dataset_tag(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        key: &str,
    ) -> Result<()> {
        let (id, key) = (id.clone(), key.to_owned());
        self.track(actor, move |tx, actor| match tx.evaluation_dataset_row(&id) {
            Ok(dataset) => tx.delete_evaluation_dataset_tag(actor, &dataset, &key),
            Err(error) => missing_is_fine(error),
        })
        .await
    }

    /// The experiments that a dataset belongs to.
    ///
    /// # Errors
    /// There is no such dataset.
    pub async fn evaluation_dataset_experiments(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
    ) -> Result<Vec<ExperimentId>> {
        let id = id.clone();
        self.read(actor, move |view| view.experiments_of_evaluation_dataset(&id)).await
    }

    /// Adds a dataset to experiments, or takes it out of some that it may not be in.
    ///
    /// # Errors
    /// There is no such dataset; an experiment that it is added to does not exist.
    pub async fn set_evaluation_dataset_in(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        experiments: Vec<ExperimentId>,
        belongs: bool,
    ) -> Result<EvaluationDataset> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let dataset = tx.evaluation_dataset_row(&id)?;
            if belongs {
                check_experiments_exist(tx, &experiments)?;
            }
            tx.set_evaluation_dataset_in(actor, &dataset, &experiments, belongs)?;
            tx.evaluation_dataset(&id)
        })
        .await
    }
}

fn missing_is_fine(error: branchline_store::StoreError) -> branchline_store::StoreResult<()> {
    match Error::from(error) {
        missing if missing.code == branchline_core::ErrorCode::ResourceDoesNotExist => Ok(()),
        other => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_mlflows() {
        // hashlib.sha256(b"qa:1700000000000").hexdigest()[:8]
        assert_eq!(digest("qa", 1_700_000_000_000), "796db64c");
    }
}
