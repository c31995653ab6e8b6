//! W10 and W11: starting, and what an idle server holds.

use crate::http::{Connection, Request};
use crate::options::Options;
use crate::stats::median;
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::Result;
use branchline_testkit::{Options as ServerOptions, Profile, Server, binary, memory_of_tree};
use std::fs::File;
use std::path::Path;
use std::time::Instant;

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants_any(&["W10", "W11"]) {
        return Ok(());
    }
    let (mut firsts, mut restarts) = (Vec::new(), Vec::new());
    for number in 0..7 {
        let folder = options.path(&format!("ours-start-{number}"));
        firsts.push(start_to_answer(&folder)?);
        restarts.push(start_to_answer(&folder)?);
    }
    let idle = idle(&options.path("ours-idle"))?;
    let ours = Subject::ours(options, "ours-busy")?;
    work(&ours, options.count(200))?;
    let (worked, _) = memory_of_tree(ours.pid())?;
    ours.stop()?;
    let theirs = Subject::each_peer(options, "start", |peer, subject| {
        let first = subject.started_in();
        let idle = memory_of_tree(subject.pid())?.0 as f64 / 1e6;
        work(&subject, options.count(200) / 10)?;
        let worked = memory_of_tree(subject.pid())?.0 as f64 / 1e6;
        drop(subject);
        let again = Subject::peer(options, peer, "start")?.started_in();
        Ok([first, again, idle, worked])
    })?;
    let peers = |place: usize| {
        theirs.map(|figures| figures.and_then(|figures| figures.get(place).copied()))
    };
    let row = |workload, what, unit, most, ours, place| Row {
        workload,
        what,
        unit,
        target: Target::AtMost(most),
        durability: "balanced",
        ours,
        peers: peers(place),
        limit: None,
    };
    table.add(row("W10", "first start to first answer", "s", 0.06, median(firsts), 0));
    table.add(row("W10", "restart to first answer", "s", 0.03, median(restarts), 1));
    table.add(row("W11", "idle memory, PSS", "MB", 25.0, idle as f64 / 1e6, 2));
    table.add(row(
        "W11",
        "memory after 200k points and searches",
        "MB",
        70.0,
        worked as f64 / 1e6,
        3,
    ));
    Ok(())
}

/// Has the system read the program from the disk again, as after a boot. How much of it one page
/// fault maps depends on how it came into memory: for a file just written up to 2 MB.
fn forget_program() -> Result<()> {
    let program = File::open(binary(Profile::Release)?)?;
    program.sync_all()?;
    rustix::fs::fadvise(&program, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(())
}

/// Bytes that a server holds which answers and has nothing to do, from its second start on.
fn idle(folder: &Path) -> Result<u64> {
    start_and_answer(folder)?.stop()?;
    forget_program()?;
    let mut server = start_and_answer(folder)?;
    let (idle, _) = memory_of_tree(server.pid())?;
    server.stop()?;
    Ok(idle)
}

/// Seconds from a start to the first answer.
fn start_to_answer(folder: &Path) -> Result<f64> {
    let begun = Instant::now();
    let mut server = start_and_answer(folder)?;
    let taken = begun.elapsed().as_secs_f64();
    server.stop()?;
    Ok(taken)
}

fn start_and_answer(folder: &Path) -> Result<Server> {
    let server = Server::start(folder, &ServerOptions::default().release())?;
    let mut connection = Connection::open(server.address())?;
    let fields = format!("Host: {}", server.address());
    connection.call(&Request::new("GET", "/health", &fields, "text/plain", b""))?;
    Ok(server)
}

/// Some of everything that a server does in a day.
fn work(subject: &Subject, batches: usize) -> Result<()> {
    let mut connection = subject.connect()?;
    let (run, _) = subject.create_run(&mut connection)?;
    for number in 0..batches {
        let first = number as i64 * 1000;
        let metrics: Vec<_> =
            (first..first + 1000).map(|step| crate::subject::point("loss", step)).collect();
        connection.call(
            &subject
                .post("/runs/log-batch", &serde_json::json!({"run_id": run, "metrics": metrics})),
        )?;
        let search =
            serde_json::json!({"experiment_ids": ["0"], "order_by": ["metrics.loss DESC"]});
        connection.call(&subject.post("/runs/search", &search))?;
    }
    let history = format!("/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss");
    connection.call(&subject.get(&history))?;
    Ok(())
}
