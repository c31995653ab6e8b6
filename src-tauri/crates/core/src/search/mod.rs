//! The search grammar: MLflow's filters and orderings, and more.
//!
//! ```text
//! filter    = any
//! any       = all { OR all }
//! all       = one { [AND] one }
//! one       = NOT one | "(" any ")" | comparison
//! comparison= field ( = | != | > | >= | < | <= | [NOT] LIKE | [NOT] ILIKE ) value
//!           | field [NOT] RLIKE text
//!           | field [NOT] IN "(" value { "," value } ")"
//!           | field IS [NOT] NULL
//! field     = [ entity "." ] key | ( min | max | mean | avg | count ) "(" metrics "." key ")"
//! order     = field [ ASC | DESC ]
//! ```
//!
//! RLIKE is for traces only. MLflow itself knows only comparisons joined by AND; what it accepts means the same
//! here. Ours are OR, NOT, parentheses, NOT LIKE, IN and IS NULL on every field that
//! can have them, aggregates of a metric's history, unquoted keys with `/ - :`, and
//! `E'…'`, a text in which a backslash escapes. Keywords have no case. Keys are quoted
//! with backticks or `"`, texts with `'` or `"`; a doubled quote stands for itself
//! twice, as in MLflow.
//!
//! Hostile input is bounded: length, nesting and the number of comparisons.

mod evaluation;
mod field;
mod lexer;
mod order;
mod parser;
mod print;
mod trace;
mod tree;
mod value;

#[cfg(test)]
mod entity_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trace_tests;

use crate::error::{Error, Result};

pub use evaluation::EvaluationDatasetField;
pub use trace::{SpanField, TraceField, TraceMetricField};
pub use tree::{
    Condition, DatasetAttribute, ExperimentField, Expr, Literal, LoggedModelField, MetricAgg,
    ModelVersionField, Op, Order, RegisteredModelField, RunAttribute, RunField,
};

/// Reads a filter over runs; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_run_filter(filter: &str) -> Result<Option<Expr<RunField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of runs.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_run_order(order_by: &[String]) -> Result<Vec<Order<RunField>>> {
    order::parse_order(order_by)
}

/// Reads a filter over experiments; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_experiment_filter(filter: &str) -> Result<Option<Expr<ExperimentField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of experiments, by attributes only.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_experiment_order(order_by: &[String]) -> Result<Vec<Order<ExperimentField>>> {
    order::parse_order(order_by)
}

/// Reads a filter over registered models; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_registered_model_filter(filter: &str) -> Result<Option<Expr<RegisteredModelField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of registered models, by attributes only. `timestamp` is the time
/// of the last update.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_registered_model_order(
    order_by: &[String],
) -> Result<Vec<Order<RegisteredModelField>>> {
    order::parse_order(order_by)
}

/// Reads a filter over model versions; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_model_version_filter(filter: &str) -> Result<Option<Expr<ModelVersionField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of model versions, by attributes only.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_model_version_order(order_by: &[String]) -> Result<Vec<Order<ModelVersionField>>> {
    order::parse_order(order_by)
}

/// Reads a filter over logged models; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_logged_model_filter(filter: &str) -> Result<Option<Expr<LoggedModelField>>> {
    parser::parse_filter(filter)
}

/// Reads a filter over traces; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_trace_filter(filter: &str) -> Result<Option<Expr<TraceField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of traces: by attributes, tags and metadata.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_trace_order(order_by: &[String]) -> Result<Vec<Order<TraceField>>> {
    order::parse_order(order_by)
}

/// Reads a filter of trace metrics; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_trace_metric_filter(filter: &str) -> Result<Option<Expr<TraceMetricField>>> {
    parser::parse_filter(filter)
}

/// Reads a filter over evaluation datasets; `None` when it is blank.
///
/// # Errors
/// `InvalidParameterValue` with the character at which reading stopped.
pub fn parse_evaluation_dataset_filter(
    filter: &str,
) -> Result<Option<Expr<EvaluationDatasetField>>> {
    parser::parse_filter(filter)
}

/// Reads an ordering of evaluation datasets, by attributes only.
///
/// # Errors
/// `InvalidParameterValue` on what cannot be read and on a field given twice.
pub fn parse_evaluation_dataset_order(
    order_by: &[String],
) -> Result<Vec<Order<EvaluationDatasetField>>> {
    order::parse_order(order_by)
}

/// Finds what an `order_by` object of a logged-model search names: an attribute, or
/// `metrics.<key>` with the key as it is.
///
/// # Errors
/// `InvalidParameterValue` on any other name.
pub fn logged_model_order_field(name: &str) -> Result<LoggedModelField> {
    if let Some((entity, key)) = name.split_once('.') {
        if entity != "metrics" {
            return Err(Error::invalid(format!(
                "Invalid order by field name: {entity}, only `metrics.<name>` is allowed."
            )));
        }
        let bare = key.strip_prefix('`').and_then(|key| key.strip_suffix('`')).unwrap_or(key);
        return Ok(LoggedModelField::Metric(bare.to_owned()));
    }
    field::logged_model_attribute(name.trim())
        .ok_or_else(|| Error::invalid(format!("Invalid order by field name: {name}.")))
}
