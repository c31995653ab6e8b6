//! Requests about experiments.

use super::KeyValue;
use crate::scalar::{Int64, List, Named};
use branchline_core::ViewType;
use serde::Deserialize;

/// `POST experiments/create`.
#[derive(Debug, Deserialize)]
pub struct CreateExperiment {
    /// Required.
    pub name: Option<String>,
    /// A URI; the server chooses when absent.
    #[serde(alias = "artifactLocation")]
    pub artifact_location: Option<String>,
    /// Set at once.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// An experiment, to get, delete or restore.
#[derive(Debug, Deserialize)]
pub struct ExperimentRef {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
}

/// `GET experiments/get-by-name`.
#[derive(Debug, Deserialize)]
pub struct GetExperimentByName {
    /// Required.
    #[serde(alias = "experimentName")]
    pub experiment_name: Option<String>,
}

/// `experiments/search`.
#[derive(Debug, Deserialize)]
pub struct SearchExperiments {
    /// Required.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
    /// MLflow's search language.
    #[serde(default)]
    pub filter: Option<String>,
    /// Such as `name DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// Active only when absent.
    #[serde(alias = "viewType")]
    pub view_type: Option<Named<ViewType>>,
}

/// `POST experiments/update`.
#[derive(Debug, Deserialize)]
pub struct UpdateExperiment {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Required.
    #[serde(alias = "newName")]
    pub new_name: Option<String>,
}

/// `experiments/set-experiment-tag` and, without a value, `delete-experiment-tag`.
#[derive(Debug, Deserialize)]
pub struct ExperimentTag {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Required.
    pub key: Option<String>,
    /// Absent is empty.
    pub value: Option<String>,
}

/// `POST experiments/search-datasets`.
#[derive(Debug, Deserialize)]
pub struct SearchDatasets {
    /// One to twenty.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
}
