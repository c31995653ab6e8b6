//! A filter over traces as SQL about `trace t`.

use crate::error::StoreResult;
use crate::functions;
use crate::query::{Sql, compare, compare_sql};
use crate::run_search::in_experiments;
use branchline_core::search::{Condition, Expr, Literal, Op, SpanField, TraceField};
use branchline_core::trace::metadata::SESSION;
use branchline_core::{ExperimentId, TraceState};
use rusqlite::types::Value;

/// MLflow's names of a trace's states.
pub(crate) const STATE: &str = "CASE t.state WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR'
    WHEN 3 THEN 'IN_PROGRESS' ELSE 'STATE_UNSPECIFIED' END";

/// MLflow's names of a span's status.
pub(crate) const SPAN_STATUS: &str =
    "CASE s.status WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' ELSE 'UNSET' END";

/// Compiles `expr`. Conditions on spans that are joined by AND are about one span. An assessment of a session counts for all its traces in `experiments`.
pub(crate) fn filter(expr: &Expr<TraceField>, experiments: &[ExperimentId]) -> StoreResult<Sql> {
    let each = |parts: &[&Expr<TraceField>]| {
        parts.iter().map(|part| filter(part, experiments)).collect::<StoreResult<Vec<_>>>()
    };
    Ok(match expr {
        Expr::And(_) => {
            let parts = expr.joined_by_and();
            let spans: Vec<_> = parts.iter().filter_map(|part| on_span(part)).collect();
            let others: Vec<_> = parts.into_iter().filter(|part| on_span(part).is_none()).collect();
            let mut joined = each(&others)?;
            if !spans.is_empty() {
                joined.push(some_span(spans)?);
            }
            Sql::joined(joined, " AND ")
        }
        Expr::Or(parts) => Sql::joined(each(&parts.iter().collect::<Vec<_>>())?, " OR "),
        Expr::Not(inner) => {
            // A comparison with something absent is unknown; its negation holds.
            let mut sql = Sql::new("NOT coalesce(");
            sql.push(filter(inner, experiments)?);
            sql.push_str(", 0)");
            sql
        }
        Expr::Cond(condition) => match on_span(expr) {
            Some(span) => some_span(vec![span])?,
            None => on_trace(condition, experiments)?,
        },
    })
}

/// Whether only traces can match that an index lists: those of a run or session, with a
/// prompt or with a client's own id.
pub(crate) fn names_traces(expr: &Expr<TraceField>) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().any(names_traces),
        Expr::Cond(Condition { field, op, .. }) => {
            let listed = match field {
                TraceField::RunId | TraceField::Prompt | TraceField::ClientRequestId => true,
                TraceField::Metadata(key) => key == SESSION,
                _ => false,
            };
            listed && matches!(op, Op::Eq | Op::In)
        }
        Expr::Or(_) | Expr::Not(_) => false,
    }
}

type OnSpan<'e> = (&'e SpanField, Op, &'e Literal);

fn on_span(expr: &Expr<TraceField>) -> Option<OnSpan<'_>> {
    match expr {
        Expr::Cond(Condition { field: TraceField::Span(field), op, value }) => {
            Some((field, *op, value))
        }
        _ => None,
    }
}

/// There is a span for which all of `conditions` hold.
fn some_span(mut conditions: Vec<OnSpan<'_>>) -> StoreResult<Sql> {
    // What is read from small columns comes before what reads the content.
    conditions
        .sort_by_key(|(field, ..)| matches!(field, SpanField::Content | SpanField::Attribute(_)));
    let mut sql = Sql::new("EXISTS (SELECT 1 FROM span s WHERE s.trace_id = t.id");
    for (field, op, value) in conditions {
        check_pattern(op, value)?;
        let column = match field {
            SpanField::Name => Sql::new("s.name"),
            SpanField::Type => Sql::new("s.type"),
            SpanField::Status => Sql::new(SPAN_STATUS),
            SpanField::Content => Sql::new("s.content"),
            SpanField::Attribute(key) => {
                Sql::with("span_attribute(s.content, ?)", [Value::Text(key.clone())])
            }
        };
        sql.push_str(" AND ");
        sql.push(compare_sql(column, op, value));
    }
    sql.push_str(")");
    Ok(sql)
}

/// A single condition on the trace itself or on what hangs on it, but for its spans.
pub(crate) fn on_trace(
    condition: &Condition<TraceField>,
    experiments: &[ExperimentId],
) -> StoreResult<Sql> {
    let Condition { field, op, value } = condition;
    check_pattern(*op, value)?;
    Ok(match field {
        TraceField::Status => state(*op, value),
        TraceField::RunId => run(*op, value),
        TraceField::Prompt => prompt(*op, value),
        TraceField::Tag(key) => keyed("trace_tag", key, *op, value),
        TraceField::Metadata(key) if key == SESSION => session(*op, value, experiments),
        TraceField::Metadata(key) => keyed("trace_metadata", key, *op, value),
        TraceField::Feedback(name) => assessed("feedback", name, *op, value, experiments),
        TraceField::Expectation(name) => assessed("expectation", name, *op, value, experiments),
        TraceField::Issue => issue(*op, value),
        TraceField::Span(_) => {
            some_span(on_span(&Expr::Cond(condition.clone())).into_iter().collect())?
        }
        attribute => compare(column(attribute), *op, value),
    })
}

fn check_pattern(op: Op, value: &Literal) -> StoreResult<()> {
    if let (Op::Rlike, Literal::Text(text)) = (op, value) {
        functions::pattern(text)?;
    }
    Ok(())
}

/// The column or expression of an attribute that is one.
pub(crate) fn column(field: &TraceField) -> &'static str {
    match field {
        TraceField::TraceId => "t.trace_id",
        TraceField::ExperimentId => "CAST(t.experiment_id AS TEXT)",
        TraceField::Timestamp => "t.request_time",
        TraceField::ExecutionTime => "t.execution_duration",
        TraceField::EndTime => "(t.request_time + coalesce(t.execution_duration, 0))",
        TraceField::Status => STATE,
        TraceField::ClientRequestId => "t.client_request_id",
        TraceField::Name => "t.name",
        _ => "NULL",
    }
}

fn state(op: Op, value: &Literal) -> Sql {
    // Equality on the stored number costs less than on its name.
    match (op, value) {
        (Op::Eq | Op::Ne, Literal::Text(text)) => {
            let number = TraceState::parse(text).map_or(-1, TraceState::number);
            compare("t.state", op, &Literal::Integer(number))
        }
        _ => compare(STATE, op, value),
    }
}

/// A key's row in a table of texts.
fn keyed(table: &str, key: &str, op: Op, value: &Literal) -> Sql {
    let mut sql = Sql::with(
        format!("EXISTS (SELECT 1 FROM {table} k WHERE k.trace_id = t.id AND k.key = ?"),
        [Value::Text(key.to_owned())],
    );
    match op {
        Op::IsNull => sql.text.insert_str(0, "NOT "),
        Op::IsNotNull => {}
        op => {
            sql.push_str(" AND ");
            sql.push(compare("k.value", op, value));
        }
    }
    sql.push_str(")");
    sql
}

/// The run that a trace was made in or linked to; all but equality asks for the former.
fn run(op: Op, value: &Literal) -> Sql {
    if !matches!(op, Op::Eq | Op::In) {
        return keyed("trace_metadata", "mlflow.sourceRun", op, value);
    }
    let mut sql = Sql::new("t.id IN (SELECT trace_id FROM trace_run WHERE ");
    sql.push(compare("run_id", op, value));
    sql.push_str(
        " UNION ALL SELECT trace_id FROM trace_metadata WHERE key = 'mlflow.sourceRun' AND ",
    );
    sql.push(compare("value", op, value));
    sql.push_str(")");
    sql
}

fn session(op: Op, value: &Literal, experiments: &[ExperimentId]) -> Sql {
    if !matches!(op, Op::Eq | Op::In) {
        return compare("t.session_id", op, value);
    }
    let mut sql = Sql::new("t.id IN (SELECT o.id FROM trace o WHERE ");
    sql.push(in_experiments("o.experiment_id", experiments));
    sql.push_str(" AND ");
    sql.push(compare("o.session_id", op, value));
    sql.push_str(")");
    sql
}

fn prompt(op: Op, value: &Literal) -> Sql {
    let versions = match value {
        Literal::Text(one) => std::slice::from_ref(one),
        Literal::List(all) => all,
        _ => &[],
    };
    if versions.is_empty() {
        let not = if op == Op::IsNull { "NOT " } else { "" };
        return Sql::new(format!(
            "{not}EXISTS (SELECT 1 FROM trace_prompt p WHERE p.trace_id = t.id)"
        ));
    }
    let selects = versions.iter().map(|version| {
        let (name, version) = version.split_once('/').unwrap_or((version, ""));
        Sql::with(
            "SELECT trace_id FROM trace_prompt WHERE name = ? AND version = ?",
            [name, version].map(|text| Value::Text(text.to_owned())),
        )
    });
    let mut sql = Sql::new("t.id IN ");
    sql.push(Sql::joined(selects.collect(), " UNION ALL "));
    sql
}

fn issue(op: Op, value: &Literal) -> Sql {
    let mut sql =
        Sql::new("EXISTS (SELECT 1 FROM assessment a WHERE a.trace_id = t.id AND a.kind = 'issue'");
    match op {
        Op::IsNull => sql.text.insert_str(0, "NOT "),
        Op::IsNotNull => {}
        op => {
            sql.push_str(" AND ");
            sql.push(compare("a.name", op, value));
        }
    }
    sql.push_str(")");
    sql
}

/// A valid assessment of the trace, or of its session as given to any of its traces.
fn assessed(kind: &str, name: &str, op: Op, value: &Literal, experiments: &[ExperimentId]) -> Sql {
    let mut test = Sql::with(
        "a.name = ? AND a.kind = ? AND a.valid = 1",
        [name, kind].map(|text| Value::Text(text.to_owned())),
    );
    if !matches!(op, Op::IsNull | Op::IsNotNull) {
        test.push_str(" AND ");
        test.push(assessment_value(op, value));
    }
    let mut sql = Sql::new("(EXISTS (SELECT 1 FROM assessment a WHERE a.trace_id = t.id AND ");
    sql.push(test.clone());
    // The first condition is that of an index.
    sql.push_str(
        ") OR coalesce(t.session_id IN (SELECT o.session_id FROM assessment a JOIN trace o ON o.id = a.trace_id
             WHERE instr(a.metadata, '\"mlflow.trace.session\":') > 0 AND o.session_id IS NOT NULL AND ",
    );
    sql.push(test);
    sql.push_str(" AND ");
    sql.push(in_experiments("o.experiment_id", experiments));
    sql.push_str("), 0))");
    if op == Op::IsNull {
        sql.text.insert_str(0, "NOT ");
    }
    sql
}

/// Greater and less compare numbers, the rest the text of the JSON: a text equals the
/// JSON that it spells and the JSON string that holds it.
fn assessment_value(op: Op, value: &Literal) -> Sql {
    // Only numbers start so; `number` also holds a yes or no.
    const NUMBER: &str = "a.value GLOB '[-0-9]*'";
    let negated = matches!(op, Op::Ne | Op::NotIn);
    let texts = match value {
        Literal::Number(_) | Literal::Integer(_) => {
            let not = if negated { "NOT " } else { "" };
            let op = if op == Op::Ne { Op::Eq } else { op };
            let mut sql = Sql::new(format!("{not}({NUMBER} AND "));
            sql.push(compare("a.number", op, value));
            sql.push_str(")");
            return sql;
        }
        Literal::Text(text) if matches!(op, Op::Eq | Op::Ne) => std::slice::from_ref(text),
        Literal::List(texts) => texts,
        _ => return compare("a.value", op, value),
    };
    let quoted = texts.iter().map(|text| serde_json::Value::from(text.as_str()).to_string());
    let spellings = texts.iter().cloned().chain(quoted).collect();
    compare("a.value", if negated { Op::NotIn } else { Op::In }, &Literal::List(spellings))
}
