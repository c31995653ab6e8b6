//! One owner per data folder, and databases that cannot be owned.

use crate::sandbox::{Sandbox, instance};

#[test]
fn the_second_owner_is_told_who_the_first_is() {
    let sandbox = Sandbox::new();
    let first = sandbox.serve();
    let ran = sandbox
        .run(&["serve", "--port", "0"])
        .exits(4)
        .says(&format!("process {}", first.pid()))
        .says(first.url());
    assert_eq!(ran.stdout, "");
    assert_eq!(instance(&sandbox)["pid"], first.pid(), "the first is undisturbed");
}

#[test]
fn a_crash_leaves_nothing_in_the_way() {
    let sandbox = Sandbox::new();
    let first = sandbox.serve();
    let url = first.url().to_owned();
    drop(first); // killed
    assert_eq!(instance(&sandbox)["url"], url, "its file stays behind");
    assert_eq!(sandbox.json(&["tokens", "list"])["tokens"], serde_json::json!([]));
    let second = sandbox.serve();
    assert_eq!(instance(&sandbox)["pid"], second.pid());
}

#[test]
fn a_database_from_the_future_is_refused_with_the_remedy() {
    let sandbox = Sandbox::new();
    sandbox.run(&["db", "migrate"]).ok();
    let database = rusqlite::Connection::open(sandbox.data("branchline.db")).unwrap();
    let newer = "insert into refinery_schema_history (version, name, applied_on, checksum)
                 values (9999, 'from_the_future', '2030-01-01T00:00:00Z', '0')";
    database.execute(newer, []).unwrap();
    drop(database);
    for command in [&["serve", "--port", "0"][..], &["tokens", "list"], &["db", "migrate"]] {
        let ran = sandbox
            .run(command)
            .exits(1)
            .says("written by a newer Branchline")
            .says("hint: Install the newer Branchline");
        assert_eq!(ran.stdout, "", "{command:?}");
    }
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("data")).unwrap();
    std::fs::write(sandbox.data("branchline.db"), "this is no database".repeat(100)).unwrap();
    let ran = sandbox.run(&["serve", "--port", "0"]);
    assert!(ran.code.is_some_and(|code| code != 0), "{}", ran.stdout);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("data"), "a file is in the way").unwrap();
    sandbox.run(&["serve", "--port", "0"]).exits(1).says("hint:").says("--data-dir");
}

#[test]
fn commands_at_once_wait_for_each_other() {
    let sandbox = Sandbox::new();
    let children: Vec<_> = (0..6)
        .map(|n| {
            let name = format!("t{n}");
            let mut command = sandbox.command(&["tokens", "create", "--name", &name]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let tokens = sandbox.json(&["tokens", "list"]);
    assert_eq!(tokens["tokens"].as_array().unwrap().len(), 6);
}
