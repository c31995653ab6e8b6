//! Deleting for good: what goes, what stays, and what a crash leaves.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use crate::support::{Fixture, fixture};
use branchline_core::{
    Actor, Clock, ErrorCode, ExperimentId, Metric, Param, RunId, Scope, SystemClock, TraceId,
    TraceState,
};
use branchline_engine::{
    LogBatch, NewLoggedModel, NewModelVersion, NewRegisteredModel, NewTrace, TrashChoice, TrashKind,
};
use std::path::PathBuf;

fn metric(key: &str, step: i64) -> Metric {
    Metric {
        key: key.into(),
        value: 1.0,
        timestamp: step,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

/// A run with a thousand points, a param and a file of ten bytes.
async fn full_run(fixture: &Fixture, experiment: ExperimentId) -> (RunId, PathBuf) {
    let run = fixture.run(experiment, 1).await;
    let batch = LogBatch {
        metrics: (0..1000).map(|step| metric("loss", step)).collect(),
        params: vec![Param { key: "lr".into(), value: "0.1".into() }],
        tags: Vec::new(),
        ..LogBatch::default()
    };
    fixture.engine.log_batch(&fixture.owner, &run, batch).await.unwrap();
    let uri = fixture.engine.run(&fixture.owner, &run).await.unwrap().info.artifact_uri;
    let artifacts = fixture.engine.artifacts();
    let mut upload = artifacts.create(&uri, "model/weights.bin").unwrap();
    upload.write(b"0123456789").await.unwrap();
    upload.finish().await.unwrap();
    (run, artifacts.resolve_uri(&uri, None).unwrap())
}

fn trace(experiment_id: ExperimentId, n: usize) -> NewTrace {
    NewTrace {
        trace_id: TraceId::new(format!("tr-{n}")),
        experiment_id,
        client_request_id: None,
        state: TraceState::Ok,
        request_time: 5000,
        execution_duration: None,
        request_preview: None,
        response_preview: None,
        metadata: Vec::new(),
        tags: Vec::new(),
        assessments: Vec::new(),
    }
}

async fn rows(fixture: &Fixture, table: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {table}");
    let found = fixture.engine.query(&fixture.owner, &sql, 1).await.unwrap();
    found.rows[0][0].as_i64().unwrap()
}

fn one(run: &RunId) -> TrashChoice {
    TrashChoice::Items(vec![(TrashKind::Run, run.to_string())])
}

#[tokio::test]
async fn a_run_goes_with_its_points_and_files_and_leaves_a_tombstone() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("e").await;
    let (run, folder) = full_run(&fixture, experiment).await;
    let (other, kept) = full_run(&fixture, experiment).await;
    fixture.engine.delete_run(&fixture.owner, &run).await.unwrap();

    let listed = fixture.engine.trash(&fixture.owner, TrashKind::Run, 10, None).await.unwrap();
    assert_eq!(listed.counts, [0, 1, 0]);
    let thing = &listed.page.items[0];
    assert_eq!((thing.item.id.as_str(), thing.artifact_bytes), (run.as_str(), Some(10)));
    assert!(thing.database_bytes > 30_000, "{} bytes", thing.database_bytes);

    let plan = fixture.engine.plan_trash(&fixture.owner, &one(&run)).await.unwrap();
    assert!(folder.exists(), "a plan changes nothing");
    let gone = fixture.engine.empty_trash(&fixture.owner, &one(&run)).await.unwrap();
    assert_eq!(plan, gone, "what was told is what went");
    assert_eq!((gone.runs, gone.artifact_bytes), (1, 10));

    assert!(!folder.exists() && !folder.parent().unwrap().exists());
    assert!(kept.exists());
    let missing = fixture.engine.run(&fixture.owner, &run).await.unwrap_err();
    assert_eq!(missing.code, ErrorCode::ResourceDoesNotExist);
    assert!(fixture.engine.run(&fixture.owner, &other).await.is_ok());
    assert_eq!(rows(&fixture, "metric").await, 1000, "the other's");
    assert_eq!(rows(&fixture, "leftover").await, 0);
    let tombstones = format!("change WHERE kind = 2 AND op = 6 AND field = '{run}'");
    assert_eq!(rows(&fixture, &tombstones).await, 1);
}

#[tokio::test]
async fn only_what_is_in_the_trash_goes() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("e").await;
    let (run, folder) = full_run(&fixture, experiment).await;
    let refused = fixture.engine.empty_trash(&fixture.owner, &one(&run)).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ResourceDoesNotExist);
    let all = TrashChoice::All { before: None };
    assert_eq!(fixture.engine.empty_trash(&fixture.owner, &all).await.unwrap().things(), 0);
    assert!(folder.exists());
    let logger = Actor { scope: Scope::Log, ..fixture.owner.clone() };
    fixture.engine.delete_run(&logger, &run).await.unwrap();
    let denied = fixture.engine.empty_trash(&logger, &one(&run)).await.unwrap_err();
    assert_eq!(denied.code, ErrorCode::PermissionDenied);
    let back = vec![(TrashKind::Run, run.to_string()), (TrashKind::Run, "nothing".into())];
    assert_eq!(fixture.engine.restore_from_trash(&logger, back).await.unwrap(), 1);
    assert!(fixture.engine.log_batch(&logger, &run, LogBatch::default()).await.is_ok());
}

#[tokio::test]
async fn an_experiment_goes_with_all_that_is_in_it() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("going").await;
    for _ in 0..50 {
        fixture.run(experiment, 1).await;
    }
    let (_, folder) = full_run(&fixture, experiment).await;
    let model = NewLoggedModel {
        experiment_id: experiment,
        name: None,
        model_type: None,
        source_run_id: None,
        params: Vec::new(),
        tags: Vec::new(),
    };
    fixture.engine.create_logged_model(&fixture.owner, model).await.unwrap();
    for n in 0..120 {
        fixture.engine.start_trace(&fixture.owner, trace(experiment, n)).await.unwrap();
    }
    fixture.engine.delete_experiment(&fixture.owner, experiment).await.unwrap();
    let listed = fixture.engine.trash(&fixture.owner, TrashKind::Experiment, 10, None);
    let listed = listed.await.unwrap();
    assert_eq!(listed.counts, [1, 0, 0], "its runs are told with it");
    assert_eq!(listed.page.items[0].item.runs, 51);

    let soon = TrashChoice::older_than(SystemClock.now_ms() - 60_000);
    assert_eq!(fixture.engine.empty_trash(&fixture.owner, &soon).await.unwrap().things(), 0);
    let all = TrashChoice::All { before: None };
    let gone = fixture.engine.empty_trash(&fixture.owner, &all).await.unwrap();
    assert_eq!((gone.experiments, gone.runs, gone.artifact_bytes), (1, 51, 10));
    for table in ["run", "metric", "latest_metric", "param", "logged_model", "trace", "leftover"] {
        assert_eq!(rows(&fixture, table).await, 0, "{table}");
    }
    assert!(!folder.ancestors().nth(2).unwrap().exists(), "the experiment's own folder");
    assert!(fixture.engine.artifacts().root().exists());
    fixture.experiment("going").await;
}

#[tokio::test]
async fn what_registered_versions_were_made_from_stays_unless_it_is_named() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("e").await;
    let (run, folder) = full_run(&fixture, experiment).await;
    let new = NewRegisteredModel { name: "m".into(), ..NewRegisteredModel::default() };
    fixture.engine.create_registered_model(&fixture.owner, new).await.unwrap();
    let uri = fixture.engine.run(&fixture.owner, &run).await.unwrap().info.artifact_uri;
    let version = NewModelVersion {
        name: "m".into(),
        source: format!("{uri}/model"),
        run_id: Some(run.to_string()),
        ..NewModelVersion::default()
    };
    fixture.engine.create_model_version(&fixture.owner, version).await.unwrap();
    fixture.engine.delete_run(&fixture.owner, &run).await.unwrap();
    let all = TrashChoice::All { before: None };
    let gone = fixture.engine.empty_trash(&fixture.owner, &all).await.unwrap();
    assert_eq!((gone.things(), gone.kept), (0, 1));
    assert!(folder.exists());
    let gone = fixture.engine.empty_trash(&fixture.owner, &one(&run)).await.unwrap();
    assert_eq!((gone.runs, gone.versions), (1, 1));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_location_that_was_given_keeps_what_else_is_in_it() {
    let fixture = fixture().await;
    let new = branchline_engine::NewExperiment {
        name: "shared".into(),
        artifact_location: Some("mlflow-artifacts:/shared".into()),
        tags: Vec::new(),
    };
    let experiment = fixture.engine.create_experiment(&fixture.owner, new).await.unwrap();
    let (_, folder) = full_run(&fixture, experiment).await;
    let shared = folder.ancestors().nth(2).unwrap().to_owned();
    std::fs::write(shared.join("somebody's.txt"), "x").unwrap();
    fixture.engine.delete_experiment(&fixture.owner, experiment).await.unwrap();
    let all = TrashChoice::All { before: None };
    fixture.engine.empty_trash(&fixture.owner, &all).await.unwrap();
    assert!(!folder.exists(), "the run's own folder");
    assert!(shared.join("somebody's.txt").exists());
}

#[tokio::test]
async fn what_was_stored_is_noted_and_compared() {
    let fixture = fixture().await;
    let (engine, owner) = (&fixture.engine, &fixture.owner);
    let experiment = fixture.experiment("e").await;
    let run = fixture.run(experiment, 1).await;
    let uri = engine.run(owner, &run).await.unwrap().info.artifact_uri;
    let store = async |path: &str, bytes: &[u8]| {
        let mut upload = engine.artifacts().create(&uri, path).unwrap();
        upload.write(bytes).await.unwrap();
        let stored = upload.finish().await.unwrap();
        assert!(engine.artifact_stored(owner, &uri, path, stored).await.unwrap().is_none());
        stored
    };
    let first = store("a/kept.txt", b"first").await;
    store("a/kept.txt", b"second").await;
    // A slower one that was stored before is not the last.
    assert!(engine.artifact_stored(owner, &uri, "a/kept.txt", first).await.unwrap().is_none());
    store("a/cut.txt", b"0123456789").await;
    store("a/lost.txt", b"x").await;
    store("b.txt", b"x").await;
    assert_eq!(rows(&fixture, "artifact_file").await, 4);
    assert_eq!(engine.check(owner).await.unwrap(), Vec::<String>::new());

    let folder = engine.artifacts().resolve_uri(&uri, Some("a")).unwrap();
    std::fs::write(folder.join("cut.txt"), b"0123").unwrap();
    std::fs::remove_file(folder.join("lost.txt")).unwrap();
    let told = engine.check(owner).await.unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("a/cut.txt' has 4 bytes and was stored with 10"), "{told:?}");
    assert!(told[1].contains("a/lost.txt' is missing"), "{told:?}");

    engine.artifacts().delete(&uri, "a").await.unwrap();
    engine.artifacts_gone(owner, &[(&uri, "a")]).await.unwrap();
    assert_eq!(rows(&fixture, "artifact_file").await, 1);
    assert_eq!(engine.check(owner).await.unwrap(), Vec::<String>::new());
    engine.delete_run(owner, &run).await.unwrap();
    engine.empty_trash(owner, &one(&run)).await.unwrap();
    assert_eq!(rows(&fixture, "artifact_file").await, 0);
}

#[tokio::test]
async fn the_hash_of_a_large_file_is_noted_after_its_answer() {
    let fixture = fixture().await;
    let (engine, owner) = (&fixture.engine, &fixture.owner);
    let experiment = fixture.experiment("e").await;
    let run = fixture.run(experiment, 1).await;
    let uri = engine.run(owner, &run).await.unwrap().info.artifact_uri;
    let store = async |filled_with: u8| {
        let mut upload = engine.artifacts().create(&uri, "large").unwrap();
        upload.write(&vec![filled_with; 5 << 20]).await.unwrap();
        let stored = upload.finish().await.unwrap();
        engine.artifact_stored(owner, &uri, "large", stored).await.unwrap()
    };
    let noted = async || {
        let sql = "SELECT hex(sha256) FROM artifact_file";
        let found = engine.query(owner, sql, 2).await.unwrap();
        assert_eq!(found.rows.len(), 1);
        found.rows[0][0].as_str().unwrap().to_owned()
    };
    let rest = store(1).await.unwrap();
    assert_eq!(noted().await, "0".repeat(64));
    assert_eq!(engine.check(owner).await.unwrap(), Vec::<String>::new());
    rest.await;
    let first = noted().await;
    assert_ne!(first, "0".repeat(64));

    // Of two at one name, the one that is there is hashed.
    let (earlier, later) = (store(1).await.unwrap(), store(2).await.unwrap());
    earlier.await;
    assert_eq!(noted().await, "0".repeat(64));
    later.await;
    assert_ne!(noted().await, first);

    // Nothing comes back of what went meanwhile.
    let rest = store(3).await.unwrap();
    engine.artifacts().delete(&uri, "large").await.unwrap();
    engine.artifacts_gone(owner, &[(&uri, "large")]).await.unwrap();
    rest.await;
    assert_eq!(rows(&fixture, "artifact_file").await, 0);
}
