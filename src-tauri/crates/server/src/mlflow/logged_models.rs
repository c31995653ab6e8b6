//! `logged-models/…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::{Call, Nothing, PathOf};
use super::experiments::{experiment_id, experiment_ids};
use axum::routing::{delete as delete_route, get};
use axum::routing::{patch, post};
use branchline_core::{ModelId, RunId, limits};
use branchline_engine::{LoggedModelSearch, LoggedModelSort, NewLoggedModel};
use branchline_mlflow::explain::{missing, required, required_text};
use branchline_mlflow::request::{
    CreateLoggedModel, FinalizeLoggedModel, GetLoggedModel, LogLoggedModelParams, OrderBy,
    SearchLoggedModels, SetLoggedModelTags, max_results, page_token,
};
use branchline_mlflow::{One, Paged};

/// What a search answers with unless it is told.
const DEFAULT_RESULTS: i64 = 50;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/logged-models", post(create)),
        ("/mlflow/logged-models/search", post(search)),
        ("/mlflow/logged-models/{model_id}", get(get_one).patch(finalize).delete(delete)),
        ("/mlflow/logged-models/{model_id}/tags", patch(set_tags)),
        ("/mlflow/logged-models/{model_id}/tags/{key}", delete_route(delete_tag)),
        ("/mlflow/logged-models/{model_id}/params", post(log_params)),
    ]
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

async fn create(Call { engine, actor, message }: Call<CreateLoggedModel>) -> Answer {
    let new = NewLoggedModel {
        experiment_id: experiment_id(message.experiment_id)?,
        name: some(message.name),
        model_type: some(message.model_type),
        source_run_id: some(message.source_run_id).map(RunId::new),
        params: message.params.into_params(),
        tags: message.tags.into_tags(),
    };
    json(&One("model", &engine.create_logged_model(&actor, new).await?))
}

async fn get_one(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<GetLoggedModel>,
) -> Answer {
    let id = ModelId::new(id);
    let model = match message.allow_deleted {
        Some(yes) if yes.eq_ignore_ascii_case("true") => engine.any_logged_model(&actor, &id).await,
        _ => engine.logged_model(&actor, &id).await,
    };
    json(&One("model", &model?))
}

async fn finalize(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<FinalizeLoggedModel>,
) -> Answer {
    required_text("model_id", message.model_id)?;
    let status = required("status", message.status)?.0;
    let model = engine.finalize_logged_model(&actor, &ModelId::new(id), status).await?;
    json(&One("model", &model))
}

async fn delete(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    engine.delete_logged_model(&actor, &ModelId::new(id)).await?;
    done()
}

async fn set_tags(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<SetLoggedModelTags>,
) -> Answer {
    let tags = message.tags.into_tags();
    engine.set_logged_model_tags(&actor, &ModelId::new(id), tags).await?;
    done()
}

async fn delete_tag(
    PathOf((id, key)): PathOf<(String, String)>,
    Call { engine, actor, .. }: Call<Nothing>,
) -> Answer {
    engine.delete_logged_model_tag(&actor, &ModelId::new(id), &key).await?;
    done()
}

async fn log_params(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<LogLoggedModelParams>,
) -> Answer {
    required_text("model_id", message.model_id)?;
    let params = message.params.into_params();
    engine.log_logged_model_params(&actor, &ModelId::new(id), params).await?;
    done()
}

async fn search(Call { engine, actor, message }: Call<SearchLoggedModels>) -> Answer {
    if message.experiment_ids.0.is_empty() {
        return Err(missing("experiment_ids").into());
    }
    let dataset = |filter: branchline_mlflow::request::DatasetFilter| {
        let name = required_text("datasets.dataset_name", filter.dataset_name)?;
        Ok((name, some(filter.dataset_digest)))
    };
    let datasets: branchline_core::Result<_> =
        message.datasets.0.into_iter().map(dataset).collect();
    let search = LoggedModelSearch {
        experiment_ids: experiment_ids(&message.experiment_ids.0)?,
        filter: message.filter.unwrap_or_default(),
        datasets: datasets?,
        order_by: message.order_by.0.into_iter().map(sort).collect(),
        max_results: max_results(message.max_results, DEFAULT_RESULTS, limits::MAX_RESULTS)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("models", &engine.search_logged_models(&actor, search).await?))
}

fn sort(key: OrderBy) -> LoggedModelSort {
    LoggedModelSort {
        field_name: key.field_name.unwrap_or_default(),
        ascending: key.ascending.unwrap_or(true),
        dataset_name: some(key.dataset_name),
        dataset_digest: some(key.dataset_digest),
    }
}
