//! `branchline __supervise`: the process around a job's process. It starts a job, keeps
//! its output within a bound, enforces its limits, and ends everything that the job
//! started when the job ends, when it is told to, or when its pipe to the owner closes.
//!
//! It is a program of its own because the owner may be killed at any instant: whoever is
//! left must be able to clean up. No runtime, so that it starts at once; and on Linux one thread,
//! so that a job can be forked off it (decision 63).

mod events;
mod log;
mod platform;
mod progress;
mod watch;

use crate::message::{Ended, Order, Orders, Report};
use crate::process::PROGRESS_FILE;
use events::{Event, Events};
use log::Log;
use platform::{Status, Tree};
use progress::Progress;
use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use watch::Watch;

/// The hidden command that supervises.
pub const COMMAND: &str = "__supervise";

/// Supervises when the program was called for that.
pub fn if_asked() -> Option<ExitCode> {
    if std::env::args_os().nth(1)? != COMMAND {
        return None;
    }
    supervise();
    Some(ExitCode::SUCCESS)
}

/// Tells the owner. One that is gone is noticed at the other pipe.
fn tell(report: &Report) {
    if let Ok(mut line) = serde_json::to_vec(report) {
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
    }
}

/// One job after the other, until the owner closes the pipe: while jobs are many and short,
/// starting this program for each would cost as much as they do.
fn supervise() {
    let Ok(mut events) = Events::new() else { return };
    while let Some(orders) = events.orders() {
        match Running::start(&orders) {
            Ok(Some(running)) => running.follow(&orders, &mut events),
            Ok(None) => return,
            Err(cause) => tell(&Report::NotStarted { message: format!("{cause}.") }),
        }
    }
}

/// How long it is listened for the last words of a job that has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A job that was started.
struct Running {
    pid: u32,
    tree: Tree,
    output: io::PipeReader,
    log: Log,
    cpu_before: Option<i64>,
    /// Held until everything of the job has ended.
    folder: File,
}

impl Running {
    /// Starts a job; nothing when the owner is gone.
    fn start(orders: &Orders) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(&orders.folder)?;
        // The supervisor of an attempt before this one may still be cleaning up.
        let folder = platform::hold(&orders.folder)?;
        if platform::owner_is_gone() {
            return Ok(None);
        }
        let mut tree = Tree::new()?;
        let (output, input) = io::pipe()?;
        let log = Log::new(orders.folder.join("log"), orders.log_bytes);
        let cpu_before = platform::cpu_ms();
        let pid = launch(orders, input)?;
        tree.add(pid);
        Ok(Some(Self { pid, tree, output, log, cpu_before, folder }))
    }

    /// Follows it to its end and tells of that.
    fn follow(self, orders: &Orders, events: &mut Events) {
        let Self { pid, mut tree, output, log, cpu_before, folder } = self;
        tell(&Report::Started { pid });
        let mut watch = Watch::new(orders);
        let mut progress = Progress::new(orders.folder.join(PROGRESS_FILE));
        events.follow(pid, output, log);
        let mut silent = false;
        let status = loop {
            match events.next(watch.due()) {
                Event::Order(Order::Stop) => watch.stop(),
                Event::Abandoned => tree.kill(),
                Event::Wrote => tell(&Report::Wrote),
                Event::Silent => silent = true,
                Event::Ended(status) => break status,
                // The next is ordered once this one has ended.
                Event::Order(Order::Run(_)) | Event::Time => {}
            }
            watch.act(&mut tree, &mut progress);
        };
        platform::end_rest(&mut tree);
        // Whoever holds the output open now is none of the job's.
        let until = Instant::now() + LAST_WORDS;
        while !silent {
            match events.next(until) {
                Event::Wrote => tell(&Report::Wrote),
                Event::Silent | Event::Time => silent = true,
                _ => {}
            }
        }
        progress.look();
        drop(folder);
        tell(&ended(status, &watch, cpu_before));
    }
}

fn ended(status: io::Result<Status>, watch: &Watch, cpu_before: Option<i64>) -> Report {
    match status {
        Ok(status) => Report::Ended(Ended {
            cause: watch.cause(),
            exit_code: status.exit_code,
            signal: status.signal,
            cpu_ms: platform::cpu_ms().zip(cpu_before).map(|(after, before)| after - before),
            peak_bytes: watch.peak_bytes(),
        }),
        Err(cause) => Report::NotStarted { message: format!("{cause}.") },
    }
}

fn launch(orders: &Orders, output: io::PipeWriter) -> io::Result<u32> {
    let Some((program, arguments)) = orders.command.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "There is no command"));
    };
    if !orders.cwd.is_dir() {
        let message = format!("Cannot run in '{}': it is no folder", orders.cwd.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(orders.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&orders.cwd)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    platform::launch(command, orders.niceness)
}
