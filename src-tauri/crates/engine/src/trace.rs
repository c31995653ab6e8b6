//! Traces: find, tag, link and delete. They start in `trace_start`, spans come in `span`,
//! judgements in `assessment`.

use crate::Engine;
use crate::trace_start::{check_trace_id, checked};
use branchline_core::event::{Event, EventKind};
use branchline_core::trace::{metadata, tag, value_of};
use branchline_core::{
    Actor, Error, ErrorCode, ExperimentId, Result, RunId, Tag, Trace, TraceId, TraceInfo, limits,
    name,
};
use branchline_store::{DoomedTrace, StoreResult, TraceChange, View};
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, timeout_at};

/// Which traces of an experiment are to go: those up to a time, or some by their ids.
#[derive(Debug, Clone)]
pub enum TraceSelection {
    /// Started at or before this time (milliseconds UTC); the oldest first.
    Until {
        /// The time.
        time: i64,
        /// No more than this many.
        most: Option<usize>,
    },
    /// These.
    Ids(Vec<TraceId>),
}

/// Tags that say where the server keeps a trace; nobody else may change them.
const OWN_TAGS: [&str; 4] =
    [tag::SPANS_LOCATION, tag::ARCHIVE_LOCATION, tag::ARCHIVAL_FAILURE, tag::ARTIFACT_LOCATION];

/// How long a reader waits for spans that are still on their way.
const SPANS_ARRIVE_WITHIN: Duration = Duration::from_secs(3);
/// Traces deleted in one go, so that other writes come in between.
const DELETED_AT_ONCE: usize = 200;

fn refuse_own_tag(key: &str, what: &str) -> Result<()> {
    if OWN_TAGS.contains(&key) {
        return Err(Error::invalid(format!(
            "Tag '{key}' is immutable and cannot be {what} on a trace."
        )));
    }
    Ok(())
}

impl Engine {
    /// A trace without its spans.
    ///
    /// # Errors
    /// There is no such trace.
    pub async fn trace_info(&self, actor: &Actor, id: &TraceId) -> Result<TraceInfo> {
        let id = id.clone();
        self.read(actor, move |view| view.trace_info(&id)).await
    }

    /// Those of `ids` that are there, without their spans; with `experiments`, only those
    /// within.
    ///
    /// # Errors
    /// The database's.
    pub async fn trace_infos(
        &self,
        actor: &Actor,
        ids: Vec<TraceId>,
        experiments: Option<Vec<ExperimentId>>,
    ) -> Result<Vec<TraceInfo>> {
        self.read(actor, move |view| {
            let found = view.trace_infos(&ids, experiments.as_deref())?;
            Ok(found.into_iter().map(|(_, info)| info).collect())
        })
        .await
    }

    /// A trace with its spans. Unless a part is enough it waits a moment for spans that
    /// are still on their way.
    ///
    /// # Errors
    /// There is no such trace; its spans are in its files; not all are here yet.
    pub async fn trace(&self, actor: &Actor, id: &TraceId, allow_partial: bool) -> Result<Trace> {
        // Listening starts before looking, so that nothing slips through in between.
        let mut events = self.subscribe();
        let deadline = Instant::now() + SPANS_ARRIVE_WITHIN;
        loop {
            let asked = id.clone();
            let trace = self.read(actor, move |view| stored_trace(view, &asked)).await?;
            if allow_partial || is_complete(&trace) {
                return Ok(trace);
            }
            if timeout_at(deadline, next_change(&mut events, id)).await != Ok(true) {
                return Err(Error::not_found(format!(
                    "Trace with ID {id} is not fully exported yet, please try again later."
                )));
            }
        }
    }

    /// Those of `ids` that are there with all of their spans.
    ///
    /// # Errors
    /// The spans of one are in its files.
    pub async fn traces(
        &self,
        actor: &Actor,
        ids: Vec<TraceId>,
        experiments: Option<Vec<ExperimentId>>,
    ) -> Result<Vec<Trace>> {
        self.read(actor, move |view| {
            let mut traces = Vec::new();
            for (row, info) in view.trace_infos(&ids, experiments.as_deref())? {
                let trace = with_spans(view, row, info)?;
                if is_complete(&trace) {
                    traces.push(trace);
                }
            }
            Ok(traces)
        })
        .await
    }

    /// Sets a tag.
    ///
    /// # Errors
    /// There is no such trace; the tag breaks a rule or is the server's own.
    pub async fn set_trace_tag(&self, actor: &Actor, id: &TraceId, entry: Tag) -> Result<()> {
        refuse_own_tag(&entry.key, "set")?;
        name::check_key("tag", &entry.key)?;
        let (id, entry) = (id.clone(), checked(entry)?);
        self.track(actor, move |tx, actor| {
            let trace = tx.trace_row(&id)?;
            tx.put_trace_tag(trace.row, &entry.key, &entry.value)?;
            tx.trace_changed(actor, &id, &trace, TraceChange::Set(&entry.key))
        })
        .await
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// There is no such trace or tag; the tag is the server's own.
    pub async fn delete_trace_tag(&self, actor: &Actor, id: &TraceId, key: &str) -> Result<()> {
        // Removing the note of a failure is how a person asks for another try.
        if key != tag::ARCHIVAL_FAILURE {
            refuse_own_tag(key, "deleted")?;
        }
        let (id, key) = (id.clone(), key.to_owned());
        self.track(actor, move |tx, actor| {
            let absent = || {
                let words = format!("No trace tag with key '{key}' for trace with ID '{id}'");
                Error::not_found(words)
            };
            let trace = tx.find_trace(&id)?.ok_or_else(absent)?;
            if !tx.remove_trace_tag(trace.row, &key)? {
                return Err(absent().into());
            }
            tx.trace_changed(actor, &id, &trace, TraceChange::Unset(&key))
        })
        .await
    }

    /// Links traces to a run, those that have not come yet as soon as they do; again is fine.
    ///
    /// # Errors
    /// Too many at once; there is no such run; a name that no trace can have.
    pub async fn link_traces_to_run(
        &self,
        actor: &Actor,
        ids: Vec<TraceId>,
        run: &RunId,
    ) -> Result<()> {
        if ids.len() > limits::MAX_TRACE_LINKS {
            return Err(Error::invalid(format!(
                "Cannot link more than {} traces to a run in a single request. Provided {} traces.",
                limits::MAX_TRACE_LINKS,
                ids.len()
            )));
        }
        let run = run.clone();
        self.track(actor, move |tx, actor| {
            tx.run_row(&run)?;
            for id in &ids {
                match tx.find_trace(id)? {
                    Some(trace) => {
                        tx.link_trace_to_run(trace.row, &run)?;
                        tx.trace_changed(actor, id, &trace, TraceChange::Set("runs"))?;
                    }
                    None => {
                        check_trace_id(id)?;
                        tx.link_trace_to_come(id, &run, actor)?;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Notes which versions of prompts a trace used; again is fine.
    ///
    /// # Errors
    /// There is no such trace.
    pub async fn link_prompts_to_trace(
        &self,
        actor: &Actor,
        id: &TraceId,
        prompts: Vec<(String, i64)>,
    ) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let trace = tx.trace_row(&id)?;
            for (name, version) in &prompts {
                tx.link_trace_to_prompt(trace.row, name, &version.to_string())?;
            }
            tx.trace_changed(actor, &id, &trace, TraceChange::Set("prompts"))
        })
        .await
    }

    /// Deletes traces with all that belongs to them, files too; answers how many.
    ///
    /// # Errors
    /// The database's. What was deleted before stays deleted.
    pub async fn delete_traces(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        selection: TraceSelection,
    ) -> Result<usize> {
        match selection {
            TraceSelection::Until { time, most } => {
                let mut left = most.unwrap_or(usize::MAX);
                let mut deleted = 0;
                loop {
                    let limit = left.min(DELETED_AT_ONCE);
                    let gone =
                        self.erase_traces(actor, experiment, Some(time), None, limit).await?;
                    deleted += gone;
                    left -= gone;
                    if gone < limit || left == 0 {
                        return Ok(deleted);
                    }
                }
            }
            TraceSelection::Ids(ids) => {
                let mut deleted = 0;
                for some in ids.chunks(DELETED_AT_ONCE) {
                    let some = Some(some.to_vec());
                    deleted +=
                        self.erase_traces(actor, experiment, None, some, DELETED_AT_ONCE).await?;
                }
                Ok(deleted)
            }
        }
    }

    async fn erase_traces(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        until: Option<i64>,
        ids: Option<Vec<TraceId>>,
        limit: usize,
    ) -> Result<usize> {
        let gone: Vec<DoomedTrace> = self
            .track(actor, move |tx, actor| {
                let doomed = tx.traces_until(experiment, until, ids.as_deref(), limit)?;
                for trace in &doomed {
                    tx.erase_trace(actor, experiment, trace)?;
                }
                Ok(doomed)
            })
            .await?;
        let mut places = Vec::new();
        for trace in &gone {
            let Some(location) = &trace.artifact_location else { continue };
            match self.artifacts().delete(location, "").await {
                Ok(()) => places.push((location.as_str(), "")),
                Err(error) => {
                    let trace_id = trace.trace_id.as_str();
                    tracing::warn!(trace_id, "Files of a deleted trace stay: {error}");
                }
            }
        }
        self.artifacts_gone(actor, &places).await?;
        Ok(gone.len())
    }
}

fn stored_trace(view: &View<'_>, id: &TraceId) -> StoreResult<Trace> {
    let Some((row, info)) = view.trace_with_row(id)? else {
        return Err(Error::not_found(format!("Trace with ID {id} is not found.")).into());
    };
    with_spans(view, row, info)
}

fn with_spans(view: &View<'_>, row: i64, info: TraceInfo) -> StoreResult<Trace> {
    if !info.has_stored_spans() {
        // Clients know these words: they read the trace's files then.
        return Err(Error::new(
            ErrorCode::SpansElsewhere,
            "Trace data not stored in tracking store",
        )
        .into());
    }
    Ok(Trace { spans: view.span_contents(row)?, info })
}

/// Whether as many spans are here as the client counted.
fn is_complete(trace: &Trace) -> bool {
    let stats = value_of(&trace.info.metadata, metadata::SIZE_STATS);
    let stats = stats.and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
    let counted = stats.and_then(|stats| stats.get("num_spans")?.as_u64()).unwrap_or(0);
    !trace.spans.is_empty() && trace.spans.len() as u64 >= counted
}

/// Waits for a change of a trace; false when no more changes will come.
async fn next_change(events: &mut Receiver<Event>, id: &TraceId) -> bool {
    loop {
        match events.recv().await {
            Ok(Event { kind: EventKind::Trace(changed, _), .. }) if changed == *id => return true,
            Ok(_) => {}
            // What was missed may have been it.
            Err(RecvError::Lagged(_)) => return true,
            Err(RecvError::Closed) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_own_tags_are_refused() {
        for key in OWN_TAGS {
            let error = refuse_own_tag(key, "set").unwrap_err();
            assert_eq!(
                error.message,
                format!("Tag '{key}' is immutable and cannot be set on a trace.")
            );
        }
        refuse_own_tag("mlflow.traceName", "set").unwrap();
    }
}
