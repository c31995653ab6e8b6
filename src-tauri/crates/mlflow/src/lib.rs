//! MLflow's wire: what its clients send and what they expect back, as typed
//! requests and responses around the domain's own types. Knows nothing of HTTP.
//!
//! MLflow describes its messages with protobuf (proto2) and writes them as JSON:
//! - names are snake_case, and camelCase is understood on input;
//! - an int64 is a JSON number on output, a number or a string on input;
//! - a double that JSON cannot express is the string `NaN`, `Infinity` or
//!   `-Infinity`, and the bare tokens that Python writes are understood on input;
//! - a field that was never set is left out, one that was set to nothing is not;
//!   an empty list is left out.

pub mod explain;
pub mod json;
mod nonfinite;
pub mod otlp;
pub mod parse;
#[cfg(test)]
mod property_tests;
pub mod request;
pub mod response;
pub mod scalar;
pub mod source;
mod time;

pub use parse::{from_body, from_query};
pub use response::{
    Empty, Listed, One, Paged, RecordPage, RegisteredScorer, WebhookTestResult, Wire,
};

/// The MLflow release whose semantics are followed; `/version` answers it.
pub const MLFLOW_VERSION: &str = "3.17.2";
