//! Linux: `/proc`.

use super::PortHolder;
use std::collections::HashSet;
use std::path::Path;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "its parser is tested everywhere"))]
pub(super) fn port_holder(port: u16) -> Option<PortHolder> {
    let mut sockets = HashSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        sockets.extend(listening_inodes(&text, port).map(|inode| format!("socket:[{inode}]")));
    }
    if sockets.is_empty() {
        return None;
    }
    let processes = std::fs::read_dir("/proc").ok()?;
    for process in processes.filter_map(Result::ok) {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if holds_any(&process.path(), &sockets) {
            return Some(describe(pid, &process.path()));
        }
    }
    None
}

/// Inodes of the sockets that listen at `port`, from a table of `/proc/net`.
fn listening_inodes(table: &str, port: u16) -> impl Iterator<Item = &str> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?;
        (state == LISTEN && local.ends_with(&suffix)).then_some(inode)
    })
}

fn holds_any(process: &Path, sockets: &HashSet<String>) -> bool {
    // Processes of other users cannot be looked into.
    let Ok(files) = std::fs::read_dir(process.join("fd")) else { return false };
    files
        .filter_map(Result::ok)
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .any(|target| target.to_str().is_some_and(|text| sockets.contains(text)))
}

fn describe(pid: u32, process: &Path) -> PortHolder {
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    let command = std::fs::read(process.join("cmdline"))
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    PortHolder::new(pid, &name, command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listeners_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:138D 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:138D 0100007F:9000 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1\n\
             2: 0100007F:138E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0 100 0 0 10 0\n\
             3: 00000000000000000000000001000000:138D 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4714 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inodes(table, 5005).collect::<Vec<_>>(), ["4711", "4714"]);
        assert_eq!(listening_inodes("", 5005).count(), 0);
    }
}
