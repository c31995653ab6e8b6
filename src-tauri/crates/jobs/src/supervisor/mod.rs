//! `branchline __supervise`: the process around a job's process. It starts a job, keeps
//! its output within a bound, enforces its limits, and ends everything that the job
//! started when the job ends, when it is told to, or when its pipe to the owner closes.
//!
//! It is a program of its own because the owner may be killed at any instant: whoever is
//! left must be able to clean up. Threads and no runtime, so that it starts at once.

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
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use watch::Watch;

/// The hidden command that supervises.
pub const COMMAND: &str = "__supervise";
/// The hidden command that becomes the job, so bound that it dies with the supervisor.
const BECOME: &str = "__become";
/// How a shell says that there is no such program.
const NOT_RUN: u8 = 127;

/// Supervises, or becomes a job, when the program was called for that.
pub fn if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == COMMAND {
        supervise();
        return Some(ExitCode::SUCCESS);
    }
    if first == BECOME {
        let supervisor = arguments.next()?.to_str()?.parse().ok()?;
        let command: Vec<_> = arguments.collect();
        let cause = platform::become_job(supervisor, &command);
        let program = command.first().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        // Into the job's log: it is what the person looks at.
        let _ = writeln!(io::stderr(), "branchline: cannot run '{program}': {cause}");
        return Some(ExitCode::from(NOT_RUN));
    }
    None
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
    for (orders, watch) in listen() {
        if let Err(cause) = run(&orders, &watch) {
            tell(&Report::NotStarted { message: format!("{cause}.") });
        }
    }
}

fn run(orders: &Orders, watch: &Arc<Watch>) -> io::Result<()> {
    std::fs::create_dir_all(&orders.folder)?;
    // The supervisor of an attempt before this one may still be cleaning up.
    let lock = File::create(orders.folder.join("lock"))?;
    lock.lock()?;
    if watch.is_over() {
        return Ok(());
    }
    let tree = Arc::new(Mutex::new(Tree::new()?));
    let (output, input) = io::pipe()?;
    let log = Log::open(&orders.folder.join("log"), orders.log_bytes)?;
    let cpu_before = platform::cpu_ms();
    let pid = start(orders, &tree, input)?;
    tell(&Report::Started { pid });
    let reader = std::thread::spawn(move || log.follow(output, || tell(&Report::Wrote)));
    let progress = Progress::new(orders.folder.join(PROGRESS_FILE));
    let watching = watch.start(Arc::clone(&tree), progress);
    let status = platform::wait(&tree, pid)?;
    watch.ended();
    platform::end_rest(&tree);
    let _ = reader.join();
    let _ = watching.join();
    tell(&Report::Ended(Ended {
        cause: watch.cause(),
        exit_code: status.exit_code,
        signal: status.signal,
        cpu_ms: platform::cpu_ms().zip(cpu_before).map(|(after, before)| after - before),
        peak_bytes: watch.peak_bytes(),
    }));
    Ok(())
}

fn lock_tree(tree: &Mutex<Tree>) -> std::sync::MutexGuard<'_, Tree> {
    tree.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(orders: &Orders, tree: &Mutex<Tree>, output: io::PipeWriter) -> io::Result<u32> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(BECOME)
        .arg(std::process::id().to_string())
        .args(&orders.command)
        .env_clear()
        .envs(orders.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&orders.cwd)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    platform::set_apart(&mut command);
    let child = command.spawn().map_err(|cause| {
        io::Error::new(cause.kind(), format!("Cannot run in '{}': {cause}", orders.cwd.display()))
    })?;
    lock_tree(tree).add(&child);
    Ok(child.id())
}

/// Hears, in a thread of its own, which jobs to run, orders about the one that runs, and that
/// the owner is gone, whatever else is waited for.
fn listen() -> mpsc::Receiver<(Orders, Arc<Watch>)> {
    let (jobs, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut current: Option<Arc<Watch>> = None;
        for line in io::stdin().lock().lines() {
            match line.as_deref().map(serde_json::from_str) {
                Ok(Ok(Order::Run(orders))) => {
                    let watch = Arc::new(Watch::new(&orders));
                    current = Some(Arc::clone(&watch));
                    if jobs.send((*orders, watch)).is_err() {
                        return;
                    }
                }
                Ok(Ok(Order::Stop)) => current.iter().for_each(|watch| watch.stop()),
                Ok(Err(_)) => {}
                Err(_) => break,
            }
        }
        current.iter().for_each(|watch| watch.abandoned());
    });
    heard
}
