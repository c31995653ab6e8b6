//! What MLflow offers and this server does not: each route is known, and says so with
//! `NOT_IMPLEMENTED` instead of the 404 that an older server would answer.

use super::answer::Answer;
use super::error::MlflowError;
use crate::auth::Caller;
use crate::state::AppState;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, on};
use branchline_core::{Error, ErrorCode};

/// Routes that belong together, and the sentence that they answer.
pub(super) struct Missing {
    /// What is said instead.
    pub(super) sentence: &'static str,
    /// Methods (`*` for any) and paths.
    pub(super) routes: &'static [(&'static str, &'static str)],
}

/// Paths that begin with a version stand under `/api` and `/ajax-api`.
pub(super) const MISSING: &[Missing] = &[
    Missing {
        sentence: "The AI gateway is not part of this server: call the model's provider directly.",
        routes: &[
            ("POST", "3.0/mlflow/gateway/secrets/create"),
            ("GET", "3.0/mlflow/gateway/secrets/get"),
            ("POST", "3.0/mlflow/gateway/secrets/update"),
            ("DELETE", "3.0/mlflow/gateway/secrets/delete"),
            ("GET", "3.0/mlflow/gateway/secrets/list"),
            ("GET", "3.0/mlflow/gateway/secrets/config"),
            ("POST", "3.0/mlflow/gateway/endpoints/create"),
            ("GET", "3.0/mlflow/gateway/endpoints/get"),
            ("POST", "3.0/mlflow/gateway/endpoints/update"),
            ("DELETE", "3.0/mlflow/gateway/endpoints/delete"),
            ("GET", "3.0/mlflow/gateway/endpoints/list"),
            ("POST", "3.0/mlflow/gateway/endpoints/set-tag"),
            ("DELETE", "3.0/mlflow/gateway/endpoints/delete-tag"),
            ("POST", "3.0/mlflow/gateway/endpoints/models/attach"),
            ("POST", "3.0/mlflow/gateway/endpoints/models/detach"),
            ("POST", "3.0/mlflow/gateway/endpoints/bindings/create"),
            ("DELETE", "3.0/mlflow/gateway/endpoints/bindings/delete"),
            ("GET", "3.0/mlflow/gateway/endpoints/bindings/list"),
            ("POST", "3.0/mlflow/gateway/model-definitions/create"),
            ("GET", "3.0/mlflow/gateway/model-definitions/get"),
            ("GET", "3.0/mlflow/gateway/model-definitions/list"),
            ("POST", "3.0/mlflow/gateway/model-definitions/update"),
            ("DELETE", "3.0/mlflow/gateway/model-definitions/delete"),
            ("GET", "3.0/mlflow/gateway/supported-providers"),
            ("GET", "3.0/mlflow/gateway/supported-models"),
            ("GET", "3.0/mlflow/gateway/provider-config"),
            ("GET POST", "2.0/mlflow/gateway-proxy"),
            ("*", "/gateway/{*rest}"),
        ],
    },
    Missing {
        sentence: "Budgets of the AI gateway are not part of this server.",
        routes: &[
            ("POST", "3.0/mlflow/gateway/budgets/create"),
            ("GET", "3.0/mlflow/gateway/budgets/get"),
            ("POST", "3.0/mlflow/gateway/budgets/update"),
            ("DELETE", "3.0/mlflow/gateway/budgets/delete"),
            ("GET", "3.0/mlflow/gateway/budgets/list"),
            ("GET", "3.0/mlflow/gateway/budgets/windows"),
        ],
    },
    Missing {
        sentence: "Guardrails of the AI gateway are not part of this server.",
        routes: &[
            ("POST", "3.0/mlflow/gateway/guardrails/create"),
            ("GET", "3.0/mlflow/gateway/guardrails/get"),
            ("DELETE", "3.0/mlflow/gateway/guardrails/delete"),
            ("GET", "3.0/mlflow/gateway/guardrails/list"),
            ("POST", "3.0/mlflow/gateway/guardrails/add-to-endpoint"),
            ("DELETE", "3.0/mlflow/gateway/guardrails/remove-from-endpoint"),
            ("GET", "3.0/mlflow/gateway/guardrails/list-for-endpoint"),
            ("PATCH", "3.0/mlflow/gateway/guardrails/update-config"),
        ],
    },
    Missing {
        sentence: "The registry of MCP servers is not part of this server.",
        routes: &[("*", "3.0/mlflow/mcp-servers"), ("*", "3.0/mlflow/mcp-servers/{*rest}")],
    },
    Missing {
        sentence: "Issues of traces are not part of this server: an assessment can say the same.",
        routes: &[
            ("POST", "3.0/mlflow/issues"),
            ("POST", "3.0/mlflow/issues/search"),
            ("GET PATCH", "3.0/mlflow/issues/{issue_id}"),
        ],
    },
    Missing {
        sentence: "Label schemas are not part of this server: log feedback as assessments.",
        routes: &[
            ("POST", "3.0/mlflow/label-schemas/create"),
            ("GET", "3.0/mlflow/label-schemas/get"),
            ("GET", "3.0/mlflow/label-schemas/get-by-name"),
            ("GET", "3.0/mlflow/label-schemas/list"),
            ("PATCH", "3.0/mlflow/label-schemas/update"),
            ("DELETE", "3.0/mlflow/label-schemas/delete"),
        ],
    },
    Missing {
        sentence: "Review queues are not part of this server: search traces by a tag instead.",
        routes: &[
            ("POST", "3.0/mlflow/review-queues/create"),
            ("POST", "3.0/mlflow/review-queues/get-or-create-user"),
            ("GET", "3.0/mlflow/review-queues/get"),
            ("GET", "3.0/mlflow/review-queues/get-by-name"),
            ("GET", "3.0/mlflow/review-queues/list"),
            ("POST", "3.0/mlflow/review-queues/update"),
            ("POST", "3.0/mlflow/review-queues/delete"),
            ("POST", "3.0/mlflow/review-queues/items/add"),
            ("POST", "3.0/mlflow/review-queues/items/remove"),
            ("GET", "3.0/mlflow/review-queues/items/list"),
            ("POST", "3.0/mlflow/review-queues/items/set-status"),
        ],
    },
    Missing {
        sentence: "This server does not optimise prompts: run `mlflow.genai.optimize_prompts` \
                   in a script.",
        routes: &[
            ("POST", "3.0/mlflow/prompt-optimization/jobs"),
            ("GET POST", "3.0/mlflow/prompt-optimization/jobs/search"),
            ("GET DELETE", "3.0/mlflow/prompt-optimization/jobs/{job_id}"),
            ("POST", "3.0/mlflow/prompt-optimization/jobs/{job_id}/cancel"),
        ],
    },
    Missing {
        sentence: "The prompt lab needs the AI gateway, which is not part of this server.",
        routes: &[("POST", "2.0/mlflow/runs/create-promptlab-run")],
    },
    Missing {
        sentence: "The assistant is not part of this server.",
        routes: &[("*", "3.0/mlflow/assistant/{*rest}")],
    },
    Missing {
        sentence: "This server makes no demo data: `examples/` holds programs that log some.",
        routes: &[("POST", "3.0/mlflow/demo/generate"), ("POST", "3.0/mlflow/demo/delete")],
    },
    Missing {
        sentence: "This server runs none of MLflow's background jobs: run scorers and \
                   evaluations in a script.",
        routes: &[
            ("POST", "3.0/mlflow/scorer/invoke"),
            ("POST", "3.0/mlflow/issues/invoke"),
            ("POST", "3.0/mlflow/genai/evaluate/invoke"),
            ("GET", "3.0/mlflow/jobs/{job_id}"),
            ("PATCH", "3.0/mlflow/jobs/cancel/{job_id}"),
            ("POST", "3.0/jobs/"),
            ("GET", "3.0/jobs/{job_id}"),
            ("PATCH", "3.0/jobs/cancel/{job_id}"),
            ("POST", "3.0/jobs/search"),
        ],
    },
    Missing {
        sentence: "GraphQL is not part of this server: the REST interface answers the same \
                   questions.",
        routes: &[("GET POST", "/graphql")],
    },
    Missing {
        sentence: "This server has one workspace.",
        routes: &[
            ("GET POST", "3.0/mlflow/workspaces"),
            ("GET PATCH DELETE", "3.0/mlflow/workspaces/{workspace_name}"),
        ],
    },
    Missing {
        sentence: "This is answered by Databricks only.",
        routes: &[
            ("GET", "2.0/mlflow/unified-traces"),
            ("GET", "2.0/mlflow/get-online-trace-details"),
        ],
    },
];

/// The routes of the whole table.
pub(super) fn routes() -> Router<AppState> {
    let mut router = Router::new();
    for missing in MISSING {
        for (methods, path) in missing.routes {
            for full in full_paths(path) {
                router = router.route(&full, refusal(methods, missing.sentence));
            }
        }
    }
    router
}

/// Where a path of the table stands.
pub(super) fn full_paths(path: &str) -> Vec<String> {
    if path.starts_with('/') {
        return vec![path.to_owned()];
    }
    super::SURFACES.iter().map(|surface| format!("{surface}/{path}")).collect()
}

fn refusal(methods: &str, sentence: &'static str) -> MethodRouter<AppState> {
    let handler = move |State(state): State<AppState>, request: Request| async move {
        refuse(sentence, &state, request).await
    };
    let filters = methods.split(' ').filter_map(|method| {
        Method::from_bytes(method.as_bytes()).ok().and_then(|m| MethodFilter::try_from(m).ok())
    });
    match filters.reduce(MethodFilter::or) {
        Some(filter) => on(filter, handler),
        None => any(handler),
    }
}

/// Who may not ask at all hears that first.
async fn refuse(sentence: &str, state: &AppState, request: Request) -> Answer {
    let (mut parts, _) = request.into_parts();
    Caller::from_request_parts(&mut parts, state).await.map_err(|e| MlflowError(e.0))?;
    let hint = "docs/mlflow-compatibility.md lists what is answered and what is not.";
    Err(Error::new(ErrorCode::NotImplemented, sentence).hint(hint).into())
}
