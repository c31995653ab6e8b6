//! What every Unix does alike: a process group, and waiting for one process of it.

use super::{Status, Tree};
use rustix::process::{Pid, WaitOptions, wait as wait_any};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;

/// The job is a group of its own, so that it can be asked to end as a whole.
pub(in super::super) fn set_apart(command: &mut Command) {
    command.process_group(0);
}

/// The group of a process that was set apart.
pub(super) fn of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// Goes on as another program; answers why not.
pub(super) fn become_program(command: &[OsString]) -> io::Error {
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
