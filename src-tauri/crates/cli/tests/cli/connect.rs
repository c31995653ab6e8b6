//! `connect`, as the owner and as a guest.

use crate::sandbox::{Ran, Sandbox, as_owner_and_guest, http, instance, status_with};
use branchline_core::{Clock, SystemClock};
use serde_json::{Value, json};

const FOREIGN: &str = "# work\n[other]\nkey = 1\n\n[mlflow]\nmlflow_tracking_username = ann\n\
                       mlflow_tracking_password = theirs\n";

#[test]
fn what_is_printed_lets_a_client_in() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let connected = sandbox.json(&["connect"]);
    assert_eq!(connected["tracking_uri"], server.url());
    let token = connected["token"].as_str().unwrap();
    assert_eq!(
        connected["environment"],
        json!({
            "MLFLOW_TRACKING_URI": server.url(), "MLFLOW_TRACKING_TOKEN": token,
        })
    );
    assert_eq!(status_with(server.url(), token), 200);

    let exports = sandbox.run(&["connect", "--shell", "sh"]).ok();
    let lines: Vec<_> = exports.stdout.lines().collect();
    assert_eq!(lines[0], format!("export MLFLOW_TRACKING_URI={}", server.url()));
    let token = lines[1].strip_prefix("export MLFLOW_TRACKING_TOKEN=").unwrap();
    assert_eq!(status_with(server.url(), token), 200);
}

#[test]
fn a_token_made_without_a_server_works_with_the_next_one() {
    let sandbox = Sandbox::new();
    let connected = sandbox.json(&["connect"]);
    assert_eq!(connected["tracking_uri"], "http://127.0.0.1:5005", "where one would answer");
    sandbox.run(&["connect"]).ok().says("No server runs now");
    let server = sandbox.serve();
    assert_eq!(status_with(server.url(), connected["token"].as_str().unwrap()), 200);
    drop(server);
    sandbox.run(&["config", "set", "server.port", "0"]).ok();
    sandbox.run(&["connect"]).exits(1).says("hint: Start `branchline serve`");
}

#[cfg(unix)]
#[test]
fn the_credentials_file_keeps_what_others_wrote() {
    as_owner_and_guest(|sandbox| {
        let file = sandbox.path("home/.mlflow/credentials");
        let first = sandbox.json(&["connect", "--write"]);
        assert_eq!(first["written"], true);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(first["token"].as_str().unwrap()), "{text}");
        sandbox.run(&["connect", "--write"]).ok().says("every server");

        std::fs::write(&file, FOREIGN).unwrap();
        let tokens = sandbox.json(&["tokens", "list"])["tokens"].as_array().unwrap().len();
        sandbox.run(&["connect", "--write"]).exits(8).says("--force");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), FOREIGN, "untouched");
        let after = sandbox.json(&["tokens", "list"])["tokens"].as_array().unwrap().len();
        assert_eq!(after, tokens, "no token was made that nobody knows");

        let forced = sandbox.json(&["connect", "--write", "--force"]);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# work\n[other]\nkey = 1\n"), "{text}");
        assert!(!text.contains("theirs") && text.contains(forced["token"].as_str().unwrap()));
    });
}

#[cfg(unix)]
#[test]
fn the_written_password_signs_in() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let connected = sandbox.json(&["connect", "--write"]);
    let request =
        http().get(format!("{}/api/2.0/mlflow/experiments/get?experiment_id=0", server.url()));
    let answer = request
        .basic_auth(connected["username"].as_str().unwrap(), connected["token"].as_str())
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
    let mode = {
        use std::os::unix::fs::PermissionsExt;
        let file = sandbox.path("home/.mlflow/credentials");
        std::fs::metadata(file).unwrap().permissions().mode()
    };
    assert_eq!(mode & 0o777, 0o600);
}

#[cfg(unix)]
#[test]
fn a_password_that_would_win_over_the_token_is_overruled() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("home/.mlflow")).unwrap();
    std::fs::write(sandbox.path("home/.mlflow/credentials"), FOREIGN).unwrap();
    let connected = sandbox.json(&["connect"]);
    let environment = connected["environment"].as_object().unwrap();
    assert_eq!(environment["MLFLOW_TRACKING_PASSWORD"], connected["token"]);
    assert_eq!(environment["MLFLOW_TRACKING_USERNAME"], connected["username"]);
}

fn tokens(sandbox: &Sandbox) -> usize {
    sandbox.json(&["tokens", "list"])["tokens"].as_array().unwrap().len()
}

/// `connect` in a shell that has a token already.
fn connect_with(sandbox: &Sandbox, token: &Value) -> Value {
    let mut command = sandbox.command(&["connect", "--json"]);
    Ran::of(command.env("MLFLOW_TRACKING_TOKEN", token.as_str().unwrap())).ok().json()
}

#[cfg(unix)]
#[test]
fn the_token_of_before_is_used_again() {
    as_owner_and_guest(|sandbox| {
        let first = sandbox.json(&["connect", "--write"]);
        assert_eq!((&first["reused"], &first["older_token_id"]), (&json!(false), &Value::Null));
        for arguments in [&["connect", "--write"][..], &["connect"]] {
            let again = sandbox.json(arguments);
            assert_eq!((&again["token"], &again["reused"]), (&first["token"], &json!(true)));
        }
        std::fs::remove_file(sandbox.path("home/.mlflow/credentials")).unwrap();
        assert_eq!(connect_with(sandbox, &first["token"])["token"], first["token"]);
        assert_eq!(tokens(sandbox), 1);
        // Whoever shows none gets one; that of another purpose stays with it.
        assert_ne!(sandbox.json(&["connect"])["token"], first["token"]);
        let other = sandbox.json(&["tokens", "create", "--name", "cluster", "--expires", "90d"]);
        let beside = connect_with(sandbox, &other["secret"]);
        assert_ne!(beside["token"], other["secret"]);
        assert_eq!(beside["older_token_id"], Value::Null);
        assert_eq!(tokens(sandbox), 4);
    });
}

fn days_left(connected: &Value) -> i64 {
    let end = connected["expires_at"].as_str().unwrap();
    let end = chrono::DateTime::parse_from_rfc3339(end).unwrap().timestamp_millis();
    (end - SystemClock.now_ms()) / (24 * 60 * 60 * 1000)
}

#[cfg(unix)]
#[test]
fn a_token_ends_unless_told_otherwise_and_what_runs_with_one_goes_on() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let first = sandbox.json(&["connect", "--write"]);
    assert_eq!(days_left(&first), 89);
    sandbox.run(&["connect"]).ok().says(first["expires_at"].as_str().unwrap());

    let told = sandbox.run(&["connect", "--write", "--expires", "3d"]).ok();
    let told = told.says(&format!("Token {} of before still works", first["token_id"]));
    let short = sandbox.json(&["tokens", "list"])["tokens"][0].clone();
    assert!(told.stderr.contains(short["expires_at"].as_str().unwrap()), "{}", told.stderr);
    assert_eq!(status_with(server.url(), first["token"].as_str().unwrap()), 200);
    // It would end under what starts with it.
    let next = sandbox.json(&["connect", "--write"]);
    assert_eq!((days_left(&next), &next["older_token_id"]), (89, &short["id"]));

    let endless = sandbox.json(&["connect", "--write", "--expires", "never"]);
    assert_eq!(endless["expires_at"], Value::Null);
    let again = sandbox.run(&["connect", "--write", "--expires", "never"]).ok();
    again.says(&format!("Token {} (as before) never ends", endless["token_id"]));
    sandbox.run(&["connect", "--expires", "soon"]).exits(2).says("never");
}

#[test]
fn no_secret_of_the_instance_is_printed() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    let ran = sandbox.run(&["connect"]).ok();
    assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret));
}
