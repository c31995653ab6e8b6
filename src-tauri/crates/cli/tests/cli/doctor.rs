//! `doctor`.

use crate::sandbox::{Ran, Sandbox, as_owner_and_guest};
use serde_json::Value;

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {report}"))
}

#[test]
fn a_sound_folder_is_called_sound() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["db", "migrate"]).ok();
        let report = sandbox.json(&["doctor"]);
        assert_eq!(report["ok"], true);
        for name in ["settings", "data folder", "owner", "database"] {
            assert_eq!(check(&report, name)["status"], "ok", "{report}");
        }
        for name in ["disk space", "port", "python", "keyring", "display"] {
            let found = check(&report, name);
            assert!(found["detail"].as_str().is_some_and(|text| !text.is_empty()));
            assert_eq!(found["status"] == "ok", found["remedy"].is_null(), "{found}");
        }
    });
}

#[test]
fn a_fresh_machine_is_no_failure_and_nothing_is_made() {
    let sandbox = Sandbox::new();
    let report = sandbox.json(&["doctor"]);
    assert_eq!(report["ok"], true);
    assert!(!sandbox.path("data").exists());
}

#[test]
fn the_server_and_its_port_are_recognised() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    sandbox.run(&["config", "set", "server.port", &server.port().to_string()]).ok();
    let report = sandbox.json(&["doctor"]);
    assert!(check(&report, "owner")["detail"].as_str().unwrap().contains(server.url()));
    assert!(check(&report, "port")["detail"].as_str().unwrap().contains("is ours"));
    let other = Sandbox::new();
    other.run(&["config", "set", "server.port", &server.port().to_string()]).ok();
    let report = other.json(&["doctor"]);
    assert_eq!(check(&report, "port")["status"], "warn");
    assert!(check(&report, "port")["remedy"].as_str().unwrap().contains("config set server.port"));
}

#[test]
fn a_damaged_database_fails_with_a_remedy() {
    let sandbox = Sandbox::new();
    sandbox.run(&["db", "migrate"]).ok();
    std::fs::write(sandbox.data("branchline.db"), "rubbish".repeat(1000)).unwrap();
    let ran = sandbox.run(&["doctor", "--json"]).exits(1);
    let report = ran.json();
    let database = check(&report, "database");
    assert_eq!(database["status"], "fail");
    assert!(database["remedy"].is_string(), "{database}");
    sandbox.run(&["doctor"]).exits(1);
}

#[test]
fn wrong_settings_fail_and_the_rest_is_checked() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["doctor", "--json"]);
    let report = Ran::of(command.env("BRANCHLINE_PORT", "x")).exits(1).json();
    assert_eq!(check(&report, "settings")["status"], "fail");
    assert_eq!(check(&report, "data folder")["status"], "ok");
}
