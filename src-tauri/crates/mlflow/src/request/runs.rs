//! Requests about runs as a whole.

use super::KeyValue;
use crate::scalar::{Int64, List, Named};
use branchline_core::{RunStatus, ViewType};
use serde::Deserialize;

/// `POST runs/create`.
#[derive(Debug, Deserialize)]
pub struct CreateRun {
    /// The experiment that holds it.
    #[serde(alias = "experimentId")]
    pub experiment_id: Option<String>,
    /// Free text.
    #[serde(alias = "userId")]
    pub user_id: Option<String>,
    /// Generated when absent and no tag says it.
    #[serde(alias = "runName")]
    pub run_name: Option<String>,
    /// Milliseconds; absent is 0.
    #[serde(alias = "startTime")]
    pub start_time: Option<Int64>,
    /// Set at once.
    #[serde(default)]
    pub tags: List<KeyValue>,
}

/// A run, to get, delete or restore.
#[derive(Debug, Deserialize)]
pub struct RunRef {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
}

/// `POST runs/update`.
#[derive(Debug, Deserialize)]
pub struct UpdateRun {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
    /// Unchanged when absent.
    pub status: Option<Named<RunStatus>>,
    /// Milliseconds; unchanged when absent.
    #[serde(alias = "endTime")]
    pub end_time: Option<Int64>,
    /// Unchanged when absent.
    #[serde(alias = "runName")]
    pub run_name: Option<String>,
}

/// `runs/set-tag` and, without a value, `runs/delete-tag`.
#[derive(Debug, Deserialize)]
pub struct RunTag {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
    /// Required.
    pub key: Option<String>,
    /// Absent is empty.
    pub value: Option<String>,
}

/// `POST runs/search`.
#[derive(Debug, Deserialize)]
pub struct SearchRuns {
    /// Where to look; none finds nothing.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// MLflow's search language.
    pub filter: Option<String>,
    /// Active only when absent.
    #[serde(alias = "runViewType")]
    pub run_view_type: Option<Named<ViewType>>,
    /// 1000 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// Such as `metrics.loss DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `GET artifacts/list`.
#[derive(Debug, Deserialize)]
pub struct ListArtifacts {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
    /// The folder; the run's root when absent.
    pub path: Option<String>,
}
