//! `model-versions/…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use super::lineage;
use axum::routing::{delete as delete_route, get, patch, post};
use branchline_core::{Result, Tag, limits};
use branchline_engine::{NewModelVersion, RegistrySearch};
use branchline_mlflow::explain::required_text;
use branchline_mlflow::request::{
    CreateModelVersion, ModelVersionRef, RegistryTag, SearchRegistry, TransitionStage,
    UpdateModelVersion, last_of_each_key, max_results, model_name, page_token, version_number,
};
use branchline_mlflow::{One, Paged};
use serde_json::json as object;

/// What a search answers with unless it is told.
const DEFAULT_RESULTS: i64 = 200_000;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/model-versions/create", post(create)),
        ("/mlflow/model-versions/get", get(get_one)),
        ("/mlflow/model-versions/update", patch(update)),
        ("/mlflow/model-versions/delete", delete_route(delete)),
        ("/mlflow/model-versions/search", get(search)),
        ("/mlflow/model-versions/transition-stage", post(transition_stage)),
        ("/mlflow/model-versions/get-download-uri", get(download_uri)),
        ("/mlflow/model-versions/set-tag", post(set_tag)),
        ("/mlflow/model-versions/delete-tag", delete_route(delete_tag)),
    ]
}

/// The version that the required fields name.
pub(super) fn version_of(name: Option<String>, version: Option<String>) -> Result<(String, i64)> {
    let name = model_name(name)?;
    Ok((name, version_number(&required_text("version", version)?)?))
}

async fn create(Call { engine, actor, message }: Call<CreateModelVersion>) -> Answer {
    let name = required_text("name", message.name)?;
    let source = required_text("source", message.source)?;
    let tags = last_of_each_key(message.tags);
    let claim = lineage::Claim { source, run_id: message.run_id, model_id: message.model_id };
    let origin = lineage::check(&engine, &actor, claim, &tags).await?;
    let new = NewModelVersion {
        name,
        source: origin.source,
        run_id: origin.run_id.filter(|id| !id.is_empty()),
        run_link: message.run_link.filter(|link| !link.is_empty()),
        description: message.description.filter(|text| !text.is_empty()),
        model_id: origin.model_id.filter(|id| !id.is_empty()),
        tags,
    };
    json(&One("model_version", &engine.create_model_version(&actor, new).await?))
}

async fn get_one(Call { engine, actor, message }: Call<ModelVersionRef>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    json(&One("model_version", &engine.model_version(&actor, &name, version).await?))
}

async fn update(Call { engine, actor, message }: Call<UpdateModelVersion>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    let version = engine.update_model_version(&actor, &name, version, message.description).await?;
    json(&One("model_version", &version))
}

async fn delete(Call { engine, actor, message }: Call<ModelVersionRef>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    engine.delete_model_version(&actor, &name, version).await?;
    done()
}

async fn search(Call { engine, actor, message }: Call<SearchRegistry>) -> Answer {
    let most = limits::MAX_RESULTS_MODEL_VERSIONS;
    let search = RegistrySearch {
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_RESULTS, most)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("model_versions", &engine.search_model_versions(&actor, search).await?))
}

async fn transition_stage(Call { engine, actor, message }: Call<TransitionStage>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    let stage = required_text("stage", message.stage)?;
    let archive = message.archive_existing_versions.unwrap_or_default();
    let version = engine.transition_stage(&actor, &name, version, &stage, archive).await?;
    json(&One("model_version", &version))
}

async fn download_uri(Call { engine, actor, message }: Call<ModelVersionRef>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    let uri = engine.download_uri(&actor, &name, version).await?;
    json(&object!({ "artifact_uri": uri }))
}

async fn set_tag(Call { engine, actor, message }: Call<RegistryTag>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    let key = required_text("key", message.key)?;
    let tag = Tag { key, value: message.value.unwrap_or_default() };
    engine.set_model_version_tag(&actor, &name, version, tag).await?;
    done()
}

async fn delete_tag(Call { engine, actor, message }: Call<RegistryTag>) -> Answer {
    let (name, version) = version_of(message.name, message.version)?;
    let key = required_text("key", message.key)?;
    engine.delete_model_version_tag(&actor, &name, version, &key).await?;
    done()
}
