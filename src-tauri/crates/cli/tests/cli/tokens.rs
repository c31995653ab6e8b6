//! `tokens`, as the owner and as a guest.

use crate::sandbox::{Sandbox, as_owner_and_guest, create_experiment, status_with};
use serde_json::json;

#[test]
fn made_listed_and_revoked() {
    as_owner_and_guest(|sandbox| {
        let made = sandbox.json(&[
            "tokens",
            "create",
            "--name",
            "ci",
            "--scope",
            "read",
            "--expires",
            "30d",
        ]);
        let id = made["token"]["id"].to_string();
        assert!(made["secret"].as_str().unwrap().starts_with("bl_"));
        assert!(made["token"]["expires_at"].as_str().unwrap().ends_with('Z'));
        let secret =
            sandbox.run(&["tokens", "create", "--name", "bare"]).ok().says("shown only now");
        assert!(secret.stdout.starts_with("bl_") && secret.stdout.lines().count() == 1);

        let list = sandbox.json(&["tokens", "list"]);
        let tokens = list["tokens"].as_array().unwrap();
        assert_eq!(tokens.len(), 2);
        let ci = tokens.iter().find(|token| token["name"] == "ci").unwrap();
        assert_eq!(ci, &made["token"], "the list says what making it said");
        assert!(!list.to_string().contains(made["secret"].as_str().unwrap()));
        let text = sandbox.run(&["tokens", "list"]).ok().stdout;
        assert!(text.starts_with("id\tname\tscope\t") && text.lines().count() == 3, "{text}");

        assert_eq!(
            sandbox.json(&["tokens", "revoke", &id]),
            json!({ "revoked": made["token"]["id"] })
        );
        sandbox.run(&["tokens", "revoke", &id]).exits(3);
        assert_eq!(sandbox.json(&["tokens", "list"])["tokens"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_scope_is_what_a_token_can_do_until_it_is_revoked() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let make = |scope: &str| {
        let made = sandbox.json(&["tokens", "create", "--name", scope, "--scope", scope]);
        (made["token"]["id"].to_string(), made["secret"].as_str().unwrap().to_owned())
    };
    let (read_id, read) = make("read");
    let (_, log) = make("log");
    assert_eq!(status_with(server.url(), &read), 200);
    assert_eq!(create_experiment(server.url(), &read, "x"), 403);
    assert_eq!(create_experiment(server.url(), &log, "x"), 200);
    sandbox.run(&["tokens", "revoke", &read_id]).ok();
    assert_eq!(status_with(server.url(), &read), 401, "at once");
}

#[test]
fn what_cannot_be_is_refused() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["tokens", "create", "--name", "x", "--expires", "soon"]).exits(2).says("30d");
        sandbox.run(&["tokens", "create", "--name", "x", "--expires", "2001-01-01"]).exits(2);
        sandbox.run(&["tokens", "create", "--name", " "]).exits(2);
        sandbox.run(&["tokens", "create", "--name", "x", "--scope", "all"]).exits(2);
        let failure = sandbox.run(&["tokens", "revoke", "77", "--json"]).exits(3);
        let failure: serde_json::Value = serde_json::from_str(&failure.stderr).unwrap();
        assert_eq!(
            (&failure["code"], &failure["exit_code"]),
            (&json!("RESOURCE_DOES_NOT_EXIST"), &json!(3))
        );
    });
}
