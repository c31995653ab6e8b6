//! Requests that read metrics.

use crate::scalar::{Int64, List};
use serde::Deserialize;

/// `GET metrics/get-history`.
#[derive(Debug, Deserialize)]
pub struct GetMetricHistory {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
    /// Required.
    #[serde(alias = "metricKey")]
    pub metric_key: Option<String>,
    /// Everything when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `GET metrics/get-history-bulk`.
#[derive(Debug, Deserialize)]
pub struct GetMetricHistoryBulk {
    /// One to a hundred.
    #[serde(default)]
    pub run_id: List<String>,
    /// Required.
    pub metric_key: Option<String>,
    /// 25000 when absent.
    pub max_results: Option<Int64>,
}

/// `GET metrics/get-history-bulk-interval`.
#[derive(Debug, Deserialize)]
pub struct GetMetricHistoryBulkInterval {
    /// One to a hundred.
    #[serde(default, alias = "runIds")]
    pub run_ids: List<String>,
    /// Required.
    #[serde(alias = "metricKey")]
    pub metric_key: Option<String>,
    /// Both ends or none.
    #[serde(alias = "startStep")]
    pub start_step: Option<Int64>,
    /// Both ends or none.
    #[serde(alias = "endStep")]
    pub end_step: Option<Int64>,
    /// For each run; 2500 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
}
