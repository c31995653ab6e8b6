//! Identifiers as MLflow's clients see them, each a type of its own.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// An experiment's number; on the wire a decimal string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExperimentId(pub i64);

impl fmt::Display for ExperimentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ExperimentId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| {
            Error::invalid(format!(
                "Invalid experiment ID: '{text}'. An experiment ID is a whole number."
            ))
        })
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The id as it stands on the wire; existence is checked on use.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A run: 32 hexadecimal digits.
    RunId
}
text_id! {
    /// A logged model: `m-` and 32 hexadecimal digits.
    ModelId
}
text_id! {
    /// A trace, as its client named it: mostly `tr-` and 32 hexadecimal digits.
    TraceId
}
text_id! {
    /// An assessment: `a-` and 32 hexadecimal digits.
    AssessmentId
}

text_id! {
    /// An evaluation dataset: `d-` and 32 hexadecimal digits.
    EvaluationDatasetId
}

impl RunId {
    /// A new random run id.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }
}

impl ModelId {
    /// A new random logged-model id.
    pub fn random() -> Self {
        Self(format!("m-{}", uuid::Uuid::new_v4().simple()))
    }
}

impl TraceId {
    /// A new random trace id, as MLflow 2 servers gave them.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }
}

impl AssessmentId {
    /// A new random assessment id.
    pub fn random() -> Self {
        Self(format!("a-{}", uuid::Uuid::new_v4().simple()))
    }
}

impl EvaluationDatasetId {
    /// A new random id.
    pub fn random() -> Self {
        Self(format!("d-{}", uuid::Uuid::new_v4().simple()))
    }
}

/// A new random id of a record of an evaluation dataset: `dr-` and 32 hexadecimal digits.
pub fn new_record_id() -> String {
    format!("dr-{}", uuid::Uuid::new_v4().simple())
}

/// A new random UUID, as MLflow gives to scorers, webhooks and deliveries.
pub fn new_uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A global, time-ordered identity (UUIDv7) for what MLflow only numbers.
pub fn new_uid() -> String {
    uuid::Uuid::now_v7().to_string()
}
