//! `connect`, as the owner and as a guest.

use crate::sandbox::{Sandbox, as_owner_and_guest, http, instance, status_with};
use serde_json::json;

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

#[test]
fn no_secret_of_the_instance_is_printed() {
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    let ran = sandbox.run(&["connect"]).ok();
    assert!(!ran.stdout.contains(&secret) && !ran.stderr.contains(&secret));
}
