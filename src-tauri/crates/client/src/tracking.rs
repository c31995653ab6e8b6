//! Experiments, runs and metrics.

use crate::error::Result;
use crate::{Client, Number};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A group of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Experiment {
    /// MLflow's number as text.
    pub experiment_id: String,
    /// Unique.
    pub name: String,
    /// Root under which runs keep artifacts, a URI.
    pub artifact_location: String,
    /// `active` or `deleted`.
    pub lifecycle: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// Number of the last change.
    pub rev: i64,
    /// By key.
    pub tags: BTreeMap<String, String>,
    /// Markdown.
    pub note: Option<String>,
    /// Active runs.
    pub run_count: i64,
    /// Of them, those that run.
    pub running_count: i64,
    /// RFC 3339.
    pub last_activity_at: Option<String>,
}

/// One page of experiments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentPage {
    /// The rows.
    pub experiments: Vec<Experiment>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
}

/// Which experiments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExperimentQuery {
    /// MLflow's filter; all when empty.
    pub filter: String,
    /// MLflow's order.
    pub order_by: Vec<String>,
    /// Most rows of a page.
    pub max_results: Option<usize>,
    /// From the page before.
    pub page_token: Option<String>,
    /// `active`, `deleted` or `all`; active when absent.
    pub view: Option<&'static str>,
}

impl ExperimentQuery {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.filter.is_empty() {
            pairs.push(("filter", self.filter.clone()));
        }
        pairs.extend(self.order_by.iter().map(|order| ("order_by", order.clone())));
        pairs.extend(self.max_results.map(|most| ("max_results", most.to_string())));
        pairs.extend(self.page_token.iter().map(|token| ("page_token", token.clone())));
        pairs.extend(self.view.map(|view| ("view", view.to_owned())));
        pairs
    }
}

/// Which names an experiment's runs use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentKeys {
    /// Sorted.
    pub metrics: Vec<String>,
    /// Sorted.
    pub params: Vec<String>,
    /// Sorted.
    pub tags: Vec<String>,
}

/// The latest point of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPoint {
    /// The number measured.
    pub value: Number,
    /// Training step.
    pub step: i64,
    /// Milliseconds UTC.
    pub timestamp: i64,
}

/// A run with what is current about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// 32 hexadecimal digits.
    pub run_id: String,
    /// Shown name.
    pub name: String,
    /// The experiment that holds it.
    pub experiment_id: String,
    /// MLflow's free-text user.
    pub user_id: String,
    /// MLflow's name of how it stands.
    pub status: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; absent while running.
    pub ended_at: Option<String>,
    /// Absent while running.
    pub duration_ms: Option<i64>,
    /// `active` or `deleted`.
    pub lifecycle: String,
    /// Root of its artifacts, a URI.
    pub artifact_uri: String,
    /// Number of the last change.
    pub rev: i64,
    /// Markdown.
    pub note: Option<String>,
    /// By key.
    pub tags: BTreeMap<String, String>,
    /// By key.
    pub params: BTreeMap<String, String>,
    /// The latest point by key.
    pub metrics: BTreeMap<String, MetricPoint>,
    /// Datasets used, as JSON.
    pub dataset_inputs: Vec<Value>,
    /// Ids of logged models used.
    pub model_inputs: Vec<String>,
    /// Logged models produced, as JSON.
    pub model_outputs: Vec<Value>,
}

/// One page of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunPage {
    /// The rows.
    pub runs: Vec<Run>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
    /// How many there are on all pages.
    pub matched: i64,
    /// How long the search took.
    pub elapsed_ms: f64,
}

/// Which runs to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunQuery {
    /// In these experiments.
    pub experiment_ids: Vec<String>,
    /// MLflow's filter; all when empty.
    pub filter: String,
    /// MLflow's order.
    pub order_by: Vec<String>,
    /// Most rows of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<usize>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_token: Option<String>,
}

/// Which points to read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SeriesQuery {
    /// Of these runs.
    pub run_ids: Vec<String>,
    /// Of these metrics.
    pub keys: Vec<String>,
    /// Most points of a series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_points: Option<usize>,
    /// From this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_step: Option<i64>,
    /// To this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_step: Option<i64>,
}

/// The points of one metric of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// The run.
    pub run_id: String,
    /// The metric.
    pub key: String,
    /// Training steps.
    pub steps: Vec<i64>,
    /// Milliseconds UTC.
    pub timestamps: Vec<i64>,
    /// The numbers measured.
    pub values: Vec<Number>,
    /// How many points there are.
    pub total: i64,
    /// Not all of them are here.
    pub sampled: bool,
}

/// Series, and the change up to which they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesPage {
    /// Changes after it are not in the series.
    pub cursor: String,
    /// One per run and metric that has points.
    pub series: Vec<Series>,
}

impl Client {
    /// Lists experiments.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn experiments(&self, query: &ExperimentQuery) -> Result<ExperimentPage> {
        self.get_with(&["experiments"], &query.pairs()).await
    }

    /// Makes an experiment.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn create_experiment(
        &self,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Experiment> {
        self.post(&["experiments"], &json!({ "name": name, "tags": tags })).await
    }

    /// Shows an experiment.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn experiment(&self, id: &str) -> Result<Experiment> {
        self.get(&["experiments", id]).await
    }

    /// The names that an experiment's runs use.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn experiment_keys(&self, id: &str) -> Result<ExperimentKeys> {
        self.get(&["experiments", id, "keys"]).await
    }

    /// Moves an experiment to the trash.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn delete_experiment(&self, id: &str) -> Result<()> {
        self.delete(&["experiments", id]).await
    }

    /// Searches runs.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn search_runs(&self, query: &RunQuery) -> Result<RunPage> {
        self.post(&["runs", "search"], query).await
    }

    /// Shows a run.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn run(&self, id: &str) -> Result<Run> {
        self.get(&["runs", id]).await
    }

    /// Changes a run's name, note, status or tags, as the API takes them.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn update_run(&self, id: &str, changes: &Value) -> Result<Run> {
        self.patch(&["runs", id], changes).await
    }

    /// Moves a run to the trash.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn delete_run(&self, id: &str) -> Result<()> {
        self.delete(&["runs", id]).await
    }

    /// Reads points for charts.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn metric_series(&self, query: &SeriesQuery) -> Result<SeriesPage> {
        self.post(&["metrics", "series"], query).await
    }
}
