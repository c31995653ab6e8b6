//! What clients send, one file per resource. Every field may be absent; what is
//! required is asked for with [`crate::explain::required`] where it is used, and
//! the conversions here do that for what takes more than one step.

mod assessments;
mod batch;
mod evaluation;
mod experiments;
mod files;
mod inputs;
mod logged_models;
mod metrics;
mod registry;
mod runs;
mod scorers;
mod trace_search;
mod traces;
mod webhooks;

pub use assessments::*;
pub use batch::{Batch, LogBatch, LogMetric, LogParam};
pub use evaluation::*;
pub use experiments::*;
pub use files::*;
pub use inputs::*;
pub use logged_models::*;
pub use metrics::*;
pub use registry::*;
pub use runs::*;
pub use scorers::*;
pub use trace_search::*;
pub use traces::*;
pub use webhooks::*;

use crate::explain::missing;
use crate::scalar::{Int64, List};
use branchline_core::{Error, Result, RunId, Tag};
use serde::Deserialize;

/// A key with a text, as tags and parameters come.
#[derive(Debug, Clone, Deserialize)]
pub struct KeyValue {
    /// Its name.
    pub key: Option<String>,
    /// Its text; absent is empty.
    pub value: Option<String>,
}

impl KeyValue {
    fn into_tag(self) -> Tag {
        Tag { key: self.key.unwrap_or_default(), value: self.value.unwrap_or_default() }
    }
}

impl List<KeyValue> {
    /// The domain's tags, in the order sent.
    pub fn into_tags(self) -> Vec<Tag> {
        self.0.into_iter().map(KeyValue::into_tag).collect()
    }
}

/// A run is named by `run_id`, or by `run_uuid` as old clients do.
pub fn run_id(run_id: Option<String>, run_uuid: Option<String>) -> Result<RunId> {
    run_id
        .filter(|id| !id.is_empty())
        .or(run_uuid)
        .filter(|id| !id.is_empty())
        .map(RunId::new)
        .ok_or_else(|| missing("run_id"))
}

/// How many rows are wanted: `default` if the client does not say, at most `most`.
pub fn max_results(wanted: Option<Int64>, default: i64, most: usize) -> Result<usize> {
    let wanted = wanted.map_or(default, |number| number.0);
    match usize::try_from(wanted) {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        Ok(1..) => Err(range_error(wanted, &format!("It must be at most {most}"))),
        _ => Err(range_error(wanted, "It must be a positive integer")),
    }
}

fn range_error(value: i64, rule: &str) -> Error {
    crate::explain::out_of_range("max_results", value, rule)
}

/// A page token that was sent; empty is none.
pub fn page_token(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_goes_by_either_name() {
        let id = |a: Option<&str>, b: Option<&str>| {
            run_id(a.map(Into::into), b.map(Into::into)).map(|id| id.as_str().to_owned())
        };
        assert_eq!(id(Some("a"), Some("b")).unwrap(), "a");
        assert_eq!(id(None, Some("b")).unwrap(), "b");
        assert_eq!(id(Some(""), Some("b")).unwrap(), "b");
        assert_eq!(
            id(None, None).unwrap_err().message,
            "Missing value for required parameter 'run_id'. \
             See the API docs for more information about request parameters."
        );
    }

    #[test]
    fn max_results_has_a_default_and_two_ends() {
        let read = |n: Option<i64>| max_results(n.map(Int64), 100, 1000).map_err(|e| e.message);
        assert_eq!(read(None), Ok(100));
        assert_eq!(read(Some(1000)), Ok(1000));
        for (wrong, rule) in
            [(0, "a positive integer"), (-1, "a positive integer"), (1001, "at most 1000")]
        {
            assert_eq!(
                read(Some(wrong)).unwrap_err(),
                format!(
                    "Invalid value {wrong} for parameter 'max_results' supplied. It must be {rule}"
                )
            );
        }
    }
}
