//! Evaluation datasets: inputs to try an application with, and what is expected of it.

use crate::entity::Tag;
use crate::error::{Error, Result};
use crate::id::{EvaluationDatasetId, ExperimentId};

/// A set of records to evaluate with, without the records.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationDataset {
    /// `d-…`.
    pub dataset_id: EvaluationDatasetId,
    /// Shown name; need not be unique.
    pub name: String,
    /// Changes with the records.
    pub digest: String,
    /// JSON: which fields the records have, and of what type.
    pub schema: Option<String>,
    /// How many records there are.
    pub record_count: i64,
    /// MLflow's free-text user who made it.
    pub user_id: Option<String>,
    /// MLflow's free-text user who changed the records last.
    pub updated_user_id: Option<String>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
    /// Sorted by key.
    pub tags: Vec<Tag>,
    /// Where it belongs; read only where it is asked for, else empty.
    pub experiment_ids: Vec<ExperimentId>,
}

/// One record. The fields that hold JSON keep it as it was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRecord {
    /// `dr-…`.
    pub record_id: String,
    /// The dataset that holds it.
    pub dataset_id: EvaluationDatasetId,
    /// A JSON object; what tells records apart.
    pub inputs: String,
    /// JSON of any kind.
    pub outputs: Option<String>,
    /// A JSON object.
    pub expectations: Option<String>,
    /// A JSON object.
    pub tags: Option<String>,
    /// Where it comes from.
    pub source: Option<RecordSource>,
    /// MLflow's free-text user who made it.
    pub user_id: Option<String>,
    /// MLflow's free-text user who changed it last.
    pub updated_user_id: Option<String>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

/// A record to be added, or to be merged into the one with the same inputs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewEvaluationRecord {
    /// A JSON object.
    pub inputs: String,
    /// JSON of any kind; `Some(None)` takes away what is there.
    pub outputs: Option<Option<String>>,
    /// A JSON object, merged key by key.
    pub expectations: Option<String>,
    /// A JSON object, merged key by key.
    pub tags: Option<String>,
    /// Where it comes from; the first one stays.
    pub source: Option<RecordSource>,
}

/// Where a record comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSource {
    /// The kind of source.
    pub kind: RecordSourceKind,
    /// A JSON object.
    pub data: String,
    /// The trace or other thing that it names.
    pub id: Option<String>,
}

/// The kind of a record's source, MLflow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordSourceKind {
    /// Not said.
    Unspecified,
    /// A trace.
    Trace,
    /// Written by a person.
    Human,
    /// A document.
    Document,
    /// Made by a program.
    Code,
}

impl RecordSourceKind {
    const ALL: [Self; 5] =
        [Self::Unspecified, Self::Trace, Self::Human, Self::Document, Self::Code];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Trace => "TRACE",
            Self::Human => "HUMAN",
            Self::Document => "DOCUMENT",
            Self::Code => "CODE",
        }
    }

    /// Reads MLflow's name (any case).
    ///
    /// # Errors
    /// There is no such kind.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                let names = Self::ALL.map(Self::as_str).join("', '");
                Error::invalid(format!(
                    "Invalid dataset record source type: {}. Valid source types: ['{names}']",
                    text.to_uppercase()
                ))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_named_in_any_case() {
        assert_eq!(RecordSourceKind::parse("trace").unwrap(), RecordSourceKind::Trace);
        let error = RecordSourceKind::parse("dream").unwrap_err();
        assert!(error.message.starts_with("Invalid dataset record source type: DREAM. Valid"));
    }
}
