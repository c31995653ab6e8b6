//! Supervisors, seen from the owner. One that is done with its job is kept for a moment:
//! where short jobs follow each other, starting a process for each would cost as much as they do.

use crate::message::{Order, Report};
use crate::supervisor::COMMAND;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

/// How long one waits for its next job, so that a queue at rest has none.
const KEPT: Duration = Duration::from_secs(2);
/// How many wait at most.
const MOST: usize = 8;

/// A process that supervises, one job after the other.
pub(crate) struct Supervisor {
    child: Child,
    stdin: Option<ChildStdin>,
    reports: Lines<BufReader<ChildStdout>>,
}

impl Supervisor {
    fn start(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(COMMAND).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // What the terminal sends to us is not for the job.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("there are no pipes"));
        };
        Ok(Self { child, stdin: Some(stdin), reports: BufReader::new(stdout).lines() })
    }

    pub(crate) async fn order(&mut self, order: &Order) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        match &mut self.stdin {
            Some(stdin) => stdin.write_all(&line).await,
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The next that it tells; an error where that is not understood, nothing when it is gone.
    pub(crate) async fn report(&mut self) -> Option<serde_json::Result<Report>> {
        let line = self.reports.next_line().await.ok().flatten()?;
        Some(serde_json::from_str(&line))
    }

    fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Closes its pipe, which ends it and all below it, and waits for that.
    pub(crate) async fn end(mut self) {
        drop(self.stdin.take());
        let _ = self.child.wait().await;
    }
}

/// Those that wait for a job, and where others come from.
pub(crate) struct Supervisors {
    program: PathBuf,
    waiting: Mutex<Vec<(Instant, Supervisor)>>,
}

impl Supervisors {
    pub(crate) fn new(program: PathBuf) -> Self {
        Self { program, waiting: Mutex::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(Instant, Supervisor)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that has been given its first order: of those that wait the last, else a new one.
    pub(crate) async fn take(&self, order: &Order) -> io::Result<Supervisor> {
        while let Some(mut supervisor) = self.last() {
            // One that was ended while it waited is no job's misfortune.
            if !supervisor.is_gone() && supervisor.order(order).await.is_ok() {
                return Ok(supervisor);
            }
        }
        let mut supervisor = Supervisor::start(&self.program)?;
        supervisor.order(order).await?;
        Ok(supervisor)
    }

    fn last(&self) -> Option<Supervisor> {
        self.waiting().pop().map(|(_, supervisor)| supervisor)
    }

    /// Keeps one whose job has ended, or answers it when there are enough.
    pub(crate) fn keep(&self, supervisor: Supervisor) -> Option<Supervisor> {
        let mut waiting = self.waiting();
        if waiting.len() >= MOST {
            return Some(supervisor);
        }
        waiting.push((Instant::now(), supervisor));
        None
    }

    /// Ends the one that has waited longest once it has waited too long; never while none waits.
    pub(crate) async fn end_longest(&self) {
        let since = self.waiting().first().map(|(since, _)| *since);
        let Some(since) = since else { return std::future::pending().await };
        tokio::time::sleep_until(since + KEPT).await;
        let longest = {
            let mut waiting = self.waiting();
            let due = waiting.first().is_some_and(|(since, _)| since.elapsed() >= KEPT);
            due.then(|| waiting.remove(0))
        };
        if let Some((_, supervisor)) = longest {
            supervisor.end().await;
        }
    }

    /// Ends all that wait.
    pub(crate) async fn end_all(&self) {
        while let Some(supervisor) = self.last() {
            supervisor.end().await;
        }
    }
}
