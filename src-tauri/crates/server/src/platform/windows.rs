//! Windows: `netstat` and `tasklist`, which are part of the system.

use super::PortHolder;
use std::process::Command;

#[cfg_attr(not(windows), expect(dead_code, reason = "its parsers are tested everywhere"))]
pub(super) fn port_holder(port: u16) -> Option<PortHolder> {
    let pid = ["TCP", "TCPv6"].into_iter().find_map(|protocol| {
        let output = Command::new("netstat").args(["-ano", "-p", protocol]).output().ok()?;
        listening_pid(&String::from_utf8_lossy(&output.stdout), port)
    })?;
    let output = Command::new("tasklist")
        .args(["/FI", &format!("PID eq {pid}"), "/FO", "CSV", "/NH"])
        .output()
        .ok()?;
    let name = image_name(&String::from_utf8_lossy(&output.stdout))?;
    Some(PortHolder::new(pid, &name, None))
}

/// The process that listens at `port`. The word for "listening" is translated, so
/// a listener is known by its remote address, which has port 0.
fn listening_pid(table: &str, port: u16) -> Option<u32> {
    let suffix = format!(":{port}");
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [protocol, local, remote, .., pid] = fields.as_slice() else { return None };
        let listens = protocol.eq_ignore_ascii_case("tcp")
            && local.ends_with(&suffix)
            && remote.ends_with(":0");
        listens.then(|| pid.parse().ok())?
    })
}

/// The program of the first line of `tasklist /FO CSV`.
fn image_name(csv: &str) -> Option<String> {
    let name = csv.trim_start().strip_prefix('"')?.split_once('"')?.0;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_found_in_any_language() {
        let table = "\r\nAktive Verbindungen\r\n\r\n  Proto  Lokale Adresse  Remoteadresse  Status  PID\r\n\
             \x20 TCP    127.0.0.1:5005   127.0.0.1:9000   HERGESTELLT     11\r\n\
             \x20 TCP    127.0.0.1:5005   0.0.0.0:0        ABHÖREN         4242\r\n\
             \x20 TCP    [::1]:5006       [::]:0           ABHÖREN         4343\r\n";
        assert_eq!(listening_pid(table, 5005), Some(4242));
        assert_eq!(listening_pid(table, 5006), Some(4343));
        assert_eq!(listening_pid(table, 5007), None);
    }

    #[test]
    fn the_program_is_the_first_column() {
        let csv = "\r\n\"branchline.exe\",\"4242\",\"Console\",\"1\",\"12.345 K\"\r\n";
        assert_eq!(image_name(csv).as_deref(), Some("branchline.exe"));
        assert_eq!(image_name("INFO: No tasks are running"), None);
    }
}
