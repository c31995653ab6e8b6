//! Traces as the interface shows them: found, looked into, watched, deleted.

use crate::app::TestApp;
use crate::live::Socket;
use reqwest::Method;
use serde_json::{Value, json};

const TRACE: &str = "tr-0af7651916cd43dd8448eb211c80319c";

fn span(id: &str, parent: &str, name: &str, from_ms: u64, to_ms: u64, more: &Value) -> Value {
    let at = |ms: u64| (1_764_000_000_000_000_000 + ms * 1_000_000).to_string();
    let attributes: Vec<Value> = more
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({"key": key, "value": {"stringValue": value.to_string()}}))
        .collect();
    json!({
        "traceId": &TRACE[3..], "spanId": id, "parentSpanId": parent, "name": name,
        "startTimeUnixNano": at(from_ms), "endTimeUnixNano": at(to_ms),
        "status": {"code": 1}, "attributes": attributes,
    })
}

async fn export(app: &TestApp, spans: Vec<Value>) {
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]});
    let request = app.request(Method::POST, "/v1/traces").header("x-mlflow-experiment-id", "0");
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
}

async fn ask_and_search(app: &TestApp) {
    let usage = json!({"input_tokens": 7, "output_tokens": 5, "total_tokens": 12});
    let inputs = json!({"question": "why?"});
    export(
        app,
        vec![
            span("00000000000000aa", "", "ask", 0, 90, &json!({"mlflow.spanInputs": inputs})),
            span(
                "00000000000000bb",
                "00000000000000aa",
                "chat",
                10,
                80,
                &json!({"mlflow.spanType": "LLM", "mlflow.chat.tokenUsage": usage}),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_trace_is_found_and_looked_into() {
    let app = TestApp::start().await;
    ask_and_search(&app).await;
    let search = json!({"experiment_ids": ["0"], "filter": "status = 'OK'"});
    let found = app.json(Method::POST, "/api/v1/traces/search", Some(search), 200).await;
    let trace = &found["traces"][0];
    assert_eq!(trace["trace_id"], TRACE);
    assert_eq!((&trace["state"], &trace["duration_ms"]), (&json!("OK"), &json!(90)));
    assert_eq!(trace["tokens"]["total"], 12);

    let detail = app.get(&format!("/api/v1/traces/{TRACE}")).await;
    let spans = detail["spans"].as_array().unwrap();
    assert_eq!(
        (&spans[0]["name"], &spans[0]["inputs"]),
        (&json!("ask"), &json!({"question": "why?"}))
    );
    assert_eq!(spans[1]["parent_id"], spans[0]["span_id"]);
    assert_eq!((&spans[1]["span_type"], &spans[1]["start_ms"]), (&json!("LLM"), &json!(10.0)));
    assert_eq!(spans[1]["duration_ms"], 70.0);
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_said() {
    let app = TestApp::start().await;
    let search = json!({"experiment_ids": ["0"], "filter": "status ="});
    let said = app.json(Method::POST, "/api/v1/traces/search", Some(search), 400).await;
    assert!(said["position"].is_number(), "{said} names the character");
    let search = json!({"experiment_ids": ["0"], "max_results": 0});
    app.json(Method::POST, "/api/v1/traces/search", Some(search), 400).await;
    app.json(Method::GET, "/api/v1/traces/tr-none", None, 404).await;
}

#[tokio::test]
async fn who_watches_hears_of_traces_as_they_come_and_go() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app).await;
    socket.subscribe("t", "experiment/0/traces").await;
    ask_and_search(&app).await;
    let told = socket.hear().await;
    assert_eq!((&told["kind"], &told["data"]), (&json!("changed"), &json!({"trace_ids": [TRACE]})));
    let gone = json!({"experiment_id": "0", "trace_ids": [TRACE]});
    let said = app.json(Method::POST, "/api/v1/traces/delete", Some(gone), 200).await;
    assert_eq!(said, json!({"deleted": 1}));
    loop {
        let told = socket.hear().await;
        if told["data"] == json!({"trace_ids": []}) {
            break;
        }
    }
    app.json(Method::GET, &format!("/api/v1/traces/{TRACE}"), None, 404).await;
}
