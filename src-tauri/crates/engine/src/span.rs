//! Spans, as they arrive: kept, and what they say of their trace taken over into it.

use crate::Engine;
use crate::experiment::active as active_experiment;
use crate::run::cut;
use crate::trace_start::{artifact_location, check_trace_id};
use branchline_core::trace::{metadata, sum_up, tag};
use branchline_core::{
    Actor, ExperimentId, Result, RunId, Span, SpanStatus, Tag, TraceId, TraceState, limits, name,
};
use branchline_store::{StoreResult, TraceChange, TraceFields, TraceProgress, TraceRow, WriteTx};

/// Spans of one trace that arrive together.
#[derive(Debug, Clone)]
pub struct SpanBatch {
    /// Their trace.
    pub trace_id: TraceId,
    /// At least one.
    pub spans: Vec<Span>,
    /// What sent them, such as `service.name`; tags of the trace.
    pub resource: Vec<Tag>,
}

/// What a batch says of its trace's times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    start: i64,
    end: Option<i64>,
}

impl SpanBatch {
    fn root(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.parent_id.is_none())
    }

    fn times(&self) -> Times {
        let ms = |ns: i64| ns.div_euclid(1_000_000);
        Times {
            start: self.spans.iter().map(|span| ms(span.start_ns)).min().unwrap_or(0),
            end: self.spans.iter().filter_map(|span| span.end_ns).map(ms).max(),
        }
    }

    /// How the trace stands, if the root is here: well, unless the root says otherwise.
    fn state(&self) -> Option<TraceState> {
        self.root().map(|root| match root.status {
            SpanStatus::Error => TraceState::Error,
            SpanStatus::Ok | SpanStatus::Unset => TraceState::Ok,
        })
    }

    fn write(
        &self,
        tx: &mut WriteTx<'_>,
        actor: &Actor,
        experiment: ExperimentId,
    ) -> StoreResult<()> {
        let found = tx.find_trace(&self.trace_id)?;
        let change = if found.is_some() { TraceChange::Set("spans") } else { TraceChange::Made };
        let trace = match found {
            Some(trace) => trace,
            None => self.make_trace(tx, actor, experiment)?,
        };
        for span in &self.spans {
            tx.put_span(trace.row, span)?;
        }
        tx.advance_trace(trace.row, &self.progress(&trace))?;
        self.promote(tx, &trace)?;
        self.put_tags(tx, &trace)?;
        tx.trace_changed(actor, &self.trace_id, &trace, change)
    }

    fn make_trace(
        &self,
        tx: &mut WriteTx<'_>,
        actor: &Actor,
        experiment: ExperimentId,
    ) -> StoreResult<TraceRow> {
        let place = active_experiment(tx, experiment)?;
        let Times { start, end } = self.times();
        let fields = TraceFields {
            experiment,
            client_request_id: None,
            state: self.state().unwrap_or(TraceState::InProgress),
            request_time: start,
            execution_duration: end.map(|end| end.saturating_sub(start)),
            request_preview: None,
            response_preview: None,
            finalized: false,
        };
        let trace = tx.insert_trace(actor, &self.trace_id, &fields)?;
        let location = artifact_location(&place, &self.trace_id);
        tx.put_trace_tag(trace.row, tag::ARTIFACT_LOCATION, &location)?;
        Ok(trace)
    }

    /// The trace's range grows to hold the spans, unless its client has said what it is.
    fn progress(&self, trace: &TraceRow) -> TraceProgress<'_> {
        let times = self.times();
        let start = trace.request_time.min(times.start);
        let old_end = trace.execution_duration.map(|d| trace.request_time.saturating_add(d));
        let end = old_end.max(times.end);
        let open = !trace.finalized;
        TraceProgress {
            request_time: open.then_some(start),
            execution_duration: end.filter(|_| open).map(|end| end.saturating_sub(start)),
            state: self.state().filter(|_| trace.state.is_open()),
            request_preview: self
                .root()
                .filter(|_| !trace.has_request_preview)
                .and_then(|root| root.request_preview.as_deref()),
            response_preview: self
                .root()
                .filter(|_| !trace.has_response_preview)
                .and_then(|root| root.response_preview.as_deref()),
        }
    }

    /// Sums, session and user, where the client has not said what they are.
    fn promote(&self, tx: &mut WriteTx<'_>, trace: &TraceRow) -> StoreResult<()> {
        let counts = self.spans.iter().any(|span| span.usage.is_some() || span.cost.is_some());
        if counts {
            let said = |tx: &WriteTx<'_>, key| -> StoreResult<bool> {
                Ok(trace.finalized && tx.has_trace_metadata(trace.row, key)?)
            };
            let (usage, cost) = sum_up(&tx.span_totals(trace.row)?);
            let usage = if said(tx, metadata::TOKEN_USAGE)? { None } else { usage };
            let cost = if said(tx, metadata::COST)? { None } else { cost };
            tx.put_trace_totals(trace.row, usage, cost)?;
        }
        let first = |of: fn(&Span) -> Option<&String>| self.spans.iter().find_map(of);
        for (key, value) in [
            (metadata::SESSION, first(|span| span.session_id.as_ref())),
            (metadata::USER, first(|span| span.user_id.as_ref())),
        ] {
            let Some(value) = value else { continue };
            if !tx.has_trace_metadata(trace.row, key)? {
                tx.put_trace_metadata(trace.row, key, value)?;
            }
        }
        Ok(())
    }

    fn put_tags(&self, tx: &mut WriteTx<'_>, trace: &TraceRow) -> StoreResult<()> {
        tx.put_trace_tag(trace.row, tag::SPANS_LOCATION, tag::IN_STORE)?;
        // As MLflow's own client names a trace; whoever names it otherwise has the last word.
        if let Some(root) = self.root().filter(|root| !trace.has_name && !root.name.is_empty()) {
            let name = cut(root.name.clone(), limits::TRACE_NAME);
            tx.put_trace_tag(trace.row, tag::NAME, &name)?;
        }
        // What the user set wins over what the resource says.
        let users = self.spans.iter().flat_map(|span| &span.trace_tags);
        for entry in self.resource.iter().chain(users) {
            tx.put_trace_tag(trace.row, &entry.key, &entry.value)?;
        }
        Ok(())
    }
}

/// A tag that came with spans. Spans are worth more than a tag that breaks a rule, so
/// such a one is left out.
fn usable(entry: Tag, own: bool) -> Option<Tag> {
    let reserved = if own {
        [tag::SPANS_LOCATION, tag::ARTIFACT_LOCATION].contains(&entry.key.as_str())
    } else {
        entry.key.starts_with("mlflow.") || entry.key.starts_with("telemetry.sdk.")
    };
    let fits = !entry.key.is_empty() && !reserved && name::check_key("tag", &entry.key).is_ok();
    fits.then(|| {
        let most = if entry.key == tag::NAME { limits::TRACE_NAME } else { limits::TRACE_VALUE };
        Tag { value: cut(entry.value, most), key: entry.key }
    })
}

impl SpanBatch {
    fn checked(mut self) -> Result<Self> {
        check_trace_id(&self.trace_id)?;
        let keep = |tags: Vec<Tag>, own| tags.into_iter().filter_map(|t| usable(t, own)).collect();
        self.resource = keep(self.resource, false);
        for span in &mut self.spans {
            span.trace_tags = keep(std::mem::take(&mut span.trace_tags), true);
            if let Some(session) = &span.session_id {
                name::check_length("Session ID", session, limits::SESSION_ID)?;
            }
            let user = span.user_id.take();
            span.user_id = user.map(|user| cut(user, limits::TRACE_VALUE));
        }
        Ok(self)
    }
}

impl Engine {
    /// Keeps spans, all or none; makes their traces where there are none yet. Traces
    /// whose root is among them are linked to `run`, if there is such a run.
    ///
    /// # Errors
    /// The experiment is not active; an id breaks a rule.
    pub async fn log_spans(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        batches: Vec<SpanBatch>,
        run: Option<RunId>,
    ) -> Result<()> {
        let batches =
            batches.into_iter().map(SpanBatch::checked).collect::<Result<Vec<SpanBatch>>>()?;
        self.track(actor, move |tx, actor| {
            for batch in &batches {
                batch.write(tx, actor, experiment)?;
            }
            let Some(run) = run else { return Ok(()) };
            if tx.run_row(&run).is_err() {
                tracing::warn!(run_id = %run, "Spans came for a run that is not there.");
                return Ok(());
            }
            for batch in batches.iter().filter(|batch| batch.root().is_some()) {
                let trace = tx.trace_row(&batch.trace_id)?;
                tx.link_trace_to_run(trace.row, &run)?;
            }
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(spans: Vec<Span>) -> SpanBatch {
        SpanBatch { trace_id: TraceId::new("tr-1"), spans, resource: Vec::new() }
    }

    fn row(state: TraceState, finalized: bool) -> TraceRow {
        TraceRow {
            row: 1,
            experiment: ExperimentId(0),
            state,
            request_time: 1000,
            execution_duration: Some(500),
            finalized,
            has_request_preview: false,
            has_response_preview: true,
            has_name: false,
        }
    }

    fn root() -> Span {
        Span {
            status: SpanStatus::Error,
            start_ns: 900_999_999,
            end_ns: Some(1_400_000_000),
            request_preview: Some("in".into()),
            response_preview: Some("out".into()),
            ..Span::default()
        }
    }

    #[test]
    fn a_trace_grows_to_hold_its_spans() {
        let batch = batch(vec![root()]);
        let progress = batch.progress(&row(TraceState::InProgress, false));
        assert_eq!(progress.request_time, Some(900));
        assert_eq!(progress.execution_duration, Some(600), "the old end stays, it is later");
        assert_eq!(progress.state, Some(TraceState::Error));
        assert_eq!(progress.request_preview, Some("in"));
        assert_eq!(progress.response_preview, None, "there is one already");
    }

    #[test]
    fn what_the_client_said_stays() {
        let batch = batch(vec![root()]);
        let progress = batch.progress(&row(TraceState::Ok, true));
        assert_eq!(progress.request_time, None);
        assert_eq!(progress.execution_duration, None);
        assert_eq!(progress.state, None);
    }

    #[test]
    fn a_resource_cannot_set_the_servers_tags() {
        let entry = |key: &str| Tag { key: key.into(), value: "x".into() };
        for key in ["mlflow.trace.spansLocation", "telemetry.sdk.name", "", "a//b"] {
            assert_eq!(usable(entry(key), false), None, "{key}");
        }
        assert!(usable(entry("service.name"), false).is_some());
        assert!(usable(entry("mlflow.traceName"), true).is_some());
        assert_eq!(usable(entry("mlflow.artifactLocation"), true), None);
    }
}
