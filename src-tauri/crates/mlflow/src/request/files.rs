//! Requests for files.

use serde::Deserialize;

/// `GET mlflow-artifacts/artifacts`.
#[derive(Debug, Deserialize)]
pub struct ListProxied {
    /// The folder; the root of all artifacts when absent.
    pub path: Option<String>,
}

/// `GET /get-artifact`, and where a file is uploaded.
#[derive(Debug, Deserialize)]
pub struct RunFile {
    /// Required.
    pub run_id: Option<String>,
    /// What old clients send instead.
    pub run_uuid: Option<String>,
    /// Required.
    pub path: Option<String>,
}

/// `GET /model-versions/get-artifact`.
#[derive(Debug, Deserialize)]
pub struct VersionFile {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub version: Option<String>,
    /// Required.
    pub path: Option<String>,
}

/// `GET logged-models/{model_id}/artifacts/files`.
#[derive(Debug, Deserialize)]
pub struct LoggedModelFile {
    /// Required.
    pub artifact_file_path: Option<String>,
}
