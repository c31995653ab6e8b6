//! `completions`, and the help that scripts and people start from.

use crate::sandbox::Sandbox;
use std::process::{Command, Stdio};

#[test]
fn every_shell_gets_a_script() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = sandbox.run(&["completions", shell]).ok().stdout;
        for word in ["branchline", "serve", "data-dir", "restore"] {
            assert!(script.contains(word), "{shell}: {word} is missing");
        }
    }
    sandbox.run(&["completions", "tcsh"]).exits(2);
}

#[cfg(unix)]
#[test]
fn bash_understands_its_script() {
    use std::io::Write;
    let script = Sandbox::new().run(&["completions", "bash"]).ok().stdout;
    let Ok(mut bash) = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn() else { return };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(bash.wait().unwrap().success());
}

#[test]
fn help_is_data_and_nonsense_is_usage() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).ok().stdout;
    for command in
        ["serve", "connect", "config", "run", "db", "logs", "tokens", "doctor", "completions"]
    {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing:\n{help}");
    }
    assert!(help.contains("4 in use"), "{help}");
    sandbox.run(&["jobs"]).exits(2);
    sandbox.run(&[]).exits(2);
    let version = sandbox.run(&["--version"]).ok().stdout;
    assert_eq!(version, format!("branchline {}\n", env!("CARGO_PKG_VERSION")));
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_is_no_failure() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["completions", "zsh"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
