//! Experiments: make, find, rename, tag, delete and restore.

use crate::Engine;
use branchline_core::location::{split_scheme, strip_scheme};
use branchline_core::{
    Actor, Error, ErrorCode, Experiment, ExperimentId, Page, Result, Tag, ViewType, limits, name,
    search,
};
use branchline_store::{
    ExperimentKeys, ExperimentOverview, ExperimentRow, NewExperimentRow, SearchPage, StoreResult,
    View, WriteTx,
};
use std::path::Path;

/// An experiment to be made.
#[derive(Debug, Clone, Default)]
pub struct NewExperiment {
    /// Unique, deleted ones included; at most 500 characters.
    pub name: String,
    /// Root of its runs' artifacts; `<artifact root>/<id>` when `None`.
    pub artifact_location: Option<String>,
    /// Of a key that comes twice the last wins.
    pub tags: Vec<Tag>,
}

/// A question about experiments.
#[derive(Debug, Clone, Default)]
pub struct ExperimentSearch {
    /// MLflow's language; blank for all.
    pub filter: String,
    /// `attribute [ASC|DESC]`; newest first when empty.
    pub order_by: Vec<String>,
    /// 1 to 50,000.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
    /// Which lifecycles.
    pub view: ViewType,
}

/// `max_results` within `1..=most`.
pub(crate) fn check_max_results(max_results: usize, most: usize) -> Result<()> {
    if (1..=most).contains(&max_results) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid value {max_results} for parameter 'max_results' supplied. It must be at least 1 and at most {most}."
    )))
}

pub(crate) fn page<T>(page: SearchPage<T>) -> Page<T> {
    Page { items: page.items, next_page_token: page.next_page_token }
}

fn check_tag(tag: &Tag) -> Result<()> {
    name::check_key("tag", &tag.key)?;
    name::check_length("Experiment tag value", &tag.value, limits::EXPERIMENT_TAG_VALUE)
}

/// A write to an experiment in the trash is refused.
pub(crate) fn active(view: &View<'_>, id: ExperimentId) -> StoreResult<ExperimentRow> {
    let experiment = view.experiment_row(id)?;
    if experiment.deleted {
        return Err(Error::invalid(format!(
            "The experiment {id} must be in the 'active' state. Current state is deleted."
        ))
        .hint("Restore the experiment first.")
        .into());
    }
    Ok(experiment)
}

/// A location on this machine's disk with the folder that it starts from, which is another one for
/// each program: the server's, as `resolve_uri_if_local` of MLflow has it.
fn absolute(location: &str) -> Result<String> {
    let (scheme, path) = match strip_scheme(location, "file") {
        Some(path) => ("file://", path),
        None if split_scheme(location).is_some() => return Ok(location.to_owned()),
        None => ("", location),
    };
    if path.starts_with('/') || Path::new(path).is_absolute() {
        return Ok(location.to_owned());
    }
    let here = std::env::current_dir().map_err(|cause| {
        Error::invalid(
            "'artifact_location' is relative, and the server has no folder to start from.",
        )
        .hint("Give an absolute path or a URI.")
        .source(cause)
    })?;
    Ok(format!("{scheme}{}", here.join(path).display()))
}

fn check_location(location: &str) -> Result<()> {
    name::check_length("Artifact location", location, limits::ARTIFACT_LOCATION)?;
    if location.starts_with("runs:") {
        return Err(Error::invalid(format!(
            "Artifact location cannot be a runs:/ URI. Given: '{location}'"
        )));
    }
    if location.contains('#') {
        return Err(Error::invalid(format!(
            "'artifact_location' URL can't include fragments or queries. Given: '{location}'"
        )));
    }
    Ok(())
}

impl Engine {
    /// Makes an experiment.
    ///
    /// # Errors
    /// The name is taken or breaks a rule; so does a tag or the location.
    pub async fn create_experiment(
        &self,
        actor: &Actor,
        new: NewExperiment,
    ) -> Result<ExperimentId> {
        name::check_experiment_name(&new.name)?;
        new.tags.iter().try_for_each(check_tag)?;
        let location = new.artifact_location.filter(|location| !location.is_empty());
        let location = location.map(|location| absolute(&location)).transpose()?;
        if let Some(location) = &location {
            check_location(location)?;
        }
        let artifact_root = self.inner.artifact_root.clone();
        self.track(actor, move |tx, actor| {
            let row = NewExperimentRow {
                id: None,
                name: &new.name,
                artifact_location: location.as_deref(),
                artifact_root: &artifact_root,
                tags: &new.tags,
            };
            tx.insert_experiment(actor, &row)
        })
        .await
    }

    /// An experiment by number, deleted ones included.
    ///
    /// # Errors
    /// There is none.
    pub async fn experiment(&self, actor: &Actor, id: ExperimentId) -> Result<Experiment> {
        self.glance(actor, move |view| view.experiment(id)).await
    }

    /// An experiment by name, deleted ones included.
    ///
    /// # Errors
    /// There is none.
    pub async fn experiment_by_name(&self, actor: &Actor, name: &str) -> Result<Experiment> {
        let name = name.to_owned();
        self.glance(actor, move |view| view.experiment_by_name(&name)).await
    }

    /// One page of experiments.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn search_experiments(
        &self,
        actor: &Actor,
        search: ExperimentSearch,
    ) -> Result<Page<Experiment>> {
        self.read(actor, move |view| Ok(page(find(view, &search)?))).await
    }

    /// One page of experiments with what a list shows beside each.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn experiment_overview(
        &self,
        actor: &Actor,
        search: ExperimentSearch,
    ) -> Result<Page<ExperimentOverview>> {
        self.read(actor, move |view| {
            let found = find(view, &search)?;
            let items = found.items.into_iter().map(|e| view.experiment_overview(e));
            Ok(Page {
                items: items.collect::<StoreResult<_>>()?,
                next_page_token: found.next_page_token,
            })
        })
        .await
    }

    /// Keys that the experiment's runs use.
    ///
    /// # Errors
    /// There is no such experiment.
    pub async fn experiment_keys(&self, actor: &Actor, id: ExperimentId) -> Result<ExperimentKeys> {
        self.read(actor, move |view| {
            view.experiment_row(id)?;
            view.experiment_keys(id)
        })
        .await
    }

    /// Keys that the newest runs of all experiments use.
    ///
    /// # Errors
    /// The database's.
    pub async fn recent_keys(&self, actor: &Actor) -> Result<ExperimentKeys> {
        self.read(actor, move |view| view.recent_keys()).await
    }

    /// Gives an active experiment another name.
    ///
    /// # Errors
    /// The name is taken or breaks a rule; the experiment is deleted.
    pub async fn rename_experiment(
        &self,
        actor: &Actor,
        id: ExperimentId,
        name: &str,
    ) -> Result<()> {
        name::check_experiment_name(name)?;
        let name = name.to_owned();
        self.track(actor, move |tx, actor| {
            if tx.experiment_row(id)?.deleted {
                return Err(Error::new(
                    ErrorCode::InvalidState,
                    "Cannot rename experiment in non-active lifecycle stage. Current stage: deleted",
                )
                .into());
            }
            tx.rename_experiment(actor, id, &name)
        })
        .await
    }

    /// Sets a tag of an active experiment.
    ///
    /// # Errors
    /// The tag breaks a rule; the experiment is deleted.
    pub async fn set_experiment_tag(
        &self,
        actor: &Actor,
        id: ExperimentId,
        tag: Tag,
    ) -> Result<()> {
        check_tag(&tag)?;
        self.track(actor, move |tx, actor| {
            active(tx, id)?;
            tx.set_experiment_tag(actor, id, &tag)
        })
        .await
    }

    /// Removes a tag of an active experiment.
    ///
    /// # Errors
    /// There is no such tag; the experiment is deleted.
    pub async fn delete_experiment_tag(
        &self,
        actor: &Actor,
        id: ExperimentId,
        key: &str,
    ) -> Result<()> {
        let key = key.to_owned();
        self.track(actor, move |tx, actor| {
            active(tx, id)?;
            if tx.delete_experiment_tag(actor, id, &key)? {
                return Ok(());
            }
            Err(Error::not_found(format!("No tag with name: {key} in experiment with id {id}"))
                .into())
        })
        .await
    }

    /// Moves an active experiment with its runs to the trash.
    ///
    /// # Errors
    /// There is no such active experiment.
    pub async fn delete_experiment(&self, actor: &Actor, id: ExperimentId) -> Result<()> {
        self.set_experiment_deleted(actor, id, true).await
    }

    /// Brings a deleted experiment back with its runs.
    ///
    /// # Errors
    /// There is no such deleted experiment.
    pub async fn restore_experiment(&self, actor: &Actor, id: ExperimentId) -> Result<()> {
        self.set_experiment_deleted(actor, id, false).await
    }

    async fn set_experiment_deleted(
        &self,
        actor: &Actor,
        id: ExperimentId,
        deleted: bool,
    ) -> Result<()> {
        self.track(actor, move |tx: &mut WriteTx<'_>, actor: &Actor| {
            if tx.experiment_row(id)?.deleted == deleted {
                let wanted = if deleted { "active" } else { "deleted" };
                return Err(Error::not_found(format!(
                    "No Experiment with id={id} exists in the '{wanted}' state."
                ))
                .into());
            }
            tx.set_experiment_deleted(actor, id, deleted)
        })
        .await
    }
}

fn find(view: &View<'_>, search: &ExperimentSearch) -> StoreResult<SearchPage<Experiment>> {
    check_max_results(search.max_results, limits::MAX_RESULTS)?;
    let filter = search::parse_experiment_filter(&search.filter)?;
    let order = search::parse_experiment_order(&search.order_by)?;
    let token = search.page_token.as_deref();
    view.search_experiments(filter.as_ref(), &order, search.view, search.max_results, token)
}
