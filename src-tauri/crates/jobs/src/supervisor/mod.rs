//! `branchline __supervise`: the process around a job's process. It starts a job, keeps
//! its output within a bound, enforces its limits, and ends everything that the job
//! started when the job ends, when it is told to, or when its pipe to the owner closes.
//!
//! It is a program of its own because the owner may be killed at any instant: whoever is
//! left must be able to clean up. Threads and no runtime, so that it starts at once; and
//! threads only while a job runs, so that the next one can be forked off (decision 63).

mod log;
mod platform;
mod progress;
mod watch;

use crate::message::{Ended, Order, Orders, Report};
use crate::process::PROGRESS_FILE;
use log::Log;
use platform::Tree;
use progress::Progress;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
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
    let mut next = listen(None);
    while let Some(orders) = next {
        next = match Running::start(&orders) {
            Ok(Some(running)) => running.follow(&orders),
            Ok(None) => None,
            Err(cause) => {
                tell(&Report::NotStarted { message: format!("{cause}.") });
                listen(None)
            }
        };
    }
}

/// A job that was started.
struct Running {
    pid: u32,
    tree: Arc<Mutex<Tree>>,
    output: io::PipeReader,
    log: Log,
    cpu_before: Option<i64>,
    /// Held until everything of the job has ended.
    lock: File,
}

impl Running {
    /// Starts a job while this process has no other thread, as [`platform::launch`] asks; nothing
    /// when the owner is gone.
    fn start(orders: &Orders) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(&orders.folder)?;
        // The supervisor of an attempt before this one may still be cleaning up.
        let lock = File::create(orders.folder.join("lock"))?;
        lock.lock()?;
        if platform::owner_is_gone() {
            return Ok(None);
        }
        let mut tree = Tree::new()?;
        let (output, input) = io::pipe()?;
        let log = Log::open(&orders.folder.join("log"), orders.log_bytes)?;
        let cpu_before = platform::cpu_ms();
        let pid = launch(orders, input)?;
        tree.add(pid);
        let tree = Arc::new(Mutex::new(tree));
        Ok(Some(Self { pid, tree, output, log, cpu_before, lock }))
    }

    /// Follows it to its end and tells of that; answers the next.
    fn follow(self, orders: &Orders) -> Option<Box<Orders>> {
        let Self { pid, tree, output, log, cpu_before, lock } = self;
        let watch = Arc::new(Watch::new(orders));
        let heard = Arc::clone(&watch);
        let listener = std::thread::spawn(move || listen(Some(&heard)));
        tell(&Report::Started { pid });
        let reader = std::thread::spawn(move || log.follow(output, || tell(&Report::Wrote)));
        let progress = Progress::new(orders.folder.join(PROGRESS_FILE));
        let watching = watch.start(Arc::clone(&tree), progress);
        let status = platform::wait(&tree, pid);
        watch.ended();
        platform::end_rest(&tree);
        let _ = reader.join();
        let _ = watching.join();
        drop(lock);
        tell(&match status {
            Ok(status) => Report::Ended(Ended {
                cause: watch.cause(),
                exit_code: status.exit_code,
                signal: status.signal,
                cpu_ms: platform::cpu_ms().zip(cpu_before).map(|(after, before)| after - before),
                peak_bytes: watch.peak_bytes(),
            }),
            Err(cause) => Report::NotStarted { message: format!("{cause}.") },
        });
        listener.join().ok().flatten()
    }
}

fn lock_tree(tree: &Mutex<Tree>) -> std::sync::MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
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
    platform::launch(command)
}

/// Hears orders about the job that runs, and that the owner is gone, whatever else is waited for;
/// answers the next job, which is ordered only after the one before has ended.
fn listen(watch: Option<&Watch>) -> Option<Box<Orders>> {
    for line in io::stdin().lock().lines() {
        match line.as_deref().map(serde_json::from_str) {
            Ok(Ok(Order::Run(orders))) => return Some(orders),
            Ok(Ok(Order::Stop)) => watch.iter().for_each(|watch| watch.stop()),
            Ok(Err(_)) => {}
            Err(_) => break,
        }
    }
    watch.iter().for_each(|watch| watch.abandoned());
    None
}
