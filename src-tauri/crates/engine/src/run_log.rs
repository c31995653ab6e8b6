//! Logging to a run: metrics, params, tags, inputs and outputs. All or nothing per call.

use crate::Engine;
use crate::run::{RUN_NAME_TAG, active, cut, cut_tag};
use branchline_core::{
    Actor, DatasetInput, Error, Metric, ModelId, ModelOutput, Param, Result, RunId, Tag, limits,
    name,
};
use branchline_store::{Class, StoreResult, WriteTx};
use std::collections::HashSet;

/// Rows up to which a batch is written as soon as a single value is.
const BRIEF: usize = 100;

/// What a call logs.
#[derive(Debug, Clone, Default)]
pub struct LogBatch {
    /// Points; an exact repeat is one point.
    pub metrics: Vec<Metric>,
    /// Never change once written; a key may come only once.
    pub params: Vec<Param>,
    /// Of a key that comes twice the last wins.
    pub tags: Vec<Tag>,
    /// These came as lists: an error says which of them it means, as `metrics[3].name`.
    pub listed: bool,
}

impl LogBatch {
    fn rows(&self) -> usize {
        self.metrics.len() + self.params.len() + self.tags.len()
    }

    fn check_keys<'k>(
        &self,
        [list, field, kind]: [&str; 3],
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<()> {
        for (place, key) in keys.enumerate() {
            name::check_key(kind, key).or_else(|error| match self.listed {
                true => name::check_key_at(&format!("{list}[{place}].{field}"), kind, key),
                false => Err(error),
            })?;
        }
        Ok(())
    }

    fn checked(self) -> Result<Self> {
        let metrics = self.metrics.iter().map(|metric| metric.key.as_str());
        self.check_keys(["metrics", "name", "metric"], metrics)?;
        let params = self.params.iter().map(|param| param.key.as_str());
        self.check_keys(["params", "key", "param"], params)?;
        self.check_keys(["tags", "key", "tag"], self.tags.iter().map(|tag| tag.key.as_str()))?;
        for metric in &self.metrics {
            if metric.timestamp < 0 {
                return Err(Error::invalid(format!(
                    "Invalid value {} for parameter 'timestamp' supplied: it must be a non-negative number of milliseconds.",
                    metric.timestamp
                )));
            }
        }
        let mut seen = HashSet::new();
        for param in &self.params {
            if !seen.insert(param.key.as_str()) {
                return Err(Error::invalid(format!(
                    "Duplicate parameter keys have been submitted: ['{}']. Please ensure the request contains only one param value per param key.",
                    param.key
                )));
            }
        }
        let cut_param = |p: Param| Param { value: cut(p.value, limits::PARAM_VALUE), key: p.key };
        Ok(Self {
            params: self.params.into_iter().map(cut_param).collect(),
            tags: self.tags.into_iter().map(cut_tag).collect(),
            ..self
        })
    }
}

fn check_input(input: &DatasetInput) -> Result<()> {
    let dataset = &input.dataset;
    name::check_length("Dataset name", &dataset.name, limits::DATASET_NAME)?;
    name::check_length("Dataset digest", &dataset.digest, limits::DATASET_DIGEST)?;
    name::check_length("Dataset source", &dataset.source, limits::DATASET_SOURCE)?;
    let schema = dataset.schema.as_deref().unwrap_or_default();
    name::check_length("Dataset schema", schema, limits::DATASET_SCHEMA)?;
    let profile = dataset.profile.as_deref().unwrap_or_default();
    name::check_length("Dataset profile", profile, limits::DATASET_PROFILE)?;
    for tag in &input.tags {
        name::check_length("Input tag key", &tag.key, limits::INPUT_TAG_KEY)?;
        name::check_length("Input tag value", &tag.value, limits::INPUT_TAG_VALUE)?;
    }
    Ok(())
}

/// Model metrics also stand on the model; a model that is unknown or deleted is refused.
fn log_model_metrics(
    tx: &mut WriteTx<'_>,
    actor: &Actor,
    id: &RunId,
    metrics: &[Metric],
) -> StoreResult<()> {
    for metric in metrics {
        let Some(model_id) = metric.model_id.as_deref().filter(|m| !m.is_empty()) else { continue };
        let model_id = ModelId::new(model_id);
        let model = tx.model_row(&model_id)?;
        tx.log_model_metric(actor, &model_id, &model, id, metric)?;
    }
    Ok(())
}

fn set_tags(tx: &mut WriteTx<'_>, actor: &Actor, id: &RunId, tags: &[Tag]) -> StoreResult<()> {
    let run = active(tx, id)?;
    tx.set_tags(actor, id, &run, tags)?;
    // The name and its tag are one thing; either can be written.
    if let Some(tag) = tags.iter().rev().find(|tag| tag.key == RUN_NAME_TAG) {
        tx.update_run(actor, id, &run, None, None, Some(&tag.value))?;
    }
    Ok(())
}

impl Engine {
    /// Logs to an active run, all or nothing.
    ///
    /// # Errors
    /// There is no such active run; something breaks a rule; a param has another value.
    pub async fn log_batch(&self, actor: &Actor, id: &RunId, batch: LogBatch) -> Result<()> {
        let batch = batch.checked()?;
        let id = id.clone();
        let class = if batch.rows() <= BRIEF { Class::Brief } else { Class::Tracking };
        let write = self.write(actor, class, move |tx, actor| {
            let run = active(tx, &id)?;
            if !batch.params.is_empty() {
                tx.log_params(actor, &id, &run, &batch.params)?;
            }
            if !batch.metrics.is_empty() {
                tx.log_metrics(actor, &id, &run, &batch.metrics)?;
                log_model_metrics(tx, actor, &id, &batch.metrics)?;
            }
            if !batch.tags.is_empty() {
                set_tags(tx, actor, &id, &batch.tags)?;
            }
            Ok(())
        });
        write.await
    }

    /// Removes a tag of an active run.
    ///
    /// # Errors
    /// There is no such tag or active run.
    pub async fn delete_run_tag(&self, actor: &Actor, id: &RunId, key: &str) -> Result<()> {
        let (id, key) = (id.clone(), key.to_owned());
        self.jot(actor, move |tx, actor| {
            let run = active(tx, &id)?;
            if tx.delete_tag(actor, &id, &run, &key)? {
                return Ok(());
            }
            Err(Error::not_found(format!("No tag with name: {key} in run with id {id}")).into())
        })
        .await
    }

    /// Links datasets and models that an active run used.
    ///
    /// # Errors
    /// There is no such active run; a dataset breaks a rule.
    pub async fn log_inputs(
        &self,
        actor: &Actor,
        id: &RunId,
        datasets: Vec<DatasetInput>,
        models: Vec<ModelId>,
    ) -> Result<()> {
        if datasets.len() > limits::MAX_DATASETS_PER_BATCH {
            return Err(Error::invalid(format!(
                "A request can log at most {} datasets. Got {}.",
                limits::MAX_DATASETS_PER_BATCH,
                datasets.len()
            )));
        }
        datasets.iter().try_for_each(check_input)?;
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let run = active(tx, &id)?;
            tx.log_inputs(actor, &id, &run, &datasets, &models)
        })
        .await
    }

    /// Links models that an active run produced.
    ///
    /// # Errors
    /// There is no such active run.
    pub async fn log_outputs(
        &self,
        actor: &Actor,
        id: &RunId,
        outputs: Vec<ModelOutput>,
    ) -> Result<()> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let run = active(tx, &id)?;
            tx.log_outputs(actor, &id, &run, &outputs)
        })
        .await
    }

    /// Appends to tag `mlflow.log-model.history`, as clients before 3.0 do.
    ///
    /// # Errors
    /// There is no such active run; `model_json` is not JSON.
    pub async fn record_model_history(
        &self,
        actor: &Actor,
        id: &RunId,
        model_json: &str,
    ) -> Result<()> {
        const HISTORY: &str = "mlflow.log-model.history";
        let model: serde_json::Value = serde_json::from_str(model_json)
            .map_err(|e| Error::invalid(format!("Malformed model info ({e}).")))?;
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let run = active(tx, &id)?;
            let old = tx.tag(&run, HISTORY)?.unwrap_or_default();
            let mut history: Vec<serde_json::Value> =
                serde_json::from_str(&old).unwrap_or_default();
            history.push(model);
            let value = serde_json::Value::from(history).to_string();
            tx.set_tags(actor, &id, &run, &[Tag { key: HISTORY.into(), value }])
        })
        .await
    }
}
