//! What runs used and made: datasets and logged models.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use super::experiments::experiment_ids;
use axum::routing::post;
use branchline_core::{Error, Result};
use branchline_engine::DatasetUse;
use branchline_mlflow::Listed;
use branchline_mlflow::explain::{required, required_text};
use branchline_mlflow::request::{LogInputs, LogModel, LogOutputs, SearchDatasets, run_id};
use branchline_mlflow::response::DatasetSummary;
use serde_json::{Map, Value};

/// A dataset's profile alone may have 16 million characters.
const MAX_INPUTS_BYTES: usize = 64 * 1024 * 1024;
const MAX_EXPERIMENTS: usize = 20;
const MAX_SUMMARIES: usize = 1000;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/runs/log-inputs", post(log_inputs)),
        ("/mlflow/runs/outputs", post(log_outputs)),
        ("/mlflow/runs/log-model", post(log_model)),
        ("/mlflow/experiments/search-datasets", post(search_datasets)),
    ]
}

async fn log_inputs(Call { engine, actor, message }: Call<LogInputs, MAX_INPUTS_BYTES>) -> Answer {
    let id = run_id(message.run_id, None)?;
    let datasets = message.datasets.into_domain()?;
    let models = message.models.into_ids()?;
    engine.log_inputs(&actor, &id, datasets, models).await?;
    done()
}

async fn log_outputs(Call { engine, actor, message }: Call<LogOutputs>) -> Answer {
    let id = run_id(message.run_id, None)?;
    let outputs = required("models", message.models)?.into_outputs()?;
    engine.log_outputs(&actor, &id, outputs).await?;
    done()
}

async fn search_datasets(Call { engine, actor, message }: Call<SearchDatasets>) -> Answer {
    let ids = message.experiment_ids.0;
    let says = |what: &str| Error::invalid(format!("SearchDatasets request {what}"));
    if ids.is_empty() {
        return Err(says("must specify at least one experiment_id.").into());
    }
    if ids.len() > MAX_EXPERIMENTS {
        let count = ids.len();
        let what = format!(
            "cannot specify more than {MAX_EXPERIMENTS} experiment_ids. Received {count} \
             experiment_ids."
        );
        return Err(says(&what).into());
    }
    let found = engine.search_datasets(&actor, experiment_ids(&ids)?, MAX_SUMMARIES).await?;
    json(&Listed("dataset_summaries", &found.iter().map(summary).collect::<Vec<_>>()))
}

fn summary(found: &DatasetUse) -> DatasetSummary<'_> {
    DatasetSummary {
        experiment_id: found.experiment_id,
        name: &found.name,
        digest: &found.digest,
        context: found.context.as_deref(),
    }
}

async fn log_model(Call { engine, actor, message }: Call<LogModel>) -> Answer {
    let id = run_id(message.run_id, None)?;
    let model_json = required_text("model_json", message.model_json)?;
    check_model(&model_json)?;
    engine.record_model_history(&actor, &id, &model_json).await?;
    done()
}

fn check_model(model_json: &str) -> Result<()> {
    let model: Map<String, Value> = serde_json::from_str(model_json).map_err(|error| {
        Error::invalid(format!("Malformed model info. \n {model_json} \n is not a valid JSON."))
            .source(error)
    })?;
    let missing: Vec<String> = ["artifact_path", "flavors", "utc_time_created", "run_id"]
        .into_iter()
        .filter(|field| !model.contains_key(*field))
        .map(|field| format!("'{field}'"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    Err(Error::invalid(format!("Model json is missing mandatory fields: {{{missing}}}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_an_old_client_needs_four_fields() {
        check_model(r#"{"artifact_path":"m","flavors":{},"utc_time_created":"","run_id":"r"}"#)
            .unwrap();
        assert_eq!(
            check_model(r#"{"flavors":{},"run_id":"r"}"#).unwrap_err().message,
            "Model json is missing mandatory fields: {'artifact_path', 'utc_time_created'}"
        );
        assert!(check_model("nojson").unwrap_err().message.contains("is not a valid JSON"));
    }
}
