//! Linux: a process group, a subreaper that inherits whatever leaves the group, and a
//! signal to the job when its supervisor dies.

use super::{Ask, group};
use fork::Fork;
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, getppid, kill_process, kill_process_group,
    set_child_subreaper, set_parent_process_death_signal, setpgid, wait as wait_any,
};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How a shell says that there is no such program.
const NOT_RUN: i32 = 127;

/// The job's process and all that it started.
pub(in super::super) struct Tree {
    group: Option<Pid>,
}

impl Tree {
    pub(in super::super) fn new() -> io::Result<Self> {
        // Processes whose parent ends become our children, in whatever group they are.
        set_child_subreaper(Some(getpid()))?;
        Ok(Self { group: None })
    }

    pub(in super::super) fn add(&mut self, pid: u32) {
        self.group = group::of(pid);
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
/// More than it holds.
const STAT_BYTES: usize = 1024;

/// What `/proc/<pid>/stat` tells from [`STATE`] on. The name before it may hold anything, so
/// what counts is behind the last parenthesis.
fn stat(pid: &str) -> Option<String> {
    // In one piece: the system makes it anew for each read.
    let mut text = String::with_capacity(STAT_BYTES);
    File::open(format!("/proc/{pid}/stat")).ok()?.read_to_string(&mut text).ok()?;
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
    let mut open = vec![getpid().as_raw_nonzero().get()];
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

/// Starts the job as a copy of this process, which binds itself to us and becomes the command.
/// In the copy of a process with several threads any lock may be held forever: only while there
/// is one.
pub(in super::super) fn launch(mut command: Command, niceness: u8) -> io::Result<u32> {
    group::set_apart(&mut command);
    let supervisor = getpid();
    match fork::fork()? {
        Fork::Parent(child) => {
            let pid = Pid::from_raw(child);
            // As the child does: whoever is first, the group is there when it is asked to end.
            let _ = setpgid(pid, pid);
            Ok(child.unsigned_abs())
        }
        Fork::Child => {
            group::give_way(None, niceness);
            let cause = bind(supervisor).err().unwrap_or_else(|| command.exec());
            let program = command.get_program().display();
            // Into the job's log: it is what the person looks at.
            let _ = writeln!(io::stderr(), "branchline: cannot run '{program}': {cause}");
            std::process::exit(NOT_RUN)
        }
    }
}

/// Makes this process die with its supervisor.
fn bind(supervisor: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before it could be bound to.
    if getppid() != Some(supervisor) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    Ok(())
}

/// Ends and buries what the job left behind. All of it is our child by now, or below one: where
/// there is no child, nothing has to be looked for among all processes of the machine.
pub(in super::super) fn end_rest(tree: &mut Tree) {
    if has_children() {
        tree.kill();
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
