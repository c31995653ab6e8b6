//! Which room may know which: the allowed arrows between the crates.

use anyhow::{Context, Result};
use branchline_testkit::workspace_root;
use serde_json::Value;
use std::process::Command;

/// Every crate, and the crates of the workspace that it may name.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("core", &[]),
    ("store", &["core"]),
    ("mlflow", &["core"]),
    ("jobs", &["core"]),
    ("serving", &["core"]),
    ("sync", &["core", "mlflow"]),
    ("engine", &["core", "store", "jobs", "serving", "sync"]),
    ("server", &["core", "engine", "mlflow"]),
    ("client", &["core"]),
    ("cli", &["core", "engine", "server", "client"]),
    ("desktop", &["core", "engine", "server"]),
    ("testkit", &["core", "client"]),
    ("tests", &["core", "testkit"]),
    ("benches", &["core", "testkit"]),
    ("examples", &[]),
];

/// Libraries that only one crate names, so that they can be exchanged.
const KEPT_IN: [(&str, &[&str]); 4] = [
    ("rusqlite", &["store", "benches"]),
    ("refinery", &["store"]),
    ("axum", &["server"]),
    ("tauri", &["desktop"]),
];

fn packages() -> Result<Vec<Value>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(workspace_root())
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    Ok(metadata["packages"].as_array().context("no packages")?.clone())
}

/// The names of what a package depends on outside its own tests.
fn dependencies(package: &Value) -> Vec<&str> {
    let all = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter(|each| each["kind"] != "dev")
        .filter_map(|each| each["name"].as_str())
        .collect()
}

fn short(name: &str) -> Option<&str> {
    name.strip_prefix("branchline-")
}

#[test]
fn crates_know_only_what_they_may() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let name = package["name"].as_str().and_then(short).context("a package of another name")?;
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(known, _)| *known == name)
            .with_context(|| format!("{name} is new"))?;
        for dependency in dependencies(&package).into_iter().filter_map(short) {
            if !allowed.contains(&dependency) {
                wrong.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not allowed: {wrong:?}");
    Ok(())
}

#[test]
fn some_libraries_stay_in_their_room() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let name = package["name"]
            .as_str()
            .and_then(short)
            .context("a package of another name")?
            .to_owned();
        for (library, rooms) in KEPT_IN {
            if dependencies(&package).contains(&library) && !rooms.contains(&name.as_str()) {
                wrong.push(format!("{name} -> {library}"));
            }
        }
    }
    assert!(wrong.is_empty(), "libraries outside their room: {wrong:?}");
    Ok(())
}
