//! Which Python a project runs with: the one that was chosen, or the one of the environment
//! that its files speak of (`environments.rs`).

use super::environments::{self, CondaFile};
use super::platform;
use std::path::{Path, PathBuf};

/// Where a Python was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PythonKind {
    /// A person chose it.
    Chosen,
    /// A virtual environment in the folder.
    Venv,
    /// The environment that uv keeps in the folder.
    Uv,
    /// The environment that poetry keeps for the folder.
    Poetry,
    /// The conda environment that a file in the folder names.
    Conda,
    /// The environment that Branchline was started in.
    Started,
    /// The first one on the search path.
    Path,
}

impl PythonKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Venv => "venv",
            Self::Uv => "uv",
            Self::Poetry => "poetry",
            Self::Conda => "conda",
            Self::Started => "started",
            Self::Path => "path",
        }
    }
}

/// A project's Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    /// The program.
    pub program: PathBuf,
    /// Where it was found.
    pub kind: PythonKind,
    /// The same in words.
    pub how: String,
}

/// What was found, and what to do where it is not what the files speak of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct FoundPython {
    /// The one to run with.
    pub(super) python: Option<Python>,
    /// What to do so that the project gets its own.
    pub(super) remedy: Option<String>,
}

/// Names of the folders that hold a virtual environment.
const VENVS: [&str; 2] = [".venv", "venv"];

fn python(program: PathBuf, kind: PythonKind, how: impl Into<String>) -> Option<Python> {
    program.is_file().then(|| Python { program, kind, how: how.into() })
}

fn found(python: Python) -> FoundPython {
    FoundPython { python: Some(python), remedy: None }
}

/// The Python of the environment in a folder.
fn in_environment(folder: &Path) -> PathBuf {
    folder.join(platform::PYTHON_IN_ENVIRONMENT)
}

/// Looks for the Python of the project in `folder`.
pub(super) async fn find(folder: &Path, chosen: Option<&str>) -> FoundPython {
    if let Some(chosen) = chosen {
        return the_chosen(chosen);
    }
    let variable = |name: &str| std::env::var_os(name);
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let uv = environments::uv(folder, &variable);
    if let Some(python) = uv.as_ref().and_then(|environment| of_uv(folder, environment)) {
        return found(python);
    }
    if let Some(python) = VENVS.iter().find_map(|name| of_venv(folder, name)) {
        return found(python);
    }
    if uv.is_some() {
        return fallback(
            "uv keeps an environment for this folder, and it was not made yet: run `uv sync` in it.",
        );
    }
    if environments::is_poetry(folder) {
        return match of_poetry(folder, home.as_deref()).await {
            Some(python) => found(python),
            None => fallback(
                "poetry keeps an environment for this folder, and it was not found: run `poetry install` in it, or choose its Python.",
            ),
        };
    }
    if let Some(python) = environments::conda_here(folder).and_then(|place| of_conda(&place, "")) {
        return found(python);
    }
    if let Some(described) = CondaFile::find(folder) {
        return of_conda_file(&described, &described.places(home.as_deref(), &variable));
    }
    match usual() {
        Some(python) => found(python),
        None => FoundPython {
            python: None,
            remedy: Some(format!(
                "No Python was found: install one, make an environment with `python -m venv .venv` in '{}', or choose one.",
                folder.display()
            )),
        },
    }
}

fn the_chosen(chosen: &str) -> FoundPython {
    let place = PathBuf::from(chosen);
    // A folder means the environment in it.
    let programs = [in_environment(&place), in_conda(&place), place];
    let there = programs.into_iter().find(|program| program.is_file());
    match there.and_then(|it| python(it, PythonKind::Chosen, "chosen for this project")) {
        Some(python) => found(python),
        None => FoundPython {
            python: None,
            remedy: Some(format!("'{chosen}' is not there any more: choose another Python.")),
        },
    }
}

fn of_uv(folder: &Path, environment: &Path) -> Option<Python> {
    let place = environment.strip_prefix(folder).unwrap_or(environment);
    let how = format!("uv's environment in '{}'", place.display());
    python(in_environment(environment), PythonKind::Uv, how)
}

fn of_venv(folder: &Path, name: &str) -> Option<Python> {
    let how = format!("the virtual environment in '{name}'");
    python(in_environment(&folder.join(name)), PythonKind::Venv, how)
}

/// The usual Python, with what to do to get the project's own.
fn fallback(remedy: &str) -> FoundPython {
    FoundPython { python: usual(), remedy: Some(remedy.to_owned()) }
}

/// The Python of the environment that Branchline was started in, or the first on the path.
pub(crate) fn usual() -> Option<Python> {
    for name in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
        let Some(folder) = std::env::var_os(name) else { continue };
        let how = format!("the environment that Branchline was started in ({name})");
        if let Some(python) = python(in_environment(Path::new(&folder)), PythonKind::Started, how) {
            return Some(python);
        }
    }
    let path = std::env::var_os("PATH")?;
    let programs = std::env::split_paths(&path)
        .flat_map(|folder| platform::PYTHONS.map(|name| folder.join(name)));
    programs.filter(|program| program.is_file()).find_map(|program| {
        let how = format!("'{}', the first on the search path", program.display());
        python(program, PythonKind::Path, how)
    })
}

async fn of_poetry(folder: &Path, home: Option<&Path>) -> Option<Python> {
    let environment = environments::poetry(folder, home).await?;
    let how = format!("poetry's environment in '{}'", environment.display());
    python(in_environment(&environment), PythonKind::Poetry, how)
}

fn of_conda(place: &Path, named_by: &str) -> Option<Python> {
    let how = format!("the conda environment in '{}'{named_by}", place.display());
    python(in_conda(place), PythonKind::Conda, how)
}

fn of_conda_file(described: &CondaFile, places: &[PathBuf]) -> FoundPython {
    let file = described.file;
    let named_by = format!(", named by '{file}'");
    if let Some(python) = places.iter().find_map(|place| of_conda(place, &named_by)) {
        return found(python);
    }
    let named = described.name.as_ref().map(|name| format!(" '{name}'")).unwrap_or_default();
    fallback(&format!(
        "'{file}' describes a conda environment{named} that was not found: run `conda env create -f {file}`, or choose its Python."
    ))
}

/// conda puts Python on Windows beside the environment's folder of programs.
fn in_conda(environment: &Path) -> PathBuf {
    environment.join(platform::PYTHON_IN_CONDA)
}

impl Python {
    /// Variables with which programs of the same environment are found.
    pub fn environment(&self) -> Vec<(String, String)> {
        let Some(folder) = self.program.parent() else { return Vec::new() };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let Ok(path) = std::env::join_paths(folders) else { return Vec::new() };
        let mut variables = vec![("PATH".to_owned(), path.to_string_lossy().into_owned())];
        // conda's Python is beside the folder of programs on Windows.
        for (home, holds, name) in [
            (folder.parent(), "pyvenv.cfg", "VIRTUAL_ENV"),
            (folder.parent(), "conda-meta", "CONDA_PREFIX"),
            (Some(folder), "conda-meta", "CONDA_PREFIX"),
        ] {
            if let Some(home) = home.filter(|home| home.join(holds).exists()) {
                variables.push((name.to_owned(), home.to_string_lossy().into_owned()));
            }
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_python(folder: &Path, environment: &str) {
        let program = in_environment(&folder.join(environment));
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(program, "").unwrap();
    }

    async fn kind(folder: &Path) -> Option<PythonKind> {
        find(folder, None).await.python.map(|python| python.kind)
    }

    #[tokio::test]
    async fn an_environment_in_the_folder_is_found_and_named() {
        let folder = tempfile::tempdir().unwrap();
        with_python(folder.path(), "venv");
        let found = find(folder.path(), None).await;
        assert_eq!(found.python.unwrap().how, "the virtual environment in 'venv'");
        with_python(folder.path(), ".venv");
        std::fs::write(folder.path().join("uv.lock"), "").unwrap();
        assert_eq!(kind(folder.path()).await, Some(PythonKind::Uv));
    }

    #[tokio::test]
    async fn what_is_not_made_yet_comes_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("pyproject.toml"), "[tool.uv]\n").unwrap();
        assert!(find(folder.path(), None).await.remedy.unwrap().contains("uv sync"));
        std::fs::write(folder.path().join("pyproject.toml"), "[project]\n").unwrap();
        let file = folder.path().join("environment.yml");
        std::fs::write(&file, "name: not-made-anywhere\n").unwrap();
        let remedy = find(folder.path(), None).await.remedy.unwrap();
        assert!(remedy.contains("'not-made-anywhere'"), "{remedy}");
        assert!(remedy.contains("conda env create -f environment.yml"), "{remedy}");
    }

    #[tokio::test]
    async fn a_conda_environment_is_found_by_its_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("made");
        let program = in_conda(&place);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(program, "").unwrap();
        let text = format!("name: x\nprefix: {}\n", place.display());
        std::fs::write(folder.path().join("environment.yml"), text).unwrap();
        assert_eq!(kind(folder.path()).await, Some(PythonKind::Conda));
    }

    #[tokio::test]
    async fn a_chosen_one_wins_and_may_be_an_environment() {
        let folder = tempfile::tempdir().unwrap();
        with_python(folder.path(), ".venv");
        with_python(folder.path(), "other");
        let other = folder.path().join("other");
        let found = find(folder.path(), other.to_str()).await.python.unwrap();
        assert_eq!((found.kind, found.program), (PythonKind::Chosen, in_environment(&other)));
        let gone = find(folder.path(), Some("/no/python")).await;
        assert!(gone.python.is_none() && gone.remedy.unwrap().contains("/no/python"));
    }
}
