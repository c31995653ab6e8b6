//! Logged models: make, finalize, find, tag and delete.

use crate::Engine;
use crate::experiment::{active as active_experiment, check_max_results, page};
use crate::run::append_to_uri;
use branchline_core::search::{self, LoggedModelField};
use branchline_core::{
    Actor, Error, ExperimentId, LoggedModel, ModelId, ModelStatus, Page, Param, Result, RunId, Tag,
    limits, name, run_name,
};
use branchline_store::{
    LoggedModelOrder, LoggedModelQuery, ModelRow, NewModelRow, StoreResult, WriteTx,
};

/// A logged model to be made.
#[derive(Debug, Clone)]
pub struct NewLoggedModel {
    /// An active experiment.
    pub experiment_id: ExperimentId,
    /// Generated when `None`.
    pub name: Option<String>,
    /// Free text.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<RunId>,
    /// Written with it.
    pub params: Vec<Param>,
    /// Can change.
    pub tags: Vec<Tag>,
}

/// One key of the order of a search.
#[derive(Debug, Clone)]
pub struct LoggedModelSort {
    /// `metrics.x`, `params.x`, `tags.x` or an attribute.
    pub field_name: String,
    /// Direction.
    pub ascending: bool,
    /// For a metric: only as measured on this dataset.
    pub dataset_name: Option<String>,
    /// And this digest.
    pub dataset_digest: Option<String>,
}

/// A question about logged models.
#[derive(Debug, Clone, Default)]
pub struct LoggedModelSearch {
    /// Where to look.
    pub experiment_ids: Vec<ExperimentId>,
    /// MLflow's language.
    pub filter: String,
    /// Only metrics measured on one of these (name, digest) count in the filter.
    pub datasets: Vec<(String, Option<String>)>,
    /// Then newest first.
    pub order_by: Vec<LoggedModelSort>,
    /// 1 to 50,000.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
}

impl LoggedModelSearch {
    fn parse(&self) -> Result<LoggedModelQuery> {
        let order = self.order_by.iter().map(|sort| {
            let field = search::logged_model_order_field(&sort.field_name)?;
            let dataset = sort.dataset_name.clone().map(|d| (d, sort.dataset_digest.clone()));
            if dataset.is_some() && !matches!(field, LoggedModelField::Metric(_)) {
                return Err(Error::invalid(format!(
                    "`dataset_name` may only be given for metrics, not for '{}'.",
                    sort.field_name
                )));
            }
            Ok(LoggedModelOrder { field, ascending: sort.ascending, dataset })
        });
        Ok(LoggedModelQuery {
            experiments: self.experiment_ids.clone(),
            filter: search::parse_logged_model_filter(&self.filter)?,
            datasets: self.datasets.clone(),
            order: order.collect::<Result<_>>()?,
        })
    }
}

fn active(tx: &WriteTx<'_>, id: &ModelId) -> StoreResult<ModelRow> {
    let model = tx.model_row(id)?;
    if model.deleted {
        return Err(Error::not_found(format!("Logged model with ID '{id}' not found.")).into());
    }
    Ok(model)
}

impl Engine {
    /// Makes a logged model, pending.
    ///
    /// # Errors
    /// The experiment is not active; the name breaks a rule.
    pub async fn create_logged_model(
        &self,
        actor: &Actor,
        new: NewLoggedModel,
    ) -> Result<LoggedModel> {
        let name = match new.name.filter(|name| !name.is_empty()) {
            Some(name) => name,
            None => run_name::random_run_name(),
        };
        name::check_logged_model_name(&name)?;
        self.track(actor, move |tx, actor| {
            let experiment = active_experiment(tx, new.experiment_id)?;
            let model_id = ModelId::random();
            let location = &experiment.artifact_location;
            let row = NewModelRow {
                model_id: &model_id,
                experiment: new.experiment_id,
                name: &name,
                model_type: new.model_type.as_deref(),
                source_run_id: new.source_run_id.as_ref(),
                artifact_uri: &append_to_uri(location, &["models", model_id.as_str(), "artifacts"]),
                params: &new.params,
                tags: &new.tags,
            };
            tx.insert_logged_model(actor, &row)?;
            tx.logged_model(&model_id)
        })
        .await
    }

    /// A logged model.
    ///
    /// # Errors
    /// There is none, or it was deleted.
    pub async fn logged_model(&self, actor: &Actor, id: &ModelId) -> Result<LoggedModel> {
        let id = id.clone();
        self.glance(actor, move |view| view.logged_model(&id)).await
    }

    /// A logged model, active or deleted.
    ///
    /// # Errors
    /// There is none.
    pub async fn any_logged_model(&self, actor: &Actor, id: &ModelId) -> Result<LoggedModel> {
        let id = id.clone();
        self.read(actor, move |view| view.any_logged_model(&id)).await
    }

    /// Logged models that a run made or links to.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn models_of_run(&self, actor: &Actor, id: &RunId) -> Result<Vec<LoggedModel>> {
        let id = id.clone();
        self.read(actor, move |view| view.models_of_run(&id)).await
    }

    /// Says how the upload of a model's files ended.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn finalize_logged_model(
        &self,
        actor: &Actor,
        id: &ModelId,
        status: ModelStatus,
    ) -> Result<LoggedModel> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let model = active(tx, &id)?;
            tx.set_model_status(actor, &id, &model, status)?;
            tx.logged_model(&id)
        })
        .await
    }

    /// Deletes a logged model; again is fine.
    ///
    /// # Errors
    /// There never was such a model.
    pub async fn delete_logged_model(&self, actor: &Actor, id: &ModelId) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let model = tx.model_row(&id)?;
            if model.deleted {
                return Ok(());
            }
            tx.delete_logged_model(actor, &id, &model)
        })
        .await
    }

    /// One page of logged models.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn search_logged_models(
        &self,
        actor: &Actor,
        search: LoggedModelSearch,
    ) -> Result<Page<LoggedModel>> {
        check_max_results(search.max_results, limits::MAX_RESULTS)?;
        let query = search.parse()?;
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.search_logged_models(&query, search.max_results, token)?))
        })
        .await
    }

    /// Sets tags.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn set_logged_model_tags(
        &self,
        actor: &Actor,
        id: &ModelId,
        tags: Vec<Tag>,
    ) -> Result<LoggedModel> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let model = active(tx, &id)?;
            tx.set_model_tags(actor, &id, &model, &tags)?;
            tx.logged_model(&id)
        })
        .await
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// There is no such tag or model.
    pub async fn delete_logged_model_tag(
        &self,
        actor: &Actor,
        id: &ModelId,
        key: &str,
    ) -> Result<()> {
        let (id, key) = (id.clone(), key.to_owned());
        self.track(actor, move |tx, actor| {
            let model = active(tx, &id)?;
            if tx.delete_model_tag(actor, &id, &model, &key)? {
                return Ok(());
            }
            Err(Error::not_found(format!(
                "No tag with key '{key}' found for model with ID '{id}'."
            ))
            .into())
        })
        .await
    }

    /// Adds params.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn log_logged_model_params(
        &self,
        actor: &Actor,
        id: &ModelId,
        params: Vec<Param>,
    ) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let model = active(tx, &id)?;
            tx.log_model_params(actor, &id, &model, &params)
        })
        .await
    }
}
