//! Searching runs. Filter, order and page are SQL; a page ordered by a metric walks that
//! metric's index, so its cost does not grow with the number of runs beyond the filter.

use crate::error::StoreResult;
use crate::experiment::in_view;
use crate::query::{self, SearchPage, Select, Sql, Term, never};
use crate::run::{INFO, read_info};
use crate::run_walk::{Walk, aggregate, metric_test};
use crate::tx::View;
use branchline_core::search::{
    Condition, DatasetAttribute, Expr, Literal, Op, Order, RunAttribute, RunField,
};
use branchline_core::{ExperimentId, Run, RunStatus, ViewType};
use rusqlite::types::Value;

/// A question about runs, with its filter and order parsed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunQuery {
    /// Where to look.
    pub experiments: Vec<ExperimentId>,
    /// In every active experiment, whatever `experiments` says.
    pub everywhere: bool,
    /// Which; `None` for all.
    pub filter: Option<Expr<RunField>>,
    /// In which order; then newest first, then by id.
    pub order: Vec<Order<RunField>>,
    /// Which lifecycles.
    pub view: ViewType,
}

impl RunQuery {
    /// `column` is one of the experiments.
    fn within(&self, column: &str) -> Sql {
        match self.everywhere {
            true => Sql::new(format!("{column} IN (SELECT id FROM experiment WHERE deleted = 0)")),
            false => in_experiments(column, &self.experiments),
        }
    }

    /// What no index of an experiment can answer in order.
    fn is_wide(&self) -> bool {
        self.everywhere || self.experiments.len() > 1
    }
}

impl View<'_> {
    /// One page of runs, complete.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_runs(
        &self,
        query: &RunQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Run>> {
        let parts = self.run_selects(query)?;
        let question = query::fingerprint(&format!("{query:?}"));
        let page = self.page(&parts, question, token, max_results, &read_info)?;
        Ok(SearchPage {
            items: self.complete_runs(page.items)?,
            next_page_token: page.next_page_token,
        })
    }

    /// How many runs match.
    ///
    /// # Errors
    /// The database's.
    pub fn count_runs(&self, query: &RunQuery) -> StoreResult<i64> {
        let mut sql = Sql::new("SELECT count(*) FROM run r WHERE 1");
        for part in self.run_filter(query)? {
            sql.push_str(" AND ");
            sql.push(part);
        }
        let mut statement = self.connection.prepare_cached(&sql.text)?;
        Ok(statement.query_row(rusqlite::params_from_iter(sql.values), |row| row.get(0))?)
    }

    /// The statements of a search, for tests that look at their plans.
    ///
    /// # Errors
    /// The database's.
    pub fn explain_runs(&self, query: &RunQuery) -> StoreResult<Vec<String>> {
        let mut lines = Vec::new();
        for select in self.run_selects(query)? {
            let sql = select.statement(None, 100);
            let mut statement =
                self.connection.prepare(&format!("EXPLAIN QUERY PLAN {}", sql.text))?;
            let rows = statement
                .query_map(rusqlite::params_from_iter(sql.values), |row| row.get::<_, String>(3))?;
            lines.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(lines)
    }

    fn run_filter(&self, query: &RunQuery) -> StoreResult<Vec<Sql>> {
        self.filter_of(query, "r.experiment_id")
    }

    fn filter_of(&self, query: &RunQuery, experiment: &str) -> StoreResult<Vec<Sql>> {
        let mut filter = vec![query.within(experiment), in_view("r.deleted", query.view)];
        filter.extend(self.condition_filter(query, Walk::Runs)?);
        Ok(filter)
    }

    fn condition_filter(&self, query: &RunQuery, walk: Walk<'_>) -> StoreResult<Option<Sql>> {
        let compile = |expr| query::compile(expr, &mut |c| self.run_condition(c, walk));
        query.filter.as_ref().map(compile).transpose()
    }

    /// One select, or three when a metric comes first in the order: runs whose value is a
    /// number, then NaN, then runs without it. Each walks an index.
    fn run_selects(&self, query: &RunQuery) -> StoreResult<Vec<Select>> {
        let mut source = Sql::new("run r");
        let mut rest = Vec::new();
        let (first, others) = match query.order.split_first() {
            Some((Order { field: RunField::Metric(key), ascending }, others)) => {
                let id = self.names.id(self.connection, key)?;
                (id.map(|id| (key.as_str(), id, *ascending)), others)
            }
            _ => (None, query.order.as_slice()),
        };
        for (i, order) in others.iter().enumerate() {
            rest.extend(self.run_terms(&mut source, i, order)?);
        }
        rest.push(Term::new("r.start_time", true));
        rest.push(Term::new("r.run_id", false));
        let Some((key, id, ascending)) = first else {
            let by_start = others.is_empty() && query.view != ViewType::All;
            // The plus leaves only the index over all runs, newest first: the runs of many
            // experiments need no sort, and a full page ends the walk.
            let column =
                if query.is_wide() && by_start { "+r.experiment_id" } else { "r.experiment_id" };
            let filter = self.filter_of(query, column)?;
            return Ok(vec![Select { columns: INFO, source, filter, terms: rest }]);
        };
        let band = |is_nan: bool, terms: Vec<Term>| -> StoreResult<Select> {
            // CROSS JOIN keeps SQLite from starting at the runs.
            let mut from = Sql::new("latest_metric m CROSS JOIN ");
            from.push(source.clone());
            let mut filter = vec![
                query.within("m.experiment_id"),
                Sql::with("m.key = ? AND m.is_nan = ?", [id.into(), i64::from(is_nan).into()]),
            ];
            // Before the run's own row is looked up: few entries get that far.
            filter.extend(self.condition_filter(query, Walk::Metric { key, is_nan })?);
            filter.push(Sql::new("r.id = m.run_id"));
            filter.push(in_view("r.deleted", query.view));
            Ok(Select { columns: INFO, source: from, filter, terms })
        };
        let mut by_value = vec![Term::new("m.value", !ascending)];
        by_value.extend(rest.iter().cloned());
        let mut without = vec![query.within("r.experiment_id"), in_view("r.deleted", query.view)];
        without.extend(self.condition_filter(query, Walk::Without { key })?);
        without.push(Sql::with(
            "NOT EXISTS (SELECT 1 FROM latest_metric m WHERE m.run_id = r.id AND m.key = ?)",
            [id.into()],
        ));
        let missing =
            Select { columns: INFO, source: source.clone(), filter: without, terms: rest.clone() };
        Ok(vec![band(false, by_value)?, band(true, rest)?, missing])
    }

    /// The order's terms that never are NULL: present first, then NaN, then missing.
    fn run_terms(
        &self,
        source: &mut Sql,
        index: usize,
        order: &Order<RunField>,
    ) -> StoreResult<Vec<Term>> {
        let descending = !order.ascending;
        let alias = format!("o{index}");
        let mut join = |table: &str, key: &str| -> StoreResult<()> {
            let id = self.names.id(self.connection, key)?.unwrap_or(-1);
            source.push(Sql::with(
                format!(" LEFT JOIN {table} {alias} ON {alias}.run_id = r.id AND {alias}.key = ?"),
                [id.into()],
            ));
            Ok(())
        };
        Ok(match &order.field {
            RunField::Metric(key) => {
                join("latest_metric", key)?;
                let class =
                    format!("CASE WHEN {alias}.run_id IS NULL THEN 2 ELSE {alias}.is_nan END");
                vec![
                    Term::new(class, false),
                    Term::new(format!("coalesce({alias}.value, 0.0)"), descending),
                ]
            }
            RunField::MetricAgg(agg, key) => {
                join("latest_metric", key)?;
                Term::nulls_last(&aggregate(*agg, &alias), "0.0", descending).into()
            }
            RunField::Param(key) => {
                join("param", key)?;
                Term::nulls_last(&format!("{alias}.value"), "''", descending).into()
            }
            RunField::Tag(key) => {
                join("tag", key)?;
                Term::nulls_last(&format!("{alias}.value"), "''", descending).into()
            }
            RunField::Attribute(RunAttribute::EndTime) => {
                Term::nulls_last("r.end_time", "0", descending).into()
            }
            RunField::Attribute(attribute) => {
                vec![Term::new(attribute_sql(*attribute), descending)]
            }
            RunField::Dataset(attribute) => {
                let value = match attribute {
                    DatasetAttribute::Name => "min(d.name)",
                    DatasetAttribute::Digest => "min(d.digest)",
                    DatasetAttribute::Context => return Ok(Vec::new()),
                };
                let value = format!(
                    "(SELECT {value} FROM run_dataset rd JOIN dataset d ON d.id = rd.dataset_id
                      WHERE rd.run_id = r.id)"
                );
                Term::nulls_last(&value, "''", descending).into()
            }
        })
    }

    fn run_condition(&self, condition: &Condition<RunField>, walk: Walk<'_>) -> StoreResult<Sql> {
        let test_text = |op, value: &Literal| query::compare("k.value", op, value);
        match &condition.field {
            RunField::Metric(key) | RunField::MetricAgg(_, key) if walk.is_along(key) => {
                Ok(walk.test(condition))
            }
            RunField::Metric(key) => {
                self.keyed("latest_metric", key, condition, walk, &metric_test)
            }
            RunField::MetricAgg(agg, key) => {
                let column = aggregate(*agg, "k");
                self.keyed("latest_metric", key, condition, walk, &|op, value| {
                    query::compare(&column, op, value)
                })
            }
            RunField::Param(key) => self.keyed("param", key, condition, walk, &test_text),
            RunField::Tag(key) => self.keyed("tag", key, condition, walk, &test_text),
            RunField::Attribute(attribute) => Ok(attribute_test(*attribute, condition)),
            RunField::Dataset(attribute) => Ok(dataset_test(*attribute, condition)),
        }
    }

    /// A condition on a row of a table keyed by (run, interned name).
    fn keyed(
        &self,
        table: &str,
        key: &str,
        condition: &Condition<RunField>,
        walk: Walk<'_>,
        test: &dyn Fn(Op, &Literal) -> Sql,
    ) -> StoreResult<Sql> {
        let Some(id) = self.names.id(self.connection, key)? else {
            // No run has a key that was never written.
            return Ok(Sql::new(if condition.op == Op::IsNull { "1" } else { "0" }));
        };
        let run = walk.run();
        let exists = format!(
            "{} (SELECT 1 FROM {table} k WHERE k.run_id = {run} AND k.key = ?",
            walk.exists()
        );
        Ok(match condition.op {
            Op::IsNull => Sql::with(format!("NOT {exists})"), [id.into()]),
            Op::IsNotNull => Sql::with(format!("{exists})"), [id.into()]),
            op => {
                let mut sql = Sql::with(format!("{exists} AND "), [id.into()]);
                sql.push(test(op, &condition.value));
                sql.push_str(")");
                sql
            }
        })
    }
}

/// More are handed over as one value: the statement stays the same, and small.
const FEW_EXPERIMENTS: usize = 8;

pub(crate) fn in_experiments(column: &str, ids: &[ExperimentId]) -> Sql {
    match ids {
        [] => never(),
        [id] => Sql::with(format!("{column} = ?"), [id.0.into()]),
        ids if ids.len() <= FEW_EXPERIMENTS => {
            let marks = vec!["?"; ids.len()].join(", ");
            Sql::with(format!("{column} IN ({marks})"), ids.iter().map(|id| Value::Integer(id.0)))
        }
        ids => {
            let list: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
            let list = format!("[{}]", list.join(","));
            Sql::with(format!("{column} IN (SELECT value FROM json_each(?))"), [list.into()])
        }
    }
}

const STATUS: &str = "CASE r.status WHEN 1 THEN 'RUNNING' WHEN 2 THEN 'SCHEDULED'
    WHEN 3 THEN 'FINISHED' WHEN 4 THEN 'FAILED' WHEN 5 THEN 'KILLED' END";

fn attribute_sql(attribute: RunAttribute) -> &'static str {
    match attribute {
        RunAttribute::RunId => "r.run_id",
        RunAttribute::RunName => "r.name",
        RunAttribute::UserId => "r.user_id",
        RunAttribute::Status => STATUS,
        RunAttribute::StartTime => "r.start_time",
        RunAttribute::EndTime => "r.end_time",
        RunAttribute::ArtifactUri => "r.artifact_uri",
        RunAttribute::ExperimentId => "CAST(r.experiment_id AS TEXT)",
    }
}

fn attribute_test(attribute: RunAttribute, condition: &Condition<RunField>) -> Sql {
    // Equality on the stored number can use an index; the words cannot.
    if let (RunAttribute::Status, Op::Eq, Literal::Text(text)) =
        (attribute, condition.op, &condition.value)
    {
        // As in MLflow, a status is written as it stands.
        let known = RunStatus::ALL.into_iter().find(|status| status.as_str() == text);
        let number = known.map_or(-1, RunStatus::number);
        return Sql::with("r.status = ?", [number.into()]);
    }
    query::compare(attribute_sql(attribute), condition.op, &condition.value)
}

fn dataset_test(attribute: DatasetAttribute, condition: &Condition<RunField>) -> Sql {
    let (from, column) = match attribute {
        DatasetAttribute::Name => {
            ("run_dataset d0 JOIN dataset d ON d.id = d0.dataset_id", "d.name")
        }
        DatasetAttribute::Digest => {
            ("run_dataset d0 JOIN dataset d ON d.id = d0.dataset_id", "d.digest")
        }
        DatasetAttribute::Context => ("run_dataset_tag d0", "d0.value"),
    };
    let context = match attribute {
        DatasetAttribute::Context => " AND d0.key = 'mlflow.data.context'",
        _ => "",
    };
    let exists = format!("EXISTS (SELECT 1 FROM {from} WHERE d0.run_id = r.id{context}");
    match condition.op {
        Op::IsNull => Sql::new(format!("NOT {exists})")),
        Op::IsNotNull => Sql::new(format!("{exists})")),
        op => {
            let mut sql = Sql::new(format!("{exists} AND "));
            sql.push(query::compare(column, op, &condition.value));
            sql.push_str(")");
            sql
        }
    }
}
