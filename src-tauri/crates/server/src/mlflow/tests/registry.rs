//! Logged models, registered models and versions.

use super::app::{API, App};
use axum::http::Method;
use serde_json::{Value, json};

const INVALID: &str = "INVALID_PARAMETER_VALUE";

async fn logged_model(app: &App, run: &str) -> String {
    let new = json!({"experiment_id": "0", "name": "lm", "source_run_id": run});
    let made = app.post("logged-models", new).await.ok();
    made["model"]["info"]["model_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_logged_model_is_registered_and_found_again() {
    let app = App::new();
    let run = app.run().await;
    let id = logged_model(&app, &run).await;
    let path = format!("{API}/logged-models/{id}");
    let ready = json!({"model_id": id, "status": "LOGGED_MODEL_READY"}).to_string();
    let model = app.call(Method::PATCH, &path, ready).await.ok();
    assert_eq!(model["model"]["info"]["status"], json!("LOGGED_MODEL_READY"));
    let unnamed = app.call(Method::PATCH, &path, r#"{"status":"LOGGED_MODEL_READY"}"#).await;
    unnamed.refused(400, INVALID, "'model_id'");

    app.post("registered-models/create", json!({"name": "m"})).await.ok();
    let new = json!({"name": "m", "source": format!("models:/{id}"), "model_id": id});
    let version = app.post("model-versions/create", new).await.ok();
    assert_eq!(version["model_version"]["version"], json!("1"));
    assert_eq!(version["model_version"]["run_id"], json!(run), "from the logged model");
    let uri = app.get("model-versions/get-download-uri?name=m&version=1").await.ok();
    assert_eq!(uri, json!({"artifact_uri": format!("mlflow-artifacts:/0/models/{id}/artifacts")}));
    let model = app.call(Method::GET, &path, "").await.ok();
    let tags =
        json!([{"key": "mlflow.modelVersions", "value": r#"[{"name": "m", "version": 1}]"#}]);
    assert_eq!(model["model"]["info"]["tags"], tags);
}

#[tokio::test]
async fn a_deleted_logged_model_is_found_only_on_demand() {
    let app = App::new();
    let run = app.run().await;
    let id = logged_model(&app, &run).await;
    let path = format!("{API}/logged-models/{id}");
    for _ in 0..2 {
        assert_eq!(app.call(Method::DELETE, &path, "").await.ok(), json!({}));
    }
    let gone = app.call(Method::GET, &path, "").await;
    gone.refused(404, "RESOURCE_DOES_NOT_EXIST", &id);
    let found = app.call(Method::GET, &format!("{path}?allow_deleted=true"), "").await.ok();
    assert_eq!(found["model"]["info"]["model_id"], json!(id));
}

#[tokio::test]
async fn a_version_comes_from_where_its_maker_could_look() {
    let app = App::new();
    let run = app.run().await;
    let id = logged_model(&app, &run).await;
    app.post("registered-models/create", json!({"name": "m"})).await.ok();
    let create = async |source: &str, run_id: Value| {
        let new = json!({"name": "m", "source": source, "run_id": run_id});
        app.post("model-versions/create", new).await
    };
    let own = format!("mlflow-artifacts:/0/{run}/artifacts/model");
    create(&own, json!(run)).await.ok();
    create(&format!("runs:/{run}/model"), json!(run)).await.ok();
    create("s3://bucket/model", Value::Null).await.ok();
    for source in [
        own.as_str(),
        "/etc/passwd",
        "file:///etc/passwd",
        "http://host/x",
        "s3://b/../x",
        &format!("models:/{id}"),
        &format!("runs:/{run}/model"),
        "mlflow-artifacts:/0/models/m-other/artifacts",
    ] {
        create(source, Value::Null).await.refused(400, INVALID, "source");
    }
    create("models:/m/99", Value::Null).await.refused(404, "RESOURCE_DOES_NOT_EXIST", "99");
    create("models:/none/1", Value::Null).await.refused(404, "RESOURCE_DOES_NOT_EXIST", "none");
}

#[tokio::test]
async fn a_copy_keeps_its_origin() {
    let app = App::new();
    let run = app.run().await;
    for name in ["m", "copy"] {
        app.post("registered-models/create", json!({"name": name})).await.ok();
    }
    let source = format!("mlflow-artifacts:/0/{run}/artifacts/model");
    let new = json!({"name": "m", "source": source, "run_id": run});
    app.post("model-versions/create", new).await.ok();
    let alias = json!({"name": "m", "alias": "live", "version": "1"});
    app.post("registered-models/alias", alias).await.ok();
    for (version, from) in
        [("1", "models:/m/1"), ("2", "models:/m/latest"), ("3", "models:/m@live")]
    {
        let copy = app.post("model-versions/create", json!({"name": "copy", "source": from})).await;
        let copy = &copy.ok()["model_version"];
        assert_eq!(copy["version"], json!(version));
        assert_eq!((&copy["source"], &copy["run_id"]), (&json!("models:/m/1"), &json!(run)));
        let uri = format!("model-versions/get-download-uri?name=copy&version={version}");
        assert_eq!(app.get(&uri).await.ok(), json!({"artifact_uri": source}));
    }
    let other = json!({"name": "copy", "source": "models:/m/1", "run_id": "other"});
    app.post("model-versions/create", other).await.refused(400, INVALID, "must match");
}

#[tokio::test]
async fn prompts_are_left_out_unless_asked_for() {
    let app = App::new();
    let prompt = json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}]);
    app.post("registered-models/create", json!({"name": "model"})).await.ok();
    app.post("registered-models/create", json!({"name": "prompt", "tags": prompt})).await.ok();
    let found = async |filter: &str| {
        let filter = filter.replace(' ', "%20").replace('\'', "%27").replace('=', "%3D");
        let answer = app.get(&format!("registered-models/search?filter={filter}")).await.ok();
        let models = answer["registered_models"].as_array().cloned().unwrap_or_default();
        models.iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("").await, ["model"]);
    assert_eq!(found("tag.`mlflow.prompt.is_prompt` != 'true'").await, ["model"]);
    assert_eq!(
        found("name LIKE 'm%' AND tag.`mlflow.prompt.is_prompt` != 'true'").await,
        ["model"]
    );
    assert_eq!(found("tag.`mlflow.prompt.is_prompt` = 'true'").await, ["prompt"]);
}

#[tokio::test]
async fn aliases_and_versions_are_told_apart_from_what_is_missing() {
    let app = App::new();
    app.post("registered-models/create", json!({"name": "m"})).await.ok();
    let alias = app.get("registered-models/alias?name=m&alias=nope").await;
    alias.refused(400, INVALID, "alias nope not found");
    let alias = app.get("registered-models/alias?name=none&alias=nope").await;
    alias.refused(404, "RESOURCE_DOES_NOT_EXIST", "none");
    app.get("model-versions/get?name=m&version=x").await.refused(
        400,
        INVALID,
        "must be an integer",
    );
    let gone = app.get("model-versions/get?name=m&version=9").await;
    gone.refused(404, "RESOURCE_DOES_NOT_EXIST", "version=9");
    let body = json!({"name": "m"}).to_string();
    app.call(Method::DELETE, &format!("{API}/registered-models/delete"), body).await.ok();
    app.get("registered-models/get?name=m").await.refused(404, "RESOURCE_DOES_NOT_EXIST", "m");
}
