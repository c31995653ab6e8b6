//! Searching traces. Filter, order and page are SQL; in the default order a page is a
//! range read of one index.

use crate::error::StoreResult;
use crate::query::{self, SearchPage, Select, Sql, Term, decode_token, encode_token};
use crate::run_search::in_experiments;
use crate::trace::{COLUMNS, read_info};
use crate::trace_filter::{self, column};
use crate::tx::View;
use branchline_core::search::{Expr, Order, TraceField};
use branchline_core::trace::metadata::SESSION;
use branchline_core::{ExperimentId, TraceInfo};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

/// A question about traces, with its filter and order parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceQuery {
    /// Where to look.
    pub experiments: Vec<ExperimentId>,
    /// Which; `None` for all.
    pub filter: Option<Expr<TraceField>>,
    /// In which order; then newest first, then by id.
    pub order: Vec<Order<TraceField>>,
}

/// How often two filters hold, and hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceCounts {
    /// Traces for which the first holds.
    pub first: i64,
    /// Traces for which the second holds.
    pub second: i64,
    /// Traces for which both hold.
    pub both: i64,
    /// Traces.
    pub total: i64,
}

impl View<'_> {
    /// One page of traces without their spans. As in MLflow, a page that is full has a
    /// token whether or not another follows.
    ///
    /// # Errors
    /// A page token that does not belong to this search; a regular expression that is wrong.
    pub fn search_traces(
        &self,
        query: &TraceQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<TraceInfo>> {
        let question = query::fingerprint(&format!("{query:?}"));
        let start = decode_token(token, question)?;
        let select = trace_select(query)?;
        let rows = self.rows(&select, start.after.as_deref(), max_results, &read_info)?;
        let next_page_token = rows
            .last()
            .filter(|_| rows.len() == max_results)
            .map(|(_, values)| encode_token(question, 0, values));
        let items = rows.into_iter().map(|((row, info), _)| self.complete_trace(row, info));
        Ok(SearchPage { items: items.collect::<StoreResult<_>>()?, next_page_token })
    }

    /// How often two filters hold among the traces for which `base` holds.
    ///
    /// # Errors
    /// A regular expression that is wrong.
    pub fn count_traces(
        &self,
        experiments: &[ExperimentId],
        base: Option<&Expr<TraceField>>,
        filters: [Option<&Expr<TraceField>>; 2],
    ) -> StoreResult<TraceCounts> {
        let mut sql = Sql::new(
            "SELECT coalesce(sum(one), 0), coalesce(sum(other), 0), coalesce(sum(one AND other), 0),
                 count(*) FROM (SELECT ",
        );
        for (filter, name) in
            filters.into_iter().zip([" AS one, ", " AS other FROM trace t WHERE "])
        {
            sql.push_str("coalesce(");
            sql.push(compiled(filter, experiments)?);
            sql.push_str(", 0)");
            sql.push_str(name);
        }
        sql.push(in_experiments("t.experiment_id", experiments));
        sql.push_str(" AND ");
        sql.push(compiled(base, experiments)?);
        sql.push_str(")");
        let mut statement = self.connection.prepare(&sql.text)?;
        Ok(statement.query_row(params_from_iter(sql.values), |row| {
            Ok(TraceCounts {
                first: row.get(0)?,
                second: row.get(1)?,
                both: row.get(2)?,
                total: row.get(3)?,
            })
        })?)
    }

    /// The plan of a search's page after the first, for tests that look at it.
    ///
    /// # Errors
    /// The database's.
    pub fn explain_traces(&self, query: &TraceQuery) -> StoreResult<String> {
        let select = trace_select(query)?;
        let after = vec![Value::Integer(0); select.terms.len()];
        let sql = select.statement(Some(&after), 100);
        let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text))?;
        let rows =
            statement.query_map(params_from_iter(sql.values), |row| row.get::<_, String>(3))?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.join("\n"))
    }
}

fn compiled(filter: Option<&Expr<TraceField>>, experiments: &[ExperimentId]) -> StoreResult<Sql> {
    filter.map_or_else(|| Ok(Sql::new("1")), |filter| trace_filter::filter(filter, experiments))
}

fn trace_select(query: &TraceQuery) -> StoreResult<Select> {
    // Without its index the experiment is only checked, and the walk starts at the traces
    // that the filter names.
    let named = query.filter.as_ref().is_some_and(trace_filter::names_traces);
    let experiment = if named { "+t.experiment_id" } else { "t.experiment_id" };
    let mut filter = vec![in_experiments(experiment, &query.experiments)];
    if let Some(expr) = &query.filter {
        filter.push(trace_filter::filter(expr, &query.experiments)?);
    }
    let mut source = Sql::new("trace t");
    let mut terms = Vec::new();
    for (index, order) in query.order.iter().enumerate() {
        terms.extend(order_terms(&mut source, index, order));
    }
    // What was asked for already would keep the index from giving the order.
    let asked = |field: TraceField| query.order.iter().any(|order| order.field == field);
    if !asked(TraceField::Timestamp) {
        terms.push(Term::new("t.request_time", true));
    }
    if !asked(TraceField::TraceId) {
        terms.push(Term::new("t.trace_id", false));
    }
    Ok(Select { columns: COLUMNS, source, filter, terms })
}

/// The order's terms that never are NULL: present first, then missing.
fn order_terms(source: &mut Sql, index: usize, order: &Order<TraceField>) -> Vec<Term> {
    let descending = !order.ascending;
    let texts = match &order.field {
        TraceField::Tag(key) => ("trace_tag", key.as_str()),
        TraceField::Metadata(key) if key == SESSION => {
            return Term::nulls_last("t.session_id", "''", descending).into();
        }
        TraceField::Metadata(key) => ("trace_metadata", key.as_str()),
        TraceField::RunId => ("trace_metadata", "mlflow.sourceRun"),
        TraceField::ExecutionTime => {
            return Term::nulls_last("t.execution_duration", "0", descending).into();
        }
        field @ (TraceField::Name | TraceField::ClientRequestId) => {
            return Term::nulls_last(column(field), "''", descending).into();
        }
        TraceField::ExperimentId => return vec![Term::new("t.experiment_id", descending)],
        field => return vec![Term::new(column(field), descending)],
    };
    let (table, key) = texts;
    let alias = format!("o{index}");
    source.push(Sql::with(
        format!(" LEFT JOIN {table} {alias} ON {alias}.trace_id = t.id AND {alias}.key = ?"),
        [Value::Text(key.to_owned())],
    ));
    Term::nulls_last(&format!("{alias}.value"), "''", descending).into()
}
