//! Two servers asked in turn, so that a load of the machine hits both: what something costs is the
//! ratio.

use crate::http::{Connection, Request};
use crate::stats::{Times, median};
use crate::subject::Subject;
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// Blocks of calls to each.
const BLOCKS: usize = 60;

/// One of the two servers, and what it is asked again and again.
pub(crate) struct Side {
    connection: Connection,
    requests: Vec<Request>,
    next: usize,
}

impl Side {
    /// Asks these in turn; the first calls are not measured.
    pub(crate) fn new(subject: &Subject, requests: Vec<Request>) -> Result<Self> {
        let mut side = Self { connection: subject.connect()?, requests, next: 0 };
        side.block(50)?;
        Ok(side)
    }

    /// The median of so many calls, in milliseconds.
    fn block(&mut self, calls: usize) -> Result<f64> {
        let Self { connection, requests, next } = self;
        let times = Times::of(calls, |_| {
            let request = requests.get(*next % requests.len());
            *next += 1;
            request.map_or(Ok(()), |request| connection.call(request).map(drop))
        });
        Ok(times?.median())
    }
}

/// How many times as long a call to `with` takes as one to `without`: the median of the blocks.
pub(crate) fn ratio(without: &mut Side, with: &mut Side, calls: usize) -> Result<f64> {
    let mut ratios = Vec::with_capacity(BLOCKS);
    for _ in 0..BLOCKS {
        let plain = without.block(calls)?;
        ratios.push(with.block(calls)? / plain);
    }
    Ok(median(ratios))
}

/// The load generator and both servers on one core, until this is dropped.
pub(crate) fn on_one_core(subjects: [&Subject; 2]) -> Result<[Pinned; 3]> {
    let [one, other] = subjects.map(Subject::pid);
    Ok([Pinned::new(std::process::id())?, Pinned::new(one)?, Pinned::new(other)?])
}

/// A process on one core until this is dropped. Both servers take the same way to the client
/// then; else which cores the scheduler gave them decides more than what is measured.
pub(crate) struct Pinned {
    pid: u32,
    before: String,
}

impl Pinned {
    fn new(pid: u32) -> Result<Self> {
        let told = taskset(&["-c", "-p", &pid.to_string()])?;
        let before = told.rsplit(": ").next().unwrap_or_default().trim().to_owned();
        let first = before.split([',', '-']).next().unwrap_or("0");
        taskset(&["-a", "-c", "-p", first, &pid.to_string()])?;
        Ok(Self { pid, before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A server that has ended needs it no more.
        let _ = taskset(&["-a", "-c", "-p", &self.before, &self.pid.to_string()]);
    }
}

/// Asks util-linux, as no safe library does.
fn taskset(arguments: &[&str]) -> Result<String> {
    let output = Command::new("taskset").args(arguments).output().context("taskset is missing")?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
