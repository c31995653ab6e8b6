//! macOS and other Unixes (not built here): a process group. What leaves the group on
//! purpose is not followed.

use super::{Ask, Status};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, wait as wait_any};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;

/// The job's process and those of its group.
pub(in super::super) struct Tree {
    group: Option<Pid>,
}

impl Tree {
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self { group: None })
    }

    pub(in super::super) fn add(&mut self, child: &Child) {
        self.group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
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

pub(in super::super) fn set_apart(command: &mut Command) {
    command.process_group(0);
}

pub(in super::super) fn become_job(_supervisor: i32, command: &[OsString]) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::ErrorKind::InvalidInput.into();
    };
    Command::new(program).args(arguments).exec()
}

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

pub(in super::super) fn reap(_tree: &Mutex<Tree>) {}

pub(in super::super) fn cpu_ms() -> Option<i64> {
    None
}
