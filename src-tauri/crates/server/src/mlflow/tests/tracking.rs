//! Experiments, runs and metrics.

use super::app::App;
use serde_json::{Value, json};

const INVALID: &str = "INVALID_PARAMETER_VALUE";

#[tokio::test]
async fn an_experiment_from_birth_to_trash_and_back() {
    let app = App::new();
    let made = app.post("experiments/create", json!({"name": "a"})).await.ok();
    assert_eq!(made, json!({"experiment_id": "1"}));
    let taken = app.post("experiments/create", json!({"name": "a"})).await;
    taken.refused(400, "RESOURCE_ALREADY_EXISTS", "already exists");
    app.post("experiments/create", json!({})).await.refused(400, INVALID, "'name'");

    let tag = json!({"experiment_id": "1", "key": "k", "value": "v"});
    assert_eq!(app.post("experiments/set-experiment-tag", tag).await.ok(), json!({}));
    let found = app.get("experiments/get-by-name?experiment_name=a").await.ok();
    let experiment = &found["experiment"];
    assert_eq!(experiment["artifact_location"], json!("mlflow-artifacts:/1"));
    assert_eq!(experiment["tags"], json!([{"key": "k", "value": "v"}]));

    app.post("experiments/delete", json!({"experimentId": "1"})).await.ok();
    let again = app.post("experiments/delete", json!({"experiment_id": "1"})).await;
    again.refused(404, "RESOURCE_DOES_NOT_EXIST", "id=1");
    let one = app.get("experiments/get?experiment_id=1").await.ok();
    assert_eq!(one["experiment"]["lifecycle_stage"], json!("deleted"));
    app.post("runs/create", json!({"experiment_id": "1"})).await.refused(400, INVALID, "active");
    app.post("experiments/restore", json!({"experiment_id": "1"})).await.ok();

    let all = app.get("experiments/search?max_results=10&order_by=name%20DESC").await.ok();
    let names: Vec<&Value> =
        all["experiments"].as_array().unwrap().iter().map(|e| &e["name"]).collect();
    assert_eq!(names, ["a", "Default"]);
    app.post("experiments/search", json!({})).await.refused(400, INVALID, "max_results");
}

#[tokio::test]
async fn points_come_back_as_they_were_logged() {
    let app = App::new();
    let run = app.run().await;
    let point = json!({"run_uuid": run, "key": "loss", "value": "NaN", "timestamp": "7"});
    app.post("runs/log-metric", point).await.ok();
    let batch = json!({
        "run_id": run,
        "metrics": [{"key": "loss", "value": 0.1, "timestamp": 8, "step": 1}],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "x"}],
    });
    app.post("runs/log-batch", batch).await.ok();
    let answer = app.get(&format!("runs/get?run_id={run}")).await.ok();
    let data = &answer["run"]["data"];
    assert_eq!(data["metrics"], json!([{"key": "loss", "value": 0.1, "timestamp": 8, "step": 1}]));
    assert_eq!(data["params"], json!([{"key": "p", "value": "1"}]));
    let history = app.get(&format!("metrics/get-history?run_id={run}&metric_key=loss")).await.ok();
    assert_eq!(history["metrics"][0]["value"], json!("NaN"));
    assert_eq!(history["metrics"][1]["value"], json!(0.1));
}

#[tokio::test]
async fn a_batch_is_kept_whole_or_not_at_all() {
    let app = App::new();
    let run = app.run().await;
    let param = json!({"run_id": run, "key": "p", "value": "1"});
    app.post("runs/log-parameter", param).await.ok();
    let batch = json!({
        "run_id": run,
        "metrics": [{"key": "m", "value": 1, "timestamp": 1}],
        "params": [{"key": "p", "value": "2"}],
    });
    app.post("runs/log-batch", batch).await.refused(400, INVALID, "Changing param values");
    let answer = app.get(&format!("runs/get?run_id={run}")).await.ok();
    assert_eq!(answer["run"]["data"].get("metrics"), None);
}

#[tokio::test]
async fn a_long_history_streams_and_pages() {
    const POINTS: usize = 25_000;
    let app = App::new();
    let run = app.run().await;
    for start in (0..POINTS).step_by(1000) {
        let point =
            |step: usize| json!({"key": "m", "value": step, "timestamp": step, "step": step});
        let points: Vec<Value> = (start..start + 1000).map(point).collect();
        app.post("runs/log-batch", json!({"run_id": run, "metrics": points})).await.ok();
    }
    let path = format!("metrics/get-history?run_id={run}&metric_key=m");
    let whole = app.get(&path).await.ok();
    let steps = |answer: &Value| -> Vec<u64> {
        let points = answer["metrics"].as_array().unwrap();
        points.iter().map(|point| point["step"].as_u64().unwrap()).collect()
    };
    assert!(steps(&whole).into_iter().eq(0..POINTS as u64));
    assert_eq!(whole.get("next_page_token"), None);

    let token_of = |page: &Value| page["next_page_token"].as_str().map(str::to_owned);
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let page = app.get(&format!("{path}&max_results=10000&page_token={token}")).await.ok();
        paged.extend(steps(&page));
        let Some(next) = token_of(&page) else { break };
        token = next;
    }
    assert!(paged.into_iter().eq(0..POINTS as u64));
    let begun = app.get(&format!("{path}&max_results=24000")).await.ok();
    let token = token_of(&begun).unwrap();
    for rest in ["", "&max_results=900000"] {
        let rest = app.get(&format!("{path}&page_token={token}{rest}")).await.ok();
        assert!(steps(&rest).into_iter().eq(24_000..POINTS as u64));
        assert_eq!(token_of(&rest), None);
    }
    app.get(&format!("{path}&page_token=x")).await.refused(400, INVALID, "page_token");
    app.get(&format!("{path}&max_results=0")).await.refused(400, INVALID, "positive integer");
    assert_eq!(app.get(&path.replace("=m", "=none")).await.ok(), json!({}));
}

#[tokio::test]
async fn histories_of_several_runs() {
    let app = App::new();
    let (a, b) = (app.run().await, app.run().await);
    for run in [&a, &b] {
        let point = |step: u64| json!({"key": "m", "value": step, "timestamp": 1, "step": step});
        let points: Vec<Value> = (0..10).map(point).collect();
        app.post("runs/log-batch", json!({"run_id": run, "metrics": points})).await.ok();
    }
    let ask = async |what: &str| app.get(&format!("metrics/{what}&metric_key=m")).await;
    let bulk = ask(&format!("get-history-bulk?run_id={a}&run_id={b}&max_results=15")).await.ok();
    assert_eq!(bulk["metrics"].as_array().unwrap().len(), 15);
    let part = format!("get-history-bulk-interval?run_ids={a}&run_ids={b}&start_step=2&end_step=4");
    let part = ask(&part).await.ok();
    assert_eq!(part["metrics"].as_array().unwrap().len(), 6);
    assert_eq!(part["metrics"][0]["run_id"], json!(a));
    let half = ask(&format!("get-history-bulk-interval?run_ids={a}&start_step=2")).await;
    half.refused(400, INVALID, "both must be specified");
    ask("get-history-bulk-interval?x=1").await.refused(400, INVALID, "'run_ids'");
    ask("get-history-bulk?x=1").await.refused(400, INVALID, "at least one run_id");
}

#[tokio::test]
async fn searches_page_by_token() {
    let app = App::new();
    for _ in 0..3 {
        app.run().await;
    }
    let first =
        app.post("runs/search", json!({"experiment_ids": ["0"], "max_results": 2})).await.ok();
    assert_eq!(first["runs"].as_array().unwrap().len(), 2);
    let rest =
        json!({"experiment_ids": ["0"], "max_results": 2, "page_token": first["next_page_token"]});
    let rest = app.post("runs/search", rest).await.ok();
    assert_eq!(rest["runs"].as_array().unwrap().len(), 1);
    assert_eq!(rest.get("next_page_token"), None);
    assert_eq!(app.post("runs/search", json!({})).await.ok(), json!({}));
    let wrong = json!({"experiment_ids": ["0"], "filter": "metrics.a >"});
    app.post("runs/search", wrong).await.refused(400, INVALID, "filter");
}

#[tokio::test]
async fn datasets_of_experiments() {
    let app = App::new();
    let run = app.run().await;
    let input = |context: &str| {
        json!({
            "tags": [{"key": "mlflow.data.context", "value": context}],
            "dataset": {"name": "d", "digest": context, "source_type": "local", "source": "{}"},
        })
    };
    let inputs = json!({"run_id": run, "datasets": [input("train"), input("eval")]});
    app.post("runs/log-inputs", inputs).await.ok();
    let found =
        app.post("experiments/search-datasets", json!({"experiment_ids": ["0"]})).await.ok();
    let summary = |context: &str| {
        json!({
            "experiment_id": "0", "name": "d", "digest": context, "context": context,
        })
    };
    assert_eq!(found, json!({"dataset_summaries": [summary("eval"), summary("train")]}));
    app.post("experiments/search-datasets", json!({})).await.refused(400, INVALID, "at least one");
    let shapeless = json!({"run_id": run, "datasets": [{"tags": []}]});
    app.post("runs/log-inputs", shapeless).await.refused(400, INVALID, "datasets[0].dataset");
}
