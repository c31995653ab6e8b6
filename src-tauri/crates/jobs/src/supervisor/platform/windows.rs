//! Windows (not built here): the tree is ended by the system's own `taskkill`, which
//! follows parents. There is no way to ask a console program of another group politely,
//! so every way of asking ends it.

use super::{Ask, Status};
use std::fs::File;
use std::io;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// The job's process and all that it started.
pub(in super::super) struct Tree {
    pid: Option<u32>,
}

impl Tree {
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self { pid: None })
    }

    pub(in super::super) fn add(&mut self, pid: u32) {
        self.pid = Some(pid);
    }

    pub(in super::super) fn ask(&mut self, how: Ask) {
        if how != Ask::Done {
            self.kill();
        }
    }

    pub(in super::super) fn kill(&mut self) {
        if let Some(pid) = self.pid {
            let _ = Command::new("taskkill")
                .args(["/T", "/F", "/PID", &pid.to_string()])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }

    pub(in super::super) fn peak_bytes(&self) -> Option<i64> {
        None
    }
}

/// `BELOW_NORMAL_PRIORITY_CLASS` of the system, the only step that is not far from normal.
const BELOW_NORMAL: u32 = 0x4000;

pub(in super::super) fn launch(mut command: Command, niceness: u8) -> io::Result<u32> {
    if niceness > 0 {
        command.creation_flags(BELOW_NORMAL);
    }
    command.spawn().map(|child| child.id())
}

/// Holds a job's folder, so that no other supervisor has it; waits for one that does.
pub(in super::super) fn hold(folder: &Path) -> io::Result<File> {
    // A folder cannot be locked, and nobody could read a log that is.
    let lock = File::create(folder.join("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// There is no asking without taking orders out of the pipe; whoever listens hears it.
pub(in super::super) fn owner_is_gone() -> bool {
    false
}

/// Asks the system until the process is gone.
pub(in super::super) fn wait(pid: u32) -> io::Result<Status> {
    let script = format!("$p = Get-Process -Id {pid}; $p.WaitForExit(); exit $p.ExitCode");
    let status = Command::new("powershell")
        .args(["-NoProfile", "-Command", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    Ok(Status { exit_code: status.code(), signal: None })
}

pub(in super::super) fn end_rest(tree: &mut Tree) {
    tree.kill();
}

pub(in super::super) fn cpu_ms() -> Option<i64> {
    None
}
