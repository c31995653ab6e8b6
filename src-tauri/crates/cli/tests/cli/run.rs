//! `run`, with a server and without.

#![cfg(unix)]

use crate::sandbox::{Sandbox, as_owner_and_guest, send};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

#[test]
fn the_command_gets_its_environment_and_gives_its_code() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["config", "set", "server.port", "0"]).ok();
        let script = "echo $MLFLOW_TRACKING_URI; echo $MLFLOW_TRACKING_TOKEN; \
                      echo $MLFLOW_TRACKING_USERNAME:$MLFLOW_TRACKING_PASSWORD; echo words >&2; exit 7";
        let ran = sandbox.run(&["run", "--", "sh", "-c", script]).exits(7).says("words");
        let lines: Vec<_> = ran.stdout.lines().collect();
        assert!(lines[0].starts_with("http://127.0.0.1:"), "{}", ran.stdout);
        assert!(lines[1].starts_with("bl_"));
        assert_eq!(lines[2], format!("owner@localhost:{}", lines[1]));
        assert_eq!(
            sandbox.json(&["tokens", "list"])["tokens"],
            json!([]),
            "the token ends with it"
        );
    });
}

#[test]
fn the_command_reaches_the_server() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["config", "set", "server.port", "0"]).ok();
        let me = env!("CARGO_BIN_EXE_branchline");
        let ran = sandbox.run(&["run", "--", me, "tokens", "list", "--json"]).ok();
        let token = &ran.json()["tokens"][0];
        assert_eq!(token["scope"], "log");
        assert!(token["name"].as_str().unwrap().starts_with("run "));
        assert!(token["expires_at"].is_string(), "it ends even if we do not live to see it");
    });
}

#[test]
fn a_command_that_cannot_start_says_so() {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "set", "server.port", "0"]).ok();
    sandbox.run(&["run", "--", "no-such-program"]).exits(3).says("no-such-program");
    assert_eq!(sandbox.json(&["tokens", "list"])["tokens"], json!([]));
    sandbox.run(&["run"]).exits(2);
}

#[test]
fn a_request_to_end_is_passed_on() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    let script = "trap 'exit 9' TERM; echo ready; while :; do read line || exit 8; done";
    let mut command = sandbox.command(&["run", "--", "sh", "-c", script]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    send(child.id(), rustix::process::Signal::TERM);
    // A shell looks at its traps between lines; it takes them until it has ended.
    while stdin.write_all(b"\n").is_ok() {
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(9));
            break;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(9));
    assert_eq!(
        sandbox.json(&["tokens", "list"])["tokens"],
        json!([]),
        "the token ends all the same"
    );
}

#[test]
fn a_command_that_a_signal_ended_has_the_shells_number() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    sandbox.run(&["run", "--", "sh", "-c", "kill -9 $$"]).exits(137);
}
