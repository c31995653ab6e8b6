//! Live events over a real WebSocket.

use crate::app::TestApp;
use branchline_core::event::{Cursor, EventKind};
use branchline_core::{ExperimentId, Metric, Run, Tag};
use branchline_engine::LogBatch;
use branchline_server::ServerOptions;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let bearer = format!("Bearer {}", app.token);
        Self::with(app, &[("authorization", &bearer)]).await.expect("the socket opens")
    }

    async fn with(app: &TestApp, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request =
            format!("ws://{}/api/v1/events", app.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.map(|(socket, _)| Self(socket))
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next message; `None` when the server closed, and its code.
    async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.0.next()).await;
            match next.expect("the server says something within 20 seconds") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    pub(crate) async fn hear(&mut self) -> Value {
        self.next().await.expect("the socket stays open")
    }

    pub(crate) async fn subscribe(&mut self, id: &str, topic: &str) -> String {
        self.say(json!({"op": "subscribe", "id": id, "topic": topic})).await;
        let answer = self.hear().await;
        assert_eq!((&answer["id"], &answer["kind"]), (&json!(id), &json!("subscribed")));
        answer["cursor"].as_str().unwrap().to_owned()
    }
}

async fn log(app: &TestApp, run: &Run, steps: std::ops::Range<i64>) {
    let metrics = steps.map(|step| Metric {
        key: "loss".to_owned(),
        value: step as f64 / 2.0,
        timestamp: 1000 + step,
        step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    });
    let batch = LogBatch { metrics: metrics.collect(), ..LogBatch::default() };
    app.engine.log_batch(&app.owner, &run.info.run_id, batch).await.unwrap();
}

fn metrics_topic(run: &Run) -> String {
    format!("run/{}/metrics", run.info.run_id)
}

/// Steps of the points in a message.
fn steps(message: &Value) -> Vec<i64> {
    assert_eq!(message["kind"], "points", "{message}");
    let series = message["data"]["series"].as_array().unwrap();
    let steps = series.iter().flat_map(|one| one["steps"].as_array().unwrap());
    steps.map(|step| step.as_i64().unwrap()).collect()
}

#[tokio::test]
async fn points_come_after_a_subscription_and_are_what_was_logged() {
    let app = TestApp::start().await;
    let run = app.run("live").await;
    log(&app, &run, 0..3).await;
    let mut socket = Socket::open(&app).await;
    socket.subscribe("m", &metrics_topic(&run)).await;
    log(&app, &run, 3..5).await;
    let message = socket.hear().await;
    assert_eq!(message["id"], "m");
    assert_eq!(message["cursor"], app.engine.cursor().to_string());
    assert_eq!(message["seq"], app.engine.cursor().seq);
    let new: Vec<i64> = steps(&message).into_iter().filter(|step| *step >= 3).collect();
    assert_eq!(new, [3, 4]);
    let series = &message["data"]["series"][0];
    assert_eq!(series["key"], "loss");
    let last = series["values"].as_array().unwrap().last().unwrap();
    assert_eq!(*last, json!(2.0));
}

#[tokio::test]
async fn who_comes_back_with_a_cursor_gets_what_was_missed() {
    let app = TestApp::start().await;
    let run = app.run("live").await;
    let mut socket = Socket::open(&app).await;
    socket.subscribe("m", &metrics_topic(&run)).await;
    log(&app, &run, 0..2).await;
    let cursor = socket.hear().await["cursor"].clone();
    drop(socket);
    log(&app, &run, 2..4).await;
    let mut socket = Socket::open(&app).await;
    let topic = metrics_topic(&run);
    socket.say(json!({"op": "subscribe", "id": "m", "topic": topic, "after": cursor})).await;
    let missed = steps(&socket.hear().await);
    assert!(missed.contains(&2) && missed.contains(&3), "{missed:?} has what was missed");
}

#[tokio::test]
async fn a_cursor_of_another_life_is_answered_with_resync() {
    let app = TestApp::start().await;
    let run = app.run("live").await;
    let here = app.engine.cursor();
    let mut socket = Socket::open(&app).await;
    let foreign = Cursor { epoch: here.epoch + 1, seq: here.seq };
    for (id, after) in [("a", foreign), ("b", Cursor { epoch: here.epoch, seq: here.seq + 1000 })] {
        let topic = metrics_topic(&run);
        let after = after.to_string();
        socket.say(json!({"op": "subscribe", "id": id, "topic": topic, "after": after})).await;
        let cursor = here.to_string();
        assert_eq!(socket.hear().await, json!({"id": id, "resync": true, "cursor": cursor}));
    }
    log(&app, &run, 0..1).await;
    let mut heard = [socket.hear().await, socket.hear().await].map(|m| m["id"].to_string());
    heard.sort();
    assert_eq!(heard, ["\"a\"", "\"b\""], "both go on from there");
}

#[tokio::test]
async fn frames_coalesce_and_lose_nothing() {
    let app = TestApp::start().await;
    let run = app.run("live").await;
    let mut socket = Socket::open(&app).await;
    socket.subscribe("m", &metrics_topic(&run)).await;
    let writes = 300;
    let began = std::time::Instant::now();
    for step in 0..writes {
        log(&app, &run, step..step + 1).await;
    }
    let mut seen = std::collections::BTreeSet::new();
    let mut frames = 0;
    while seen.len() < usize::try_from(writes).unwrap() {
        seen.extend(steps(&socket.hear().await));
        frames += 1;
    }
    let most = began.elapsed().as_millis() / 100 + 2;
    assert!(frames <= most, "{frames} frames are more than ten a second");
}

#[tokio::test]
async fn each_topic_tells_what_changed() {
    let app = TestApp::start().await;
    let run = app.run("live").await;
    let id = run.info.run_id.as_str();
    let mut socket = Socket::open(&app).await;
    socket.subscribe("all", "experiments").await;
    app.engine.rename_experiment(&app.owner, ExperimentId(0), "renamed").await.unwrap();
    let told = socket.hear().await;
    assert_eq!((&told["id"], &told["kind"]), (&json!("all"), &json!("changed")));
    assert_eq!(told["data"], json!({"experiment_ids": ["0"]}));
    socket.say(json!({"op": "unsubscribe", "id": "all"})).await;

    socket.subscribe("runs", "experiment/0").await;
    let tags = vec![Tag { key: "a".to_owned(), value: "b".to_owned() }];
    let batch = LogBatch { tags, ..LogBatch::default() };
    app.engine.log_batch(&app.owner, &run.info.run_id, batch).await.unwrap();
    let told = socket.hear().await;
    assert_eq!((&told["id"], &told["kind"]), (&json!("runs"), &json!("runs")));
    assert_eq!(told["data"], json!({"run_ids": [id]}));
    socket.say(json!({"op": "unsubscribe", "id": "runs"})).await;

    socket.subscribe("run", &format!("run/{id}")).await;
    app.engine.notify_artifacts(EventKind::Artifacts(run.info.run_id.clone(), ExperimentId(0)));
    let told = socket.hear().await;
    assert_eq!((&told["id"], &told["kind"]), (&json!("run"), &json!("artifacts")));
    app.engine.delete_run(&app.owner, &run.info.run_id).await.unwrap();
    let told = socket.hear().await;
    assert_eq!((&told["id"], &told["kind"]), (&json!("run"), &json!("changed")));

    socket.subscribe("models", "models").await;
    let new = branchline_engine::NewRegisteredModel {
        name: "net".to_owned(),
        description: None,
        tags: Vec::new(),
    };
    app.engine.create_registered_model(&app.owner, new).await.unwrap();
    let told = socket.hear().await;
    assert_eq!(told["data"], json!({"names": ["net"]}), "{told}");
}

#[tokio::test]
async fn what_is_not_understood_is_said_and_the_socket_stays() {
    let app = TestApp::start().await;
    let mut socket = Socket::open(&app).await;
    for message in [
        json!({"op": "dance"}),
        json!({"op": "subscribe", "id": "x", "topic": "weather"}),
        json!({"op": "subscribe", "id": "x", "topic": "models", "after": "yesterday"}),
    ] {
        socket.say(message.clone()).await;
        let answer = socket.hear().await;
        assert_eq!(answer["kind"], "error", "{message} was answered {answer}");
        assert!(answer["detail"].is_string() && answer["code"].is_string());
    }
    socket.subscribe("m", "models").await;
}

#[tokio::test]
async fn a_credential_may_come_first_and_must_hold() {
    let app = TestApp::start().await;
    let mut socket = Socket::with(&app, &[]).await.unwrap();
    socket.say(json!({"op": "auth", "token": app.token})).await;
    socket.subscribe("m", "models").await;

    let mut wrong = Socket::with(&app, &[]).await.unwrap();
    wrong.say(json!({"op": "auth", "token": "bl_wrong"})).await;
    assert_eq!(wrong.next().await, Err(Some(4401)));

    let mut none = Socket::with(&app, &[]).await.unwrap();
    none.say(json!({"op": "subscribe", "id": "m", "topic": "models"})).await;
    assert_eq!(none.next().await, Err(Some(4401)), "nothing before a credential");

    let mut silent = Socket::with(&app, &[]).await.unwrap();
    assert_eq!(silent.next().await, Err(Some(4401)), "who says nothing is not waited for");

    let refused = Socket::with(&app, &[("authorization", "Bearer bl_wrong")]).await;
    assert!(matches!(refused, Err(Error::Http(r)) if r.status() == 401));
}

#[tokio::test]
async fn a_cookie_opens_a_socket_for_our_own_pages_only() {
    let app = TestApp::start().await;
    let secret = app.engine.issue_sign_in_secret();
    let session = app.engine.redeem_sign_in_secret(&secret, "test").await.unwrap();
    let cookie = format!("bl_{}={session}", &app.engine.store_uuid()[..8]);
    let own = app.url("");
    let mut socket = Socket::with(&app, &[("cookie", &cookie), ("origin", &own)]).await.unwrap();
    socket.subscribe("m", "models").await;
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let refused = Socket::with(&app, &[("cookie", &cookie), ("origin", origin)]).await;
        assert!(matches!(refused, Err(Error::Http(r)) if r.status() == 403), "{origin}");
    }
    let refused = Socket::with(&app, &[("cookie", &cookie), ("host", "evil.example")]).await;
    assert!(matches!(refused, Err(Error::Http(r)) if r.status() == 403));
}

#[tokio::test]
async fn without_authentication_sockets_are_open() {
    let app = TestApp::with(ServerOptions { no_auth: true, ..ServerOptions::default() }).await;
    let mut socket = Socket::with(&app, &[]).await.unwrap();
    socket.subscribe("m", "models").await;
}

#[tokio::test]
async fn sockets_are_told_that_the_server_stops() {
    let mut app = TestApp::start().await;
    let mut socket = Socket::open(&app).await;
    socket.subscribe("m", "models").await;
    let mut waiting = Socket::with(&app, &[]).await.unwrap();
    app.stop.take().unwrap().send(()).unwrap();
    assert_eq!(socket.next().await, Err(Some(1001)));
    assert_eq!(waiting.next().await, Err(Some(1001)));
    let ended = tokio::time::timeout(Duration::from_secs(20), &mut app.served).await;
    ended.expect("the server ends").unwrap().unwrap();
}
