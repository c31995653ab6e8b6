//! Finding things by their words: for the command palette and whoever remembers a part.

mod snippet;

use super::extract::{Json, Query};
use crate::api::routing::{Routes, routes};
use crate::auth::Caller;
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use axum::extract::State;
use branchline_core::{Actor, Result, RunInfo};
use branchline_engine::{TextHit, TextKind, TextSearch};
use serde::{Deserialize, Serialize};
use snippet::Part;
use std::time::Instant;
use utoipa::{IntoParams, ToSchema};

/// Results of each kind when it is not said how many.
const EACH: usize = 8;
/// Most results of each kind.
const MOST: usize = 100;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(search))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Words {
    /// Words or parts of words, all of which must be there, in any case; or the beginning
    /// of a run's id.
    #[serde(default)]
    q: String,
    /// Only this kind.
    #[param(inline)]
    kind: Option<FoundKind>,
    /// Most results of each kind; 8 when not said, at most 100.
    each: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FoundKind {
    /// An experiment.
    Experiment,
    /// A run.
    Run,
    /// A registered model.
    Model,
    /// A prompt.
    Prompt,
}

/// A place that holds some of the words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchMatch)]
struct Match {
    /// `name`, `param`, `tag`, `note`, or `version <number>` for its description.
    field: String,
    /// The text around the words, cut into what is a word that was looked for and what is
    /// not.
    parts: Vec<Part>,
}

/// One thing that was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResult)]
struct Found {
    #[schema(inline)]
    kind: FoundKind,
    /// The experiment's or run's id, or the model's or prompt's name.
    id: String,
    title: String,
    subtitle: String,
    /// Of a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment_id: Option<String>,
    /// Where the words are; the name first.
    matches: Vec<Match>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SearchResults)]
struct FoundList {
    /// By kind. Of each kind those with the words in their name come first, then the newest.
    results: Vec<Found>,
    /// Something that was just logged may still be missing.
    indexing: bool,
    /// How long the search took.
    elapsed_ms: f64,
}

/// Finds experiments, runs, registered models and prompts by words in their names, tags,
/// params and notes.
#[utoipa::path(
    get,
    path = "/api/v1/search",
    tag = "search",
    params(Words),
    responses((status = 200, description = "A few of each kind.", body = FoundList), Failure)
)]
async fn search(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Query(query): Query<Words>,
) -> ApiResult<Json<FoundList>> {
    let began = Instant::now();
    let each = super::wire::page_size(query.each, EACH, MOST)?;
    let kinds = [
        (FoundKind::Experiment, TextKind::Experiment),
        (FoundKind::Run, TextKind::Run),
        (FoundKind::Model, TextKind::Model),
        (FoundKind::Prompt, TextKind::Prompt),
    ];
    let wanted = |kind: FoundKind| query.kind.is_none_or(|only| only == kind);
    let kinds = kinds.into_iter().filter(|(kind, _)| wanted(*kind)).map(|(_, text)| text).collect();
    let text = query.q.trim();
    let words = TextSearch { text: text.to_owned(), kinds, each };
    let found = state.engine.find(&actor, words).await?;
    let mut results: Vec<Found> =
        found.hits.into_iter().map(|hit| told(hit, &found.terms)).collect();
    if wanted(FoundKind::Run) {
        for info in by_id(&state, &actor, text, each).await? {
            if !results.iter().any(|known| known.id == info.run_id.as_str()) {
                results.push(run_by_id(&state, &actor, info).await?);
            }
        }
    }
    let elapsed_ms = began.elapsed().as_secs_f64() * 1000.0;
    Ok(Json(FoundList { results, indexing: found.indexing, elapsed_ms }))
}

fn told(hit: TextHit, terms: &[String]) -> Found {
    let name = snippet::parts(&hit.name, terms);
    let mut matches = Vec::new();
    if name.iter().any(|part| part.hit) {
        matches.push(Match { field: "name".to_owned(), parts: name });
    }
    matches.extend(
        hit.fields
            .into_iter()
            .map(|(field, text)| Match { field, parts: snippet::parts(&text, terms) }),
    );
    let (kind, subtitle, experiment_id) = match (hit.kind, hit.experiment) {
        (TextKind::Run, experiment) => {
            let (id, name) =
                experiment.map_or((None, String::new()), |(id, name)| (Some(id), name));
            (FoundKind::Run, name, id.map(|id| id.to_string()))
        }
        (TextKind::Experiment, _) => {
            (FoundKind::Experiment, format!("Experiment {}", hit.id), None)
        }
        (TextKind::Model, _) => (FoundKind::Model, newest(hit.version), None),
        (TextKind::Prompt, _) => (FoundKind::Prompt, newest(hit.version), None),
    };
    Found { kind, id: hit.id, title: hit.name, subtitle, experiment_id, matches }
}

fn newest(version: Option<i64>) -> String {
    version.map_or_else(|| "No version yet".to_owned(), |version| format!("Version {version}"))
}

/// Runs whose id is, or begins with, the text.
async fn by_id(state: &AppState, actor: &Actor, text: &str, each: usize) -> Result<Vec<RunInfo>> {
    if text.len() < 4 || text.len() > 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Vec::new());
    }
    state.engine.runs_by_prefix(actor, &text.to_ascii_lowercase(), each).await
}

async fn run_by_id(state: &AppState, actor: &Actor, info: RunInfo) -> Result<Found> {
    let experiment = state.engine.experiment(actor, info.experiment_id).await?;
    Ok(Found {
        kind: FoundKind::Run,
        id: info.run_id.to_string(),
        title: info.name,
        subtitle: experiment.name,
        experiment_id: Some(info.experiment_id.to_string()),
        matches: Vec::new(),
    })
}
