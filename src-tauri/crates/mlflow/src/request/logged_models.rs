//! Requests about logged models.

use super::KeyValue;
use crate::scalar::{Int64, List, Named};
use branchline_core::{ModelStatus, Param};
use serde::Deserialize;

/// `POST logged-models`.
#[derive(Debug, Deserialize)]
pub struct CreateLoggedModel {
    /// Required.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Generated when absent.
    pub name: Option<String>,
    /// Free text.
    #[serde(alias = "modelType")]
    pub model_type: Option<String>,
    /// The run that made it.
    #[serde(alias = "sourceRunId")]
    pub source_run_id: Option<String>,
    /// Set at once.
    #[serde(default)]
    pub params: List<KeyValue>,
    /// Set at once.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// `PATCH logged-models/{model_id}`.
#[derive(Debug, Deserialize)]
pub struct FinalizeLoggedModel {
    /// Required, although it stands in the path.
    #[serde(alias = "modelId")]
    pub model_id: Option<String>,
    /// Required.
    pub status: Option<Named<ModelStatus>>,
}

/// `GET logged-models/{model_id}`.
#[derive(Debug, Deserialize)]
pub struct GetLoggedModel {
    /// `true` finds a deleted one, too.
    pub allow_deleted: Option<String>,
}

/// `PATCH logged-models/{model_id}/tags`.
#[derive(Debug, Deserialize)]
pub struct SetLoggedModelTags {
    /// To set.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// `POST logged-models/{model_id}/params`.
#[derive(Debug, Deserialize)]
pub struct LogLoggedModelParams {
    /// Required, although it stands in the path.
    #[serde(alias = "modelId")]
    pub model_id: Option<String>,
    /// To add.
    #[serde(default)]
    pub params: List<KeyValue>,
}

/// `POST logged-models/search`.
#[derive(Debug, Deserialize)]
pub struct SearchLoggedModels {
    /// Required.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// MLflow's search language.
    pub filter: Option<String>,
    /// Which datasets' metrics count.
    #[serde(default)]
    pub datasets: List<DatasetFilter>,
    /// 50 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// How to order.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<OrderBy>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// Metrics of which dataset count.
#[derive(Debug, Deserialize)]
pub struct DatasetFilter {
    /// Required.
    #[serde(alias = "datasetName")]
    pub dataset_name: Option<String>,
    /// Any when absent.
    #[serde(alias = "datasetDigest")]
    pub dataset_digest: Option<String>,
}

/// One key of an order.
#[derive(Debug, Deserialize)]
pub struct OrderBy {
    /// Required.
    #[serde(alias = "fieldName")]
    pub field_name: Option<String>,
    /// True when absent.
    pub ascending: Option<bool>,
    /// Of a metric: on which dataset.
    #[serde(alias = "datasetName")]
    pub dataset_name: Option<String>,
    /// Of a metric: on which dataset.
    #[serde(alias = "datasetDigest")]
    pub dataset_digest: Option<String>,
}

/// `GET logged-models/{model_id}/artifacts/directories`.
#[derive(Debug, Deserialize)]
pub struct ListLoggedModelArtifacts {
    /// The folder; the model's root when absent.
    #[serde(alias = "artifactDirectoryPath")]
    pub artifact_directory_path: Option<String>,
}

impl List<KeyValue> {
    /// The domain's parameters, in the order sent.
    pub fn into_params(self) -> Vec<Param> {
        let convert = |pair: KeyValue| Param {
            key: pair.key.unwrap_or_default(),
            value: pair.value.unwrap_or_default(),
        };
        self.0.into_iter().map(convert).collect()
    }
}
