//! macOS and other Unixes (not built here): a process group. What leaves the group on
//! purpose is not followed.

use super::{Ask, group};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use std::process::Command;

/// The job's process and those of its group.
pub(in super::super) struct Tree {
    group: Option<Pid>,
}

impl Tree {
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self { group: None })
    }

    pub(in super::super) fn add(&mut self, pid: u32) {
        self.group = group::of(pid);
    }

    pub(in super::super) fn ask(&mut self, how: Ask) {
        let signal = match how {
            Ask::Interrupt => Signal::INT,
            Ask::Terminate => Signal::TERM,
            Ask::Kill => Signal::KILL,
            Ask::Done => return,
        };
        if let Some(group) = self.group {
            let _ = kill_process_group(group, signal);
        }
    }

    pub(in super::super) fn kill(&mut self) {
        self.ask(Ask::Kill);
    }

    pub(in super::super) fn peak_bytes(&self) -> Option<i64> {
        None
    }
}

pub(in super::super) fn launch(mut command: Command, niceness: u8) -> io::Result<u32> {
    group::set_apart(&mut command);
    let pid = command.spawn()?.id();
    group::give_way(group::of(pid), niceness);
    Ok(pid)
}

pub(in super::super) fn end_rest(tree: &mut Tree) {
    tree.kill();
}

pub(in super::super) fn cpu_ms() -> Option<i64> {
    None
}
