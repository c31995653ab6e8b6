//! Requests for files.

use crate::scalar::{Int64, List};
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

/// `POST mlflow-artifacts/mpu/create`.
#[derive(Debug, Deserialize)]
pub struct CreateParts {
    /// Required: the client's name of the file; its last part counts.
    pub path: Option<String>,
    /// How many parts.
    pub num_parts: Option<Int64>,
}

/// `POST mlflow-artifacts/mpu/complete` and `abort`.
#[derive(Debug, Deserialize)]
pub struct EndParts {
    /// Required: the client's name of the file; its last part counts.
    pub path: Option<String>,
    /// Which upload.
    pub upload_id: Option<String>,
    /// What was uploaded; not for an abort.
    #[serde(default)]
    pub parts: List<UploadedPart>,
}

/// A part that a client has uploaded.
#[derive(Debug, Deserialize)]
pub struct UploadedPart {
    /// From 1.
    pub part_number: Option<Int64>,
    /// The storage's answer to it.
    pub etag: Option<String>,
}

/// `POST mlflow/artifacts/presigned-upload-url` and `presigned-download-url`.
#[derive(Debug, Deserialize)]
pub struct PresignedFile {
    /// The run, or else the model.
    pub run_id: Option<String>,
    /// The logged model; for uploads only.
    pub model_id: Option<String>,
    /// Required.
    pub path: Option<String>,
    /// Seconds.
    pub expiration: Option<Int64>,
}
