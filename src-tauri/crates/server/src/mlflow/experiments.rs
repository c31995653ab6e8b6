//! `experiments/…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use axum::routing::{get, post};
use branchline_core::{ExperimentId, Result, Tag, limits};
use branchline_engine::{ExperimentSearch, NewExperiment};
use branchline_mlflow::explain::required_text;
use branchline_mlflow::request::{
    CreateExperiment, ExperimentRef, ExperimentTag, GetExperimentByName, SearchExperiments,
    UpdateExperiment, max_results, page_token,
};
use branchline_mlflow::{One, Paged, source};

/// What 1.x's list answers with unless it is told.
const LISTED_RESULTS: i64 = 1000;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/experiments/create", post(create)),
        ("/mlflow/experiments/get", get(get_one)),
        ("/mlflow/experiments/get-by-name", get(get_by_name)),
        ("/mlflow/experiments/search", post(search).get(search)),
        // Of 1.x alone.
        ("/mlflow/experiments/list", get(list)),
        ("/mlflow/experiments/update", post(update)),
        ("/mlflow/experiments/delete", post(delete)),
        ("/mlflow/experiments/restore", post(restore)),
        ("/mlflow/experiments/set-experiment-tag", post(set_tag)),
        ("/mlflow/experiments/delete-experiment-tag", post(delete_tag)),
    ]
}

/// The experiment that a required field names.
pub(super) fn experiment_id(text: Option<String>) -> Result<ExperimentId> {
    required_text("experiment_id", text)?.parse()
}

/// The experiments that a list names.
pub(super) fn experiment_ids(texts: &[String]) -> Result<Vec<ExperimentId>> {
    texts.iter().map(|text| text.parse()).collect()
}

async fn create(Call { engine, actor, message }: Call<CreateExperiment>) -> Answer {
    let artifact_location = message.artifact_location.filter(|location| !location.is_empty());
    if let Some(location) = &artifact_location {
        source::check_scheme("artifact_location", location)?;
    }
    let new = NewExperiment {
        name: required_text("name", message.name)?,
        artifact_location,
        tags: message.tags.into_tags(),
    };
    let id = engine.create_experiment(&actor, new).await?;
    json(&serde_json::json!({ "experiment_id": id.to_string() }))
}

async fn get_one(Call { engine, actor, message }: Call<ExperimentRef>) -> Answer {
    let id = experiment_id(message.experiment_id)?;
    json(&One("experiment", &engine.experiment(&actor, id).await?))
}

async fn get_by_name(Call { engine, actor, message }: Call<GetExperimentByName>) -> Answer {
    let name = required_text("experiment_name", message.experiment_name)?;
    json(&One("experiment", &engine.experiment_by_name(&actor, &name).await?))
}

async fn search(call: Call<SearchExperiments>) -> Answer {
    // There is no default here: what is not said is 0, which is refused.
    page(call, 0).await
}

async fn list(call: Call<SearchExperiments>) -> Answer {
    page(call, LISTED_RESULTS).await
}

async fn page(
    Call { engine, actor, message }: Call<SearchExperiments>,
    default_results: i64,
) -> Answer {
    let search = ExperimentSearch {
        max_results: max_results(message.max_results, default_results, limits::MAX_RESULTS)?,
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        page_token: page_token(message.page_token),
        view: message.view_type.map(|view| view.0).unwrap_or_default(),
    };
    json(&Paged("experiments", &engine.search_experiments(&actor, search).await?))
}

async fn update(Call { engine, actor, message }: Call<UpdateExperiment>) -> Answer {
    let id = experiment_id(message.experiment_id)?;
    let name = required_text("new_name", message.new_name)?;
    engine.rename_experiment(&actor, id, &name).await?;
    done()
}

async fn delete(Call { engine, actor, message }: Call<ExperimentRef>) -> Answer {
    engine.delete_experiment(&actor, experiment_id(message.experiment_id)?).await?;
    done()
}

async fn restore(Call { engine, actor, message }: Call<ExperimentRef>) -> Answer {
    engine.restore_experiment(&actor, experiment_id(message.experiment_id)?).await?;
    done()
}

async fn set_tag(Call { engine, actor, message }: Call<ExperimentTag>) -> Answer {
    let id = experiment_id(message.experiment_id)?;
    let key = required_text("key", message.key)?;
    let tag = Tag { key, value: message.value.unwrap_or_default() };
    engine.set_experiment_tag(&actor, id, tag).await?;
    done()
}

async fn delete_tag(Call { engine, actor, message }: Call<ExperimentTag>) -> Answer {
    let id = experiment_id(message.experiment_id)?;
    let key = required_text("key", message.key)?;
    engine.delete_experiment_tag(&actor, id, &key).await?;
    done()
}
