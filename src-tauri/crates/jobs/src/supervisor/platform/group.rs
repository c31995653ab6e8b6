//! What every Unix does alike: a process group, and waiting for one process of it.

use super::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, WaitOptions, WaitStatus, getpriority_process, setpriority_process, wait as wait_any,
};
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus};

/// The job is a group of its own, so that it can be asked to end as a whole.
pub(super) fn set_apart(command: &mut Command) {
    command.process_group(0);
}

/// Has a process, or this one, give way to others by so much more than this one does. That it
/// cannot is no reason not to run.
pub(super) fn give_way(pid: Option<Pid>, niceness: u8) {
    if let Ok(own) = getpriority_process(None) {
        let _ = setpriority_process(pid, own + i32::from(niceness));
    }
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

/// Holds a job's folder, so that no other supervisor has it; waits for one that does.
pub(in super::super) fn hold(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    folder.lock()?;
    Ok(folder)
}

fn status_of(status: WaitStatus) -> Status {
    let status = ExitStatus::from_raw(status.as_raw());
    Status { exit_code: status.code(), signal: status.signal() }
}

/// Buries what has ended; answers how the job's own process did, if that is among it.
#[cfg(target_os = "linux")]
pub(in super::super) fn bury(pid: u32) -> io::Result<Option<Status>> {
    let mut found = None;
    loop {
        match wait_any(WaitOptions::NOHANG) {
            Ok(Some((ended, status))) if of(pid) == Some(ended) => found = Some(status_of(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(found),
            // Nobody is left.
            Err(Errno::CHILD) if found.is_some() => return Ok(found),
            Err(cause) => return Err(cause.into()),
        }
    }
}

/// Waits for the job's own process, and buries whatever else ends meanwhile.
#[cfg(any(test, not(target_os = "linux")))]
pub(in super::super) fn wait(pid: u32) -> io::Result<Status> {
    loop {
        match wait_any(WaitOptions::empty()) {
            Ok(Some((ended, status))) if of(pid) == Some(ended) => return Ok(status_of(status)),
            Ok(_) | Err(Errno::INTR) => {}
            Err(cause) => return Err(cause.into()),
        }
    }
}
