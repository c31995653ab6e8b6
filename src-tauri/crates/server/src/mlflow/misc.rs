//! What clients ask about the server itself.

use super::Table;
use super::answer::{Answer, json};
use crate::state::AppState;
use axum::extract::State;
use axum::routing::get;
use branchline_mlflow::MLFLOW_VERSION;
use serde_json::json;

pub(super) fn table_outside() -> Table {
    vec![
        ("/health", get(async || "OK")),
        ("/version", get(async || MLFLOW_VERSION)),
        ("/server-info", get(server_info)),
    ]
}

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/server-info", get(server_info)),
        ("/mlflow/ui-telemetry", get(no_telemetry).post(telemetry_refused)),
    ]
}

/// Tells MLflow's UI to send nothing about its user.
async fn no_telemetry() -> Answer {
    json(&json!({
        "disable_ui_telemetry": true,
        "disable_ui_events": [],
        "ui_rollout_percentage": 0,
    }))
}

/// Nothing of what is sent anyway is read.
async fn telemetry_refused() -> Answer {
    json(&json!({ "status": "disabled" }))
}

async fn server_info(State(state): State<AppState>) -> Answer {
    let direct = state.engine.artifacts().is_direct();
    json(&json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": direct,
        "multipart_downloads_enabled": direct,
        // Whether the request is understood; whether it can be met depends on the run.
        "presigned_upload_run_id_supported": true,
        "presigned_upload_model_id_supported": true,
        "features_enabled": { "gateway": false },
    }))
}
