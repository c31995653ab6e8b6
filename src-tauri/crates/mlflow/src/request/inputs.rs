//! Requests about what a run used and made.

use super::KeyValue;
use crate::explain::missing;
use crate::scalar::{Int64, List};
use branchline_core::{self as core, ModelId, Result};
use serde::Deserialize;

/// `POST runs/log-inputs`.
#[derive(Debug, Deserialize)]
pub struct LogInputs {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// Datasets used.
    #[serde(default)]
    pub datasets: List<DatasetInput>,
    /// Logged models used.
    #[serde(default)]
    pub models: List<ModelRef>,
}

/// A dataset that a run used, and how.
#[derive(Debug, Deserialize)]
pub struct DatasetInput {
    /// What for.
    #[serde(default)]
    pub tags: List<KeyValue>,
    /// Required.
    pub dataset: Option<Dataset>,
}

/// A dataset.
#[derive(Debug, Deserialize)]
pub struct Dataset {
    name: Option<String>,
    digest: Option<String>,
    #[serde(alias = "sourceType")]
    source_type: Option<String>,
    source: Option<String>,
    schema: Option<String>,
    profile: Option<String>,
}

/// A logged model, and for an output its step.
#[derive(Debug, Deserialize)]
pub struct ModelRef {
    #[serde(alias = "modelId")]
    model_id: Option<String>,
    step: Option<Int64>,
}

/// `POST runs/outputs`.
#[derive(Debug, Deserialize)]
pub struct LogOutputs {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// Required.
    pub models: Option<List<ModelRef>>,
}

/// `POST runs/log-model` of clients before 3.0.
#[derive(Debug, Deserialize)]
pub struct LogModel {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// Required; the content of an MLmodel file.
    #[serde(alias = "modelJson")]
    pub model_json: Option<String>,
}

impl List<DatasetInput> {
    /// The domain's datasets, in the order sent.
    pub fn into_domain(self) -> Result<Vec<core::DatasetInput>> {
        let convert = |(index, input): (usize, DatasetInput)| {
            let required = |field: &str, text: Option<String>| {
                text.ok_or_else(|| missing(&format!("datasets[{index}].dataset.{field}")))
            };
            let dataset =
                input.dataset.ok_or_else(|| missing(&format!("datasets[{index}].dataset")))?;
            Ok(core::DatasetInput {
                tags: input.tags.into_tags(),
                dataset: core::Dataset {
                    name: required("name", dataset.name)?,
                    digest: required("digest", dataset.digest)?,
                    source_type: required("source_type", dataset.source_type)?,
                    source: required("source", dataset.source)?,
                    schema: dataset.schema,
                    profile: dataset.profile,
                },
            })
        };
        self.0.into_iter().enumerate().map(convert).collect()
    }
}

impl List<ModelRef> {
    /// The logged models' ids, in the order sent.
    pub fn into_ids(self) -> Result<Vec<ModelId>> {
        Ok(self.into_outputs()?.into_iter().map(|output| output.model_id).collect())
    }

    /// The logged models with their steps, in the order sent.
    pub fn into_outputs(self) -> Result<Vec<core::ModelOutput>> {
        let convert = |(index, model): (usize, ModelRef)| {
            let id = model.model_id.filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| missing(&format!("models[{index}].model_id")))?;
            let step = model.step.map_or(0, |step| step.0);
            Ok(core::ModelOutput { model_id: ModelId::new(id), step })
        };
        self.0.into_iter().enumerate().map(convert).collect()
    }
}
