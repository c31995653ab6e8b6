//! Requests about scorers.

use crate::scalar::{Double, Int64, List};
use serde::Deserialize;

/// `POST scorers/register`.
#[derive(Debug, Deserialize)]
pub struct RegisterScorer {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Required.
    pub name: Option<String>,
    /// Required; JSON.
    #[serde(alias = "serializedScorer")]
    pub serialized_scorer: Option<String>,
}

/// `GET scorers/list`.
#[derive(Debug, Deserialize)]
pub struct ListScorers {
    /// Of one experiment.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Of several; an empty list is none, an absent one all.
    #[serde(alias = "experimentIds")]
    pub experiment_ids: Option<List<String>>,
}

/// A scorer, or one version of it.
#[derive(Debug, Deserialize)]
pub struct ScorerRef {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Required.
    pub name: Option<String>,
    /// The newest to get, all to delete, when absent.
    pub version: Option<Int64>,
}

/// `GET scorers/online-configs`.
#[derive(Debug, Deserialize)]
pub struct GetOnlineScoringConfigs {
    /// Required.
    #[serde(default)]
    pub scorer_ids: List<String>,
}

/// `PUT scorers/online-config`.
#[derive(Debug, Deserialize)]
pub struct PutOnlineScoringConfig {
    /// Required.
    pub experiment_id: Option<String>,
    /// Required.
    pub name: Option<String>,
    /// Required; 0 to 1.
    pub sample_rate: Option<Double>,
    /// Which traces.
    pub filter_string: Option<String>,
}
