//! `sessions`, as the owner and as a guest.

use crate::sandbox::{Sandbox, Server, http};
use serde_json::{Value, json};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "difference-engine";

/// A server whose owner can sign in.
fn serve(sandbox: &Sandbox) -> Server {
    let mut command = sandbox.command(&["serve", "--port", "0"]);
    command.env("FIRST_SUPERUSER", EMAIL).env("FIRST_SUPERUSER_PASSWORD", PASSWORD);
    Server::start(command)
}

/// Signs in as a browser does; answers its cookie.
fn sign_in(server: &Server, browser: &str) -> String {
    let answer = http()
        .post(format!("{}/api/v1/session", server.url()))
        .header("user-agent", browser)
        .json(&json!({ "email": EMAIL, "password": PASSWORD }))
        .send()
        .unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The status of a request with a cookie.
fn status(server: &Server, cookie: &str) -> u16 {
    let request = http().get(format!("{}/api/v1/session", server.url())).header("cookie", cookie);
    request.send().unwrap().status().as_u16()
}

fn listed(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.json(&["sessions", "list"])["sessions"].as_array().unwrap().clone()
}

fn revoke(sandbox: &Sandbox, session: &Value) {
    let id = session["id"].to_string();
    let done = sandbox.json(&["sessions", "revoke", &id]);
    assert_eq!(done, json!({ "revoked": session["id"] }));
    sandbox.run(&["sessions", "revoke", &id]).exits(3).says("There is no session");
}

#[test]
fn beside_a_running_app_a_session_is_seen_and_ended_at_once() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox);
    assert_eq!(listed(&sandbox), [] as [Value; 0]);
    let (old, new) = (sign_in(&server, "Firefox of the laptop"), sign_in(&server, "Chromium"));
    let sessions = listed(&sandbox);
    let agents: Vec<_> = sessions.iter().map(|session| &session["agent"]).collect();
    assert_eq!(agents, ["Chromium", "Firefox of the laptop"], "newest first");
    assert!(sessions.iter().all(|session| session["kind"] == "browser"));
    let told = sandbox.run(&["sessions", "list"]).ok();
    assert!(
        told.stdout.starts_with("id\tkind\tbegan\tends\tlast used\tclient\n"),
        "{}",
        told.stdout
    );
    assert!(told.stdout.trim_end().ends_with("\tFirefox of the laptop"), "{}", told.stdout);
    let secret = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    assert!(!told.stdout.contains(&secret(&old)) && !told.stdout.contains(&secret(&new)));

    revoke(&sandbox, &sessions[1]);
    assert_eq!((status(&server, &old), status(&server, &new)), (401, 200));
    assert_eq!(listed(&sandbox).len(), 1);
}

#[test]
fn without_one_it_is_ended_for_the_next_start() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox);
    let (old, new) = (sign_in(&server, "old"), sign_in(&server, "new"));
    server.stop(&sandbox);
    let sessions = listed(&sandbox);
    assert_eq!(sessions.len(), 2);
    revoke(&sandbox, &sessions[1]);
    let server = serve(&sandbox);
    assert_eq!((status(&server, &old), status(&server, &new)), (401, 200));
}
