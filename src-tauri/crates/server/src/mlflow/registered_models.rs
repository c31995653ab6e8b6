//! `registered-models/…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use axum::routing::{delete as delete_route, get, patch, post};
use branchline_core::{Tag, limits};
use branchline_engine::{NewRegisteredModel, RegistrySearch};
use branchline_mlflow::explain::required_text;
use branchline_mlflow::request::{
    Alias, CreateRegisteredModel, GetLatestVersions, RegisteredModelRef, RegistryTag,
    RenameRegisteredModel, SearchRegistry, UpdateRegisteredModel, last_of_each_key, max_results,
    model_name, page_token, version_number,
};
use branchline_mlflow::{Listed, One, Paged};

/// What a search answers with unless it is told.
const DEFAULT_RESULTS: i64 = 100;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/registered-models/create", post(create)),
        ("/mlflow/registered-models/get", get(get_one)),
        ("/mlflow/registered-models/rename", post(rename)),
        ("/mlflow/registered-models/update", patch(update)),
        ("/mlflow/registered-models/delete", delete_route(delete)),
        ("/mlflow/registered-models/search", get(search)),
        // Of 1.x alone: a search without a filter.
        ("/mlflow/registered-models/list", get(search)),
        ("/mlflow/registered-models/get-latest-versions", post(latest).get(latest)),
        ("/mlflow/registered-models/set-tag", post(set_tag)),
        ("/mlflow/registered-models/delete-tag", delete_route(delete_tag)),
        (
            "/mlflow/registered-models/alias",
            post(set_alias).get(version_by_alias).delete(delete_alias),
        ),
    ]
}

async fn create(Call { engine, actor, message }: Call<CreateRegisteredModel>) -> Answer {
    let new = NewRegisteredModel {
        name: required_text("name", message.name)?,
        description: message.description.filter(|text| !text.is_empty()),
        tags: last_of_each_key(message.tags),
    };
    json(&One("registered_model", &engine.create_registered_model(&actor, new).await?))
}

async fn get_one(Call { engine, actor, message }: Call<RegisteredModelRef>) -> Answer {
    let name = model_name(message.name)?;
    json(&One("registered_model", &engine.registered_model(&actor, &name).await?))
}

async fn rename(Call { engine, actor, message }: Call<RenameRegisteredModel>) -> Answer {
    let name = model_name(message.name)?;
    let new_name = required_text("new_name", message.new_name)?;
    let model = engine.rename_registered_model(&actor, &name, &new_name).await?;
    json(&One("registered_model", &model))
}

async fn update(Call { engine, actor, message }: Call<UpdateRegisteredModel>) -> Answer {
    let name = model_name(message.name)?;
    let model = engine.update_registered_model(&actor, &name, message.description).await?;
    json(&One("registered_model", &model))
}

async fn delete(Call { engine, actor, message }: Call<RegisteredModelRef>) -> Answer {
    engine.delete_registered_model(&actor, &model_name(message.name)?).await?;
    done()
}

async fn search(Call { engine, actor, message }: Call<SearchRegistry>) -> Answer {
    let most = limits::MAX_RESULTS_REGISTERED_MODELS;
    let search = RegistrySearch {
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_RESULTS, most)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("registered_models", &engine.search_registered_models(&actor, search).await?))
}

async fn latest(Call { engine, actor, message }: Call<GetLatestVersions>) -> Answer {
    let name = model_name(message.name)?;
    let versions = engine.latest_versions(&actor, &name, message.stages.0).await?;
    json(&Listed("model_versions", &versions))
}

async fn set_tag(Call { engine, actor, message }: Call<RegistryTag>) -> Answer {
    let name = model_name(message.name)?;
    let key = required_text("key", message.key)?;
    let tag = Tag { key, value: message.value.unwrap_or_default() };
    engine.set_registered_model_tag(&actor, &name, tag).await?;
    done()
}

async fn delete_tag(Call { engine, actor, message }: Call<RegistryTag>) -> Answer {
    let name = model_name(message.name)?;
    let key = required_text("key", message.key)?;
    engine.delete_registered_model_tag(&actor, &name, &key).await?;
    done()
}

async fn set_alias(Call { engine, actor, message }: Call<Alias>) -> Answer {
    let name = model_name(message.name)?;
    let alias = required_text("alias", message.alias)?;
    let version = version_number(&required_text("version", message.version)?)?;
    engine.set_alias(&actor, &name, &alias, version).await?;
    done()
}

async fn version_by_alias(Call { engine, actor, message }: Call<Alias>) -> Answer {
    let name = model_name(message.name)?;
    let alias = required_text("alias", message.alias)?;
    json(&One("model_version", &engine.version_by_alias(&actor, &name, &alias).await?))
}

async fn delete_alias(Call { engine, actor, message }: Call<Alias>) -> Answer {
    let name = model_name(message.name)?;
    let alias = required_text("alias", message.alias)?;
    engine.delete_alias(&actor, &name, &alias).await?;
    done()
}
