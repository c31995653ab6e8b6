//! `logs`.

use crate::sandbox::Sandbox;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn what_the_server_said_can_be_read_later() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["logs"]).ok().stdout, "", "nothing yet");
    let server = sandbox.serve();
    let url = server.url().to_owned();
    server.stop(&sandbox);
    let all = sandbox.run(&["logs"]).ok().stdout;
    assert!(all.contains("listening") && all.contains(&url), "{all}");
    let last = sandbox.run(&["logs", "-n", "1"]).ok().stdout;
    assert_eq!(last.lines().count(), 1);
    assert!(all.ends_with(&last), "the last line is the last");
    assert_eq!(sandbox.run(&["logs", "--level", "error"]).ok().stdout, "");
    for line in sandbox.run(&["logs", "--json"]).ok().stdout.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["level"], "INFO");
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
    assert!(!all.contains("signin?secret="), "a secret is in no log");
}

#[test]
fn following_goes_on() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.data("logs")).unwrap();
    let mut command = sandbox.command(&["logs", "-f"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let server = sandbox.serve();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("listening") && line.contains(server.url()), "{line}");
    server.stop(&sandbox);
    assert!(lines.any(|line| line.unwrap().contains("closed")));
    follower.kill().unwrap();
    follower.wait().unwrap();
}
