//! Finding things by their words, as soon as they are there and no longer than that.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use crate::support::{Fixture, fixture};
use branchline_core::{ExperimentId, Param, Tag};
use branchline_engine::{
    LogBatch, NewRegisteredModel, NewRun, RunSearch, RunUpdate, TextKind, TextSearch,
};

async fn named(fixture: &Fixture, experiment: ExperimentId, name: &str) -> branchline_core::RunId {
    let new = NewRun {
        experiment_id: experiment,
        user_id: String::new(),
        name: Some(name.into()),
        start_time: 1,
        tags: Vec::new(),
    };
    fixture.engine.create_run(&fixture.owner, new).await.unwrap().info.run_id
}

fn words(text: &str) -> TextSearch {
    let kinds = vec![TextKind::Run, TextKind::Experiment, TextKind::Model, TextKind::Prompt];
    TextSearch { text: text.into(), kinds, each: 10 }
}

async fn found(fixture: &Fixture, text: &str) -> Vec<String> {
    let found = fixture.engine.find(&fixture.owner, words(text)).await.unwrap();
    assert!(!found.indexing);
    found.hits.into_iter().map(|hit| hit.name).collect()
}

#[tokio::test]
async fn what_was_just_logged_is_found_by_any_part_of_it() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("Vision models").await;
    let run = named(&fixture, experiment, "bold-cat-7").await;
    let batch = LogBatch {
        metrics: Vec::new(),
        params: vec![Param { key: "optimizer".into(), value: "AdamW".into() }],
        tags: vec![
            Tag { key: "team".into(), value: "北京 vision".into() },
            Tag { key: "mlflow.note.content".into(), value: "Tried a *wider* head.".into() },
        ],
        ..LogBatch::default()
    };
    fixture.engine.log_batch(&fixture.owner, &run, batch).await.unwrap();
    for text in
        ["cat-7", "BOLD cat", "adamw", "optimizer=ada", "wider head", "京 vision", "damw bold"]
    {
        assert_eq!(found(&fixture, text).await, ["bold-cat-7"], "{text}");
    }
    assert_eq!(found(&fixture, "vision").await, ["bold-cat-7", "Vision models"]);
    assert_eq!(found(&fixture, "ca").await, ["bold-cat-7"], "short words look at names");
    for text in ["bold dog", "wider tail", "%", "\"", "bold\" OR \"cat", "'; DROP", "a*b*c"] {
        assert!(found(&fixture, text).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn the_index_follows_changes_deletions_and_restores() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("e").await;
    let run = named(&fixture, experiment, "first name").await;
    assert_eq!(found(&fixture, "first").await.len(), 1);
    let update = RunUpdate { name: Some("second name".into()), ..RunUpdate::default() };
    fixture.engine.update_run(&fixture.owner, &run, update).await.unwrap();
    assert!(found(&fixture, "first").await.is_empty());
    assert_eq!(found(&fixture, "second").await.len(), 1);
    fixture.engine.delete_run(&fixture.owner, &run).await.unwrap();
    assert!(found(&fixture, "second").await.is_empty());
    fixture.engine.restore_run(&fixture.owner, &run).await.unwrap();
    assert_eq!(found(&fixture, "second").await.len(), 1);
    fixture.engine.delete_experiment(&fixture.owner, experiment).await.unwrap();
    assert!(found(&fixture, "second").await.is_empty());

    let new = NewRegisteredModel {
        name: "churn".into(),
        description: Some("Predicts who leaves".into()),
        ..NewRegisteredModel::default()
    };
    fixture.engine.create_registered_model(&fixture.owner, new).await.unwrap();
    assert_eq!(found(&fixture, "who leaves").await, ["churn"]);
    fixture.engine.delete_registered_model(&fixture.owner, "churn").await.unwrap();
    assert!(found(&fixture, "churn").await.is_empty());
}

#[tokio::test]
async fn a_prompt_is_found_as_one_and_as_nothing_else() {
    let fixture = fixture().await;
    let is_prompt = Tag { key: "mlflow.prompt.is_prompt".into(), value: "true".into() };
    for (name, tags) in [("answer briefly", vec![is_prompt]), ("answers", Vec::new())] {
        let new = NewRegisteredModel { name: name.into(), tags, ..NewRegisteredModel::default() };
        fixture.engine.create_registered_model(&fixture.owner, new).await.unwrap();
    }
    for text in ["answer", "an"] {
        for (kind, name) in [(TextKind::Model, "answers"), (TextKind::Prompt, "answer briefly")] {
            let search = TextSearch { kinds: vec![kind], ..words(text) };
            let hits = fixture.engine.find(&fixture.owner, search).await.unwrap().hits;
            let hits: Vec<_> = hits.iter().map(|hit| (hit.kind, hit.name.as_str())).collect();
            assert_eq!(hits, [(kind, name)], "{text}");
        }
    }
}

#[tokio::test]
async fn the_best_name_comes_first_then_the_newest() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("e").await;
    let tagged = named(&fixture, experiment, "other").await;
    let batch = LogBatch {
        params: vec![Param { key: "kind".into(), value: "resnet".into() }],
        ..LogBatch::default()
    };
    fixture.engine.log_batch(&fixture.owner, &tagged, batch).await.unwrap();
    for name in ["myresnet", "resnet", "a resnet", "resnet50", "b resnet"] {
        named(&fixture, experiment, name).await;
    }
    let expected = ["resnet", "resnet50", "b resnet", "a resnet", "myresnet", "other"];
    assert_eq!(found(&fixture, "resnet").await, expected);
}

#[tokio::test]
async fn an_index_is_made_anew() {
    let fixture = fixture().await;
    let experiment = fixture.experiment("old ones").await;
    for n in 0..200 {
        named(&fixture, experiment, &format!("early-{n}")).await;
    }
    fixture.engine.rebuild_index(&fixture.owner).await.unwrap();
    assert_eq!(found(&fixture, "early-199").await, ["early-199"]);
    assert_eq!(found(&fixture, "old ones").await, ["old ones"]);
    assert_eq!(found(&fixture, "early-7").await.len(), 10, "7, 70 to 79 and 170 to 179");
}

#[tokio::test]
async fn a_search_goes_over_many_experiments_page_by_page() {
    let fixture = fixture().await;
    let mut expected = Vec::new();
    let mut experiments = Vec::new();
    for n in 0..30 {
        let experiment = fixture.experiment(&format!("e{n}")).await;
        experiments.push(experiment);
        for k in 0..3 {
            expected.push((k * 100 + n, fixture.run(experiment, k * 100 + n).await));
        }
    }
    expected.sort_by_key(|(start, _)| -start);
    let expected: Vec<_> = expected.into_iter().map(|(_, run)| run).collect();
    for everywhere in [false, true] {
        let mut all = Vec::new();
        let mut page_token = None;
        loop {
            let search = RunSearch {
                experiment_ids: if everywhere { Vec::new() } else { experiments.clone() },
                everywhere,
                max_results: 7,
                page_token,
                ..RunSearch::default()
            };
            let page = fixture.engine.search_runs(&fixture.owner, search).await.unwrap();
            all.extend(page.items.into_iter().map(|run| run.info.run_id));
            page_token = page.next_page_token;
            if page_token.is_none() {
                break;
            }
            // One more experiment does not end the paging.
            fixture.experiment(&format!("late {everywhere} {}", all.len())).await;
        }
        assert_eq!(all, expected, "everywhere: {everywhere}");
    }
}
