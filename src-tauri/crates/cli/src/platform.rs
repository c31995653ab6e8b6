//! What differs between operating systems, for the whole crate.

use crate::args::Shell;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The shell that a person most likely uses.
#[cfg(not(windows))]
pub(crate) const SHELL: Shell = Shell::Sh;
/// The shell that a person most likely uses.
#[cfg(windows)]
pub(crate) const SHELL: Shell = Shell::Powershell;

/// Waits until the system or the person asks the process to end. It listens from
/// the call on, not only from when it is awaited.
pub(crate) fn stop_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        async move {
            let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
                // Without handlers the system's own way of ending us remains.
                return std::future::pending().await;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};
        let signals = (ctrl_c(), ctrl_break(), ctrl_close(), ctrl_shutdown());
        async move {
            let (Ok(mut c), Ok(mut b), Ok(mut close), Ok(mut shutdown)) = signals else {
                return std::future::pending().await;
            };
            tokio::select! {
                _ = c.recv() => {}
                _ = b.recv() => {}
                _ = close.recv() => {}
                _ = shutdown.recv() => {}
            }
        }
    }
}

/// The number that stands for how a child ended: its own, or as shells do for a
/// signal.
pub(crate) fn exit_number(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(1);
    }
    match status.code() {
        Some(code) => u8::try_from(code & 0xff).ok().filter(|n| *n != 0 || code == 0).unwrap_or(1),
        None => 1,
    }
}

/// Runs a child to its end; what asks us to end meanwhile is passed on to it, or
/// left to it where it has been told already.
pub(crate) async fn run_to_end(
    command: &mut tokio::process::Command,
) -> std::io::Result<ExitStatus> {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};
        use tokio::signal::unix::{SignalKind, signal};
        // Before the child lives: it must not outlive us because we were not ready.
        // A terminal sends the first two to the child as well.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut quit = signal(SignalKind::quit())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut child = command.spawn()?;
        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        loop {
            let passed_on = tokio::select! {
                status = child.wait() => return status,
                _ = interrupt.recv() => None,
                _ = quit.recv() => None,
                _ = terminate.recv() => Some(Signal::TERM),
                _ = hangup.recv() => Some(Signal::HUP),
            };
            if let (Some(pid), Some(signal)) = (pid, passed_on) {
                // It may have ended this moment; then there is nobody to tell.
                let _ = kill_process(pid, signal);
            }
        }
    }
    #[cfg(not(unix))]
    {
        // The console tells the child itself; we only must not end before it.
        let mut interrupt = tokio::signal::windows::ctrl_c()?;
        let mut child = command.spawn()?;
        loop {
            tokio::select! {
                status = child.wait() => return status,
                _ = interrupt.recv() => {}
            }
        }
    }
}

/// Pythons that a person most likely means, the active environment's first.
pub(crate) fn pythons() -> Vec<PathBuf> {
    let in_environment = if cfg!(windows) { r"Scripts\python.exe" } else { "bin/python" };
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"]
        .into_iter()
        .filter_map(std::env::var_os)
        .map(|folder| Path::new(&folder).join(in_environment))
        .filter(|python| python.exists());
    let names = if cfg!(windows) { ["python.exe", "py.exe"] } else { ["python3", "python"] };
    active.chain(names.into_iter().map(PathBuf::from)).collect()
}

/// Whether the system's keyring can be asked; the error says why not.
pub(crate) fn keyring() -> Result<String, String> {
    #[cfg(target_os = "linux")]
    {
        let unset = |name| std::env::var_os(name).is_none_or(|value| value.is_empty());
        if unset("DBUS_SESSION_BUS_ADDRESS") && unset("XDG_RUNTIME_DIR") {
            return Err("there is no session bus".to_owned());
        }
        let found = succeeds("busctl", &["--user", "status", "org.freedesktop.secrets"])
            .or_else(|| {
                succeeds(
                    "gdbus",
                    &[
                        "introspect",
                        "--session",
                        "--dest",
                        "org.freedesktop.secrets",
                        "--object-path",
                        "/org/freedesktop/secrets",
                        "--xml",
                    ],
                )
            })
            .or_else(|| {
                succeeds(
                    "dbus-send",
                    &[
                        "--session",
                        "--print-reply",
                        "--dest=org.freedesktop.secrets",
                        "/org/freedesktop/secrets",
                        "org.freedesktop.DBus.Peer.Ping",
                    ],
                )
            });
        match found {
            Some(true) => Ok("the Secret Service answers".to_owned()),
            Some(false) => Err("no Secret Service answers on the session bus".to_owned()),
            None => Err("no program is there to ask the session bus".to_owned()),
        }
    }
    #[cfg(target_os = "macos")]
    {
        match succeeds("/usr/bin/security", &["default-keychain"]) {
            Some(true) => Ok("there is a default keychain".to_owned()),
            _ => Err("there is no default keychain".to_owned()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        match succeeds("cmdkey", &["/list"]) {
            Some(true) => Ok("the Credential Manager answers".to_owned()),
            _ => Err("the Credential Manager does not answer".to_owned()),
        }
    }
}

/// Whether a window could be opened; the error says why not.
pub(crate) fn display() -> Result<String, String> {
    #[cfg(all(unix, not(target_os = "macos")))]
    {
        let set = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.is_empty())
                .map(|v| format!("{name}={v}"))
        };
        set("WAYLAND_DISPLAY")
            .or_else(|| set("DISPLAY"))
            .ok_or_else(|| "neither WAYLAND_DISPLAY nor DISPLAY is set".to_owned())
    }
    #[cfg(any(windows, target_os = "macos"))]
    {
        Ok("the desktop".to_owned())
    }
}

/// Whether a program ends well; nothing when there is no such program.
fn succeeds(program: &str, arguments: &[&str]) -> Option<bool> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(output.status.success())
}
