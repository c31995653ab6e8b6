//! A run as the own API shows it.

use crate::api::wire::{LifecycleBody, NOTE, Number, RunStatusBody, Time, tag_map};
use branchline_core::{DatasetInput, Metric, Run};
use branchline_engine::MetricSummary;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One run with all that is current about it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunBody {
    run_id: String,
    name: String,
    experiment_id: String,
    /// The user's name as the client gave it.
    user_id: String,
    status: RunStatusBody,
    started_at: Time,
    ended_at: Option<Time>,
    /// Absent while running.
    duration_ms: Option<i64>,
    #[schema(inline)]
    lifecycle: LifecycleBody,
    /// Root of its artifacts, a URI.
    artifact_uri: String,
    /// Grows with every change.
    rev: i64,
    /// Markdown, from the tag `mlflow.note.content`.
    note: Option<String>,
    tags: BTreeMap<String, String>,
    params: BTreeMap<String, String>,
    /// The latest point of each metric.
    metrics: BTreeMap<String, MetricPoint>,
    dataset_inputs: Vec<DatasetBody>,
    /// Ids of logged models that it used.
    model_inputs: Vec<String>,
    model_outputs: Vec<ModelOutputBody>,
}

/// One measurement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricPoint {
    value: Number,
    step: i64,
    /// Milliseconds UTC.
    timestamp: i64,
    /// Of all points; only told when asked for, and never of NaN alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Number>,
    /// How many points there are; only told when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
}

/// A dataset that a run used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DatasetInput)]
pub(crate) struct DatasetBody {
    name: String,
    digest: String,
    /// What for, such as `training`.
    context: Option<String>,
    source_type: String,
    /// JSON as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    /// JSON as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<String>,
}

/// A logged model that a run produced.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelOutput)]
pub(crate) struct ModelOutputBody {
    model_id: String,
    step: i64,
}

impl From<Run> for RunBody {
    fn from(run: Run) -> Self {
        let info = run.info;
        let tags = tag_map(run.tags);
        Self {
            run_id: info.run_id.to_string(),
            name: info.name,
            experiment_id: info.experiment_id.to_string(),
            user_id: info.user_id,
            status: info.status.into(),
            started_at: Time(info.start_time),
            ended_at: info.end_time.map(Time),
            duration_ms: info.end_time.map(|end| end.saturating_sub(info.start_time)),
            lifecycle: info.lifecycle.into(),
            artifact_uri: info.artifact_uri,
            rev: info.rev,
            note: tags.get(NOTE).cloned(),
            tags,
            params: run.params.into_iter().map(|param| (param.key, param.value)).collect(),
            metrics: run.metrics.into_iter().map(point).collect(),
            dataset_inputs: run.dataset_inputs.into_iter().map(Into::into).collect(),
            model_inputs: run.model_inputs.iter().map(ToString::to_string).collect(),
            model_outputs: run
                .model_outputs
                .into_iter()
                .map(|output| ModelOutputBody {
                    model_id: output.model_id.to_string(),
                    step: output.step,
                })
                .collect(),
        }
    }
}

impl RunBody {
    /// Tells of each metric what `summaries` say.
    pub(super) fn add_aggregates(&mut self, summaries: Vec<MetricSummary>) {
        for summary in summaries {
            if let Some(point) = self.metrics.get_mut(&summary.key) {
                point.min = summary.min.map(Number);
                point.max = summary.max.map(Number);
                point.mean = summary.mean.map(Number);
                point.count = Some(summary.count);
            }
        }
    }
}

fn point(metric: Metric) -> (String, MetricPoint) {
    let point = MetricPoint {
        value: Number(metric.value),
        step: metric.step,
        timestamp: metric.timestamp,
        min: None,
        max: None,
        mean: None,
        count: None,
    };
    (metric.key, point)
}

impl From<DatasetInput> for DatasetBody {
    fn from(input: DatasetInput) -> Self {
        let context = input
            .tags
            .into_iter()
            .find(|tag| tag.key == "mlflow.data.context")
            .map(|tag| tag.value);
        let dataset = input.dataset;
        Self {
            name: dataset.name,
            digest: dataset.digest,
            context,
            source_type: dataset.source_type,
            schema: dataset.schema,
            profile: dataset.profile,
        }
    }
}
