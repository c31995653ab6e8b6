//! Where the binary under test is.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Which build of the binary is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// With fail-points, for tests.
    Debug,
    /// Optimised, for benches.
    Release,
}

/// The root of the workspace.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(3).unwrap_or(here).to_owned()
}

/// The `branchline` binary: the one that `BRANCHLINE_BIN` names, or this workspace's own,
/// brought up to date once.
///
/// # Errors
/// When there is none and it does not build.
pub fn binary(profile: Profile) -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("BRANCHLINE_BIN") {
        return Ok(given.into());
    }
    static BUILT: Mutex<Vec<(Profile, PathBuf)>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().map_err(|_| anyhow::anyhow!("an earlier build panicked"))?;
    if let Some((_, path)) = built.iter().find(|(known, _)| *known == profile) {
        return Ok(path.clone());
    }
    let path = build(profile)?;
    built.push((profile, path.clone()));
    Ok(path)
}

fn build(profile: Profile) -> Result<PathBuf> {
    let root = workspace_root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(&root).args([
        "build",
        "--quiet",
        "-p",
        "branchline-cli",
        "--bin",
        "branchline",
    ]);
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            command.arg("--release");
            "release"
        }
    };
    let status = command.status().context("cargo did not start")?;
    if !status.success() {
        bail!("the branchline binary does not build");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join(folder).join(format!("branchline{}", std::env::consts::EXE_SUFFIX)))
}
