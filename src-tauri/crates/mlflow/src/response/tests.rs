//! Against what `mlflow server` 3.17.2 wrote for the same things.

use super::*;
use branchline_core::{
    Dataset, DatasetInput, Experiment, ExperimentId, FileInfo, Lifecycle, LoggedModel, Metric,
    ModelId, ModelOutput, ModelStatus, ModelVersion, Param, RegisteredModel, Run, RunId, RunInfo,
    RunStatus, Tag,
};
use serde_json::{Value, json};

fn written<T: Serialize>(answer: &T) -> Value {
    serde_json::to_value(answer).unwrap()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.into(), value: value.into() }
}

fn metric(key: &str, value: f64) -> Metric {
    Metric {
        key: key.into(),
        value,
        timestamp: 100,
        step: 0,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

fn run() -> Run {
    Run {
        info: RunInfo {
            run_id: RunId::new("r0"),
            name: "r1".into(),
            experiment_id: ExperimentId(1),
            user_id: String::new(),
            status: RunStatus::Running,
            start_time: 0,
            end_time: None,
            artifact_uri: "mlflow-artifacts:/1/r0/artifacts".into(),
            lifecycle: Lifecycle::Active,
            rev: 7,
        },
        metrics: vec![],
        params: vec![],
        tags: vec![tag("mlflow.runName", "r1")],
        dataset_inputs: vec![],
        model_inputs: vec![],
        model_outputs: vec![],
    }
}

#[test]
fn an_experiment() {
    let experiment = Experiment {
        id: ExperimentId(1),
        uid: "u".into(),
        name: "probe".into(),
        artifact_location: "mlflow-artifacts:/1".into(),
        lifecycle: Lifecycle::Active,
        created_at: 5,
        updated_at: 6,
        rev: 1,
        tags: vec![tag("a", "1"), tag("empty", "")],
    };
    let expected = json!({"experiment": {
        "artifact_location": "mlflow-artifacts:/1", "creation_time": 5, "experiment_id": "1",
        "last_update_time": 6,
            "workspace": "default", "lifecycle_stage": "active", "name": "probe",
        "tags": [{"key": "a", "value": "1"}, {"key": "empty", "value": ""}],
    }});
    assert_eq!(written(&One("experiment", &experiment)), expected);
}

#[test]
fn a_young_run_has_empty_objects_and_no_end() {
    let expected = json!({"run": {
        "data": {"tags": [{"key": "mlflow.runName", "value": "r1"}]},
        "info": {
            "artifact_uri": "mlflow-artifacts:/1/r0/artifacts", "experiment_id": "1",
            "lifecycle_stage": "active", "run_id": "r0", "run_name": "r1", "run_uuid": "r0",
            "start_time": 0, "status": "RUNNING", "user_id": "",
        },
        "inputs": {}, "outputs": {},
    }});
    assert_eq!(written(&One("run", &run())), expected);
}

#[test]
fn a_run_with_everything() {
    let mut run = run();
    run.info.end_time = Some(9);
    run.metrics = vec![
        Metric { step: 2, ..metric("loss", f64::NAN) },
        metric("inf", f64::INFINITY),
        metric("ninf", f64::NEG_INFINITY),
        metric("int", 3.0),
    ];
    run.params = vec![Param { key: "noval".into(), value: String::new() }];
    run.dataset_inputs = vec![DatasetInput {
        tags: vec![tag("mlflow.data.context", "train")],
        dataset: Dataset {
            name: "d".into(),
            digest: "abc".into(),
            source_type: "local".into(),
            source: "{}".into(),
            schema: Some("{}".into()),
            profile: None,
        },
    }];
    run.model_inputs = vec![ModelId::new("m-1")];
    run.model_outputs = vec![ModelOutput { model_id: ModelId::new("m-1"), step: 3 }];
    let written = written(&Wire(&run));
    assert_eq!(written["info"]["end_time"], json!(9));
    assert_eq!(
        written["data"]["metrics"],
        json!([
            {"key": "loss", "step": 2, "timestamp": 100, "value": "NaN"},
            {"key": "inf", "step": 0, "timestamp": 100, "value": "Infinity"},
            {"key": "ninf", "step": 0, "timestamp": 100, "value": "-Infinity"},
            {"key": "int", "step": 0, "timestamp": 100, "value": 3.0},
        ])
    );
    assert_eq!(written["data"]["params"], json!([{"key": "noval", "value": ""}]));
    assert_eq!(
        written["inputs"],
        json!({
            "dataset_inputs": [{
                "tags": [{"key": "mlflow.data.context", "value": "train"}],
                "dataset": {"name": "d", "digest": "abc", "source_type": "local", "source": "{}", "schema": "{}"},
            }],
            "model_inputs": [{"model_id": "m-1"}],
        })
    );
    assert_eq!(written["outputs"], json!({"model_outputs": [{"model_id": "m-1", "step": 3}]}));
}

#[test]
fn pages() {
    let mut page = Page::<Run> { items: vec![], next_page_token: None };
    assert_eq!(written(&Paged("runs", &page)), json!({}));
    page.items.push(run());
    page.next_page_token = Some("t".into());
    let answer = written(&Paged("runs", &page));
    assert_eq!(answer["next_page_token"], json!("t"));
    assert_eq!(answer["runs"].as_array().unwrap().len(), 1);
    assert_eq!(written(&Empty), json!({}));
}

#[test]
fn a_logged_model() {
    let mut model = LoggedModel {
        model_id: ModelId::new("m-1"),
        experiment_id: ExperimentId(1),
        name: "nimble-snipe-806".into(),
        model_type: None,
        source_run_id: None,
        status: ModelStatus::Pending,
        status_message: None,
        artifact_uri: "mlflow-artifacts:/1/models/m-1/artifacts".into(),
        created_at: 5,
        updated_at: 6,
        lifecycle: Lifecycle::Active,
        params: vec![],
        tags: vec![],
        metrics: vec![],
    };
    let expected = json!({"model": {"data": {}, "info": {
        "artifact_uri": "mlflow-artifacts:/1/models/m-1/artifacts", "creation_timestamp_ms": 5,
        "experiment_id": "1", "last_updated_timestamp_ms": 6, "model_id": "m-1", "model_type": "",
        "name": "nimble-snipe-806", "source_run_id": "", "status": "LOGGED_MODEL_PENDING",
    }}});
    assert_eq!(written(&One("model", &model)), expected);

    model.metrics = vec![Metric {
        model_id: Some("m-1".into()),
        dataset_name: Some("d".into()),
        dataset_digest: Some("abc".into()),
        run_id: Some("r0".into()),
        step: 1,
        ..metric("acc", 0.9)
    }];
    assert_eq!(
        written(&Wire(&model))["data"]["metrics"],
        json!([{"dataset_digest": "abc", "dataset_name": "d", "key": "acc", "model_id": "m-1",
                "run_id": "r0", "step": 1, "timestamp": 100, "value": 0.9}])
    );
}

fn version() -> ModelVersion {
    ModelVersion {
        name: "m".into(),
        version: 2,
        uid: "u".into(),
        created_at: 5,
        updated_at: 6,
        user_id: None,
        stage: "None".into(),
        description: None,
        source: "models:/m-1".into(),
        storage_location: Some("mlflow-artifacts:/1/models/m-1/artifacts".into()),
        run_id: Some("r0".into()),
        run_link: None,
        model_id: Some("m-1".into()),
        status: "READY".into(),
        status_message: None,
        rev: 3,
        tags: vec![tag("vt", "1")],
        aliases: vec!["prod".into()],
    }
}

#[test]
fn a_model_version() {
    let expected = json!({"model_version": {
        "aliases": ["prod"], "creation_timestamp": 5, "current_stage": "None", "description": "",
        "last_updated_timestamp": 6, "name": "m", "run_id": "r0", "run_link": "",
        "source": "models:/m-1", "status": "READY", "tags": [{"key": "vt", "value": "1"}],
        "version": "2",
    }});
    assert_eq!(written(&One("model_version", &version())), expected);
}

#[test]
fn a_registered_model() {
    let mut model = RegisteredModel {
        name: "m2".into(),
        uid: "u".into(),
        description: Some(String::new()),
        created_at: 5,
        updated_at: 6,
        rev: 1,
        tags: vec![],
        aliases: vec![],
        latest_versions: vec![],
    };
    let expected = json!({"registered_model":
        {"creation_timestamp": 5, "last_updated_timestamp": 6, "name": "m2"}});
    assert_eq!(written(&One("registered_model", &model)), expected);
    model.aliases = vec![("prod".into(), 1)];
    model.latest_versions = vec![version()];
    let written = written(&Wire(&model));
    assert_eq!(written["aliases"], json!([{"alias": "prod", "version": "1"}]));
    assert_eq!(written["latest_versions"][0]["version"], json!("2"));
}

#[test]
fn files() {
    let file =
        |path: &str, size| FileInfo { path: path.into(), is_dir: Option::is_none(&size), size };
    let files = [file("dir", None), file("empty.bin", Some(0)), file("dir/a.txt", Some(14))];
    let expected = json!([
        {"is_dir": true, "path": "dir"},
        {"is_dir": false, "path": "empty.bin"},
        {"file_size": 14, "is_dir": false, "path": "dir/a.txt"},
    ]);
    assert_eq!(written(&Listed("files", &files))["files"], expected);
    let answer = LoggedArtifacts { root_uri: "mlflow-artifacts:/1", files: &[] };
    assert_eq!(written(&answer), json!({"root_uri": "mlflow-artifacts:/1"}));
}

#[test]
fn doubles_come_back_as_they_were() {
    for text in [
        "0.1",
        "1e-5",
        "1.7976931348623157e308",
        "0.30000000000000004",
        "5e-324",
        "123456789.12345679",
    ] {
        let read: crate::scalar::Double = serde_json::from_str(text).unwrap();
        let again = serde_json::to_string(&object::Double(read.0)).unwrap();
        assert_eq!(again.parse::<f64>().unwrap().to_bits(), text.parse::<f64>().unwrap().to_bits());
    }
}
