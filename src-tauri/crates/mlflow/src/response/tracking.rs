//! Experiments, runs, metrics, inputs, logged models and files.

use super::Wire;
use super::object::{Double, Object, Text};
use branchline_core::{
    Dataset, DatasetInput, Experiment, ExperimentId, FileInfo, LoggedModel, Metric, ModelId,
    ModelOutput, Run, RunInfo,
};
use serde::{Serialize, Serializer};

/// The workspace that everything belongs to where there is no other.
const WORKSPACE: &str = "default";

type Written<S> = Result<<S as Serializer>::Ok, <S as Serializer>::Error>;

impl Serialize for Wire<'_, Experiment> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let experiment = self.0;
        Object::new(serializer)?
            .set("experiment_id", &Text(experiment.id))?
            .set("name", &experiment.name)?
            .set("artifact_location", &experiment.artifact_location)?
            .set("lifecycle_stage", experiment.lifecycle.as_str())?
            .set("last_update_time", &experiment.updated_at)?
            .set("creation_time", &experiment.created_at)?
            .list("tags", &experiment.tags)?
            .set("workspace", WORKSPACE)?
            .end()
    }
}

impl Serialize for Wire<'_, RunInfo> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let info = self.0;
        Object::new(serializer)?
            .set("run_id", info.run_id.as_str())?
            .set("run_uuid", info.run_id.as_str())?
            .set("run_name", &info.name)?
            .set("experiment_id", &Text(info.experiment_id))?
            .set("user_id", &info.user_id)?
            .set("status", info.status.as_str())?
            .set("start_time", &info.start_time)?
            .some("end_time", info.end_time.as_ref())?
            .set("artifact_uri", &info.artifact_uri)?
            .set("lifecycle_stage", info.lifecycle.as_str())?
            .end()
    }
}

impl Serialize for Wire<'_, Run> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("info", &Wire(&self.0.info))?
            .set("data", &RunData(self.0))?
            .set("inputs", &RunInputs(self.0))?
            .set("outputs", &RunOutputs(self.0))?
            .end()
    }
}

/// The answer with a run that was just made. MLflow says nothing of its outputs then.
#[derive(Debug)]
pub struct CreatedRun<'a>(pub &'a Run);

struct WithoutOutputs<'a>(&'a Run);

impl Serialize for CreatedRun<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.set("run", &WithoutOutputs(self.0))?.end()
    }
}

impl Serialize for WithoutOutputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("info", &Wire(&self.0.info))?
            .set("data", &RunData(self.0))?
            .set("inputs", &RunInputs(self.0))?
            .end()
    }
}

/// These three are always there, even when empty.
struct RunData<'a>(&'a Run);
struct RunInputs<'a>(&'a Run);
struct RunOutputs<'a>(&'a Run);

impl Serialize for RunData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .list("metrics", &self.0.metrics)?
            .list("params", &self.0.params)?
            .list("tags", &self.0.tags)?
            .end()
    }
}

impl Serialize for RunInputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .list("dataset_inputs", &self.0.dataset_inputs)?
            .list("model_inputs", &self.0.model_inputs)?
            .end()
    }
}

impl Serialize for RunOutputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.list("model_outputs", &self.0.model_outputs)?.end()
    }
}

impl Serialize for Wire<'_, Metric> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let metric = self.0;
        Object::new(serializer)?
            .set("key", &metric.key)?
            .set("value", &Double(metric.value))?
            .set("timestamp", &metric.timestamp)?
            .set("step", &metric.step)?
            .some("dataset_name", metric.dataset_name.as_ref())?
            .some("dataset_digest", metric.dataset_digest.as_ref())?
            .some("model_id", metric.model_id.as_ref())?
            .some("run_id", metric.run_id.as_ref())?
            .end()
    }
}

impl Serialize for Wire<'_, DatasetInput> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .list("tags", &self.0.tags)?
            .set("dataset", &Wire(&self.0.dataset))?
            .end()
    }
}

impl Serialize for Wire<'_, Dataset> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let dataset = self.0;
        Object::new(serializer)?
            .set("name", &dataset.name)?
            .set("digest", &dataset.digest)?
            .set("source_type", &dataset.source_type)?
            .set("source", &dataset.source)?
            .some("schema", dataset.schema.as_ref())?
            .some("profile", dataset.profile.as_ref())?
            .end()
    }
}

impl Serialize for Wire<'_, ModelId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.set("model_id", self.0.as_str())?.end()
    }
}

impl Serialize for Wire<'_, ModelOutput> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("model_id", self.0.model_id.as_str())?
            .set("step", &self.0.step)?
            .end()
    }
}

impl Serialize for Wire<'_, LoggedModel> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("info", &ModelInfo(self.0))?
            .set("data", &ModelData(self.0))?
            .end()
    }
}

struct ModelInfo<'a>(&'a LoggedModel);
struct ModelData<'a>(&'a LoggedModel);

impl Serialize for ModelInfo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let model = self.0;
        Object::new(serializer)?
            .set("model_id", model.model_id.as_str())?
            .set("experiment_id", &Text(model.experiment_id))?
            .set("name", &model.name)?
            .set("creation_timestamp_ms", &model.created_at)?
            .set("last_updated_timestamp_ms", &model.updated_at)?
            .set("artifact_uri", &model.artifact_uri)?
            .set("status", model.status.as_str())?
            .set("model_type", model.model_type.as_deref().unwrap_or_default())?
            .set("source_run_id", model.source_run_id.as_ref().map_or("", |id| id.as_str()))?
            .some("status_message", model.status_message.as_ref())?
            .list("tags", &model.tags)?
            .end()
    }
}

impl Serialize for ModelData<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .list("params", &self.0.params)?
            .list("metrics", &self.0.metrics)?
            .end()
    }
}

impl Serialize for Wire<'_, FileInfo> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("path", &self.0.path)?
            .set("is_dir", &self.0.is_dir)?
            .some("file_size", self.0.size.as_ref().filter(|size| **size > 0))?
            .end()
    }
}

/// The files of a run or a logged model and where they are.
#[derive(Debug)]
pub struct LoggedArtifacts<'a> {
    /// The root that the files' paths start from.
    pub root_uri: &'a str,
    /// One folder's files.
    pub files: &'a [FileInfo],
}

impl Serialize for LoggedArtifacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?.set("root_uri", self.root_uri)?.list("files", self.files)?.end()
    }
}

/// A dataset that runs of an experiment used, and what for.
#[derive(Debug, Clone, Copy)]
pub struct DatasetSummary<'a> {
    /// The experiment.
    pub experiment_id: ExperimentId,
    /// The dataset's name.
    pub name: &'a str,
    /// The dataset's digest.
    pub digest: &'a str,
    /// What for, such as `train`.
    pub context: Option<&'a str>,
}

impl Serialize for Wire<'_, DatasetSummary<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        Object::new(serializer)?
            .set("experiment_id", &Text(self.0.experiment_id))?
            .set("name", self.0.name)?
            .set("digest", self.0.digest)?
            .some("context", self.0.context)?
            .end()
    }
}
