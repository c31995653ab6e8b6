//! Finding things by name, for the command palette.

use super::extract::{Json, Query};
use super::wire::quoted;
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{Actor, Experiment, ExperimentId, Result, RunId, RunInfo, ViewType};
use branchline_engine::{ExperimentSearch, RegistrySearch, RunSearch};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Most results of each kind.
const EACH: usize = 8;
/// Experiments whose runs are looked at, latest first.
const EXPERIMENTS: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Palette {
    /// A part of a name, in any case; or the beginning of a run's id.
    #[serde(default)]
    q: String,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FoundKind {
    /// An experiment.
    Experiment,
    /// A run.
    Run,
    /// A registered model.
    Model,
}

/// One thing that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResult)]
struct Found {
    #[schema(inline)]
    kind: FoundKind,
    /// The experiment's or run's id, or the model's name.
    id: String,
    title: String,
    subtitle: String,
    /// Of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment_id: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResults)]
struct FoundList {
    results: Vec<Found>,
}

/// Finds experiments, runs and registered models by a part of their name.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    tag = "search",
    params(Palette),
    responses((status = 200, description = "A few of each kind.", body = FoundList), Failure)
)]
async fn search(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<Palette>,
) -> ApiResult<Json<FoundList>> {
    let text = query.q.trim();
    let Some(pattern) = pattern(text) else {
        return Ok(Json(FoundList { results: Vec::new() }));
    };
    let all = experiments(&state, &actor, String::new(), EXPERIMENTS).await?;
    let filter = format!("name ILIKE {pattern}");
    let (named, runs, models) = tokio::try_join!(
        experiments(&state, &actor, filter.clone(), EACH),
        runs(&state, &actor, text, &pattern, all.iter().map(|e| e.id).collect()),
        models(&state, &actor, filter),
    )?;
    let names: HashMap<ExperimentId, String> = all.into_iter().map(|e| (e.id, e.name)).collect();
    let mut results: Vec<Found> = named.into_iter().map(experiment).collect();
    results.extend(runs.into_iter().map(|info| run(info, &names)));
    results.extend(models);
    Ok(Json(FoundList { results }))
}

/// `'%text%'`; nothing for an empty text. Where a text has both kinds of quotes, one
/// kind becomes "any character".
fn pattern(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let around = format!("%{text}%");
    quoted(&around).or_else(|| quoted(&around.replace('\'', "_")))
}

async fn experiments(
    state: &AppState,
    actor: &Actor,
    filter: String,
    most: usize,
) -> Result<Vec<Experiment>> {
    let search = ExperimentSearch {
        filter,
        order_by: vec!["last_update_time DESC".to_owned()],
        max_results: most,
        page_token: None,
        view: ViewType::ActiveOnly,
    };
    Ok(state.engine.search_experiments(actor, search).await?.items)
}

async fn runs(
    state: &AppState,
    actor: &Actor,
    text: &str,
    pattern: &str,
    experiment_ids: Vec<ExperimentId>,
) -> Result<Vec<RunInfo>> {
    if text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return state.engine.run_infos(actor, vec![RunId::new(text.to_ascii_lowercase())]).await;
    }
    let mut filter = format!("attributes.run_name ILIKE {pattern}");
    if text.len() >= 4 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        filter.push_str(&format!(" OR attributes.run_id LIKE '{}%'", text.to_ascii_lowercase()));
    }
    let search = RunSearch {
        experiment_ids,
        filter,
        order_by: vec!["attributes.start_time DESC".to_owned()],
        max_results: EACH,
        page_token: None,
        view: ViewType::ActiveOnly,
    };
    let page = state.engine.search_runs(actor, search).await?;
    Ok(page.items.into_iter().map(|run| run.info).collect())
}

async fn models(state: &AppState, actor: &Actor, filter: String) -> Result<Vec<Found>> {
    let search =
        RegistrySearch { filter, order_by: Vec::new(), max_results: EACH, page_token: None };
    let page = state.engine.search_registered_models(actor, search).await?;
    let found = page.items.into_iter().map(|model| {
        let latest = model.latest_versions.iter().map(|version| version.version).max();
        Found {
            kind: FoundKind::Model,
            id: model.name.clone(),
            title: model.name,
            subtitle: latest
                .map_or_else(|| "No version yet".to_owned(), |v| format!("Version {v}")),
            experiment_id: None,
        }
    });
    Ok(found.collect())
}

fn experiment(experiment: Experiment) -> Found {
    Found {
        kind: FoundKind::Experiment,
        id: experiment.id.to_string(),
        title: experiment.name,
        subtitle: format!("Experiment {}", experiment.id),
        experiment_id: None,
    }
}

fn run(info: RunInfo, names: &HashMap<ExperimentId, String>) -> Found {
    let place = names.get(&info.experiment_id).cloned().unwrap_or_default();
    Found {
        kind: FoundKind::Run,
        id: info.run_id.to_string(),
        title: info.name,
        subtitle: place,
        experiment_id: Some(info.experiment_id.to_string()),
    }
}
