//! `mail`: what was written to people, where no mail server takes it.

use crate::sandbox::{Ran, Sandbox, as_owner_and_guest, http};
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

#[test]
fn a_recovery_link_is_in_the_outbox_and_sets_a_password_once() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.json(&["mail", "list"])["mail"].as_array().unwrap().len(), 0);
    sandbox.run(&["users", "create", "ada@example.org"]).ok();
    let server = sandbox.serve();
    let url = server.url();
    let asked = http().post(format!("{url}/api/v1/password-recovery/ada@example.org")).send();
    assert_eq!(asked.unwrap().status().as_u16(), 200);
    // The mail is written after the answer: the outbox is asked until it is there.
    let mail = loop {
        let list = sandbox.json(&["mail", "list", "-n", "1"]);
        if list["mail"][0]["kind"] == "recovery" {
            break list["mail"][0].clone();
        }
    };
    assert_eq!(
        (mail["state"].as_str(), mail["to"].as_str()),
        (Some("kept"), Some("ada@example.org"))
    );
    let text = sandbox.run(&["mail", "show", &mail["id"].to_string()]).ok().stdout;
    assert!(text.starts_with("To: ada@example.org\nSubject: "), "{text}");
    assert!(text.contains("State: kept"), "{text}");
    let token = text.split("token=").nth(1).unwrap().split_whitespace().next().unwrap();
    let reset = || {
        let body = serde_json::json!({ "token": token, "new_password": "a-new-password" });
        let request = http().post(format!("{url}/api/v1/reset-password/")).json(&body);
        request.send().unwrap().status().as_u16()
    };
    assert_eq!((reset(), reset()), (200, 400), "once");
    sandbox.run(&["mail", "show", "999"]).exits(3);
    let rows = sandbox.run(&["mail", "list"]).ok().stdout;
    assert!(rows.starts_with("id\twritten\tstate\tto\tsubject\n"), "{rows}");
}

/// `mail password` where no keyring runs.
fn password(sandbox: &Sandbox, arguments: &[&str], line: &str) -> Ran {
    let mut all = vec!["mail", "password", "--json"];
    all.extend(arguments);
    let mut command = sandbox.command(&all);
    command.env("BRANCHLINE_KEYRING", "true");
    command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let ended = child.wait_with_output().unwrap();
    Ran {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn where_no_keyring_runs_a_private_file_keeps_the_mail_servers_password() {
    as_owner_and_guest(|sandbox| {
        let kept = password(sandbox, &[], "hush-hush").ok();
        assert_eq!(kept.json(), json!({ "kept_in": "file", "forgotten": false }));
        assert!(!format!("{}{}", kept.stdout, kept.stderr).contains("hush"));
        let file = sandbox.data("secrets").join("mail.password");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "hush-hush");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&file).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        password(sandbox, &[], "").exits(2);
        let gone = password(sandbox, &["--forget"], "").ok();
        assert_eq!(gone.json()["forgotten"], true);
        assert!(!file.exists());
        assert_eq!(password(sandbox, &["--forget"], "").ok().json()["forgotten"], false);
    });
}
