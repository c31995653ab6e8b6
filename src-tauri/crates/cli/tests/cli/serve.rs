//! `serve`, from its first line to its end.

use crate::sandbox::{Sandbox, Server, http, instance, status_with};
use serde_json::{Value, json};

#[test]
fn the_address_is_the_first_line_and_answers_on_both_protocols() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let url = server.url().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let port = server.port();
    let mut addresses = vec![format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        addresses.push(format!("[::1]:{port}"));
    }
    for address in addresses {
        let answer = http().get(format!("http://{address}/health")).send().unwrap();
        assert_eq!(answer.status(), 200, "{address}");
        assert_eq!(answer.text().unwrap(), "OK");
    }
    let info = instance(&sandbox);
    assert_eq!(
        (info["url"].as_str(), info["pid"].as_u64()),
        (Some(url.as_str()), Some(u64::from(server.pid())))
    );
    assert!(sandbox.path("config/config.toml").exists(), "settings are there to be found");
}

#[cfg(unix)]
#[test]
fn signals_drain_and_end_well() {
    use rustix::process::Signal;
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve();
        let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
        assert_eq!(crate::sandbox::create_experiment(server.url(), &secret, "kept"), 200);
        server.signal(signal);
        let (status, words) = server.wait();
        assert_eq!(status.code(), Some(0), "{signal:?}: {words}");
        assert!(!sandbox.data("instance.json").exists(), "nobody answers any more");
        let wal = std::fs::metadata(sandbox.data("branchline.db-wal")).map_or(0, |m| m.len());
        assert_eq!(wal, 0, "the log was written back");
        let found = sandbox.json(&["db", "query", "select count(*) from experiment"]);
        assert_eq!(found["rows"], json!([[2]]));
    }
}

#[cfg(unix)]
#[test]
fn what_others_must_not_read_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    let _server = sandbox.serve();
    let mode =
        |name: &str| std::fs::metadata(sandbox.data(name)).unwrap().permissions().mode() & 0o777;
    for file in ["instance.json", "branchline.db", "branchline.db-wal", "branchline.db-shm"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    assert_eq!(mode("secrets"), 0o700);
    assert_eq!(mode(""), 0o700);
}

#[test]
fn the_sign_in_link_works_once() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve();
    let link = format!("{}/#/signin?secret=", server.url());
    let secret = server.says(&link).split_once(&link).unwrap().1.to_owned();
    let sign_in = || {
        let request = http().post(format!("{}/api/v1/session", server.url()));
        request.json(&json!({ "secret": secret })).send().unwrap()
    };
    let first = sign_in();
    assert_eq!(first.status(), 200);
    assert!(first.headers()["set-cookie"].to_str().unwrap().contains("HttpOnly"));
    assert_eq!(sign_in().status(), 401, "a link works once");
}

#[test]
fn the_first_superuser_becomes_the_owner_of_an_empty_database_only() {
    let sandbox = Sandbox::new();
    let start = |email: &str, password: &str| {
        let mut command = sandbox.command(&["serve", "--port", "0"]);
        command.env("FIRST_SUPERUSER", email).env("FIRST_SUPERUSER_PASSWORD", password);
        Server::start(command)
    };
    let sign_in = |server: &Server, email: &str, password: &str| {
        let request = http().post(format!("{}/api/v1/session", server.url()));
        let body = json!({ "email": email, "password": password });
        request.json(&body).send().unwrap().status().as_u16()
    };
    let server = start("ann@example.org", "correct horse");
    assert_eq!(sign_in(&server, "ann@example.org", "correct horse"), 200);
    let words = server.stop(&sandbox);
    assert!(!words.contains("signin?secret="), "there is a password to sign in with: {words}");
    assert!(!words.contains("correct horse"), "a password is in no log");

    let server = start("eve@example.org", "battery staple");
    assert_eq!(sign_in(&server, "eve@example.org", "battery staple"), 401);
    assert_eq!(sign_in(&server, "ann@example.org", "correct horse"), 200, "the owner stays");
}

#[test]
fn half_a_first_superuser_is_refused() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["serve", "--port", "0"]);
    crate::sandbox::Ran::of(command.env("FIRST_SUPERUSER", "ann@example.org"))
        .exits(2)
        .says("hint: Set FIRST_SUPERUSER_PASSWORD too");
}

#[test]
fn without_sign_in_everybody_on_this_machine_is_the_owner() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let get = |url: &str| {
        http().get(format!("{url}/api/v1/experiments")).send().unwrap().status().as_u16()
    };
    assert_eq!(get(server.url()), 401);
    server.stop(&sandbox);
    let server = sandbox.serve_with(&["--port", "0", "--no-auth"]);
    assert_eq!(get(server.url()), 200);
    let words = server.stop(&sandbox);
    assert!(words.contains("acts as the owner"), "{words}");

    sandbox
        .run(&["serve", "--port", "0", "--no-auth", "--host", "0.0.0.0"])
        .exits(2)
        .says("would let everybody on the network act as the owner");
}

#[test]
fn a_placeholder_password_is_no_password_for_a_network() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["serve", "--port", "0", "--host", "0.0.0.0"]);
    command.env("FIRST_SUPERUSER", "a@b.c").env("FIRST_SUPERUSER_PASSWORD", "changethis");
    crate::sandbox::Ran::of(&mut command).exits(2).says("'changethis'");
}

#[test]
fn scripts_get_one_line_of_json_and_collectors_json_logs() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve_with(&["--port", "0", "--json", "--log-format", "json"]);
    let ready: Value = serde_json::from_str(&server.first_line).unwrap();
    let url = ready["url"].as_str().unwrap();
    assert_eq!(http().get(format!("{url}/health")).send().unwrap().status(), 200);
    let words = server.stop(&sandbox);
    for line in words.lines() {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(said["level"].is_string(), "{line}");
    }
    assert!(words.contains("signin?secret="), "{words}");
}

#[test]
fn the_api_alone_has_no_page_to_sign_in_to() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve_with(&["--port", "0", "--api-only"]);
    assert_eq!(http().get(server.url()).send().unwrap().status(), 404);
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    assert_eq!(status_with(server.url(), &secret), 200);
    assert!(!server.stop(&sandbox).contains("signin"));
}

#[test]
fn flags_reach_the_server() {
    let sandbox = Sandbox::new();
    let server =
        sandbox.serve_with(&["--port", "0", "--durability", "fast", "--allowed-hosts", "ml.test"]);
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    let get = |host: &str| {
        let request = http().get(format!("{}/api/v1/server", server.url()));
        request.bearer_auth(&secret).header("host", host).send().unwrap()
    };
    let info: Value = get("ml.test").json().unwrap();
    assert_eq!(info["durability"], "fast");
    assert_eq!(get("evil.test").status(), 403);
    sandbox.run(&["serve", "--durability", "quick"]).exits(2).says("(from --durability)");
    sandbox.run(&["serve", "--port", "many"]).exits(2).says("server.port");
}
