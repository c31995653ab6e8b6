//! `db`, as the owner and as a guest.

use crate::sandbox::{Sandbox, as_owner_and_guest, create_experiment, instance};
use serde_json::{Value, json};

fn names(sandbox: &Sandbox) -> Value {
    sandbox.json(&["db", "query", "select name from experiment order by name"])["rows"].clone()
}

#[test]
fn a_backup_made_beside_a_server_is_restored_without_it() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve();
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    assert_eq!(create_experiment(server.url(), &secret, "before"), 200);
    let backup = sandbox.json(&["db", "backup", "copy.db"]);
    let file = sandbox.path("copy.db");
    assert_eq!(
        backup["path"],
        file.display().to_string(),
        "relative to the caller, not the server"
    );
    assert_eq!(backup["size_bytes"], std::fs::metadata(&file).unwrap().len());
    assert_eq!(create_experiment(server.url(), &secret, "after"), 200);
    let epoch = |cursor: &Value| cursor.as_str().unwrap().split(':').next().unwrap().to_owned();
    let old_epoch = epoch(&sandbox.json(&["db", "status"])["cursor"]);

    sandbox.run(&["db", "restore", "copy.db"]).exits(4).says(server.url());
    assert_eq!(names(&sandbox), json!([["Default"], ["after"], ["before"]]), "nothing happened");
    server.stop(&sandbox);

    let restored = sandbox.json(&["db", "restore", "copy.db"]);
    assert_eq!(names(&sandbox), json!([["Default"], ["before"]]));
    assert_ne!(epoch(&sandbox.json(&["db", "status"])["cursor"]), old_epoch, "a new life");
    assert_eq!(sandbox.json(&["db", "check"]), json!({ "ok": true, "problems": [] }));

    let kept = restored["kept"].as_str().unwrap();
    sandbox.run(&["db", "restore", kept]).ok();
    assert_eq!(names(&sandbox), json!([["Default"], ["after"], ["before"]]), "the way back");
    let server = sandbox.serve();
    let secret = instance(&sandbox)["secret"].as_str().unwrap().to_owned();
    assert_eq!(create_experiment(server.url(), &secret, "later"), 200);
}

#[test]
fn a_backup_never_replaces_a_file() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["db", "migrate"]).ok();
        std::fs::write(sandbox.path("mine"), "precious").unwrap();
        let ran = sandbox.run(&["db", "backup", "mine"]);
        assert_ne!(ran.code, Some(0));
        assert_eq!(std::fs::read_to_string(sandbox.path("mine")).unwrap(), "precious");
    });
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_changes() {
    let sandbox = Sandbox::new();
    sandbox.run(&["tokens", "create", "--name", "kept"]).ok();
    std::fs::write(sandbox.path("junk"), "no database".repeat(500)).unwrap();
    let stranger = rusqlite::Connection::open(sandbox.path("stranger.db")).unwrap();
    stranger.execute_batch("create table t (x); insert into t values (1)").unwrap();
    drop(stranger);
    for file in ["junk", "stranger.db"] {
        let ran = sandbox.run(&["db", "restore", file]);
        assert!(ran.code.is_some_and(|code| code != 0), "{file} was taken for a backup");
    }
    sandbox.run(&["db", "restore", "missing"]).exits(3).says("missing");
    let tokens = sandbox.json(&["tokens", "list"]);
    assert_eq!(tokens["tokens"][0]["name"], "kept");
}

#[test]
fn owner_and_guest_answer_alike() {
    as_owner_and_guest(|sandbox| {
        sandbox.run(&["db", "migrate"]).ok().says("up to date");
        let sql = "select 1 as one, 'two' as two, 2.5 as half, null as none";
        assert_eq!(
            sandbox.json(&["db", "query", sql]),
            json!({ "columns": ["one", "two", "half", "none"],
                    "rows": [[1, "two", 2.5, null]], "truncated": false })
        );
        assert_eq!(
            sandbox.run(&["db", "query", sql]).ok().stdout,
            "one\ttwo\thalf\tnone\n1\ttwo\t2.5\t\n"
        );
        let two = "select 1 union all select 2";
        assert_eq!(sandbox.json(&["db", "query", two, "--limit", "1"])["truncated"], true);
        sandbox.run(&["db", "query", "selec 1"]).exits(2).says("error:");
        let ran = sandbox.run(&["db", "query", "delete from experiment"]);
        assert_ne!(ran.code, Some(0), "reading only");
        assert_eq!(names(sandbox), json!([["Default"]]));

        assert_eq!(sandbox.run(&["db", "check"]).ok().stdout, "ok\n");
        let status = sandbox.json(&["db", "status"]);
        assert!(!status["migrations"].as_array().unwrap().is_empty());
        assert!(status["migrations"].as_array().unwrap().iter().all(|m| m["applied"] == true));
        assert!(status["store_uuid"].is_string());
    });
}

#[test]
fn looking_at_a_database_does_not_make_one() {
    let sandbox = Sandbox::new();
    for command in [&["db", "status"][..], &["db", "check"], &["db", "query", "select 1"]] {
        sandbox.run(command).exits(3).says("There is no database");
    }
    assert!(!sandbox.data("branchline.db").exists());
}
