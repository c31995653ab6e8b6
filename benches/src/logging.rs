//! W1 to W4 and W12: writing, on fresh stores.

use crate::http::Request;
use crate::limits::{self, Floor};
use crate::options::Options;
use crate::stats::{Times, cpu_seconds, on_threads, seconds};
use crate::subject::{Peers, START, Subject, new_run, point};
use crate::table::{Row, Table, Target};
use anyhow::Result;
use branchline_testkit::Peer;
use serde_json::{Value, json};

const BALANCED: &str = "balanced";

/// The figures of one server.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    single: f64,
    cpu: f64,
    batch: f64,
    bytes: f64,
    mixed: f64,
    tail: f64,
    pairs: f64,
}

/// How much work one server gets.
struct Load {
    singles: usize,
    batches: usize,
    rounds: usize,
    pairs: usize,
}

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants_any(&["W1", "W2", "W3", "W4", "W12"]) {
        return Ok(());
    }
    let count = |full| options.count(full);
    let load =
        Load { singles: count(6000), batches: count(300), rounds: count(400), pairs: count(4000) };
    let ours = Subject::ours(options, "ours-logging")?;
    let mine = figures(&ours, &load)?;
    let mine = Figures { bytes: bytes(ours, options)?, ..mine };
    let load =
        Load { singles: count(400), batches: count(20), rounds: count(20), pairs: count(200) };
    let theirs = Subject::each_peer(options, "logging", |peer, subject| {
        let figures = figures(&subject, &load)?;
        drop(subject);
        Ok(Figures { bytes: peer_bytes(options, peer)?, ..figures })
    })?;
    add_rows(options, table, &All { mine, theirs })
}

/// Everybody's figures.
struct All {
    mine: Figures,
    theirs: Peers<Figures>,
}

impl All {
    /// One line: what it is, the figure of each server, and what it should reach.
    fn row(&self, name: [&'static str; 3], target: Target, pick: fn(&Figures) -> f64) -> Row {
        let [workload, what, unit] = name;
        let peers = self.theirs.each_ref().map(|figures| figures.as_ref().map(pick));
        let ours = pick(&self.mine);
        Row { workload, what, unit, target, durability: BALANCED, ours, peers, limit: None }
    }
}

/// All figures as rows, beside the limits of the same minutes.
fn add_rows(options: &Options, table: &mut Table, all: &All) -> Result<()> {
    use Target::{AtLeast, AtMost};
    let count = |full| options.count(full);
    let floor = Floor::start()?;
    let mut add = |row: Row, limit| table.add(Row { limit, ..row });

    let name = ["W1", "log-metric one by one, p50; limit: HTTP floor", "ms"];
    let latency = floor.latency(count(6000))?;
    add(all.row(name, AtMost(0.28), |f| f.single), Some(latency));
    let name = ["W1", "the same; limit: SQLite row by row", "1/s"];
    let rows = limits::sqlite_rows(options, count(20_000), 1, "NORMAL")?;
    add(all.row(name, AtLeast(3500.0), |f| 1e3 / f.single), Some(rows));
    add(all.row(["W1", "server CPU a call", "ms"], AtMost(0.15), |f| f.cpu), None);

    let name = ["W2", "log-batch of 1000; limit: SQLite by 1000", "metrics/s"];
    let rows = limits::sqlite_rows(options, count(500_000), 1000, "NORMAL")?;
    add(all.row(name, AtLeast(300_000.0), |f| f.batch), Some(rows));

    let name = ["W3", "8 clients, batch of 100 + param + tag", "metrics/s"];
    let rate = floor.rate(8, count(3000), 4000)? * 100.0 / 3.0;
    add(all.row(name, AtLeast(150_000.0), |f| f.mixed), Some(rate));
    add(all.row(["W3", "p99 of a batch among them", "ms"], AtMost(10.0), |f| f.tail), None);

    let name = ["W4", "create run + update", "pairs/s"];
    add(all.row(name, AtLeast(1800.0), |f| f.pairs), None);

    let name = ["W12", "bytes a metric point; limit: compact table", "B"];
    add(all.row(name, AtMost(35.0), |f| f.bytes), Some(28.7));
    Ok(())
}

fn figures(subject: &Subject, load: &Load) -> Result<Figures> {
    let (single, cpu) = one_by_one(subject, load.singles)?;
    let batch = batches(subject, load.batches)?;
    let (mixed, tail) = eight_clients(subject, load.rounds)?;
    let pairs = create_and_update(subject, load.pairs)?;
    Ok(Figures { single, cpu, batch, mixed, tail, pairs, bytes: f64::NAN })
}

fn one_by_one(subject: &Subject, count: usize) -> Result<(f64, f64)> {
    let mut connection = subject.connect()?;
    let (run, _) = subject.create_run(&mut connection)?;
    let request = |step: usize| {
        let mut body = point("loss", step as i64);
        body["run_id"] = json!(run);
        subject.post("/runs/log-metric", &body)
    };
    let requests: Vec<Request> = (0..count + 20).map(request).collect();
    for warm in requests.iter().skip(count) {
        connection.call(warm)?;
    }
    let before = cpu_seconds(subject.pid());
    let times = Times::of(count, |step| {
        requests.get(step).map_or(Ok(()), |request| connection.call(request).map(drop))
    })?;
    let cpu = (cpu_seconds(subject.pid()) - before) * 1e3 / count as f64;
    Ok((times.median(), cpu))
}

fn thousand(run: &str, number: usize) -> Value {
    let first = (number * 100) as i64;
    let metrics: Vec<Value> =
        (0..1000).map(|i| point(&format!("key{}", i % 10), first + i / 10)).collect();
    json!({"run_id": run, "metrics": metrics})
}

fn batches(subject: &Subject, count: usize) -> Result<f64> {
    let mut connection = subject.connect()?;
    let (run, _) = subject.create_run(&mut connection)?;
    let requests: Vec<Request> =
        (0..count).map(|number| subject.post("/runs/log-batch", &thousand(&run, number))).collect();
    let taken =
        seconds(|| requests.iter().try_for_each(|request| connection.call(request).map(drop)))?;
    Ok((count * 1000) as f64 / taken)
}

fn eight_clients(subject: &Subject, rounds: usize) -> Result<(f64, f64)> {
    const CLIENTS: usize = 8;
    let mut prepared = Vec::new();
    for _ in 0..CLIENTS {
        let (run, _) = subject.create_run(&mut subject.connect()?)?;
        let requests: Vec<[Request; 3]> = (0..rounds)
            .map(|round| {
                let metrics: Vec<Value> = (0..100)
                    .map(|i| point(&format!("key{}", i % 5), (round * 20) as i64 + i / 5))
                    .collect();
                let key = format!("p{}", round % 90);
                [
                    subject.post("/runs/log-batch", &json!({"run_id": run, "metrics": metrics})),
                    subject.post(
                        "/runs/log-parameter",
                        &json!({"run_id": run, "key": key, "value": "0.1"}),
                    ),
                    subject.post(
                        "/runs/set-tag",
                        &json!({"run_id": run, "key": "epoch", "value": round.to_string()}),
                    ),
                ]
            })
            .collect();
        prepared.push(requests);
    }
    let mut tails = Vec::new();
    let taken = seconds(|| {
        tails = on_threads(CLIENTS, |client| {
            let mut connection = subject.connect()?;
            let mut times = Vec::with_capacity(rounds);
            for [batch, param, tag] in prepared.get(client).into_iter().flatten() {
                let begun = std::time::Instant::now();
                connection.call(batch)?;
                times.push(begun.elapsed());
                connection.call(param)?;
                connection.call(tag)?;
            }
            Ok(times)
        })?;
        Ok(())
    })?;
    let tail = Times::new(tails.into_iter().flatten().collect()).percentile(0.99);
    Ok(((CLIENTS * rounds * 100) as f64 / taken, tail))
}

fn create_and_update(subject: &Subject, count: usize) -> Result<f64> {
    let mut connection = subject.connect()?;
    let create = subject.post("/runs/create", &new_run("0"));
    let mut taken = std::time::Duration::ZERO;
    for _ in 0..count {
        let begun = std::time::Instant::now();
        let answer = connection.call(&create)?.to_vec();
        taken += begun.elapsed();
        let answer: Value = serde_json::from_slice(&answer)?;
        let body = json!({"run_id": answer["run"]["info"]["run_id"], "status": "FINISHED", "end_time": START + 5});
        let update = subject.post("/runs/update", &body);
        let begun = std::time::Instant::now();
        connection.call(&update)?;
        taken += begun.elapsed();
    }
    Ok(count as f64 / taken.as_secs_f64())
}

/// Bytes of the database file a point, latest values, change log and indexes included.
fn bytes(used: Subject, options: &Options) -> Result<f64> {
    used.stop()?;
    let subject = Subject::ours(options, "ours-bytes")?;
    let (mut connection, database) = (subject.connect()?, subject.database());
    let (run, _) = subject.create_run(&mut connection)?;
    subject.stop()?;
    let before = std::fs::metadata(&database)?.len();
    let subject = Subject::ours(options, "ours-bytes")?;
    let count = options.count(500);
    let mut connection = subject.connect()?;
    for number in 0..count {
        connection.call(&subject.post("/runs/log-batch", &thousand(&run, number)))?;
    }
    subject.stop()?;
    Ok((std::fs::metadata(&database)?.len() - before) as f64 / (count * 1000) as f64)
}

/// The same for a peer, filled straight into its tables.
fn peer_bytes(options: &Options, peer: Peer) -> Result<f64> {
    let subject = Subject::peer(options, peer, "bytes")?;
    let database = subject.database();
    subject.stop()?;
    let size = || -> Result<u64> {
        rusqlite::Connection::open(&database)?.query_row(
            "PRAGMA wal_checkpoint(TRUNCATE)",
            [],
            |_| Ok(()),
        )?;
        Ok(std::fs::metadata(&database)?.len())
    };
    let before = size()?;
    let points = options.count(200_000);
    crate::fill::peer_history(peer, &database, points)?;
    Ok((size()? - before) as f64 / points as f64)
}
