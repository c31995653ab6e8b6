//! W14: the queue of jobs. Tasks that do nothing, beside Celery with Redis and a pool of as many
//! processes; processes, beside starting the same command without a queue.

use crate::http::Connection;
use crate::options::Options;
use crate::stats::{Times, by_turns, on_threads, seconds};
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result, bail, ensure};
use branchline_testkit::{Celery, Peer};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Jobs that run at a time, here and at Celery.
const AT_A_TIME: usize = 2;
const CLIENTS: usize = 8;
/// Tasks whose rate is measured at a time, and how often: of a queue of nothing else, before and
/// after a long one, and of that.
const PORTION: usize = 2001;
const ROUNDS: usize = 5;
/// How often jobs of processes and processes without a queue take turns.
const TURNS: usize = 9;
const SCRIPT: &str = include_str!("celery_peer.py");

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W14") {
        return Ok(());
    }
    // Queuing takes the rights of an owner; what a credential costs is W13.
    let ours = Subject::open(options, "ours-queue")?;
    let queue = Queue(&ours);
    queue.set(&json!({ "concurrency": AT_A_TIME }))?;
    let rate = queue.throughput(options.count(20_000))?;
    let wait = queue.latency(options.count(1000))?;
    let [through, waiting, bare] = queue.beside_bare(options.count(100))?;
    let short = || (0..ROUNDS).map(|_| queue.drain(1, 0)).collect::<Result<Vec<_>>>();
    let mut few = short()?.concat();
    let many = queue.drain(ROUNDS, options.count(100_000))?;
    few.extend(short()?.concat());
    let [few, many] = [few, many].map(|times| PORTION as f64 * 1e3 / Times::new(times).median());
    ours.stop()?;
    // Celery is no tracking server: it stands in the column of limits.
    let celery = if options.peers.is_empty() {
        None
    } else {
        Some(Celery::start(&options.path("celery"), SCRIPT, AT_A_TIME)?.measure(2000)?)
    };
    let row = |what, unit, target, durability, ours, limit| Row {
        workload: "W14",
        what,
        unit,
        target,
        durability,
        ours,
        peers: Peer::ALL.map(|_| None),
        limit,
    };
    let (theirs, their_wait) = (celery.map(|of| of.rate), celery.map(|of| of.wait));
    let five_times = Target::AtLeast(5.0 * theirs.unwrap_or(1000.0));
    table.add(row(
        "tasks that do nothing; limit column: Celery, one client",
        "1/s",
        five_times,
        "synced",
        rate,
        theirs,
    ));
    let no_longer = Target::AtMost(their_wait.unwrap_or(2.0));
    table.add(row(
        "one such task to its result; limit column: Celery",
        "ms",
        no_longer,
        "synced",
        wait,
        their_wait,
    ));
    let within = Target::AtMost(bare * 1.3);
    table.add(row(
        "a job of python -c pass, asked for and waited for; limit: without a queue",
        "ms",
        within,
        "synced",
        through,
        Some(bare),
    ));
    table.add(row(
        "the same, of jobs that were queued before; limit: without a queue",
        "ms",
        within,
        "synced",
        waiting,
        Some(bare),
    ));
    let as_fast = Target::AtLeast(few * 0.9);
    table.add(row(
        "tasks with 100,000 queued; limit: with 2,000",
        "1/s",
        as_fast,
        "synced",
        many,
        Some(few),
    ));
    Ok(())
}

/// The main queue of our server.
struct Queue<'s>(&'s Subject);

impl Queue<'_> {
    fn send(
        &self,
        connection: &mut Connection,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Result<Value> {
        let bytes = if body.is_null() { String::new() } else { body.to_string() };
        let request = self.0.request(method, path, "application/json", bytes.as_bytes());
        Ok(serde_json::from_slice(connection.call(&request)?)?)
    }

    fn set(&self, change: &Value) -> Result<()> {
        self.send(&mut self.0.connect()?, "PATCH", "/api/v1/queues/main-queue", change).map(drop)
    }

    /// Queues so many tasks that do nothing, from several clients, each as many; how many.
    fn fill(&self, count: usize, clients: usize) -> Result<usize> {
        let request = self.0.request(
            "POST",
            "/api/v1/jobs",
            "application/json",
            json!({ "task": "branchline.noop" }).to_string().as_bytes(),
        );
        on_threads(clients, |_| {
            let mut connection = self.0.connect()?;
            for _ in 0..count / clients {
                connection.call(&request)?;
            }
            Ok(count / clients)
        })
        .map(|each| each.iter().sum())
    }

    /// Jobs that have ended well.
    fn done(&self, connection: &mut Connection) -> Result<usize> {
        let stats = self.send(connection, "GET", "/api/v1/jobs/stats", &Value::Null)?;
        ensure!(stats["states"]["FAILURE"].as_i64().unwrap_or(0) == 0, "a job failed: {stats}");
        Ok(usize::try_from(stats["states"]["SUCCESS"].as_i64().unwrap_or(0))?)
    }

    fn until_done(&self, connection: &mut Connection, wanted: usize) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(300);
        while self.done(connection)? < wanted {
            if Instant::now() > deadline {
                bail!("{wanted} jobs did not end within five minutes");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Tasks a second, from the first that is queued to the last that has ended.
    fn throughput(&self, count: usize) -> Result<f64> {
        let mut connection = self.0.connect()?;
        let before = self.done(&mut connection)?;
        let mut queued = 0;
        let taken = seconds(|| {
            queued = self.fill(count, CLIENTS)?;
            self.until_done(&mut connection, before + queued)
        })?;
        Ok(queued as f64 / taken)
    }

    /// Median milliseconds from queuing one task to its result, one after the other.
    fn latency(&self, count: usize) -> Result<f64> {
        let mut connection = self.0.connect()?;
        let body = json!({ "task": "branchline.noop" });
        Ok(Times::of(count, |_| self.and_wait(&mut connection, &body))?.median())
    }

    /// Queues a job and waits for its end.
    fn and_wait(&self, connection: &mut Connection, body: &Value) -> Result<()> {
        let id = self.queue(connection, body)?;
        self.wait_for(connection, &id)
    }

    /// Queues a job; its id.
    fn queue(&self, connection: &mut Connection, body: &Value) -> Result<String> {
        let queued = self.send(connection, "POST", "/api/v1/jobs", body)?;
        let id = queued["task_id"].as_str().with_context(|| format!("no job in {queued}"))?;
        Ok(id.to_owned())
    }

    fn wait_for(&self, connection: &mut Connection, id: &str) -> Result<()> {
        let path = format!("/api/v1/jobs/{id}?wait=30");
        let ended = self.send(connection, "GET", &path, &Value::Null)?;
        ensure!(ended["status"] == "SUCCESS", "a job did not succeed: {ended}");
        Ok(())
    }

    /// Milliseconds for each process: asked for one after the other, queued before, and without a
    /// queue.
    fn beside_bare(&self, count: usize) -> Result<[f64; 3]> {
        by_turns(TURNS, || {
            Ok([self.processes(count)?, self.waiting_processes(count)?, bare(count)?])
        })
    }

    /// Milliseconds for each process, several at a time, each asked for when the one before has
    /// ended.
    fn processes(&self, count: usize) -> Result<f64> {
        let body = Self::process()?;
        let taken = seconds(|| {
            on_threads(AT_A_TIME, |_| {
                let mut connection = self.0.connect()?;
                (0..count / AT_A_TIME).try_for_each(|_| self.and_wait(&mut connection, &body))
            })
            .map(drop)
        })?;
        Ok(taken * 1e3 / count as f64)
    }

    /// The same of processes that wait in the queue.
    fn waiting_processes(&self, count: usize) -> Result<f64> {
        let mut connection = self.0.connect()?;
        let body = Self::process()?;
        self.set(&json!({ "paused": true }))?;
        let mut last = String::new();
        for _ in 0..count {
            last = self.queue(&mut connection, &body)?;
        }
        let taken = seconds(|| {
            self.set(&json!({ "paused": false }))?;
            self.wait_for(&mut connection, &last)
        })?;
        Ok(taken * 1e3 / count as f64)
    }

    fn process() -> Result<Value> {
        let python = std::path::absolute(Peer::python())?;
        Ok(json!({ "command": [python, "-c", "pass"] }))
    }

    /// How long each portion of the first that are queued took, with so many behind them. The last
    /// of a portion is waited for: to count those that have ended would take the longer the more
    /// there are.
    fn drain(&self, portions: usize, behind: usize) -> Result<Vec<Duration>> {
        let mut connection = self.0.connect()?;
        let mut all = self.done(&mut connection)?;
        self.set(&json!({ "paused": true }))?;
        let mut lasts = Vec::new();
        for _ in 0..portions {
            all += self.fill(PORTION - 1, CLIENTS)? + 1;
            lasts.push(self.queue(&mut connection, &json!({ "task": "branchline.noop" }))?);
        }
        all += self.fill(behind, 64)?;
        // What was queued at once shall have reached the disk.
        std::thread::sleep(Duration::from_secs(1));
        let mut begun = Instant::now();
        self.set(&json!({ "paused": false }))?;
        let mut taken = Vec::new();
        for last in &lasts {
            self.wait_for(&mut connection, last)?;
            taken.push(begun.elapsed());
            begun = Instant::now();
        }
        self.until_done(&mut connection, all)?;
        Ok(taken)
    }
}

/// Milliseconds for each process without a queue, as many at a time.
fn bare(count: usize) -> Result<f64> {
    let python = Peer::python();
    let taken = seconds(|| {
        on_threads(AT_A_TIME, |_| {
            for _ in 0..count / AT_A_TIME {
                let mut command = Command::new(&python);
                command.args(["-c", "pass"]).stdin(Stdio::null()).stdout(Stdio::null());
                ensure!(command.status()?.success(), "python does not run");
            }
            Ok(())
        })
        .map(drop)
    })?;
    Ok(taken * 1e3 / count as f64)
}
