use crate::support::{fixture, metric, open, tag};
use branchline_core::{ErrorCode, ExperimentId, Lifecycle, Param, RunStatus};
use branchline_engine::{LogBatch, RunSearch, RunUpdate};

fn param(key: &str, value: &str) -> Param {
    Param { key: key.into(), value: value.into() }
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 5).await;
    let batch = LogBatch {
        metrics: vec![metric("loss", 0.5, 1), metric("loss", 0.25, 2)],
        params: vec![param("alpha", "0.1")],
        tags: vec![tag("team", "blue")],
        ..LogBatch::default()
    };
    f.engine.log_batch(&f.owner, &run, batch).await.unwrap();
    let before = f.engine.run(&f.owner, &run).await.unwrap();
    let uuid = f.engine.store_uuid().to_owned();
    f.engine.close().await;
    let again = open(f.folder.path());
    let after = again.run(&f.owner, &run).await.unwrap();
    assert_eq!(before, after);
    assert_eq!(again.store_uuid(), uuid, "the same folder is the same store");
    assert_eq!(
        after.metrics,
        vec![metric("loss", 0.25, 2)],
        "the latest point is the greatest step"
    );
    assert_eq!(after.info.artifact_uri, format!("mlflow-artifacts:/0/{run}/artifacts"));
}

#[tokio::test]
async fn the_rev_of_a_run_grows_with_whatever_changes() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let rev = async || f.engine.run(&f.owner, &run).await.unwrap().info.rev;
    let log = async |batch: LogBatch| f.engine.log_batch(&f.owner, &run, batch).await.unwrap();
    let loss = |step| LogBatch { metrics: vec![metric("loss", 0.5, step)], ..LogBatch::default() };
    let changes = [
        loss(1),
        LogBatch { metrics: vec![metric("accuracy", 0.5, 1)], ..LogBatch::default() },
        loss(2),
        LogBatch { params: vec![param("alpha", "0.1")], ..LogBatch::default() },
        LogBatch { tags: vec![tag("team", "blue")], ..LogBatch::default() },
        // Older than the latest, and one point more all the same.
        loss(0),
    ];
    for change in changes {
        let before = rev().await;
        log(change.clone()).await;
        let after = rev().await;
        assert!(after > before, "{before} -> {after} with {change:?}");
    }
    let before = rev().await;
    log(loss(2)).await;
    assert_eq!(rev().await, before, "an exact repeat is no change");
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let first = LogBatch { params: vec![param("a", "1")], ..LogBatch::default() };
    f.engine.log_batch(&f.owner, &run, first.clone()).await.unwrap();
    f.engine.log_batch(&f.owner, &run, first).await.expect("the same value again is fine");
    let bad = LogBatch {
        metrics: vec![metric("m", 1.0, 0)],
        params: vec![param("b", "2"), param("a", "other")],
        tags: vec![tag("t", "x")],
        ..LogBatch::default()
    };
    let error = f.engine.log_batch(&f.owner, &run, bad).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidParameterValue);
    assert!(error.message.contains("Changing param values is not allowed"), "{}", error.message);
    let kept = f.engine.run(&f.owner, &run).await.unwrap();
    assert_eq!(kept.params, vec![param("a", "1")]);
    assert!(kept.metrics.is_empty(), "metrics of a refused batch were kept");
    assert!(!kept.tags.iter().any(|t| t.key == "t"), "tags of a refused batch were kept");
}

#[tokio::test]
async fn an_error_says_which_of_a_list_it_means() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let refused = async |batch: LogBatch| {
        f.engine.log_batch(&f.owner, &run, batch).await.unwrap_err().message
    };
    let metrics = vec![metric("fine", 1.0, 0), metric("../x", 1.0, 0)];
    let params = vec![param("a/../b", "1")];
    let tags = vec![tag("fine", "1"), tag(&"t".repeat(251), "1")];
    for (batch, listed, alone) in [
        (LogBatch { metrics, ..LogBatch::default() }, "'metrics[1].name'", "'name'"),
        (LogBatch { params, ..LogBatch::default() }, "'params[0].key'", "'key'"),
        (LogBatch { tags, ..LogBatch::default() }, "'tags[1].key'", "'key'"),
    ] {
        let message = refused(LogBatch { listed: true, ..batch.clone() }).await;
        assert!(message.contains(listed), "{message}");
        let message = refused(batch).await;
        assert!(message.contains(alone), "{message}");
    }
}

#[tokio::test]
async fn keys_of_a_refused_batch_do_not_poison_later_ones() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let log = |params: Vec<Param>| LogBatch { params, ..LogBatch::default() };
    f.engine.log_batch(&f.owner, &run, log(vec![param("a", "1")])).await.unwrap();
    let refused = log(vec![param("new-in-refused", "1"), param("a", "2")]);
    f.engine.log_batch(&f.owner, &run, refused).await.unwrap_err();
    f.engine.log_batch(&f.owner, &run, log(vec![param("later", "1")])).await.unwrap();
    let kept = f.engine.run(&f.owner, &run).await.unwrap().params;
    assert_eq!(kept, vec![param("a", "1"), param("later", "1")]);
}

#[tokio::test]
async fn a_deleted_run_is_read_but_not_written() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    f.engine.delete_run(&f.owner, &run).await.unwrap();
    f.engine.delete_run(&f.owner, &run).await.expect("again is fine");
    assert_eq!(f.engine.run(&f.owner, &run).await.unwrap().info.lifecycle, Lifecycle::Deleted);
    let batch = LogBatch { metrics: vec![metric("m", 1.0, 0)], ..LogBatch::default() };
    let error = f.engine.log_batch(&f.owner, &run, batch).await.unwrap_err();
    assert!(error.message.contains("must be in the 'active' state"), "{}", error.message);
    assert!(f.search(ExperimentId(0), "", &[], 10).await.is_empty());
    f.engine.restore_run(&f.owner, &run).await.unwrap();
    assert_eq!(f.search(ExperimentId(0), "", &[], 10).await, vec![run]);
}

#[tokio::test]
async fn name_and_tag_stay_one() {
    let f = fixture().await;
    let run = f.run(ExperimentId(0), 0).await;
    let update = RunUpdate {
        name: Some("first".into()),
        status: Some(RunStatus::Finished),
        end_time: Some(9),
    };
    let info = f.engine.update_run(&f.owner, &run, update).await.unwrap();
    assert_eq!(
        (info.name.as_str(), info.status, info.end_time),
        ("first", RunStatus::Finished, Some(9))
    );
    let batch = LogBatch { tags: vec![tag("mlflow.runName", "second")], ..LogBatch::default() };
    f.engine.log_batch(&f.owner, &run, batch).await.unwrap();
    let kept = f.engine.run(&f.owner, &run).await.unwrap();
    assert_eq!(kept.info.name, "second");
    assert!(kept.tags.contains(&tag("mlflow.runName", "second")));
}

#[tokio::test]
async fn order_by_metric_puts_nan_then_missing_last_and_pages_by_key() {
    let f = fixture().await;
    let experiment = f.experiment("order").await;
    let mut runs = Vec::new();
    for (i, value) in
        [Some(3.0), None, Some(1.0), Some(f64::NAN), Some(2.0), Some(1.0)].into_iter().enumerate()
    {
        let run = f.run(experiment, i as i64).await;
        if let Some(value) = value {
            f.log(&run, vec![metric("m", value, 0)]).await;
        }
        runs.push(run);
    }
    let pick = |order: [usize; 6]| order.map(|i| runs[i].clone()).to_vec();
    for page in [1, 2, 3, 6, 100] {
        let up = f.search(experiment, "", &["metrics.m ASC"], page).await;
        assert_eq!(up, pick([5, 2, 4, 0, 3, 1]), "ascending in pages of {page}");
        let down = f.search(experiment, "", &["metrics.m DESC"], page).await;
        assert_eq!(down, pick([0, 4, 5, 2, 3, 1]), "descending in pages of {page}");
        let newest = f.search(experiment, "", &[], page).await;
        assert_eq!(newest, pick([5, 4, 3, 2, 1, 0]), "newest first in pages of {page}");
    }
}

#[tokio::test]
async fn filters_mean_what_mlflow_means() {
    let f = fixture().await;
    let experiment = f.experiment("filter").await;
    let (a, b) = (f.run(experiment, 1).await, f.run(experiment, 2).await);
    f.log(&a, vec![metric("m", f64::NAN, 0), metric("val/loss", 0.5, 0)]).await;
    f.log(&b, vec![metric("m", 2.0, 0)]).await;
    let batch = LogBatch {
        params: vec![param("p", "Abc")],
        tags: vec![tag("t", "x")],
        ..LogBatch::default()
    };
    f.engine.log_batch(&f.owner, &b, batch).await.unwrap();
    let find = async |filter: &str| f.search(experiment, filter, &[], 10).await;
    assert_eq!(
        find("metrics.m != 5").await,
        vec![b.clone(), a.clone()],
        "NaN differs from every number"
    );
    assert_eq!(find("metrics.m > 1").await, vec![b.clone()]);
    assert_eq!(find("metrics.`val/loss` = 0.5").await, vec![a.clone()]);
    assert_eq!(find("params.p LIKE 'A%'").await, vec![b.clone()]);
    assert!(find("params.p LIKE 'a%'").await.is_empty(), "LIKE tells upper from lower case");
    assert_eq!(find("params.p ILIKE 'a%'").await, vec![b.clone()]);
    assert_eq!(find("tags.t != 'y'").await, vec![b.clone()], "only runs that have the tag");
    assert_eq!(find("tags.t IS NULL").await, vec![a.clone()]);
    assert_eq!(find("status = 'RUNNING' AND params.p = 'Abc'").await, vec![b.clone()]);
    assert_eq!(find("params.p = 'Abc' OR metrics.`val/loss` < 1").await, vec![b, a.clone()]);
    assert_eq!(find("NOT (params.p = 'Abc')").await, vec![a]);
}

#[tokio::test]
async fn a_token_of_another_search_is_refused() {
    let f = fixture().await;
    let experiment = f.experiment("tokens").await;
    for i in 0..3 {
        f.run(experiment, i).await;
    }
    let search =
        RunSearch { experiment_ids: vec![experiment], max_results: 1, ..RunSearch::default() };
    let page = f.engine.search_runs(&f.owner, search.clone()).await.unwrap();
    let other =
        RunSearch { filter: "metrics.m > 1".into(), page_token: page.next_page_token, ..search };
    let error = f.engine.search_runs(&f.owner, other).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidParameterValue);
}

#[tokio::test]
async fn pages_are_stable_while_runs_are_added() {
    let f = fixture().await;
    let experiment = f.experiment("stable").await;
    let mut runs = Vec::new();
    for i in 0..10 {
        runs.push(f.run(experiment, i).await);
    }
    let mut search =
        RunSearch { experiment_ids: vec![experiment], max_results: 3, ..RunSearch::default() };
    let mut seen = Vec::new();
    loop {
        let page = f.engine.search_runs(&f.owner, search.clone()).await.unwrap();
        seen.extend(page.items.into_iter().map(|r| r.info.run_id));
        f.run(experiment, 100).await;
        match page.next_page_token {
            Some(token) => search.page_token = Some(token),
            None => break,
        }
    }
    runs.reverse();
    assert_eq!(seen, runs, "runs added meanwhile neither repeat nor hide any");
}
