//! macOS: `lsof` and `ps`, which are part of the system.

use super::PortHolder;
use std::process::Command;

#[cfg_attr(not(target_os = "macos"), expect(dead_code, reason = "its parser is tested everywhere"))]
pub(super) fn port_holder(port: u16) -> Option<PortHolder> {
    let output = Command::new("/usr/sbin/lsof")
        .args(["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-Fpc"])
        .output()
        .ok()?;
    let (pid, name) = first_process(&String::from_utf8_lossy(&output.stdout))?;
    let command = Command::new("/bin/ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    Some(PortHolder::new(pid, &name, command))
}

/// The first process of `lsof -F`: a line `p<pid>`, then `c<name>`.
fn first_process(fields: &str) -> Option<(u32, String)> {
    let mut lines = fields.lines();
    let pid = lines.find_map(|line| line.strip_prefix('p'))?.parse().ok()?;
    let name = lines.next()?.strip_prefix('c')?;
    Some((pid, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_read() {
        let fields = "p812\ncControlCenter\nf9\nf10\np900\ncother\n";
        assert_eq!(first_process(fields), Some((812, "ControlCenter".to_owned())));
        assert_eq!(first_process(""), None);
    }
}
