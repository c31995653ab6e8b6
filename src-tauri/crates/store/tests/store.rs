//! The schema, the plans of searches, and who a database is.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use branchline_core::search::{parse_run_filter, parse_run_order};
use branchline_core::{ExperimentId, SystemClock, ViewType};
use branchline_store::{Durability, RunQuery, Store};
use refinery::{Runner, Target};
use std::path::Path;
use std::sync::Arc;

fn open(path: &Path) -> Store {
    Store::open(path, Durability::Balanced, Arc::new(SystemClock), |_| Ok(())).unwrap()
}

/// A key that is known, so that a search asks the tables for it.
async fn with_names(store: &Store) {
    let sql = "INSERT INTO name (text) VALUES ('m'), ('p'), ('t')";
    let path = store.path().to_owned();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute(sql, []).unwrap();
}

async fn plan(store: &Store, filter: &str, order: &[&str]) -> String {
    plan_in(store, &[1], filter, order).await
}

/// Everywhere when no experiment is given.
async fn plan_in(store: &Store, experiments: &[i64], filter: &str, order: &[&str]) -> String {
    let query = RunQuery {
        experiments: experiments.iter().copied().map(ExperimentId).collect(),
        everywhere: experiments.is_empty(),
        filter: parse_run_filter(filter).unwrap(),
        order: parse_run_order(&order.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>()).unwrap(),
        view: ViewType::ActiveOnly,
    };
    store.read(move |view| view.explain_runs(&query)).await.unwrap().join("\n")
}

#[tokio::test]
async fn the_committed_schema_is_the_sum_of_the_migrations() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    let schema = store.read(|view| view.schema()).await.unwrap();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations/schema.sql");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&committed, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&committed).unwrap();
    assert_eq!(committed, schema, "run this test with UPDATE_SNAPSHOTS=1 and commit the file");
}

/// A database as a program left it that knew no more than so many migrations.
fn of_schema(path: &Path, version: i32) -> rusqlite::Connection {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations");
    let mut connection = rusqlite::Connection::open(path).unwrap();
    let runner = Runner::new(&refinery::load_sql_migrations(folder).unwrap());
    let runner = runner.set_grouped(true).set_target(Target::Version(version));
    runner.run(&mut connection).unwrap();
    connection
}

#[tokio::test]
async fn the_change_log_counts_on_where_its_newest_rows_were_trimmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let old = of_schema(&path, 14);
    let text =
        "INSERT INTO change (seq, kind, entity, op, hlc) VALUES (40, 1, 0, 2, 0), (41, 1, 0, 2, 0)";
    old.execute(text, []).unwrap();
    old.execute("UPDATE search_state SET seq = 41", []).unwrap();
    old.execute("DELETE FROM change WHERE seq = 41", []).unwrap();
    drop(old);
    for _ in 0..2 {
        // Opening trims what is older than a week.
        let store = open(&path);
        assert_eq!(store.cursor().seq, 41);
        store.close().await;
    }
    let rows = rusqlite::Connection::open(&path).unwrap();
    let left: i64 = rows.query_row("SELECT count(*) FROM change", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn files_follow_their_experiment_however_its_place_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    for (id, place) in [
        (7, "mlflow-artifacts:/seven"),
        (8, "http://host/api/2.0/mlflow-artifacts/artifacts/eight"),
        (9, "s3://bucket/nine"),
    ] {
        let sql =
            "INSERT INTO experiment (id, uid, name, artifact_location, created_at, updated_at)
                   VALUES (?1, ?1, ?1, ?2, 0, 0)";
        connection.execute(sql, rusqlite::params![id, place]).unwrap();
    }
    for (place, owners) in [
        ("mlflow-artifacts:/seven/a.txt", vec![7]),
        ("mlflow-artifacts:/eight/a.txt", vec![8]),
        ("https://other/api/2.0/mlflow-artifacts/artifacts/seven/in", vec![7]),
        ("mlflow-artifacts:/seventh", vec![]),
        ("mlflow-artifacts:/", vec![7, 8]),
        ("http://host/api/2.0/mlflow-artifacts/artifacts", vec![7, 8]),
        ("s3://bucket", vec![9]),
    ] {
        let found = store.read(move |view| view.experiments_at(place)).await.unwrap();
        assert_eq!(found, owners, "{place}");
    }
}

#[tokio::test]
async fn the_first_page_is_a_range_read_without_a_sort() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    let plan = plan(&store, "", &[]).await;
    assert!(plan.contains("run_by_start"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "the default order must come from the index: {plan}");
}

#[tokio::test]
async fn a_metric_order_walks_that_metrics_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    with_names(&store).await;
    for order in ["metrics.m ASC", "metrics.m DESC"] {
        let plan = plan(&store, "metrics.m < 5 AND params.p = 'x'", &[order]).await;
        let first = plan.lines().next().unwrap();
        assert!(first.contains("SEARCH m USING COVERING INDEX latest_metric_by_value"), "{plan}");
        // Ties are sorted among themselves; the whole is not.
        assert!(
            !plan.lines().any(|l| l == "USE TEMP B-TREE FOR ORDER BY" && first.contains("SCAN")),
            "{plan}"
        );
    }
}

#[tokio::test]
async fn what_the_filter_says_of_the_metric_in_the_order_bounds_the_walk() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    with_names(&store).await;
    let plan = plan(&store, "metrics.m > 5 AND params.p = 'x'", &["metrics.m DESC"]).await;
    let first = plan.lines().next().unwrap();
    assert!(first.contains("(experiment_id=? AND key=? AND is_nan=? AND value>?)"), "{plan}");
    assert!(
        !plan.contains("latest_metric_by_value (experiment_id=? AND key=? AND is_nan=?)"),
        "{plan}"
    );
    // The param is probed before the run's row, and the metric not again.
    let place = |what: &str| plan.find(what).unwrap();
    assert!(place("SEARCH k") < place("SEARCH r"), "{plan}");
}

#[tokio::test]
async fn the_newest_runs_of_many_experiments_need_no_sort() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    with_names(&store).await;
    let many: Vec<i64> = (0..1000).collect();
    for experiments in [&[1, 2][..], &many, &[]] {
        for filter in ["", "params.p = 'x' AND attributes.status = 'FINISHED'"] {
            let plan = plan_in(&store, experiments, filter, &[]).await;
            assert!(plan.contains("INDEX run_recent (deleted=?"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        let plan = plan_in(&store, experiments, "", &["metrics.m DESC"]).await;
        assert!(plan.contains("SEARCH m USING COVERING INDEX latest_metric_by_value"), "{plan}");
    }
}

#[tokio::test]
async fn conditions_are_probes_by_primary_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    with_names(&store).await;
    let plan = plan(&store, "params.p = 'x' AND tags.t LIKE 'y%' AND metrics.m > 0", &[]).await;
    let probes = plan.matches("USING PRIMARY KEY (run_id=? AND key=?)").count();
    assert_eq!(probes, 3, "{plan}");
    assert!(!plan.contains("SCAN k"), "{plan}");
}

#[tokio::test]
async fn a_copied_folder_becomes_a_store_of_its_own_and_a_moved_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = folder.path().join("first.db");
    let store = open(&first);
    let uuid = store.identity().store_uuid.clone();
    store.close().await;
    drop(store);
    let copy = folder.path().join("copy.db");
    std::fs::copy(&first, &copy).unwrap();
    let copied = open(&copy);
    assert_ne!(copied.identity().store_uuid, uuid);
    copied.close().await;
    let moved = folder.path().join("moved.db");
    std::fs::rename(&first, &moved).unwrap();
    assert_eq!(open(&moved).identity().store_uuid, uuid);
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    open(&path).close().await;
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute(
            "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
             VALUES (9999, 'future', '2030-01-01T00:00:00Z', '0')",
            [],
        )
        .unwrap();
    let error = Store::open(&path, Durability::Balanced, Arc::new(SystemClock), |_| Ok(()))
        .err()
        .expect("a newer database must not be opened");
    assert!(error.message.contains("newer Branchline"), "{}", error.message);
    assert!(error.hint.unwrap().contains("Install the newer Branchline"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    std::fs::write(&path, "not a database, but somebody's file\n".repeat(100)).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(&path, Durability::Balanced, Arc::new(SystemClock), |_| Ok(()))
        .err()
        .expect("junk must not be opened");
    assert!(error.hint.is_some(), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_page_of_evaluation_datasets_needs_no_sort() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    for experiments in [vec![], vec![ExperimentId(1), ExperimentId(2)]] {
        let plan = store.read(move |view| view.explain_evaluation_datasets(&experiments)).await;
        let plan = plan.unwrap().join("\n");
        assert!(plan.contains("evaluation_dataset_by_time"), "{plan}");
        assert!(
            !plan.contains("TEMP B-TREE"),
            "the default order must come from the index: {plan}"
        );
    }
}

/// What every write to the registry asks, and what the worker asks after each.
#[tokio::test]
async fn webhooks_are_found_by_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("a.db"));
    let connection = rusqlite::Connection::open(store.path()).unwrap();
    for (sql, index) in [
        ("SELECT webhook_id FROM webhook_event WHERE entity = 'a' AND action = 'b'", "by_event"),
        ("SELECT * FROM delivery WHERE due_at <= 5", "delivery_by_due"),
        ("SELECT min(due_at) FROM delivery WHERE due_at > 5", "delivery_by_due"),
        ("SELECT 1 FROM delivery WHERE webhook_id = 1", "delivery_by_webhook"),
        (
            "SELECT * FROM evaluation_record WHERE evaluation_dataset_id = 1 AND id > 5 ORDER BY id",
            "evaluation_record_by_dataset",
        ),
    ] {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let plan: Vec<String> =
            statement.query_map([], |row| row.get(3)).unwrap().collect::<Result<_, _>>().unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(index), "{sql}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}: {plan}");
    }
}
