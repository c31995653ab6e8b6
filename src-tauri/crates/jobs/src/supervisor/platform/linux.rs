//! Linux: a process group, a subreaper that inherits whatever leaves the group, and a
//! signal to the job when its supervisor dies.

use super::{Ask, Status};
use rustix::process::{
    Pid, Signal, WaitOptions, getppid, kill_process, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal, wait as wait_any,
};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;

/// The job's process and all that it started.
pub(in super::super) struct Tree {
    group: Option<Pid>,
}

impl Tree {
    pub(in super::super) fn new() -> io::Result<Self> {
        // Processes whose parent ends become our children, in whatever group they are.
        set_child_subreaper(Some(rustix::process::getpid()))?;
        Ok(Self { group: None })
    }

    pub(in super::super) fn add(&mut self, child: &Child) {
        self.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    }

    pub(in super::super) fn ask(&mut self, how: Ask) {
        let signal = match how {
            Ask::Interrupt => Signal::INT,
            Ask::Terminate => Signal::TERM,
            Ask::Kill => return self.kill(),
            Ask::Done => return,
        };
        if let Some(group) = self.group {
            // A group that has just ended needs no telling.
            let _ = kill_process_group(group, signal);
        }
    }

    /// Ends everything. A process that starts others meanwhile is found in the next round.
    pub(in super::super) fn kill(&mut self) {
        loop {
            let alive = descendants();
            if alive.is_empty() {
                return;
            }
            for pid in alive {
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::yield_now();
        }
    }

    /// The memory that the tree holds now.
    pub(in super::super) fn peak_bytes(&self) -> Option<i64> {
        let page = i64::try_from(rustix::param::page_size()).ok()?;
        let resident = |pid: &Pid| -> Option<i64> {
            let text =
                std::fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero())).ok()?;
            text.split(' ').nth(1)?.parse::<i64>().ok()
        };
        let pages: i64 = descendants().iter().filter_map(resident).sum();
        (pages > 0).then_some(pages * page)
    }
}

/// A process's parent and whether it lives, from `/proc/<pid>/stat`. Its name may hold
/// anything, so what counts is behind the last parenthesis.
fn parent(pid: i32) -> Option<(i32, bool)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let alive = !matches!(fields.next()?, "Z" | "X");
    Some((fields.next()?.parse().ok()?, alive))
}

/// Every living process below this one.
fn descendants() -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<(i32, bool)>> = HashMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some((parent, alive)) = parent(pid) {
            children.entry(parent).or_default().push((pid, alive));
        }
    }
    let mut found = Vec::new();
    let mut open = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(pid) = open.pop() {
        for (child, alive) in children.remove(&pid).unwrap_or_default() {
            open.push(child);
            if alive {
                found.extend(Pid::from_raw(child));
            }
        }
    }
    found
}

/// The job is a group of its own, so that it can be asked to end as a whole.
pub(in super::super) fn set_apart(command: &mut Command) {
    command.process_group(0);
}

/// Becomes the job; answers why not.
pub(in super::super) fn become_job(supervisor: i32, command: &[OsString]) -> io::Error {
    if let Err(cause) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return cause.into();
    }
    // It may have died before it could be bound to us.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get() != supervisor) {
        return io::Error::other("the supervisor is gone");
    }
    let Some((program, arguments)) = command.split_first() else {
        return io::ErrorKind::InvalidInput.into();
    };
    Command::new(program).args(arguments).exec()
}

/// Waits for the job's own process, and buries whatever else ends meanwhile.
pub(in super::super) fn wait(_tree: &Mutex<Tree>, pid: u32) -> io::Result<Status> {
    loop {
        match wait_any(WaitOptions::empty()) {
            Ok(Some((ended, status))) => {
                if u32::try_from(ended.as_raw_nonzero().get()) == Ok(pid) {
                    let status = ExitStatus::from_raw(status.as_raw());
                    return Ok(Status { exit_code: status.code(), signal: status.signal() });
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
}

/// Buries what is left.
pub(in super::super) fn reap(_tree: &Mutex<Tree>) {
    while matches!(wait_any(WaitOptions::empty()), Ok(_) | Err(rustix::io::Errno::INTR)) {}
}

/// Processor time of all that ended below this process.
pub(in super::super) fn cpu_ms() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(13);
    let user: i64 = fields.next()?.parse().ok()?;
    let system: i64 = fields.next()?.parse().ok()?;
    let ticks = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some((user + system) * 1000 / ticks.max(1))
}
