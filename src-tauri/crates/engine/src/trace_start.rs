//! Traces: started and ended by their clients.

use crate::Engine;
use crate::assessment::stamped;
use crate::experiment::active as active_experiment;
use crate::run::{append_to_uri, cut};
use branchline_core::trace::{metadata, tag};
use branchline_core::{
    Actor, Assessment, Error, ExperimentId, Result, Tag, TraceId, TraceInfo, TraceState, limits,
    name,
};
use branchline_store::{
    ExperimentRow, StoreResult, TraceChange, TraceFields, TraceProgress, TraceRow, WriteTx,
};

/// A trace's info as its client sends it.
#[derive(Debug, Clone)]
pub struct NewTrace {
    /// The client's.
    pub trace_id: TraceId,
    /// An active experiment.
    pub experiment_id: ExperimentId,
    /// The application's own id of the request.
    pub client_request_id: Option<String>,
    /// How it stands.
    pub state: TraceState,
    /// Milliseconds UTC.
    pub request_time: i64,
    /// Milliseconds.
    pub execution_duration: Option<i64>,
    /// Cut to what MLflow keeps.
    pub request_preview: Option<String>,
    /// Cut to what MLflow keeps.
    pub response_preview: Option<String>,
    /// Merged into what is there.
    pub metadata: Vec<Tag>,
    /// Merged into what is there.
    pub tags: Vec<Tag>,
    /// Added to what is there.
    pub assessments: Vec<Assessment>,
}

/// What a client of MLflow 2 says at a trace's end.
#[derive(Debug, Clone)]
pub struct TraceEnd {
    /// Milliseconds UTC.
    pub end_time: i64,
    /// How it ended.
    pub state: TraceState,
    /// Merged into what is there.
    pub metadata: Vec<Tag>,
    /// Merged into what is there.
    pub tags: Vec<Tag>,
}

/// A trace's id names a folder, too.
pub(crate) fn check_trace_id(id: &TraceId) -> Result<()> {
    let text = id.as_str();
    name::check_length("trace_id", text, limits::TRACE_ID)?;
    let unfit = |c: char| c.is_control() || matches!(c, '/' | '\\' | '#' | '%' | '?');
    if text.is_empty() || text.starts_with('.') || text.contains(unfit) {
        return Err(Error::invalid(format!("Invalid trace ID: '{}'.", text.escape_debug()))
            .hint("Use letters, digits, '-' and '_', as in `tr-` and 32 hexadecimal digits."));
    }
    Ok(())
}

/// A tag's or metadata's entry that keeps the limits, its value cut to what MLflow keeps.
pub(crate) fn checked(entry: Tag) -> Result<Tag> {
    name::check_length("key", &entry.key, limits::TRACE_KEY)?;
    match entry.key.as_str() {
        tag::NAME => name::check_length("Trace name", &entry.value, limits::TRACE_NAME)?,
        metadata::SESSION => name::check_length("Session ID", &entry.value, limits::SESSION_ID)?,
        _ => {}
    }
    Ok(Tag { value: cut(entry.value, limits::TRACE_VALUE), key: entry.key })
}

/// [`checked`], for all of them, without those that have no key or are the server's own
/// to set.
pub(crate) fn checked_all(entries: Vec<Tag>) -> Result<Vec<Tag>> {
    let entries = entries.into_iter().filter(|entry| {
        !entry.key.is_empty()
            && entry.key != tag::ARTIFACT_LOCATION
            && entry.key != metadata::FINALIZED
    });
    entries.map(checked).collect()
}

/// Where the files of a new trace go.
pub(crate) fn artifact_location(experiment: &ExperimentRow, id: &TraceId) -> String {
    append_to_uri(&experiment.artifact_location, &["traces", id.as_str(), "artifacts"])
}

impl NewTrace {
    /// Checks it and cuts what is too long.
    fn checked(self) -> Result<Self> {
        check_trace_id(&self.trace_id)?;
        if let Some(id) = &self.client_request_id {
            name::check_length("client_request_id", id, limits::TRACE_ID)?;
        }
        let preview = |text: Option<String>| text.map(|text| cut(text, limits::TRACE_VALUE));
        for assessment in &self.assessments {
            crate::assessment::check(assessment)?;
        }
        Ok(Self {
            request_preview: preview(self.request_preview),
            response_preview: preview(self.response_preview),
            metadata: checked_all(self.metadata)?,
            tags: checked_all(self.tags)?,
            ..self
        })
    }

    fn fields(&self, finalized: bool) -> TraceFields<'_> {
        TraceFields {
            experiment: self.experiment_id,
            client_request_id: self.client_request_id.as_deref(),
            state: self.state,
            request_time: self.request_time,
            execution_duration: self.execution_duration,
            request_preview: self.request_preview.as_deref(),
            response_preview: self.response_preview.as_deref(),
            finalized,
        }
    }

    fn write(self, tx: &mut WriteTx<'_>, actor: &Actor, finalized: bool) -> StoreResult<TraceInfo> {
        let experiment = active_experiment(tx, self.experiment_id)?;
        let fields = self.fields(finalized);
        let (trace, change) = match tx.find_trace(&self.trace_id)? {
            Some(old) => {
                tx.overwrite_trace(actor, old.row, &fields)?;
                let moved = TraceRow { experiment: self.experiment_id, ..old };
                (moved, TraceChange::Set("info"))
            }
            None => (tx.insert_trace(actor, &self.trace_id, &fields)?, TraceChange::Made),
        };
        tx.put_trace_tags(trace.row, &self.tags)?;
        let location = artifact_location(&experiment, &self.trace_id);
        tx.put_trace_tag(trace.row, tag::ARTIFACT_LOCATION, &location)?;
        tx.put_all_trace_metadata(trace.row, &self.metadata)?;
        if finalized {
            tx.put_trace_metadata(trace.row, metadata::FINALIZED, "true")?;
        }
        for assessment in &self.assessments {
            // A client that sends its trace again sends its assessments again, too.
            if tx.find_assessment(trace.row, &self.trace_id, &assessment.assessment_id)?.is_none() {
                let assessment = stamped(assessment.clone(), tx.now());
                tx.insert_assessment(trace.row, &assessment)?;
            }
        }
        tx.trace_changed(actor, &self.trace_id, &trace, change)?;
        tx.trace_info(&self.trace_id)
    }
}

impl Engine {
    /// Takes a trace's info from its client, who has the last word on it; its spans may
    /// have come before or come later. The same trace again is merged.
    ///
    /// # Errors
    /// The experiment is not active; an id, a key or an assessment breaks a rule.
    pub async fn start_trace(&self, actor: &Actor, new: NewTrace) -> Result<TraceInfo> {
        let new = new.checked()?;
        self.track(actor, move |tx, actor| new.write(tx, actor, true)).await
    }

    /// Makes a trace as a client of MLflow 2 starts one.
    ///
    /// # Errors
    /// As [`Self::start_trace`].
    pub async fn open_trace(&self, actor: &Actor, new: NewTrace) -> Result<TraceInfo> {
        let new = new.checked()?;
        self.track(actor, move |tx, actor| new.write(tx, actor, false)).await
    }

    /// Notes how a trace ended, as a client of MLflow 2 says it.
    ///
    /// # Errors
    /// There is no such trace; a key breaks a rule.
    pub async fn end_trace(&self, actor: &Actor, id: &TraceId, end: TraceEnd) -> Result<TraceInfo> {
        let (id, tags, entries) = (id.clone(), checked_all(end.tags)?, checked_all(end.metadata)?);
        self.track(actor, move |tx, actor| {
            let trace = tx.trace_row(&id)?;
            let progress = TraceProgress {
                execution_duration: Some(end.end_time.saturating_sub(trace.request_time)),
                state: Some(end.state),
                ..Default::default()
            };
            tx.advance_trace(trace.row, &progress)?;
            tx.put_trace_tags(trace.row, &tags)?;
            tx.put_all_trace_metadata(trace.row, &entries)?;
            tx.trace_changed(actor, &id, &trace, TraceChange::Set("info"))?;
            tx.trace_info(&id)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_can_name_a_folder() {
        for id in
            ["tr-0123456789abcdef0123456789abcdef", "a.b_c", "6efb607b40804fb6a52e6dff50a55c33"]
        {
            check_trace_id(&TraceId::new(id)).unwrap();
        }
        let long = "a".repeat(limits::TRACE_ID + 1);
        for id in ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0b", "a%2fb", "a#b", long.as_str()] {
            assert!(check_trace_id(&TraceId::new(id)).is_err(), "{id:?}");
        }
    }
}
