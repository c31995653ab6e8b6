//! The own API's answers, through a whole server.

use crate::app::TestApp;
use branchline_core::Metric;
use branchline_engine::LogBatch;
use reqwest::Method;
use serde_json::{Value, json};

fn metric(key: &str, value: f64, step: i64) -> Metric {
    Metric {
        key: key.to_owned(),
        value,
        timestamp: 1_764_000_000_000 + step,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

async fn log(app: &TestApp, run: &branchline_core::Run, metrics: Vec<Metric>) {
    let batch = LogBatch { metrics, ..LogBatch::default() };
    app.engine.log_batch(&app.owner, &run.info.run_id, batch).await.unwrap();
}

#[tokio::test]
async fn an_experiment_lives_its_life() {
    let app = TestApp::start().await;
    let body = json!({"name": "diabetes", "tags": {"team": "a"}});
    let made = app.json(Method::POST, "/api/v1/experiments", Some(body.clone()), 201).await;
    let id = made["experiment_id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/experiments/{id}");
    assert_eq!(made["lifecycle"], "active");
    assert_eq!(made["run_count"], 0);
    assert!(made["created_at"].as_str().unwrap().ends_with('Z'));

    let taken = app.json(Method::POST, "/api/v1/experiments", Some(body), 400).await;
    assert_eq!(taken["code"], "RESOURCE_ALREADY_EXISTS");
    assert!(taken["detail"].as_str().unwrap().contains("diabetes"));

    let patch =
        json!({"name": "renamed", "note": "# Why", "tags": {"team": null, "b": "1", "c": null}});
    let changed = app.json(Method::PATCH, &path, Some(patch), 200).await;
    assert_eq!(changed["name"], "renamed");
    assert_eq!(changed["note"], "# Why");
    assert_eq!(changed["tags"], json!({"b": "1", "mlflow.note.content": "# Why"}));

    app.json(Method::DELETE, &path, None, 204).await;
    let list =
        app.get("/api/v1/experiments?view=deleted&order_by=name&order_by=creation_time").await;
    assert_eq!(list["experiments"][0]["experiment_id"], id.as_str());
    let back = app.json(Method::POST, &format!("{path}/restore"), None, 200).await;
    assert_eq!(back["lifecycle"], "active");
}

#[tokio::test]
async fn a_run_shows_what_was_logged_and_can_be_changed() {
    let app = TestApp::start().await;
    let run = app.run("first").await;
    let id = run.info.run_id.to_string();
    log(&app, &run, vec![metric("loss", 0.5, 1), metric("loss", f64::NAN, 2)]).await;
    let path = format!("/api/v1/runs/{id}");

    let shown = app.get(&path).await;
    assert_eq!(shown["name"], "first");
    assert_eq!(shown["status"], "RUNNING");
    assert_eq!(shown["started_at"], "2025-11-24T16:00:00.000Z");
    assert_eq!(shown["duration_ms"], Value::Null);
    assert_eq!(shown["metrics"]["loss"]["value"], "NaN");

    let patch = json!({"name": "second", "status": "FINISHED", "note": "n", "tags": {"k": "v"}});
    let changed = app.json(Method::PATCH, &path, Some(patch), 200).await;
    assert_eq!(changed["name"], "second");
    assert_eq!(changed["status"], "FINISHED");
    assert!(changed["duration_ms"].as_i64().unwrap() > 0, "it ended now");
    assert_eq!(changed["note"], "n");

    let search = json!({"experiment_ids": ["0"], "filter": "metrics.loss != 3 OR tags.k = 'v'"});
    let found = app.json(Method::POST, "/api/v1/runs/search", Some(search), 200).await;
    assert_eq!(found["matched"], 1);
    assert_eq!(found["runs"][0]["run_id"], id.as_str());
    assert!(found["elapsed_ms"].as_f64().is_some());

    let bulk = json!({"run_ids": [id], "action": "delete"});
    assert_eq!(app.json(Method::POST, "/api/v1/runs/bulk", Some(bulk), 200).await["done"], 1);
    assert_eq!(app.get(&path).await["lifecycle"], "deleted");
    let back = app.json(Method::POST, &format!("{path}/restore"), None, 200).await;
    assert_eq!(back["lifecycle"], "active");
    app.json(Method::DELETE, &path, None, 204).await;
}

#[tokio::test]
async fn series_and_summaries_agree() {
    let app = TestApp::start().await;
    let run = app.run("curve").await;
    let id = run.info.run_id.to_string();
    let points = (0..100).map(|step| metric("loss", f64::from(step as i32), step)).collect();
    log(&app, &run, points).await;
    let query = json!({"run_ids": [id], "keys": ["loss", "none"], "from_step": 10, "to_step": 19});
    let read = app.json(Method::POST, "/api/v1/metrics/series", Some(query), 200).await;
    assert_eq!(read["cursor"], app.engine.cursor().to_string());
    assert_eq!(read["series"].as_array().unwrap().len(), 1, "one key has no points");
    let series = &read["series"][0];
    assert_eq!(series["steps"], json!([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]));
    assert_eq!(series["values"][0], 10.0);
    assert_eq!(series["sampled"], false);

    let query = json!({"run_ids": [id], "keys": ["loss"], "max_points": 10});
    let read = app.json(Method::POST, "/api/v1/metrics/series", Some(query), 200).await;
    let steps = read["series"][0]["steps"].as_array().unwrap();
    assert!(steps.len() <= 12 && steps[0] == 0 && *steps.last().unwrap() == json!(99), "{steps:?}");

    let summary = &app.get(&format!("/api/v1/runs/{id}/metrics")).await["metrics"][0];
    assert_eq!(summary["key"], "loss");
    assert_eq!(summary["count"], 100);
    assert_eq!((&summary["min"], &summary["max"]), (&json!(0.0), &json!(99.0)));
    assert_eq!(summary["step"], 99);
}

#[tokio::test]
async fn a_model_gets_versions_aliases_and_another_name() {
    let app = TestApp::start().await;
    let run = app.run("maker").await;
    let id = run.info.run_id.to_string();
    let body = json!({"name": "net 1", "description": "d", "tags": {"a": "b"}});
    let made = app.json(Method::POST, "/api/v1/models", Some(body), 201).await;
    assert_eq!((&made["version_count"], &made["latest_version"]), (&json!(0), &Value::Null));

    let path = "/api/v1/models/net%201";
    let version = json!({"run_id": id, "description": "v"});
    let version = app.json(Method::POST, &format!("{path}/versions"), Some(version), 201).await;
    assert_eq!(version["version"], 1);
    assert_eq!(version["source"], run.info.artifact_uri.as_str());
    assert_eq!(version["run_name"], "maker");
    assert_eq!(version["experiment_id"], "0");
    let nothing = app.json(Method::POST, &format!("{path}/versions"), Some(json!({})), 400).await;
    assert!(nothing["hint"].is_string(), "{nothing}");

    let alias = json!({"version": 1});
    app.json(Method::PUT, &format!("{path}/aliases/live"), Some(alias), 204).await;
    let patch = json!({"stage": "Staging", "tags": {"x": "y"}});
    let patched = app.json(Method::PATCH, &format!("{path}/versions/1"), Some(patch), 200).await;
    assert_eq!(patched["stage"], "Staging");
    assert_eq!(patched["aliases"], json!(["live"]));

    let renamed = app.json(Method::PATCH, path, Some(json!({"name": "net 2"})), 200).await;
    assert_eq!(renamed["name"], "net 2");
    assert_eq!(renamed["aliases"], json!([{"alias": "live", "version": 1}]));
    assert_eq!(renamed["versions"][0]["tags"], json!({"x": "y"}));
    let list = app.get("/api/v1/models?filter=name%20LIKE%20'net%25'").await;
    assert_eq!(list["models"][0]["version_count"], 1);

    let path = "/api/v1/models/net%202";
    app.json(Method::DELETE, &format!("{path}/aliases/live"), None, 204).await;
    app.json(Method::DELETE, &format!("{path}/versions/1"), None, 204).await;
    app.json(Method::DELETE, path, None, 204).await;
    assert_eq!(app.json(Method::GET, path, None, 404).await["code"], "RESOURCE_DOES_NOT_EXIST");
}

#[tokio::test]
async fn prompts_are_listed_with_what_they_say() {
    let app = TestApp::start().await;
    let is_prompt = json!({"key": "mlflow.prompt.is_prompt", "value": "true"});
    let name = json!({"name": "answer", "tags": [is_prompt]});
    app.json(Method::POST, "/api/2.0/mlflow/registered-models/create", Some(name), 200).await;
    let asked = "/api/v1/models?filter=tags.%60mlflow.prompt.is_prompt%60%20=%20'true'";
    assert_eq!(app.get(asked).await["models"][0]["prompt"], Value::Null);
    for (text, message) in [("Say {{it}}.", "first"), (&"long ".repeat(100), "more words")] {
        let tags = json!([is_prompt, {"key": "mlflow.prompt.text", "value": text}]);
        let version = json!({"name": "answer", "source": "dummy-source", "description": message, "tags": tags});
        app.json(Method::POST, "/api/2.0/mlflow/model-versions/create", Some(version), 200).await;
    }
    let listed = &app.get(asked).await["models"];
    let prompt = json!({"text": "long ".repeat(60), "commit_message": "more words"});
    assert_eq!(listed[0]["prompt"], prompt);
    assert_eq!(app.get("/api/v1/models").await["models"], json!([]));
}

#[tokio::test]
async fn the_palette_finds_things_by_any_text() {
    let app = TestApp::start().await;
    let run = app.run("It's a \"Run\"").await;
    app.json(Method::POST, "/api/v1/models", Some(json!({"name": "runner"})), 201).await;
    let kinds = |found: &Value| -> Vec<String> {
        let results = found["results"].as_array().unwrap();
        results.iter().map(|r| r["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&app.get("/api/v1/search?q=RUN").await), ["run", "model"]);
    assert_eq!(kinds(&app.get("/api/v1/search?q=Defau").await), ["experiment"]);
    assert_eq!(kinds(&app.get("/api/v1/search?q=it%27s%20a%20%22").await), ["run"]);
    let prefix = &run.info.run_id.as_str()[..8];
    assert_eq!(kinds(&app.get(&format!("/api/v1/search?q={prefix}")).await), ["run"]);
    assert_eq!(kinds(&app.get("/api/v1/search?q=").await), Vec::<String>::new());
    assert_eq!(kinds(&app.get("/api/v1/search?q=%27%22%60%5C").await), Vec::<String>::new());
}

#[tokio::test]
async fn errors_have_one_shape_and_point_at_the_character() {
    let app = TestApp::start().await;
    let check = |filter: &str| {
        let body = json!({"entity": "runs", "filter": filter});
        app.json(Method::POST, "/api/v1/filter/check", Some(body), 200)
    };
    assert_eq!(check("metrics.loss < 1").await, json!({"ok": true}));
    let verdict = check("metrics.loss ~ 1").await;
    assert_eq!(verdict["ok"], false);
    assert_eq!(verdict["position"], 13, "{verdict}");

    let search = json!({"experiment_ids": ["0"], "filter": "metrics.loss ~ 1"});
    let error = app.json(Method::POST, "/api/v1/runs/search", Some(search), 400).await;
    assert_eq!(error["code"], "INVALID_PARAMETER_VALUE");
    assert_eq!(error["position"], 13);
    assert_eq!(error["detail"], verdict["detail"]);

    for (method, path, body, status) in [
        (Method::POST, "/api/v1/runs/search", Some(json!({"experiment_ids": 3})), 400),
        (Method::GET, "/api/v1/experiments?max_results=many", None, 400),
        (Method::GET, "/api/v1/experiments?max_results=0", None, 400),
        (Method::GET, "/api/v1/experiments/x", None, 400),
        (Method::GET, "/api/v1/experiments/99", None, 404),
        (Method::GET, "/api/v1/runs/none", None, 404),
        (Method::DELETE, "/api/v1/tokens/x", None, 400),
    ] {
        let error = app.json(method.clone(), path, body, status).await;
        assert!(
            error["detail"].is_string() && error["code"].is_string(),
            "{method} {path}: {error}"
        );
    }
    let not_json = app.request(Method::POST, "/api/v1/runs/search").body("{}").send();
    let error: Value = not_json.await.unwrap().json().await.unwrap();
    assert_eq!(error["code"], "BAD_REQUEST");
    assert!(error["hint"].as_str().unwrap().contains("application/json"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_in_the_words_of_its_surface() {
    let app = TestApp::start().await;
    let send = |path: &str| {
        let body = vec![b' '; branchline_server::MAX_BODY_BYTES + 1];
        app.request(Method::POST, path).header("content-type", "application/json").body(body).send()
    };
    let own = send("/api/v1/runs/search").await.unwrap();
    assert_eq!(own.status(), 413);
    assert_eq!(own.json::<Value>().await.unwrap()["code"], "PAYLOAD_TOO_LARGE");
    let mlflow = send("/api/2.0/mlflow/runs/log-batch").await.unwrap();
    assert_eq!(mlflow.status(), 413);
    assert!(mlflow.json::<Value>().await.unwrap()["error_code"].is_string());
}

#[tokio::test]
async fn preferences_merge_and_null_removes() {
    let app = TestApp::start().await;
    let set = json!({"theme": "dark", "pins": [1]});
    assert_eq!(app.json(Method::PATCH, "/api/v1/preferences", Some(set.clone()), 200).await, set);
    let changed = json!({"theme": null, "size": 2});
    app.json(Method::PATCH, "/api/v1/preferences", Some(changed), 200).await;
    assert_eq!(app.get("/api/v1/preferences").await, json!({"pins": [1], "size": 2}));
}

#[tokio::test]
async fn the_server_tells_what_it_is() {
    let app = TestApp::start().await;
    app.run("one").await;
    let server = app.get("/api/v1/server").await;
    assert_eq!(server["mlflow_version"], "3.17.2");
    assert_eq!(server["url"], app.url("").as_str());
    assert_eq!(server["store_uuid"], app.engine.store_uuid());
    assert_eq!(server["runs"], 1);
    assert_eq!(server["data_dir"], app.folder().to_str().unwrap(), "the owner is on this machine");
    let proxied = app.request(Method::GET, "/api/v1/server").header("x-forwarded-for", "10.0.0.9");
    let proxied: Value = proxied.send().await.unwrap().json().await.unwrap();
    assert_eq!(proxied["data_dir"], Value::Null, "somebody elsewhere need not know");

    let text = app.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\nbranchline_runs 1\n"), "{text}");
    assert!(text.contains("branchline_http_responses_total{class=\"2xx\"}"), "{text}");
}

#[tokio::test]
async fn the_database_is_looked_after() {
    let app = TestApp::start().await;
    let query = json!({"sql": "SELECT 1 AS one UNION ALL SELECT 2", "limit": 1});
    let rows = app.json(Method::POST, "/api/v1/db/query", Some(query), 200).await;
    assert_eq!(rows, json!({"columns": ["one"], "rows": [[1]], "truncated": true}));
    let write = json!({"sql": "DELETE FROM run"});
    app.json(Method::POST, "/api/v1/db/query", Some(write), 403).await;
    assert_eq!(app.get("/api/v1/db/check").await, json!({"ok": true, "problems": []}));
    let status = app.get("/api/v1/db/status").await;
    assert_eq!(status["migrations"][0]["applied"], true);
    let target = app.folder().join("copy.db");
    let body = json!({"path": target.to_str().unwrap()});
    let done = app.json(Method::POST, "/api/v1/db/backup", Some(body), 200).await;
    assert_eq!(done["size_bytes"].as_u64().unwrap(), std::fs::metadata(&target).unwrap().len());
    app.json(Method::POST, "/api/v1/db/backup", Some(json!({"path": "copy.db"})), 400).await;
}

#[tokio::test]
async fn connecting_mints_a_token_that_works() {
    let app = TestApp::start().await;
    let made = app.json(Method::POST, "/api/v1/connect", Some(json!({"write": false})), 200).await;
    assert_eq!(made["written"], false);
    assert_eq!(made["tracking_uri"], app.url("").as_str());
    assert_eq!(made["environment"]["MLFLOW_TRACKING_TOKEN"], made["token"]);
    assert!(made["snippet"].as_str().unwrap().contains("MLFLOW_TRACKING_URI"));
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let me = app.anonymous(Method::GET, "/api/v1/me").header("authorization", bearer).send();
    assert_eq!(me.await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_log_is_read_from_its_end() {
    let app = TestApp::start().await;
    let logs = app.folder().join("logs");
    std::fs::create_dir_all(&logs).unwrap();
    let lines = "2026-01-01T00:00:00Z  INFO a: one\n2026-01-01T00:00:01Z  WARN a: two\n";
    std::fs::write(logs.join("branchline.2026-01-01.log"), lines).unwrap();
    let all = app.get("/api/v1/logs?lines=10").await;
    assert_eq!(all["lines"].as_array().unwrap().len(), 2, "{all}");
    let bad = app.get("/api/v1/logs?level=warn").await;
    assert_eq!(bad["lines"], json!(["2026-01-01T00:00:01Z  WARN a: two"]));
    app.json(Method::GET, "/api/v1/logs?level=loud", None, 400).await;
}

#[tokio::test]
async fn who_is_refused_before_the_body_was_read_hears_that_the_connection_ends() {
    let app = TestApp::start().await;
    let path = "/api/2.0/mlflow/experiments/create";
    let closes = |answer: &reqwest::Response| answer.headers().get("connection").is_some();
    let refused = app.anonymous(Method::POST, path).body(vec![b' '; 1 << 20]).send().await;
    let refused = refused.unwrap();
    assert_eq!((refused.status().as_u16(), closes(&refused)), (401, true));
    let wrong = app.request(Method::POST, path).json(&json!({"name": ""})).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), closes(&wrong)), (400, false), "it was read to its end");
    let asked = app.anonymous(Method::GET, "/api/v1/me").send().await.unwrap();
    assert_eq!((asked.status().as_u16(), closes(&asked)), (401, false), "there is no body");
}
