//! Searching logged models.

use crate::error::StoreResult;
use crate::experiment::text_tag;
use crate::logged_model::{COLUMNS, read};
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::run_search::in_experiments;
use crate::tx::View;
use branchline_core::search::{Condition, Expr, Literal, LoggedModelField, Op as Compare};
use branchline_core::{ExperimentId, LoggedModel};
use rusqlite::types::Value;

/// One key of the order of a search for logged models.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModelOrder {
    /// By what.
    pub field: LoggedModelField,
    /// Direction.
    pub ascending: bool,
    /// For a metric: only as measured on this dataset.
    pub dataset: Option<(String, Option<String>)>,
}

/// A question about logged models, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModelQuery {
    /// Where to look.
    pub experiments: Vec<ExperimentId>,
    /// Which.
    pub filter: Option<Expr<LoggedModelField>>,
    /// Only metrics measured on one of these (name, digest) count in the filter; where it speaks
    /// of no metric, only models that have one.
    pub datasets: Vec<(String, Option<String>)>,
    /// In which order; then newest first, then by id.
    pub order: Vec<LoggedModelOrder>,
}

impl LoggedModelQuery {
    fn speaks_of_metrics(&self) -> bool {
        let conditions = self.filter.iter().flat_map(Expr::conditions);
        conditions.into_iter().any(|one| matches!(one.field, LoggedModelField::Metric(_)))
    }
}

impl View<'_> {
    /// One page of active logged models.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_logged_models(
        &self,
        query: &LoggedModelQuery,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<LoggedModel>> {
        let mut filter =
            vec![in_experiments("m.experiment_id", &query.experiments), Sql::new("m.deleted = 0")];
        if let Some(expr) = &query.filter {
            filter.push(query::compile(expr, &mut |c| Ok(condition(c, &query.datasets)))?);
        }
        if !query.datasets.is_empty() && !query.speaks_of_metrics() {
            filter.push(has_metric(Sql::new("1"), &query.datasets));
        }
        let mut terms: Vec<Term> = query.order.iter().flat_map(terms).collect();
        terms.push(Term::new("m.created_at", true));
        terms.push(Term::new("m.model_id", false));
        let select = Select { columns: COLUMNS, source: Sql::new("logged_model m"), filter, terms };
        let question = query::fingerprint(&format!("{query:?}"));
        let page = self.page(&[select], question, token, max_results, &read)?;
        let items = page.items.into_iter().map(|(row, model)| self.complete_model(row, model));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }
}

fn column(field: &LoggedModelField) -> &'static str {
    match field {
        LoggedModelField::Name => "m.name",
        LoggedModelField::ModelId => "m.model_id",
        LoggedModelField::ModelType => "m.model_type",
        LoggedModelField::Status => "m.status",
        LoggedModelField::SourceRunId => "m.source_run_id",
        LoggedModelField::CreationTime => "m.created_at",
        LoggedModelField::LastUpdatedTime => "m.updated_at",
        LoggedModelField::Metric(_) | LoggedModelField::Param(_) | LoggedModelField::Tag(_) => {
            "NULL"
        }
    }
}

fn condition(
    condition: &Condition<LoggedModelField>,
    datasets: &[(String, Option<String>)],
) -> Sql {
    match &condition.field {
        LoggedModelField::Tag(key) => {
            text_tag("logged_model_tag", "model_id", "m.id", key, condition)
        }
        LoggedModelField::Param(key) => {
            text_tag("logged_model_param", "model_id", "m.id", key, condition)
        }
        LoggedModelField::Metric(key) => metric_condition(key, condition, datasets),
        LoggedModelField::Status => {
            let word = "CASE m.status WHEN 1 THEN 'LOGGED_MODEL_PENDING' WHEN 2 THEN 'LOGGED_MODEL_READY'
                WHEN 3 THEN 'LOGGED_MODEL_UPLOAD_FAILED' ELSE 'LOGGED_MODEL_STATUS_UNSPECIFIED' END";
            query::compare(word, condition.op, &status_word(&condition.value))
        }
        field => query::compare(column(field), condition.op, &condition.value),
    }
}

/// MLflow's clients write a status short (`READY`) or whole.
fn status_word(literal: &Literal) -> Literal {
    match literal {
        Literal::Text(text) if !text.starts_with("LOGGED_MODEL_") => {
            Literal::Text(format!("LOGGED_MODEL_{text}"))
        }
        other => other.clone(),
    }
}

fn metric_condition(
    key: &str,
    condition: &Condition<LoggedModelField>,
    datasets: &[(String, Option<String>)],
) -> Sql {
    let mut which = Sql::with("k.key = ?", [Value::Text(key.to_owned())]);
    match condition.op {
        Compare::IsNull => {
            let mut negated = Sql::new("NOT ");
            negated.push(has_metric(which, datasets));
            return negated;
        }
        Compare::IsNotNull => {}
        op => {
            which.push_str(" AND k.is_nan = 0 AND ");
            which.push(query::compare("k.value", op, &condition.value));
        }
    }
    has_metric(which, datasets)
}

/// A model has a metric of which `which` holds, on one of the datasets if any are given.
fn has_metric(which: Sql, datasets: &[(String, Option<String>)]) -> Sql {
    let mut sql =
        Sql::new("EXISTS (SELECT 1 FROM logged_model_metric k WHERE k.model_id = m.id AND ");
    sql.push(which);
    if !datasets.is_empty() {
        sql.push_str(" AND (0");
        for dataset in datasets {
            sql.push_str(" OR ");
            sql.push(on_dataset("k", dataset));
        }
        sql.push_str(")");
    }
    sql.push_str(")");
    sql
}

fn on_dataset(alias: &str, (name, digest): &(String, Option<String>)) -> Sql {
    let mut sql = Sql::with(format!("({alias}.dataset_name = ?"), [Value::Text(name.clone())]);
    if let Some(digest) = digest {
        sql.push(Sql::with(
            format!(" AND {alias}.dataset_digest = ?"),
            [Value::Text(digest.clone())],
        ));
    }
    sql.push_str(")");
    sql
}

fn terms(order: &LoggedModelOrder) -> Vec<Term> {
    let descending = !order.ascending;
    let pair = |value: Sql, absent: &str| {
        let mut class = Sql::new("(");
        class.push(value.clone());
        class.push_str(" IS NULL)");
        let mut present = Sql::new("coalesce(");
        present.push(value);
        present.push_str(&format!(", {absent})"));
        vec![Term { sql: class, descending: false }, Term { sql: present, descending }]
    };
    match &order.field {
        LoggedModelField::Metric(key) => {
            let mut value = Sql::with(
                "(SELECT k.value FROM logged_model_metric k WHERE k.model_id = m.id AND k.key = ?",
                [Value::Text(key.clone())],
            );
            if let Some(dataset) = &order.dataset {
                value.push_str(" AND ");
                value.push(on_dataset("k", dataset));
            }
            value.push_str(" ORDER BY k.step DESC, k.timestamp DESC LIMIT 1)");
            pair(value, "0.0")
        }
        LoggedModelField::Param(key) | LoggedModelField::Tag(key) => {
            let table = match order.field {
                LoggedModelField::Param(_) => "logged_model_param",
                _ => "logged_model_tag",
            };
            let value = Sql::with(
                format!("(SELECT k.value FROM {table} k WHERE k.model_id = m.id AND k.key = ?)"),
                [Value::Text(key.clone())],
            );
            pair(value, "''")
        }
        field @ (LoggedModelField::CreationTime | LoggedModelField::LastUpdatedTime) => {
            vec![Term::new(column(field), descending)]
        }
        field => pair(Sql::new(column(field)), "''"),
    }
}
