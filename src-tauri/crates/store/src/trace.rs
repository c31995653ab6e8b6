//! Traces, read: infos with tags, metadata and assessments, and the contents of spans.

use crate::error::StoreResult;
use crate::tx::View;
use branchline_core::trace::tag;
use branchline_core::{
    Cost, Error, ExperimentId, Resource, SpanTotals, Tag, TokenUsage, TraceId, TraceInfo,
    TraceState,
};
use rusqlite::{OptionalExtension, Row, params, params_from_iter};
use std::collections::HashMap;

/// What a write needs to know of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRow {
    /// The row.
    pub row: i64,
    /// Its experiment.
    pub experiment: ExperimentId,
    /// How it stands.
    pub state: TraceState,
    /// Milliseconds UTC.
    pub request_time: i64,
    /// Milliseconds.
    pub execution_duration: Option<i64>,
    /// The client has sent the trace's info.
    pub finalized: bool,
    /// There is a preview of the request.
    pub has_request_preview: bool,
    /// There is a preview of the response.
    pub has_response_preview: bool,
    /// It has a name.
    pub has_name: bool,
}

/// The columns that [`read_info`] reads, of `trace t`.
pub(crate) const COLUMNS: &str = "t.id, t.trace_id, t.experiment_id, t.client_request_id, t.state,
    t.request_time, t.execution_duration, t.request_preview, t.response_preview";

/// An info without tags, metadata and assessments; [`View::complete_trace`] adds them.
pub(crate) fn read_info(row: &Row<'_>) -> rusqlite::Result<(i64, TraceInfo)> {
    let info = TraceInfo {
        trace_id: TraceId::new(row.get::<_, String>(1)?),
        experiment_id: ExperimentId(row.get(2)?),
        client_request_id: row.get(3)?,
        state: TraceState::from_number(row.get(4)?).unwrap_or_default(),
        request_time: row.get(5)?,
        execution_duration: row.get(6)?,
        request_preview: row.get(7)?,
        response_preview: row.get(8)?,
        metadata: Vec::new(),
        tags: Vec::new(),
        assessments: Vec::new(),
    };
    Ok((row.get(0)?, info))
}

fn missing(id: &TraceId) -> Error {
    Error::not_found(format!("Trace with ID '{id}' not found."))
}

/// How many ids one statement asks for.
const IDS_AT_ONCE: usize = 500;

impl View<'_> {
    /// What a write needs to know of a trace, if it is there.
    ///
    /// # Errors
    /// The database's.
    pub fn find_trace(&self, id: &TraceId) -> StoreResult<Option<TraceRow>> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT id, experiment_id, state, request_time, execution_duration, finalized,
                     request_preview IS NOT NULL, response_preview IS NOT NULL,
                     name IS NOT NULL
                 FROM trace WHERE trace_id = ?1",
            )?
            .query_row([id.as_str()], |row| {
                Ok(TraceRow {
                    row: row.get(0)?,
                    experiment: ExperimentId(row.get(1)?),
                    state: TraceState::from_number(row.get(2)?).unwrap_or_default(),
                    request_time: row.get(3)?,
                    execution_duration: row.get(4)?,
                    finalized: row.get(5)?,
                    has_request_preview: row.get(6)?,
                    has_response_preview: row.get(7)?,
                    has_name: row.get(8)?,
                })
            })
            .optional()?;
        if let Some(found) = &row {
            self.seen(Resource::Experiment, found.experiment.0)?;
        }
        Ok(row)
    }

    /// What a write needs to know of a trace.
    ///
    /// # Errors
    /// There is no such trace.
    pub fn trace_row(&self, id: &TraceId) -> StoreResult<TraceRow> {
        self.find_trace(id)?
            .ok_or_else(|| self.absent("trace", "trace_id", id.as_str(), missing(id)))
    }

    /// A trace without its spans.
    ///
    /// # Errors
    /// There is no such trace.
    pub fn trace_info(&self, id: &TraceId) -> StoreResult<TraceInfo> {
        let (row, info) = self
            .bare_trace(id)?
            .ok_or_else(|| self.absent("trace", "trace_id", id.as_str(), missing(id)))?;
        self.complete_trace(row, info)
    }

    /// A trace without its spans, and its row for [`View::span_contents`], if it is there.
    ///
    /// # Errors
    /// The database's.
    pub fn trace_with_row(&self, id: &TraceId) -> StoreResult<Option<(i64, TraceInfo)>> {
        let Some((row, info)) = self.bare_trace(id)? else { return Ok(None) };
        Ok(Some((row, self.complete_trace(row, info)?)))
    }

    fn bare_trace(&self, id: &TraceId) -> StoreResult<Option<(i64, TraceInfo)>> {
        let sql = format!("SELECT {COLUMNS} FROM trace t WHERE t.trace_id = ?1");
        let found = self.connection.prepare_cached(&sql)?.query_row([id.as_str()], read_info);
        Ok(found.optional()?)
    }

    /// Those of `ids` that are there, in this order and each once; with `experiments`,
    /// only those within.
    ///
    /// # Errors
    /// The database's.
    pub fn trace_infos(
        &self,
        ids: &[TraceId],
        experiments: Option<&[ExperimentId]>,
    ) -> StoreResult<Vec<(i64, TraceInfo)>> {
        let mut found = Vec::new();
        for some in ids.chunks(IDS_AT_ONCE) {
            let marks = vec!["?"; some.len()].join(", ");
            let sql = format!("SELECT {COLUMNS} FROM trace t WHERE t.trace_id IN ({marks})");
            let mut statement = self.connection.prepare(&sql)?;
            let ids = params_from_iter(some.iter().map(TraceId::as_str));
            let rows = statement.query_map(ids, read_info)?;
            found.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        found.retain(|(_, info)| experiments.is_none_or(|e| e.contains(&info.experiment_id)));
        let places: HashMap<&str, usize> =
            ids.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
        found.sort_by_key(|(row, info)| (places.get(info.trace_id.as_str()).copied(), *row));
        found.dedup_by_key(|(row, _)| *row);
        found.into_iter().map(|(row, info)| Ok((row, self.complete_trace(row, info)?))).collect()
    }

    /// Adds tags, metadata and assessments.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn complete_trace(&self, row: i64, mut info: TraceInfo) -> StoreResult<TraceInfo> {
        info.tags = self
            .text_tags("SELECT key, value FROM trace_tag WHERE trace_id = ?1 ORDER BY key", row)?;
        info.metadata = self.text_tags(
            "SELECT key, value FROM trace_metadata WHERE trace_id = ?1 ORDER BY key",
            row,
        )?;
        info.assessments = self.assessments_of(row, &info.trace_id)?;
        Ok(info)
    }

    /// The contents of a trace's spans: the root first, then by start.
    ///
    /// # Errors
    /// The database's.
    pub fn span_contents(&self, row: i64) -> StoreResult<Vec<String>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT content FROM span WHERE trace_id = ?1
             ORDER BY parent_span_id IS NOT NULL, start_ns, span_id",
        )?;
        let rows = statement.query_map([row], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What the spans of a trace count, for summing up.
    ///
    /// # Errors
    /// The database's.
    pub fn span_totals(&self, row: i64) -> StoreResult<Vec<SpanTotals>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT span_id, parent_span_id, input_tokens, output_tokens, total_tokens,
                 cache_read_tokens, cache_write_tokens, cache_write_1h_tokens,
                 input_cost, output_cost, total_cost
             FROM span WHERE trace_id = ?1",
        )?;
        let rows = statement.query_map([row], |row| {
            let usage = TokenUsage {
                input: row.get(2)?,
                output: row.get(3)?,
                total: row.get(4)?,
                cache_read: row.get(5)?,
                cache_write: row.get(6)?,
                cache_write_1h: row.get(7)?,
            };
            let cost = Cost { input: row.get(8)?, output: row.get(9)?, total: row.get(10)? };
            Ok(SpanTotals {
                span_id: row.get(0)?,
                parent_id: row.get(1)?,
                usage: Some(usage).filter(|usage| *usage != TokenUsage::default()),
                cost: Some(cost).filter(|cost| *cost != Cost::default()),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Whether a trace's metadata has one of its keys.
    ///
    /// # Errors
    /// The database's.
    pub fn has_trace_metadata(&self, row: i64, key: &str) -> StoreResult<bool> {
        let found = self
            .connection
            .prepare_cached("SELECT 1 FROM trace_metadata WHERE trace_id = ?1 AND key = ?2")?
            .exists(params![row, key])?;
        Ok(found)
    }

    /// Up to `limit` traces of an experiment to be deleted, oldest first: their ids, and
    /// where their files are. `until` is a time in milliseconds, `ids` narrows further.
    ///
    /// # Errors
    /// The database's.
    pub fn traces_until(
        &self,
        experiment: ExperimentId,
        until: Option<i64>,
        ids: Option<&[TraceId]>,
        limit: usize,
    ) -> StoreResult<Vec<DoomedTrace>> {
        let narrowed = ids.map_or_else(String::new, |ids| {
            format!(" AND t.trace_id IN ({})", vec!["?"; ids.len()].join(", "))
        });
        let sql = format!(
            "SELECT t.id, t.trace_id, g.value FROM trace t
             LEFT JOIN trace_tag g ON g.trace_id = t.id AND g.key = '{}'
             WHERE t.experiment_id = ? AND t.request_time <= ?{narrowed}
             ORDER BY t.request_time, t.trace_id LIMIT {limit}",
            tag::ARTIFACT_LOCATION
        );
        let mut statement = self.connection.prepare(&sql)?;
        let bounds = [experiment.0, until.unwrap_or(i64::MAX)].map(rusqlite::types::Value::from);
        let ids = ids.unwrap_or_default().iter().map(|id| id.as_str().to_owned().into());
        let rows = statement.query_map(params_from_iter(bounds.into_iter().chain(ids)), |row| {
            Ok(DoomedTrace {
                row: row.get(0)?,
                trace_id: TraceId::new(row.get::<_, String>(1)?),
                artifact_location: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

/// A trace that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoomedTrace {
    /// The row.
    pub row: i64,
    /// Which.
    pub trace_id: TraceId,
    /// Root of its files, a URI.
    pub artifact_location: Option<String>,
}

/// Tags with a key that comes once.
pub(crate) fn last_of_each(tags: &[Tag]) -> impl Iterator<Item = &Tag> {
    tags.iter()
        .enumerate()
        .filter(|(at, tag)| !tags[at + 1..].iter().any(|later| later.key == tag.key))
        .map(|(_, tag)| tag)
}
