#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use branchline_core::{Actor, Clock, ExperimentId, Metric, RunId, SystemClock, Tag};
use branchline_engine::{Engine, EngineOptions, LogBatch, NewExperiment, NewRun, RunSearch};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that is moved by hand.
pub(crate) struct Hand(pub(crate) AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// An engine on a folder that goes with it.
pub(crate) struct Fixture {
    pub(crate) engine: Engine,
    pub(crate) owner: Actor,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn open(folder: &Path) -> Engine {
    open_at(folder, Arc::new(SystemClock))
}

pub(crate) fn open_at(folder: &Path, clock: Arc<dyn Clock>) -> Engine {
    Engine::open(EngineOptions { clock, ..EngineOptions::new(folder) }).unwrap()
}

pub(crate) async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path());
    let owner = engine.owner_actor().await.unwrap();
    Fixture { engine, owner, folder }
}

impl Fixture {
    pub(crate) async fn experiment(&self, name: &str) -> ExperimentId {
        let new = NewExperiment { name: name.into(), ..NewExperiment::default() };
        self.engine.create_experiment(&self.owner, new).await.unwrap()
    }

    pub(crate) async fn run(&self, experiment: ExperimentId, start_time: i64) -> RunId {
        let new = NewRun {
            experiment_id: experiment,
            user_id: "ada".into(),
            name: None,
            start_time,
            tags: Vec::new(),
        };
        self.engine.create_run(&self.owner, new).await.unwrap().info.run_id
    }

    pub(crate) async fn log(&self, run: &RunId, metrics: Vec<Metric>) {
        let batch = LogBatch { metrics, ..LogBatch::default() };
        self.engine.log_batch(&self.owner, run, batch).await.unwrap();
    }

    /// Ids of all runs that match, page by page.
    pub(crate) async fn search(
        &self,
        experiment: ExperimentId,
        filter: &str,
        order: &[&str],
        page: usize,
    ) -> Vec<RunId> {
        let mut found = Vec::new();
        let mut page_token = None;
        loop {
            let search = RunSearch {
                experiment_ids: vec![experiment],
                filter: filter.into(),
                order_by: order.iter().map(|o| (*o).to_owned()).collect(),
                max_results: page,
                page_token,
                ..RunSearch::default()
            };
            let result = self.engine.search_runs(&self.owner, search).await.unwrap();
            found.extend(result.items.into_iter().map(|run| run.info.run_id));
            page_token = result.next_page_token;
            if page_token.is_none() {
                return found;
            }
        }
    }
}

pub(crate) fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric {
        key: key.into(),
        value,
        timestamp: 1000 + step,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

pub(crate) fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}
