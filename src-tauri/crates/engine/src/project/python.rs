//! Which Python a project runs with: the one that was chosen, or the one of the environment
//! that its files speak of. Looks at files, and asks poetry where its environment is.

use super::platform;
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// How long poetry has to say where its environment is.
const POETRY: Duration = Duration::from_secs(15);
/// Names of the folders that hold a virtual environment.
const VENVS: [&str; 2] = [".venv", "venv"];
/// Files that describe a conda environment.
const CONDA: [&str; 4] = ["environment.yml", "environment.yaml", "conda.yml", "conda.yaml"];
/// Folders in the home folder in which conda is installed by custom.
const CONDA_HOMES: [&str; 6] =
    ["miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda"];

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

/// What `pyproject.toml` says of the tool that manages the project.
fn manages(folder: &Path, tool: &str) -> bool {
    let text = std::fs::read_to_string(folder.join("pyproject.toml")).unwrap_or_default();
    text.lines().any(|line| line.trim().starts_with(&format!("[tool.{tool}")))
}

/// Looks for the Python of the project in `folder`.
pub(super) async fn find(folder: &Path, chosen: Option<&str>) -> FoundPython {
    if let Some(chosen) = chosen {
        let program = PathBuf::from(chosen);
        // A folder means the environment in it.
        let program = if program.is_dir() { in_environment(&program) } else { program };
        return match python(program, PythonKind::Chosen, "chosen for this project") {
            Some(python) => found(python),
            None => FoundPython {
                python: None,
                remedy: Some(format!("'{chosen}' is not there any more: choose another Python.")),
            },
        };
    }
    let is_uv = folder.join("uv.lock").is_file() || manages(folder, "uv");
    for name in VENVS {
        let kind = if is_uv && name == ".venv" { PythonKind::Uv } else { PythonKind::Venv };
        let how = match kind {
            PythonKind::Uv => "uv's environment in '.venv'".to_owned(),
            _ => format!("the virtual environment in '{name}'"),
        };
        if let Some(python) = python(in_environment(&folder.join(name)), kind, how) {
            return found(python);
        }
    }
    if is_uv {
        return fallback(
            "uv keeps an environment for this folder, and it was not made yet: run `uv sync` in it.",
        );
    }
    if folder.join("poetry.lock").is_file() || manages(folder, "poetry") {
        return match poetry(folder).await {
            Some(python) => found(python),
            None => fallback(
                "poetry keeps an environment for this folder, and it was not found: run `poetry install` in it, or choose its Python.",
            ),
        };
    }
    if let Some(file) = CONDA.iter().find(|name| folder.join(name).is_file()) {
        return conda(folder, file);
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

async fn poetry(folder: &Path) -> Option<Python> {
    let mut command = tokio::process::Command::new("poetry");
    command.args(["env", "info", "--path"]).current_dir(folder).kill_on_drop(true);
    let answer = tokio::time::timeout(POETRY, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let environment = Path::new(text.trim());
    if !answer.status.success() || !environment.is_absolute() {
        return None;
    }
    let how = format!("poetry's environment in '{}'", environment.display());
    python(in_environment(environment), PythonKind::Poetry, how)
}

fn conda(folder: &Path, file: &str) -> FoundPython {
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    let field = |name: &str| {
        let document = super::yaml::parse(&text).ok()?;
        Some(document[name].as_str()?.to_owned())
    };
    let (name, prefix) = (field("name"), field("prefix"));
    let places = prefix
        .map(PathBuf::from)
        .into_iter()
        .chain(name.iter().flat_map(|name| conda_environments(name)));
    for place in places {
        let how = format!("the conda environment in '{}', named by '{file}'", place.display());
        if let Some(python) = python(in_conda(&place), PythonKind::Conda, how) {
            return found(python);
        }
    }
    let named = name.map(|name| format!(" '{name}'")).unwrap_or_default();
    fallback(&format!(
        "'{file}' describes a conda environment{named} that was not found: run `conda env create -f {file}`, or choose its Python."
    ))
}

/// conda puts Python on Windows beside the environment's folder of programs.
fn in_conda(environment: &Path) -> PathBuf {
    environment.join(platform::PYTHON_IN_CONDA)
}

/// Where a conda environment of that name may be: where conda notes all that it made, and
/// where it is by custom.
fn conda_environments(name: &str) -> Vec<PathBuf> {
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    let mut places = Vec::new();
    if let Some(home) = &home {
        let noted = std::fs::read_to_string(home.join(".conda/environments.txt"));
        let noted = noted.unwrap_or_default();
        let noted = noted.lines().map(PathBuf::from);
        places.extend(noted.filter(|path| path.file_name().is_some_and(|last| last == name)));
    }
    let roots = ["MAMBA_ROOT_PREFIX", "CONDA_ROOT"].into_iter().filter_map(std::env::var_os);
    let roots = roots
        .map(PathBuf::from)
        .chain(home.iter().flat_map(|home| CONDA_HOMES.map(|conda| home.join(conda))));
    places.extend(
        roots.chain([PathBuf::from("/opt/conda")]).map(|root| root.join("envs").join(name)),
    );
    places
}

impl Python {
    /// Variables with which programs of the same environment are found.
    pub fn environment(&self) -> Vec<(String, String)> {
        let Some(folder) = self.program.parent() else { return Vec::new() };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        let Ok(path) = std::env::join_paths(folders) else { return Vec::new() };
        let mut variables = vec![("PATH".to_owned(), path.to_string_lossy().into_owned())];
        let home = folder.parent().filter(|home| home.join("pyvenv.cfg").is_file());
        if let Some(home) = home {
            variables.push(("VIRTUAL_ENV".to_owned(), home.to_string_lossy().into_owned()));
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
