//! Linux: a process group, a subreaper that inherits whatever leaves the group, and a
//! signal to the job when its supervisor dies.

use super::super::lock_tree;
use super::{Ask, group};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getppid, kill_process, kill_process_group, set_child_subreaper,
    set_parent_process_death_signal, wait as wait_any,
};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::process::Child;
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
        self.group = group::of(child);
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

/// Numbers of fields in `/proc/<pid>/stat`, as proc(5) counts them.
const STATE: usize = 3;
const CUTIME: usize = 16;

/// What `/proc/<pid>/stat` tells from [`STATE`] on. The name before it may hold anything, so
/// what counts is behind the last parenthesis.
fn stat(pid: &str) -> Option<String> {
    let mut text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.split_off(text.rfind(')')? + 1))
}

/// A process's parent and whether it lives.
fn parent(pid: i32) -> Option<(i32, bool)> {
    let text = stat(&pid.to_string())?;
    let mut fields = text.split_whitespace();
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

/// Becomes the job; answers why not.
pub(in super::super) fn become_job(supervisor: i32, command: &[OsString]) -> io::Error {
    if let Err(cause) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return cause.into();
    }
    // It may have died before it could be bound to us.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get() != supervisor) {
        return io::Error::other("the supervisor is gone");
    }
    group::become_program(command)
}

/// Ends and buries what the job left behind. All of it is our child by now, or below one: where
/// there is no child, nothing has to be looked for among all processes of the machine.
pub(in super::super) fn end_rest(tree: &Mutex<Tree>) {
    if has_children() {
        lock_tree(tree).kill();
        while matches!(wait_any(WaitOptions::empty()), Ok(_) | Err(Errno::INTR)) {}
    }
}

/// Buries those that have ended; answers whether any lives.
fn has_children() -> bool {
    loop {
        match wait_any(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Processor time of all that ended below this process.
pub(in super::super) fn cpu_ms() -> Option<i64> {
    let text = stat("self")?;
    let mut fields = text.split_whitespace().skip(CUTIME - STATE);
    let user: i64 = fields.next()?.parse().ok()?;
    let system: i64 = fields.next()?.parse().ok()?;
    let ticks = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some((user + system) * 1000 / ticks.max(1))
}
