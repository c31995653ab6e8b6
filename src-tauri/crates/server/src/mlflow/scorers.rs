//! `scorers/…`: the registry of scorers, and how they judge traces as they come.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use super::experiments::{experiment_id, experiment_ids};
use axum::routing::{delete as delete_route, get, post, put};
use branchline_core::Error;
use branchline_engine::NewOnlineScoring;
use branchline_mlflow::explain::{missing, required, required_text};
use branchline_mlflow::request::{
    GetOnlineScoringConfigs, ListScorers, PutOnlineScoringConfig, RegisterScorer, ScorerRef,
};
use branchline_mlflow::{Listed, One, RegisteredScorer, Wire};

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/scorers/register", post(register)),
        ("/mlflow/scorers/list", get(list)),
        ("/mlflow/scorers/versions", get(versions)),
        ("/mlflow/scorers/get", get(get_one)),
        ("/mlflow/scorers/delete", delete_route(delete)),
        ("/mlflow/scorers/online-configs", get(get_configs)),
        ("/mlflow/scorers/online-config", put(put_config)),
    ]
}

async fn register(Call { engine, actor, message }: Call<RegisterScorer>) -> Answer {
    let experiment = experiment_id(message.experiment_id)?;
    let name = required_text("name", message.name)?;
    let serialized = required_text("serialized_scorer", message.serialized_scorer)?;
    let version = engine.register_scorer(&actor, experiment, &name, serialized).await?;
    json(&RegisteredScorer(&version))
}

async fn list(Call { engine, actor, message }: Call<ListScorers>) -> Answer {
    let one = message.experiment_id.filter(|id| !id.is_empty());
    let scorers = match (one, message.experiment_ids) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(
                "Cannot specify both 'experiment_id' and 'experiment_ids'. Use 'experiment_ids' to \
                 scope the query to multiple experiments, or 'experiment_id' to scope it to a \
                 single experiment.",
            )
            .into());
        }
        (Some(id), None) => engine.scorers_of(&actor, id.parse()?).await?,
        (None, Some(ids)) => engine.scorers(&actor, Some(experiment_ids(&ids.0)?)).await?,
        (None, None) => engine.scorers(&actor, None).await?,
    };
    json(&Listed("scorers", &scorers))
}

async fn versions(Call { engine, actor, message }: Call<ScorerRef>) -> Answer {
    let experiment = experiment_id(message.experiment_id)?;
    let name = required_text("name", message.name)?;
    json(&Listed("scorers", &engine.scorer_versions(&actor, experiment, &name).await?))
}

async fn get_one(Call { engine, actor, message }: Call<ScorerRef>) -> Answer {
    let experiment = experiment_id(message.experiment_id)?;
    let name = required_text("name", message.name)?;
    let version = message.version.map(|number| number.0);
    json(&One("scorer", &engine.scorer(&actor, experiment, &name, version).await?))
}

async fn delete(Call { engine, actor, message }: Call<ScorerRef>) -> Answer {
    let experiment = experiment_id(message.experiment_id)?;
    let name = required_text("name", message.name)?;
    let version = message.version.map(|number| number.0);
    engine.delete_scorer(&actor, experiment, &name, version).await?;
    done()
}

async fn get_configs(Call { engine, actor, message }: Call<GetOnlineScoringConfigs>) -> Answer {
    if message.scorer_ids.0.is_empty() {
        return Err(missing("scorer_ids").into());
    }
    let configs = engine.online_scoring_configs(&actor, message.scorer_ids.0).await?;
    // Not one of the protobuf messages: the list is there even when it is empty.
    let configs: Vec<_> = configs.iter().map(Wire).collect();
    json(&serde_json::json!({ "configs": configs }))
}

async fn put_config(Call { engine, actor, message }: Call<PutOnlineScoringConfig>) -> Answer {
    let experiment = experiment_id(message.experiment_id)?;
    let new = NewOnlineScoring {
        name: required_text("name", message.name)?,
        sample_rate: required("sample_rate", message.sample_rate)?.0,
        filter: message.filter_string,
    };
    let config = engine.configure_online_scoring(&actor, experiment, new).await?;
    json(&One("config", &config))
}
