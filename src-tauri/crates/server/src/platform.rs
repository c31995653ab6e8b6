//! What differs between operating systems, for the whole crate.

#[cfg(any(target_os = "linux", test))]
mod linux;
#[cfg(any(target_os = "macos", test))]
mod macos;
#[cfg(any(windows, test))]
mod windows;

use std::net::SocketAddr;

/// The process that listens at a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortHolder {
    /// Its number.
    pub pid: u32,
    /// Its short name.
    pub name: String,
    /// Its command line, where it can be read.
    pub command: Option<String>,
    /// It is a Branchline itself.
    pub is_branchline: bool,
}

impl PortHolder {
    #[cfg_attr(
        not(any(target_os = "linux", target_os = "macos", windows, test)),
        expect(dead_code, reason = "other systems cannot tell who listens")
    )]
    fn new(pid: u32, name: &str, command: Option<String>) -> Self {
        let name = name.trim();
        let program = name.strip_suffix(".exe").unwrap_or(name);
        // Linux cuts a process's name after 15 bytes.
        let is_branchline =
            matches!(program, "branchline" | "branchline-desktop" | "branchline-desk");
        let command = command.map(|text| shortened(text.trim())).filter(|text| !text.is_empty());
        Self { pid, name: name.to_owned(), command, is_branchline }
    }
}

impl std::fmt::Display for PortHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_branchline {
            write!(f, "another Branchline (process {})", self.pid)
        } else {
            write!(f, "{} (process {}", self.name, self.pid)?;
            if let Some(command) = &self.command {
                write!(f, ": `{command}`")?;
            }
            f.write_str(")")
        }
    }
}

const SHOWN_COMMAND: usize = 80;

fn shortened(command: &str) -> String {
    if command.chars().count() <= SHOWN_COMMAND {
        return command.to_owned();
    }
    let mut text: String = command.chars().take(SHOWN_COMMAND).collect();
    text.push('…');
    text
}

/// Who listens at a TCP port of this machine. Nobody is known when the process
/// belongs to another user, or the system does not say.
pub fn port_holder(port: u16) -> Option<PortHolder> {
    #[cfg(target_os = "linux")]
    return linux::port_holder(port);
    #[cfg(target_os = "macos")]
    return macos::port_holder(port);
    #[cfg(windows)]
    return windows::port_holder(port);
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    {
        let _ = port;
        None
    }
}

/// Whether somebody answers at `address` although it could be bound. macOS lets an
/// exact address be bound beside a wildcard listener, which would then get half of
/// the connections; the others refuse by themselves.
pub(crate) fn is_shadowed(address: SocketAddr) -> bool {
    #[cfg(target_os = "macos")]
    {
        let patience = std::time::Duration::from_millis(200);
        std::net::TcpStream::connect_timeout(&address, patience).is_ok()
    }
    #[cfg(not(target_os = "macos"))]
    {
        let _ = address;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_told_in_words() {
        let ours = PortHolder::new(7, "branchline-desk\n", None);
        assert_eq!(ours.to_string(), "another Branchline (process 7)");
        assert!(PortHolder::new(7, "branchline.exe", None).is_branchline);
        let other = PortHolder::new(8, "python3", Some("mlflow server --port 5005".into()));
        assert_eq!(other.to_string(), "python3 (process 8: `mlflow server --port 5005`)");
        assert!(PortHolder::new(9, "x", Some("y".repeat(500))).to_string().len() < 150);
    }

    #[cfg(any(target_os = "linux", target_os = "macos", windows))]
    #[test]
    fn our_own_listener_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(address) else { continue };
            let port = listener.local_addr().unwrap().port();
            let holder = port_holder(port).unwrap();
            assert_eq!(holder.pid, std::process::id(), "{address}");
            assert!(!holder.is_branchline);
        }
    }
}
