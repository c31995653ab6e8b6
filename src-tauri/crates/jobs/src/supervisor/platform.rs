//! What differs between operating systems: a job's tree of processes. Linux is built and
//! tested; macOS and Windows are written and not built here.

#[cfg(unix)]
#[path = "platform/group.rs"]
mod group;
#[cfg(target_os = "linux")]
#[path = "platform/linux.rs"]
mod system;
#[cfg(all(unix, not(target_os = "linux")))]
#[path = "platform/unix.rs"]
mod system;
#[cfg(windows)]
#[path = "platform/windows.rs"]
mod system;

#[cfg(target_os = "linux")]
pub(super) use group::bury;
#[cfg(all(unix, any(test, not(target_os = "linux"))))]
pub(super) use group::wait;
#[cfg(unix)]
pub(super) use group::{hold, owner_is_gone};
pub(super) use system::{Tree, cpu_ms, end_rest, launch};
#[cfg(windows)]
pub(super) use system::{hold, owner_is_gone, wait};

/// How hard a job is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// As by Ctrl-C.
    Interrupt,
    /// As by the system.
    Terminate,
    /// It is not asked.
    Kill,
    /// There is nothing harder.
    Done,
}

impl Ask {
    /// What comes after it was given time.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Interrupt => Self::Terminate,
            Self::Terminate => Self::Kill,
            Self::Kill | Self::Done => Self::Done,
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) exit_code: Option<i32>,
    pub(super) signal: Option<i32>,
}
