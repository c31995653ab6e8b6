//! What clients ask about the server itself.

use super::Table;
use super::answer::{Answer, json};
use crate::state::AppState;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use branchline_mlflow::MLFLOW_VERSION;
use serde_json::json;

pub(super) fn routes() -> Router<AppState> {
    Router::new()
        .route("/health", get(async || "OK"))
        .route("/version", get(async || MLFLOW_VERSION))
        .route("/server-info", get(server_info))
}

pub(super) fn table_v3() -> Table {
    vec![("/mlflow/server-info", get(server_info))]
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
