//! What every Unix does alike: a process group, and waiting for one process of it.

use super::{Status, Tree};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, wait as wait_any};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;

/// The job is a group of its own, so that it can be asked to end as a whole.
pub(super) fn set_apart(command: &mut Command) {
    command.process_group(0);
}

/// The group of a process that was set apart.
pub(super) fn of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Whether the other end of the pipe of orders is closed, with orders left in it or not.
pub(in super::super) fn owner_is_gone() -> bool {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
    let polled = poll(&mut fds, Some(&Timespec::default()));
    polled.is_ok() && fds[0].revents().contains(PollFlags::HUP)
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
