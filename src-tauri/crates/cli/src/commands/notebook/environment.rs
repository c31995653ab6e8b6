//! `branchline notebook env`: the environment that a project's notebooks run in.

use crate::backend::Backend;
use crate::commands::jobs::text;
use crate::failure::Failure;
use crate::output::Output;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;
use tokio::process::Command;

/// How packages get into an environment.
struct Installer {
    program: OsString,
    arguments: Vec<OsString>,
}

impl Installer {
    fn new<const N: usize>(program: impl Into<OsString>, arguments: [&str; N]) -> Self {
        Self { program: program.into(), arguments: arguments.map(OsString::from).to_vec() }
    }

    /// What manages the project installs, so that its files say so; else uv, or pip.
    fn of(kind: &str, python: &str, has_uv: bool) -> Self {
        match kind {
            "uv" if has_uv => Self::new("uv", ["add"]),
            "poetry" => Self::new("poetry", ["add"]),
            _ if has_uv => Self::new("uv", ["pip", "install", "--python", python]),
            _ => Self::new(python, ["-m", "pip", "install"]),
        }
    }
}

/// Runs a program in a folder. All that it says are words, and data only is for stdout.
async fn run(program: &Installer, more: &[OsString], folder: &Path) -> Result<(), Failure> {
    let name = program.program.to_string_lossy();
    let mut command = Command::new(&program.program);
    command.args(&program.arguments).args(more).current_dir(folder).stdout(std::io::stderr());
    let status =
        command.status().await.map_err(|cause| Failure::failed(format!("{name}: {cause}.")))?;
    if status.success() {
        return Ok(());
    }
    let arguments: Vec<_> = program.arguments.iter().map(|word| word.to_string_lossy()).collect();
    Err(Failure::failed(format!("`{name} {}` ended with {status}.", arguments.join(" "))))
}

async fn has_uv() -> bool {
    let mut command = Command::new("uv");
    command.arg("--version").stdout(std::process::Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

async fn read_again(backend: &Backend, id: &str) -> Result<Value, Failure> {
    backend.call("POST", &["projects", id, "scan"], &[], None).await
}

/// Installs packages into a project's environment; makes one where it has none of its own.
pub(super) async fn add(
    backend: &Backend,
    id: &str,
    packages: Vec<OsString>,
    output: &Output,
) -> Result<(), Failure> {
    let mut project = read_again(backend, id).await?;
    let path = text(&project["path"]);
    let (folder, has_uv) = (Path::new(&path), has_uv().await);
    // The system's Python is everybody's.
    if project["python"]["kind"] == "path" {
        let python = text(&project["python"]["program"]);
        output.remark(format!("'{path}' has no environment of its own: making .venv in it."));
        let make = match has_uv {
            true => Installer::new("uv", ["venv", "--python", &python, ".venv"]),
            false => Installer::new(&python, ["-m", "venv", ".venv"]),
        };
        run(&make, &[], folder).await?;
        project = read_again(backend, id).await?;
    }
    let Some(python) = project["python"]["program"].as_str() else {
        let failure =
            Failure::failed(format!("Project '{}' has no Python.", text(&project["name"])));
        return Err(failure.hint(text(&project["remedy"])));
    };
    // A path is meant from here, and the installer runs there.
    let packages: Vec<OsString> = packages.into_iter().map(from_here).collect();
    let kind = text(&project["python"]["kind"]);
    run(&Installer::of(&kind, python, has_uv), &packages, folder).await?;
    read_again(backend, id).await?;
    output.data(&json!({ "project_id": project["id"], "python": python }), |_| String::new())?;
    output.remark("Kernels that start from now on have it.");
    Ok(())
}

fn from_here(package: OsString) -> OsString {
    let there = Path::new(&package).exists();
    let whole = there.then(|| std::path::absolute(&package).ok()).flatten();
    whole.map_or(package, std::path::PathBuf::into_os_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(kind: &str, has_uv: bool) -> String {
        let Installer { program, arguments } = Installer::of(kind, "/p/python", has_uv);
        let words = std::iter::once(program).chain(arguments);
        words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn j3_what_manages_a_project_installs_into_it() {
        assert_eq!(how("uv", true), "uv add");
        assert_eq!(how("poetry", true), "poetry add");
        assert_eq!(how("venv", true), "uv pip install --python /p/python");
        assert_eq!(how("uv", false), "/p/python -m pip install");
        assert_eq!(how("conda", false), "/p/python -m pip install");
    }
}
