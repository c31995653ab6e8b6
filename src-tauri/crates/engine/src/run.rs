//! Runs: make, find, update, delete and restore.

use crate::Engine;
use crate::experiment::{active as active_experiment, check_max_results, page};
use branchline_core::{
    Actor, Error, ExperimentId, Page, Result, Run, RunId, RunInfo, RunStatus, Tag, ViewType,
    limits, name, run_name, search,
};
use branchline_store::{NewRunRow, RunQuery, RunRow, StoreResult, View};
use std::borrow::Cow;

/// The tag that always equals a run's name.
pub(crate) const RUN_NAME_TAG: &str = "mlflow.runName";

/// A run to be made.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// An active experiment.
    pub experiment_id: ExperimentId,
    /// MLflow's free-text user.
    pub user_id: String,
    /// Else tag `mlflow.runName`, else generated.
    pub name: Option<String>,
    /// Milliseconds UTC, as the client says.
    pub start_time: i64,
    /// Of a key that comes twice the last wins.
    pub tags: Vec<Tag>,
}

/// What to change of a run; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct RunUpdate {
    /// Its state.
    pub status: Option<RunStatus>,
    /// Milliseconds UTC.
    pub end_time: Option<i64>,
    /// Its name; blank changes nothing.
    pub name: Option<String>,
}

/// A question about runs.
#[derive(Debug, Clone, Default)]
pub struct RunSearch {
    /// Where to look; none finds nothing.
    pub experiment_ids: Vec<ExperimentId>,
    /// In every active experiment, whatever `experiment_ids` says.
    pub everywhere: bool,
    /// MLflow's language and more; blank for all.
    pub filter: String,
    /// `key [ASC|DESC]`; then newest first.
    pub order_by: Vec<String>,
    /// 1 to 50,000.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
    /// Which lifecycles.
    pub view: ViewType,
}

impl RunSearch {
    fn parse(&self) -> Result<RunQuery> {
        Ok(RunQuery {
            experiments: self.experiment_ids.clone(),
            everywhere: self.everywhere,
            filter: search::parse_run_filter(&self.filter)?,
            order: search::parse_run_order(&self.order_by)?,
            view: self.view,
        })
    }
}

/// A write to a run in the trash is refused.
pub(crate) fn active(view: &View<'_>, id: &RunId) -> StoreResult<RunRow> {
    let run = view.run_row(id)?;
    if run.deleted {
        return Err(Error::invalid(format!(
            "The run {id} must be in the 'active' state. Current state is deleted."
        ))
        .hint("Restore the run first.")
        .into());
    }
    Ok(run)
}

/// A tag that keeps the rules, its value cut to what MLflow keeps.
pub(crate) fn checked_tag(tag: Tag) -> Result<Tag> {
    name::check_key("tag", &tag.key)?;
    Ok(cut_tag(tag))
}

/// `tag` with its value cut to what MLflow keeps of it.
pub(crate) fn cut_tag(tag: Tag) -> Tag {
    Tag { value: cut(tag.value, limits::TAG_VALUE), key: tag.key }
}

/// `text` cut to `max` characters, as MLflow does by default.
pub(crate) fn cut(text: String, max: usize) -> String {
    match name::truncate_chars(&text, max) {
        Cow::Borrowed(short) if short.len() == text.len() => text,
        short => short.into_owned(),
    }
}

/// `uri` with `parts` added to its path, before any query.
pub(crate) fn append_to_uri(uri: &str, parts: &[&str]) -> String {
    let (path, query) = match uri.find('?') {
        Some(at) => uri.split_at(at),
        None => (uri, ""),
    };
    format!("{}/{}{query}", path.trim_end_matches('/'), parts.join("/"))
}

/// The name and tags of a new run, which agree.
fn name_and_tags(name: Option<String>, tags: Vec<Tag>) -> Result<(String, Vec<Tag>)> {
    let mut kept: Vec<Tag> = Vec::with_capacity(tags.len() + 1);
    for tag in tags {
        let tag = checked_tag(tag)?;
        match kept.iter_mut().find(|old| old.key == tag.key) {
            Some(old) => *old = tag,
            None => kept.push(tag),
        }
    }
    let tagged = kept.iter().find(|tag| tag.key == RUN_NAME_TAG).map(|tag| tag.value.clone());
    let name = match (name.filter(|name| !name.is_empty()), tagged) {
        (Some(name), Some(tagged)) if name != tagged => {
            return Err(Error::invalid(format!(
                "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='{name}', mlflow.runName='{tagged}')."
            )));
        }
        (Some(name), Some(_)) => return Ok((name, kept)),
        (None, Some(tagged)) => return Ok((tagged, kept)),
        (Some(name), None) => cut(name, limits::TAG_VALUE),
        (None, None) => run_name::random_run_name(),
    };
    kept.push(Tag { key: RUN_NAME_TAG.into(), value: name.clone() });
    Ok((name, kept))
}

/// Runs that are looked up at once.
const FEW: usize = 8;

impl Engine {
    /// Makes a run, running.
    ///
    /// # Errors
    /// The experiment does not exist or is deleted; a name or tag breaks a rule.
    pub async fn create_run(&self, actor: &Actor, new: NewRun) -> Result<Run> {
        let (name, tags) = name_and_tags(new.name, new.tags)?;
        self.jot(actor, move |tx, actor| {
            let experiment = active_experiment(tx, new.experiment_id)?;
            let run_id = RunId::random();
            let location = &experiment.artifact_location;
            let row = NewRunRow {
                run_id: &run_id,
                experiment: new.experiment_id,
                name: &name,
                user_id: &new.user_id,
                start_time: new.start_time,
                artifact_uri: &append_to_uri(location, &[run_id.as_str(), "artifacts"]),
                tags: &tags,
            };
            tx.insert_run(actor, &row)?;
            tx.run(&run_id)
        })
        .await
    }

    /// A run with all that is current, deleted ones included.
    ///
    /// # Errors
    /// There is none.
    pub async fn run(&self, actor: &Actor, id: &RunId) -> Result<Run> {
        let id = id.clone();
        self.read(actor, move |view| view.run(&id)).await
    }

    /// Identity and state of runs; unknown ids are left out.
    ///
    /// # Errors
    /// The database's.
    pub async fn run_infos(&self, actor: &Actor, ids: Vec<RunId>) -> Result<Vec<RunInfo>> {
        match ids.len() {
            0..=FEW => self.glance(actor, move |view| view.run_infos(&ids)).await,
            _ => self.read(actor, move |view| view.run_infos(&ids)).await,
        }
    }

    /// Active runs whose id begins with `prefix`.
    ///
    /// # Errors
    /// The database's.
    pub async fn runs_by_prefix(
        &self,
        actor: &Actor,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<RunInfo>> {
        let prefix = prefix.to_owned();
        self.read(actor, move |view| view.runs_by_prefix(&prefix, limit)).await
    }

    /// Changes what is given of an active run.
    ///
    /// # Errors
    /// There is no such run, or it is deleted.
    pub async fn update_run(
        &self,
        actor: &Actor,
        id: &RunId,
        update: RunUpdate,
    ) -> Result<RunInfo> {
        let id = id.clone();
        let name =
            update.name.filter(|name| !name.is_empty()).map(|name| cut(name, limits::TAG_VALUE));
        self.jot(actor, move |tx, actor| {
            let run = active(tx, &id)?;
            tx.update_run(actor, &id, &run, update.status, update.end_time, name.as_deref())?;
            if let Some(name) = name {
                let tag = Tag { key: RUN_NAME_TAG.into(), value: name };
                tx.set_tags(actor, &id, &run, &[tag])?;
            }
            tx.run_info(&id)
        })
        .await
    }

    /// Moves a run to the trash; again is fine.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn delete_run(&self, actor: &Actor, id: &RunId) -> Result<()> {
        self.set_run_deleted(actor, id, true).await
    }

    /// Brings a run back; again is fine.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn restore_run(&self, actor: &Actor, id: &RunId) -> Result<()> {
        self.set_run_deleted(actor, id, false).await
    }

    async fn set_run_deleted(&self, actor: &Actor, id: &RunId, deleted: bool) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let run = tx.run_row(&id)?;
            if run.deleted == deleted {
                return Ok(());
            }
            tx.set_run_deleted(actor, &id, &run, deleted)
        })
        .await
    }

    /// One page of runs.
    ///
    /// # Errors
    /// A filter, order or token that is wrong; a filter's error says at which character.
    pub async fn search_runs(&self, actor: &Actor, search: RunSearch) -> Result<Page<Run>> {
        check_max_results(search.max_results, limits::MAX_RESULTS)?;
        let query = search.parse()?;
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.search_runs(&query, search.max_results, token)?))
        })
        .await
    }

    /// How many runs match.
    ///
    /// # Errors
    /// A filter that is wrong.
    pub async fn count_runs(&self, actor: &Actor, search: &RunSearch) -> Result<i64> {
        let query = search.parse()?;
        self.read(actor, move |view| view.count_runs(&query)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_grow_before_their_query() {
        assert_eq!(
            append_to_uri("mlflow-artifacts:/1", &["r", "artifacts"]),
            "mlflow-artifacts:/1/r/artifacts"
        );
        assert_eq!(append_to_uri("s3://b/p/?x=1", &["r"]), "s3://b/p/r?x=1");
    }

    #[test]
    fn a_name_and_its_tag_agree() {
        let tag = |value: &str| Tag { key: RUN_NAME_TAG.into(), value: value.into() };
        let (name, tags) = name_and_tags(None, vec![tag("a")]).unwrap();
        assert_eq!((name.as_str(), tags), ("a", vec![tag("a")]));
        let (name, tags) = name_and_tags(Some("b".into()), vec![]).unwrap();
        assert_eq!((name.as_str(), tags), ("b", vec![tag("b")]));
        assert!(name_and_tags(Some("b".into()), vec![tag("a")]).is_err());
        let (name, tags) = name_and_tags(None, vec![]).unwrap();
        assert_eq!(tags, vec![tag(&name)], "a generated name is also the tag");
    }
}
