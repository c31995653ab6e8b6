//! What changes is pushed over the WebSocket: complete, bounded, and resumable.

use anyhow::{Context, Result, bail, ensure};
use branchline_testkit::{Api, Options, Server};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PATIENCE: Duration = Duration::from_secs(60);
const START: i64 = 1_700_000_000_000;

/// A live session.
struct Events {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Messages that came while those of another subscription were waited for.
    waiting: VecDeque<Value>,
}

impl Events {
    async fn open(server: &Server) -> Result<Self> {
        let mut request =
            format!("ws://{}/api/v1/events", server.address()).into_client_request()?;
        request.headers_mut().insert("Origin", server.url().parse()?);
        let (socket, _) = connect_async(request).await?;
        Ok(Self { socket, waiting: VecDeque::new() })
    }

    async fn subscribe(&mut self, id: &str, topic: &str, after: Option<&str>) -> Result<()> {
        let mut message = json!({"op": "subscribe", "id": id, "topic": topic});
        if let Some(after) = after {
            message["after"] = json!(after);
        }
        self.socket.send(Message::text(message.to_string())).await?;
        Ok(())
    }

    /// Subscribes from now on; answers the cursor.
    async fn subscribe_now(&mut self, id: &str, topic: &str) -> Result<String> {
        self.subscribe(id, topic, None).await?;
        let answer = self.next(id).await?;
        ensure!(answer["kind"] == "subscribed", "{answer}");
        Ok(answer["cursor"].as_str().context("no cursor")?.to_owned())
    }

    /// The next message of one subscription.
    async fn next(&mut self, id: &str) -> Result<Value> {
        if let Some(place) = self.waiting.iter().position(|message| message["id"] == id) {
            return self.waiting.remove(place).context("a message went missing");
        }
        tokio::time::timeout(PATIENCE, self.receive(id)).await.context("nothing came")?
    }

    async fn receive(&mut self, id: &str) -> Result<Value> {
        loop {
            match self.socket.next().await.context("closed")?? {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message["id"] == id {
                        return Ok(message);
                    }
                    self.waiting.push_back(message);
                }
                Message::Close(frame) => bail!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Reads frames until all these steps came; how many frames that took, and the last
    /// cursor. Told to start over, it reads the history, as every client does.
    async fn points_until(
        &mut self,
        api: &Api,
        run: &str,
        wanted: &BTreeSet<i64>,
    ) -> Result<(usize, String)> {
        let mut seen = BTreeSet::new();
        let mut frames = 0;
        loop {
            let message = self.next("p").await?;
            frames += 1;
            if message["resync"] == true {
                seen.extend(api.history(run, "loss").await?.into_iter().map(|(step, _)| step));
            } else {
                seen.extend(steps_of(&message, "loss")?);
            }
            if seen.is_superset(wanted) {
                let cursor = message["cursor"].as_str().context("no cursor")?.to_owned();
                return Ok((frames, cursor));
            }
        }
    }
}

/// The steps that a frame of points tells for a metric.
fn steps_of(message: &Value, key: &str) -> Result<Vec<i64>> {
    ensure!(message["kind"] == "points", "{message}");
    let mut all = Vec::new();
    let series = message["data"]["series"].as_array().context("no series")?;
    for each in series.iter().filter(|each| each["key"] == key) {
        let column = |name: &str| each[name].as_array().context("a column is missing");
        let steps = column("steps")?;
        let as_long = column("values")?.len() == steps.len();
        ensure!(as_long && column("timestamps")?.len() == steps.len(), "{message}");
        all.extend(steps.iter().filter_map(Value::as_i64));
    }
    Ok(all)
}

fn start(data_dir: &Path) -> Result<Server> {
    Server::start(data_dir, &Options::default().flag("--no-auth"))
}

async fn log(api: &Api, run: &str, steps: std::ops::Range<i64>) -> Result<()> {
    for step in steps {
        let point = json!({"run_id": run, "key": "loss", "value": 0.5, "timestamp": START + step, "step": step});
        api.mlflow("/runs/log-metric", point).await?;
    }
    Ok(())
}

#[tokio::test]
async fn points_arrive_complete_and_in_few_frames() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder.path().join("data"))?;
    let api = Api::new(server.url(), None);
    let (run, _) = api.create_run("0").await?;
    let mut events = Events::open(&server).await?;
    events.subscribe_now("p", &format!("run/{run}/metrics")).await?;
    let begun = std::time::Instant::now();
    log(&api, &run, 0..300).await?;
    let (frames, _) = events.points_until(&api, &run, &(0..300).collect()).await?;
    let most = 10 * begun.elapsed().as_secs() as usize + 15;
    ensure!(frames <= most, "{frames} frames, at most {most} expected");
    Ok(())
}

#[tokio::test]
async fn a_session_resumes_where_it_broke_off() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data_dir = folder.path().join("data");
    let mut server = start(&data_dir)?;
    let api = Api::new(server.url(), None);
    let (run, _) = api.create_run("0").await?;
    let topic = format!("run/{run}/metrics");
    let mut events = Events::open(&server).await?;
    events.subscribe_now("p", &topic).await?;
    log(&api, &run, 0..10).await?;
    let (_, cursor) = events.points_until(&api, &run, &(0..10).collect()).await?;
    drop(events);
    log(&api, &run, 10..20).await?;
    server.kill()?;
    let server = start(&data_dir)?;
    let api = Api::new(server.url(), None);
    let mut events = Events::open(&server).await?;
    events.subscribe("p", &topic, Some(&cursor)).await?;
    events.points_until(&api, &run, &(10..20).collect()).await?;
    log(&api, &run, 20..25).await?;
    events.points_until(&api, &run, &(20..25).collect()).await?;
    Ok(())
}

#[tokio::test]
async fn a_cursor_of_another_database_is_told_to_start_over() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder.path().join("data"))?;
    let api = Api::new(server.url(), None);
    let (run, _) = api.create_run("0").await?;
    let mut events = Events::open(&server).await?;
    for (id, cursor) in [("a", "no-such-epoch:5"), ("b", "nonsense"), ("c", "")] {
        events.subscribe(id, &format!("run/{run}/metrics"), Some(cursor)).await?;
        let answer = events.next(id).await?;
        ensure!(answer["resync"] == true || answer["kind"] == "error", "{cursor:?}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn every_topic_tells_of_its_changes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder.path().join("data"))?;
    let api = Api::new(server.url(), None);
    let mut events = Events::open(&server).await?;
    let (run, uri) = api.create_run("0").await?;
    events.subscribe_now("exps", "experiments").await?;
    events.subscribe_now("exp", "experiment/0").await?;
    events.subscribe_now("run", &format!("run/{run}")).await?;
    events.subscribe_now("models", "models").await?;

    api.mlflow("/experiments/create", json!({"name": "new"})).await?;
    ensure!(events.next("exps").await?["kind"] == "changed");
    let tag = json!({"run_id": run, "key": "t", "value": "1"});
    api.mlflow("/runs/set-tag", tag).await?;
    ensure!(events.next("run").await?["kind"] == "changed");
    let message = events.next("exp").await?;
    ensure!(message["kind"] == "runs" && message["data"]["run_ids"] == json!([run]), "{message}");
    let path = uri.trim_start_matches("mlflow-artifacts:/");
    api.put_bytes(&format!("/api/2.0/mlflow-artifacts/artifacts/{path}/a.txt"), b"x".to_vec())
        .await?;
    while events.next("run").await?["kind"] != "artifacts" {}
    api.mlflow("/registered-models/create", json!({"name": "net"})).await?;
    let message = events.next("models").await?;
    ensure!(
        message["kind"] == "changed" && message["data"]["names"] == json!(["net"]),
        "{message}"
    );
    Ok(())
}

#[tokio::test]
async fn a_client_that_does_not_read_harms_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start(&folder.path().join("data"))?;
    let api = Api::new(server.url(), None);
    let (run, _) = api.create_run("0").await?;
    let mut asleep = Events::open(&server).await?;
    let mut awake = Events::open(&server).await?;
    for number in 0..20 {
        asleep.subscribe(&number.to_string(), &format!("run/{run}/metrics"), None).await?;
    }
    awake.subscribe_now("p", &format!("run/{run}/metrics")).await?;
    for batch in 0..30 {
        let metrics: Vec<Value> = (batch * 1000..(batch + 1) * 1000)
            .map(|step| json!({"key": "loss", "value": 0.5, "timestamp": START + step, "step": step}))
            .collect();
        api.mlflow("/runs/log-batch", json!({"run_id": run, "metrics": metrics})).await?;
    }
    log(&api, &run, 30_000..30_001).await?;
    awake.points_until(&api, &run, &BTreeSet::from([30_000])).await?;
    Ok(())
}
