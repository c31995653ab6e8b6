use crate::support::{fixture, metric, open};
use branchline_core::{ErrorCode, ExperimentId};
use branchline_engine::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_share_commits_and_lose_nothing() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let tasks: Vec<_> = (0..32)
        .map(|task| {
            let (engine, owner, run) = (f.engine.clone(), f.owner.clone(), run.clone());
            tokio::spawn(async move {
                for i in 0..50 {
                    let batch = branchline_engine::LogBatch {
                        metrics: vec![metric("m", 1.0, task * 50 + i)],
                        ..Default::default()
                    };
                    engine.log_batch(&owner, &run, batch).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let summary = f.engine.metric_summaries(&f.owner, &run).await.unwrap().remove(0);
    assert_eq!(summary.count, 32 * 50);
}

#[tokio::test]
async fn a_backup_restores_into_a_new_life() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    f.log(&run, vec![metric("m", 1.0, 0)]).await;
    let backup = f.folder.path().join("copy.db");
    f.engine.backup(&f.owner, &backup).await.unwrap();
    let again = f.engine.backup(&f.owner, &backup).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::ResourceConflict, "a backup never overwrites");
    let later = f.run(ExperimentId(0), 1).await;
    let before = f.engine.cursor();
    f.engine.close().await;
    let kept = Engine::restore(f.folder.path(), &backup).unwrap().unwrap();
    assert!(kept.exists(), "the database that was replaced is kept");
    let engine = open(f.folder.path());
    assert_eq!(engine.run(&f.owner, &run).await.unwrap().metrics.len(), 1);
    engine.run(&f.owner, &later).await.expect_err("made after the backup");
    assert_ne!(engine.cursor().epoch, before.epoch);
    assert!(engine.check(&f.owner).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_no_backup_is_refused_and_changes_nothing() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    f.engine.close().await;
    let junk = f.folder.path().join("junk.db");
    std::fs::write(&junk, b"this is no database").unwrap();
    Engine::restore(f.folder.path(), &junk).expect_err("junk");
    Engine::restore(f.folder.path(), &f.folder.path().join("absent.db")).expect_err("absent");
    assert!(open(f.folder.path()).run(&f.owner, &run).await.is_ok());
}

#[tokio::test]
async fn only_reading_is_allowed_to_sql() {
    let f = fixture().await;
    let found = f.engine.query(&f.owner, "SELECT id, name FROM experiment", 10).await.unwrap();
    assert_eq!(found.columns, ["id", "name"]);
    assert_eq!(found.rows, vec![vec![serde_json::json!(0), serde_json::json!("Default")]]);
    let error = f.engine.query(&f.owner, "DELETE FROM experiment", 10).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PermissionDenied);
    f.engine.query(&f.owner, "SELEC 1", 10).await.expect_err("a syntax error");
}

#[tokio::test]
async fn writes_after_closing_are_refused_clearly() {
    let f = fixture().await;
    f.engine.close().await;
    let new = branchline_engine::NewExperiment { name: "late".into(), ..Default::default() };
    let error = f.engine.create_experiment(&f.owner, new).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TemporarilyUnavailable);
}

#[cfg(unix)]
#[tokio::test]
async fn the_database_and_its_copies_are_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let f = fixture().await;
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let database = f.folder.path().join("branchline.db");
    let backup = f.folder.path().join("copy.db");
    f.engine.backup(&f.owner, &backup).await.unwrap();
    for file in [&database, &f.folder.path().join("branchline.db-wal"), &backup] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
    f.engine.close().await;
    // As an older release made it, and a backup that somebody copied about.
    for file in [&database, &backup] {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    open(f.folder.path()).close().await;
    assert_eq!(mode(&database), 0o600);
    let kept = Engine::restore(f.folder.path(), &backup).unwrap().unwrap();
    assert_eq!((mode(&database), mode(&kept)), (0o600, 0o600));
}
