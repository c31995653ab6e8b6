//! `users`, as the owner and as a guest, and what becomes of credentials meanwhile.

use crate::sandbox::{Ran, Sandbox, as_owner_and_guest, http};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const EMAIL: &str = "ada@example.org";

/// Runs a command that reads a password.
fn with_password(sandbox: &Sandbox, arguments: &[&str], password: &str) -> Ran {
    let mut command = sandbox.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    let ended = child.wait_with_output().unwrap();
    Ran {
        code: ended.status.code(),
        stdout: String::from_utf8(ended.stdout).unwrap(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
    }
}

fn emails(sandbox: &Sandbox) -> Vec<String> {
    let list = sandbox.json(&["users", "list"]);
    let users = list["users"].as_array().unwrap();
    users.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn made_listed_changed_and_removed() {
    as_owner_and_guest(|sandbox| {
        let made = sandbox.json(&["users", "create", EMAIL, "--full-name", "Ada L."]);
        assert_eq!((&made["email"], &made["is_superuser"]), (&json!(EMAIL), &json!(false)));
        assert!(made["password"].as_str().unwrap().len() >= 40, "made up, and long");
        assert!(!sandbox.json(&["users", "list"]).to_string().contains("password"));
        let bare = sandbox.run(&["users", "create", "bob@example.org", "--superuser"]).ok();
        bare.says("shown only now");
        let text = sandbox.run(&["users", "list"]).ok().stdout;
        assert!(text.starts_with("id\temail\tname\tactive\tsuperuser\n"), "{text}");
        assert!(text.contains("ada@example.org\tAda L.\tyes\tno\n"), "{text}");
        assert!(text.contains("bob@example.org\t\tyes\tyes\n"), "{text}");

        let changed = sandbox.json(&[
            "users",
            "update",
            EMAIL,
            "--new-email",
            "ada@lab.test",
            "--active",
            "false",
        ]);
        assert_eq!(changed["email"], "ada@lab.test");
        assert_eq!(
            (&changed["is_active"], &changed["full_name"]),
            (&json!(false), &json!("Ada L."))
        );
        assert_eq!(
            sandbox.json(&["users", "delete", "ada@lab.test"]),
            json!({ "deleted": "ada@lab.test" })
        );
        assert!(!emails(sandbox).contains(&"ada@lab.test".to_owned()));
    });
}

#[test]
fn what_cannot_be_is_refused() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["users", "create", "no address"]).exits(2);
        with_password(sandbox, &["users", "create", EMAIL, "--password-stdin"], "short").exits(2);
        with_password(sandbox, &["users", "create", EMAIL, "--password-stdin"], "").exits(2);
        sandbox.run(&["users", "create", EMAIL]).ok();
        sandbox.run(&["users", "create", "ADA@example.org"]).exits(8).says("already");
        for gone in ["update", "delete"] {
            sandbox.run(&["users", gone, "nobody@example.org"]).exits(3);
        }
        with_password(sandbox, &["users", "password", "nobody@example.org"], "long-enough")
            .exits(3);
        let owner = emails(sandbox).remove(0);
        sandbox.run(&["users", "delete", &owner]).exits(8).says("last active superuser");
        sandbox.run(&["users", "update", &owner, "--superuser", "false"]).exits(8);
    });
}

/// The status of signing in as the stack's clients do, and the token.
fn sign_in(url: &str, email: &str, password: &str) -> (u16, Option<String>) {
    let form = format!("username={}&password={password}", email.replace('@', "%40"));
    let answer = http()
        .post(format!("{url}/api/v1/login/access-token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .unwrap();
    let status = answer.status().as_u16();
    let token = answer.json::<Value>().unwrap()["access_token"].as_str().map(str::to_owned);
    (status, token)
}

fn me(url: &str, token: &str) -> u16 {
    let request = http().get(format!("{url}/api/v1/users/me")).bearer_auth(token);
    request.send().unwrap().status().as_u16()
}

#[test]
fn other_passwords_other_rights_and_another_key_end_what_was_signed_in() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let url = server.url();
    with_password(&sandbox, &["users", "create", EMAIL, "--password-stdin"], "the-first-one").ok();
    let token = |password: &str| {
        let (status, token) = sign_in(url, EMAIL, password);
        assert_eq!(status, 200, "{password}");
        token.unwrap()
    };
    let first = token("the-first-one");
    assert_eq!(me(url, &first), 200);
    let ran = with_password(&sandbox, &["users", "password", EMAIL], "the-second-one").ok();
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("the-second-one"));
    assert_eq!(me(url, &first), 403, "another password");
    assert_eq!(sign_in(url, EMAIL, "the-first-one").0, 400);
    for change in [["--superuser", "true"], ["--superuser", "false"]] {
        let before = token("the-second-one");
        sandbox.run(&["users", "update", EMAIL, change[0], change[1]]).ok();
        assert_eq!(me(url, &before), 403, "{change:?}");
    }
    let before = token("the-second-one");
    sandbox.run(&["tokens", "rotate-key"]).ok().says("has ended");
    assert_eq!(me(url, &before), 403, "another key");
    let before = token("the-second-one");
    sandbox.run(&["users", "update", EMAIL, "--active", "false"]).ok();
    assert_eq!(me(url, &before), 400, "switched off");
    assert_eq!(sign_in(url, EMAIL, "the-second-one").0, 400);
    let other = sandbox.json(&["users", "create", "bob@example.org"]);
    let bob = sign_in(url, "bob@example.org", other["password"].as_str().unwrap()).1.unwrap();
    sandbox.run(&["users", "delete", "bob@example.org"]).ok();
    assert_eq!(me(url, &bob), 404, "removed");
}
