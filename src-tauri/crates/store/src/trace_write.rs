//! Traces, written: infos, tags, metadata, spans, links and deletion.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::trace::{DoomedTrace, TraceRow};
use crate::tx::WriteTx;
use branchline_core::event::EventKind;
use branchline_core::trace::{metadata, tag};
use branchline_core::{Actor, Cost, ExperimentId, Span, Tag, TokenUsage, TraceId, TraceState};
use rusqlite::params;
use serde_json::Value;

/// What stands in a trace's own row.
#[derive(Debug, Clone)]
pub struct TraceFields<'a> {
    /// Its experiment.
    pub experiment: ExperimentId,
    /// The application's own id of the request.
    pub client_request_id: Option<&'a str>,
    /// How it stands.
    pub state: TraceState,
    /// Milliseconds UTC.
    pub request_time: i64,
    /// Milliseconds.
    pub execution_duration: Option<i64>,
    /// Stays as it is when `None`.
    pub request_preview: Option<&'a str>,
    /// Stays as it is when `None`.
    pub response_preview: Option<&'a str>,
    /// The client has sent the trace's info.
    pub finalized: bool,
}

/// What spans say of their trace; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TraceProgress<'a> {
    /// Milliseconds UTC.
    pub request_time: Option<i64>,
    /// Milliseconds.
    pub execution_duration: Option<i64>,
    /// How it stands.
    pub state: Option<TraceState>,
    /// A preview of the root's input.
    pub request_preview: Option<&'a str>,
    /// A preview of the root's output.
    pub response_preview: Option<&'a str>,
}

/// The columns of `trace` that hold copies of a key of the metadata, with their JSON keys.
const USAGE_COPIES: [(&str, &str); 5] = [
    ("input_tokens", "input_tokens"),
    ("output_tokens", "output_tokens"),
    ("total_tokens", "total_tokens"),
    ("cache_read_tokens", "cache_read_input_tokens"),
    ("cache_write_tokens", "cache_creation_input_tokens"),
];
const COST_COPIES: [(&str, &str); 3] =
    [("input_cost", "input_cost"), ("output_cost", "output_cost"), ("total_cost", "total_cost")];

impl WriteTx<'_> {
    /// Makes a trace.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_trace(
        &mut self,
        actor: &Actor,
        id: &TraceId,
        fields: &TraceFields<'_>,
    ) -> StoreResult<TraceRow> {
        self.connection
            .prepare_cached(
                "INSERT INTO trace (trace_id, experiment_id, client_request_id, state, request_time,
                     execution_duration, request_preview, response_preview, finalized, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                id.as_str(),
                fields.experiment.0,
                fields.client_request_id,
                fields.state.number(),
                fields.request_time,
                fields.execution_duration,
                fields.request_preview,
                fields.response_preview,
                fields.finalized,
                owner(actor),
            ])?;
        let row = self.connection.last_insert_rowid();
        self.take_links(id, row, actor)?;
        Ok(TraceRow {
            row,
            experiment: fields.experiment,
            state: fields.state,
            request_time: fields.request_time,
            execution_duration: fields.execution_duration,
            finalized: fields.finalized,
            has_request_preview: fields.request_preview.is_some(),
            has_response_preview: fields.response_preview.is_some(),
            has_name: false,
        })
    }

    /// Writes a trace's own row over; previews only where there are new ones.
    ///
    /// # Errors
    /// The database's.
    pub fn overwrite_trace(
        &mut self,
        actor: &Actor,
        row: i64,
        fields: &TraceFields<'_>,
    ) -> StoreResult<()> {
        // The client may name another experiment: who moves it may change it where it is.
        self.permit(actor, Kind::Trace, row, Op::Set)?;
        self.connection
            .prepare_cached(
                "UPDATE trace SET experiment_id = ?2, client_request_id = ?3, state = ?4,
                     request_time = ?5, execution_duration = ?6,
                     request_preview = coalesce(?7, request_preview),
                     response_preview = coalesce(?8, response_preview),
                     finalized = max(finalized, ?9)
                 WHERE id = ?1",
            )?
            .execute(params![
                row,
                fields.experiment.0,
                fields.client_request_id,
                fields.state.number(),
                fields.request_time,
                fields.execution_duration,
                fields.request_preview,
                fields.response_preview,
                fields.finalized,
            ])?;
        Ok(())
    }

    /// Writes what is given of a trace's own row.
    ///
    /// # Errors
    /// The database's.
    pub fn advance_trace(&mut self, row: i64, progress: &TraceProgress<'_>) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE trace SET request_time = coalesce(?2, request_time),
                     execution_duration = coalesce(?3, execution_duration),
                     state = coalesce(?4, state),
                     request_preview = coalesce(?5, request_preview),
                     response_preview = coalesce(?6, response_preview)
                 WHERE id = ?1",
            )?
            .execute(params![
                row,
                progress.request_time,
                progress.execution_duration,
                progress.state.map(TraceState::number),
                progress.request_preview,
                progress.response_preview,
            ])?;
        Ok(())
    }

    /// Records a change of a trace and moves its `rev`; once at the end of a request.
    ///
    /// # Errors
    /// The database's.
    pub fn trace_changed(
        &mut self,
        actor: &Actor,
        id: &TraceId,
        trace: &TraceRow,
        change: TraceChange<'_>,
    ) -> StoreResult<()> {
        let (field, op) = match change {
            TraceChange::Made => (None, Op::Create),
            TraceChange::Set(field) => (Some(field), Op::Set),
            TraceChange::Unset(field) => (Some(field), Op::Unset),
        };
        let seq = self.record(actor, Kind::Trace, trace.row, field, op)?;
        self.connection
            .prepare_cached("UPDATE trace SET rev = ?2 WHERE id = ?1")?
            .execute(params![trace.row, seq])?;
        self.notify(seq, EventKind::Trace(id.clone(), trace.experiment));
        Ok(())
    }

    /// Sets a tag, and the trace's name with it.
    ///
    /// # Errors
    /// The database's.
    pub fn put_trace_tag(&mut self, row: i64, key: &str, value: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO trace_tag (trace_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![row, key, value])?;
        if key == tag::NAME {
            self.copy_into(row, "name", value)?;
        }
        Ok(())
    }

    /// Removes a tag; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn remove_trace_tag(&mut self, row: i64, key: &str) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM trace_tag WHERE trace_id = ?1 AND key = ?2")?
            .execute(params![row, key])?;
        if key == tag::NAME {
            self.copy_into(row, "name", rusqlite::types::Null)?;
        }
        Ok(gone > 0)
    }

    /// Sets a key of the metadata, and the columns that repeat it.
    ///
    /// # Errors
    /// The database's.
    pub fn put_trace_metadata(&mut self, row: i64, key: &str, value: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO trace_metadata (trace_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![row, key, value])?;
        match key {
            metadata::SESSION => self.copy_into(row, "session_id", value),
            metadata::TOKEN_USAGE => {
                let usage: Value = serde_json::from_str(value).unwrap_or_default();
                USAGE_COPIES.iter().try_for_each(|(column, key)| {
                    self.copy_into(row, column, usage.get(key).and_then(whole))
                })
            }
            metadata::COST => {
                let cost: Value = serde_json::from_str(value).unwrap_or_default();
                COST_COPIES.iter().try_for_each(|(column, key)| {
                    self.copy_into(row, column, cost.get(key).and_then(Value::as_f64))
                })
            }
            _ => Ok(()),
        }
    }

    fn copy_into(&self, row: i64, column: &str, value: impl rusqlite::ToSql) -> StoreResult<()> {
        self.connection
            .prepare_cached(&format!("UPDATE trace SET {column} = ?2 WHERE id = ?1"))?
            .execute(params![row, value])?;
        Ok(())
    }

    /// Writes the sums of a trace's spans into its metadata.
    ///
    /// # Errors
    /// The database's.
    pub fn put_trace_totals(
        &mut self,
        row: i64,
        usage: Option<TokenUsage>,
        cost: Option<Cost>,
    ) -> StoreResult<()> {
        if let Some(usage) = usage {
            let always = |key: &str, n: Option<i64>| Some(format!("\"{key}\": {}", n.unwrap_or(0)));
            let rest = |key: &str, n: Option<i64>| n.map(|n| format!("\"{key}\": {n}"));
            let parts = [
                always("input_tokens", usage.input),
                always("output_tokens", usage.output),
                always("total_tokens", usage.total),
                rest("cache_read_input_tokens", usage.cache_read),
                rest("cache_creation_input_tokens", usage.cache_write),
                rest("cache_creation_input_tokens_above_1hr", usage.cache_write_1h),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            let json = format!("{{{}}}", parts.join(", "));
            self.put_trace_metadata(row, metadata::TOKEN_USAGE, &json)?;
        }
        if let Some(cost) = cost {
            let number = |n: Option<f64>| Value::from(n.unwrap_or(0.0));
            let json = format!(
                "{{\"input_cost\": {}, \"output_cost\": {}, \"total_cost\": {}}}",
                number(cost.input),
                number(cost.output),
                number(cost.total)
            );
            self.put_trace_metadata(row, metadata::COST, &json)?;
        }
        Ok(())
    }

    /// Writes a span, over what was there of it.
    ///
    /// # Errors
    /// The database's.
    pub fn put_span(&mut self, row: i64, span: &Span) -> StoreResult<()> {
        let usage = span.usage.unwrap_or_default();
        let cost = span.cost.unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO span (trace_id, span_id, parent_span_id, name, type, status, start_ns,
                     end_ns, model, model_provider, input_tokens, output_tokens, total_tokens,
                     cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, input_cost,
                     output_cost, total_cost, content)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20)
                 ON CONFLICT DO UPDATE SET parent_span_id = excluded.parent_span_id,
                     name = excluded.name, type = excluded.type, status = excluded.status,
                     start_ns = excluded.start_ns, end_ns = excluded.end_ns,
                     model = excluded.model, model_provider = excluded.model_provider,
                     input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
                     total_tokens = excluded.total_tokens,
                     cache_read_tokens = excluded.cache_read_tokens,
                     cache_write_tokens = excluded.cache_write_tokens,
                     cache_write_1h_tokens = excluded.cache_write_1h_tokens,
                     input_cost = excluded.input_cost, output_cost = excluded.output_cost,
                     total_cost = excluded.total_cost, content = excluded.content",
            )?
            .execute(params![
                row,
                span.span_id,
                span.parent_id,
                span.name,
                span.span_type,
                span.status.number(),
                span.start_ns,
                span.end_ns,
                span.model,
                span.model_provider,
                usage.input,
                usage.output,
                usage.total,
                usage.cache_read,
                usage.cache_write,
                usage.cache_write_1h,
                cost.input,
                cost.output,
                cost.total,
                span.content,
            ])?;
        Ok(())
    }

    /// Removes a trace with all that belongs to it. The change log keeps its id.
    ///
    /// # Errors
    /// The database's.
    pub fn erase_trace(
        &mut self,
        actor: &Actor,
        experiment: ExperimentId,
        trace: &DoomedTrace,
    ) -> StoreResult<()> {
        let id = Some(trace.trace_id.as_str());
        // First: whether the actor may is asked of the trace that is still there.
        let seq = self.record(actor, Kind::Trace, trace.row, id, Op::Erase)?;
        // Who watches the experiment hears of it, and nobody else.
        self.connection
            .prepare_cached("UPDATE change SET step_from = ?2 WHERE seq = ?1")?
            .execute([seq, experiment.0])?;
        self.connection.prepare_cached("DELETE FROM trace WHERE id = ?1")?.execute([trace.row])?;
        self.notify(seq, EventKind::Trace(trace.trace_id.clone(), experiment));
        Ok(())
    }
}

/// What is noted of a change to a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceChange<'a> {
    /// It is new.
    Made,
    /// This of it was written.
    Set(&'a str),
    /// This of it is gone.
    Unset(&'a str),
}

/// Tags and metadata in one go, the last of each key.
impl WriteTx<'_> {
    /// Sets tags.
    ///
    /// # Errors
    /// The database's.
    pub fn put_trace_tags(&mut self, row: i64, tags: &[Tag]) -> StoreResult<()> {
        crate::trace::last_of_each(tags)
            .try_for_each(|tag| self.put_trace_tag(row, &tag.key, &tag.value))
    }

    /// Sets keys of the metadata.
    ///
    /// # Errors
    /// The database's.
    pub fn put_all_trace_metadata(&mut self, row: i64, metadata: &[Tag]) -> StoreResult<()> {
        crate::trace::last_of_each(metadata)
            .try_for_each(|entry| self.put_trace_metadata(row, &entry.key, &entry.value))
    }
}

/// A count of tokens: a whole number, however it is written.
fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
    let of_double = |x: f64| (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(of_double))
}
