//! Where uv, poetry and conda keep the environment of a folder, as each documents it.

use super::yaml;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{DocumentMut, Item};

/// How long poetry has to say where its environment is.
const POETRY: Duration = Duration::from_secs(15);
/// Where poetry's installer and pipx put it, which is not always on the search path of a
/// program that the desktop started. Relative to the home folder.
const POETRY_HOMES: [&str; 4] = [
    ".local/bin/poetry",
    ".local/share/pypoetry/venv/bin/poetry",
    "Library/Application Support/pypoetry/venv/bin/poetry",
    r"AppData\Roaming\Python\Scripts\poetry.exe",
];
/// Files that describe a conda environment.
const CONDA: [&str; 4] = ["environment.yml", "environment.yaml", "conda.yml", "conda.yaml"];
/// Where a project keeps a conda environment of its own (`conda create --prefix`).
const CONDA_HERE: [&str; 3] = [".conda", "env", "envs"];
/// Folders in the home folder in which conda and mamba are installed by custom.
const CONDA_HOMES: [&str; 7] = [
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "micromamba",
    ".local/share/mamba",
    ".conda",
];

/// Variables of the environment by name.
type Variable<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// `pyproject.toml` of a folder; empty where there is none that can be read.
struct Manifest(DocumentMut);

impl Manifest {
    fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("pyproject.toml")).unwrap_or_default();
        Self(text.parse().unwrap_or_default())
    }

    fn get(&self, path: &[&str]) -> Option<&Item> {
        path.iter().try_fold(self.0.as_item(), |item, key| item.get(key))
    }

    fn is_built_with(&self, backend: &str) -> bool {
        let named = self.get(&["build-system", "build-backend"]).and_then(Item::as_str);
        named.is_some_and(|name| name.starts_with(backend))
    }
}

/// Whether `folder` is a member of the uv workspace in `root`, by what uv noted in its lock file.
fn has_member(root: &Path, folder: &Path) -> bool {
    if Manifest::read(root).get(&["tool", "uv", "workspace"]).is_none() {
        return false;
    }
    let Ok(member) = folder.strip_prefix(root) else { return false };
    let text = std::fs::read_to_string(root.join("uv.lock")).unwrap_or_default();
    let lock: DocumentMut = text.parse().unwrap_or_default();
    let packages = lock.get("package").and_then(Item::as_array_of_tables);
    packages.into_iter().flatten().any(|package| {
        ["virtual", "editable"].iter().any(|kind| {
            let source = package.get("source").and_then(|source| source.get(kind)?.as_str());
            source.is_some_and(|source| Path::new(source) == member)
        })
    })
}

/// The folder of the environment that uv keeps for `folder`, made or not: members of a
/// workspace share the workspace's. None where uv does not manage it.
pub(super) fn uv(folder: &Path, variable: Variable<'_>) -> Option<PathBuf> {
    let manifest = Manifest::read(folder);
    let own = folder.join("uv.lock").is_file() || manifest.get(&["tool", "uv"]).is_some();
    let workspace = folder.ancestors().skip(1).find(|root| has_member(root, folder));
    let home = workspace.or(own.then_some(folder))?;
    let named = variable("UV_PROJECT_ENVIRONMENT").filter(|named| !named.is_empty());
    Some(home.join(named.unwrap_or_else(|| ".venv".into())))
}

/// Whether poetry manages `folder`.
pub(super) fn is_poetry(folder: &Path) -> bool {
    let manifest = Manifest::read(folder);
    folder.join("poetry.lock").is_file()
        || manifest.get(&["tool", "poetry"]).is_some()
        || manifest.is_built_with("poetry.core")
}

/// The folder of the environment that poetry keeps for `folder`, if it was made.
pub(super) async fn poetry(folder: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let installed = home.into_iter().flat_map(|home| POETRY_HOMES.map(|place| home.join(place)));
    for program in std::iter::once(PathBuf::from("poetry")).chain(installed) {
        if let Ok(answer) = ask_poetry(&program, folder).await {
            return answer;
        }
    }
    None
}

/// What this poetry says; an error where the program is not there.
async fn ask_poetry(program: &Path, folder: &Path) -> std::io::Result<Option<PathBuf>> {
    let mut command = tokio::process::Command::new(program);
    // Poetry takes an environment that is active for the project's, and ours is not.
    command.env_remove("VIRTUAL_ENV").env_remove("CONDA_PREFIX");
    command.args(["env", "info", "--path"]).current_dir(folder).kill_on_drop(true);
    let Ok(answer) = tokio::time::timeout(POETRY, command.output()).await else {
        return Ok(None);
    };
    let answer = answer?;
    let text = String::from_utf8_lossy(&answer.stdout);
    let environment = PathBuf::from(text.trim());
    Ok((answer.status.success() && environment.is_absolute()).then_some(environment))
}

/// The conda environment that a project keeps in its folder.
pub(super) fn conda_here(folder: &Path) -> Option<PathBuf> {
    let mut places = CONDA_HERE.iter().map(|name| folder.join(name));
    places.find(|place| place.join("conda-meta").is_dir())
}

/// A file that describes a conda environment, and what it says of it.
pub(super) struct CondaFile {
    /// Its name.
    pub(super) file: &'static str,
    /// The environment's name.
    pub(super) name: Option<String>,
    prefix: Option<String>,
}

impl CondaFile {
    /// The one in `folder`.
    pub(super) fn find(folder: &Path) -> Option<Self> {
        let file = CONDA.into_iter().find(|name| folder.join(name).is_file())?;
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let document = yaml::parse(&text).ok();
        let field = |name: &str| Some(document.as_ref()?[name].as_str()?.to_owned());
        Some(Self { file, name: field("name"), prefix: field("prefix") })
    }

    /// Where its environment may be, the likeliest first.
    pub(super) fn places(&self, home: Option<&Path>, variable: Variable<'_>) -> Vec<PathBuf> {
        let named = self.name.iter().flat_map(|name| conda_environments(name, home, variable));
        self.prefix.iter().map(PathBuf::from).chain(named).collect()
    }
}

/// Where a conda environment of that name may be: in the folders that conda was told of, in its
/// own, where it notes all that it made, and where it is by custom.
fn conda_environments(name: &str, home: Option<&Path>, variable: Variable<'_>) -> Vec<PathBuf> {
    let told = ["CONDA_ENVS_DIRS", "CONDA_ENVS_PATH"].into_iter().filter_map(variable);
    let mut folders: Vec<PathBuf> =
        told.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).collect();
    folders.extend(home.into_iter().flat_map(told_by_condarc));
    let mut places: Vec<PathBuf> = folders.into_iter().map(|folder| folder.join(name)).collect();

    let within = |root: PathBuf| if name == "base" { root } else { root.join("envs").join(name) };
    places.extend(conda_roots(variable).into_iter().map(within));
    if let Some(home) = home {
        let noted = std::fs::read_to_string(home.join(".conda/environments.txt"));
        let noted = noted.unwrap_or_default();
        let noted = noted.lines().map(|line| PathBuf::from(line.trim()));
        places.extend(noted.filter(|path| path.file_name() == Some(OsStr::new(name))));
        places.extend(CONDA_HOMES.map(|conda| within(home.join(conda))));
    }
    places.push(within("/opt/conda".into()));
    places
}

/// `envs_dirs` of the user's `.condarc`.
fn told_by_condarc(home: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(home.join(".condarc")).unwrap_or_default();
    let Ok(document) = yaml::parse(&text) else { return Vec::new() };
    let listed = document["envs_dirs"].as_vec().into_iter().flatten();
    let folder = |path: &str| match path.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => PathBuf::from(path),
    };
    listed.filter_map(|path| path.as_str().map(folder)).collect()
}

/// The installations of conda that our own environment speaks of.
fn conda_roots(variable: Variable<'_>) -> Vec<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from);
    // <root>/bin/conda, and <root> or <root>/envs/<name>.
    let of_program = path("CONDA_EXE").and_then(|file| Some(file.parent()?.parent()?.to_owned()));
    let of_active = path("CONDA_PREFIX").map(|active| match active.parent() {
        Some(envs) if envs.ends_with("envs") => envs.parent().unwrap_or(envs).to_owned(),
        _ => active,
    });
    [of_program, of_active, path("MAMBA_ROOT_PREFIX")].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
