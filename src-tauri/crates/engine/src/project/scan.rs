//! What a project's folder offers: its Python, task functions, entry points and notebooks.
//! The code is read by a script that the project's own Python runs, and never imported.

use super::python::{self, FoundPython, Python};
use super::task::{EntryPoint, Parameter, ParameterKind, TaskFunction};
use super::{mlproject, notebook};
use branchline_core::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::io::AsyncWriteExt;

const SCRIPT: &str = include_str!("../../python/scan.py");
/// How long reading may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Files with task functions at most.
const MOST_FILES: usize = 100;
/// The file that names files with task functions.
const CONFIG: &str = "branchline.toml";
/// The file of a project that names none.
const USUAL_TASKS: &str = "tasks.py";

/// Something in a project that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the project's folder.
    pub file: String,
    /// The line, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// What a project offers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    /// Its Python.
    pub python: Option<Python>,
    /// That Python's release.
    pub version: Option<String>,
    /// Which of the packages that matter here it has.
    pub packages: Vec<String>,
    /// What to do so that it gets its own Python.
    pub remedy: Option<String>,
    /// Functions.
    pub tasks: Vec<TaskFunction>,
    /// Entry points of `MLproject`.
    pub entry_points: Vec<EntryPoint>,
    /// Notebooks, from the project's folder.
    pub notebooks: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Where its Python keeps packages.
    site_packages: Option<PathBuf>,
}

/// What a scan depends on; another one, and it has to be made anew.
pub(super) type Fingerprint = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

#[derive(Deserialize)]
struct Answer {
    version: String,
    packages: Vec<String>,
    site_packages: PathBuf,
    files: Vec<ReadFile>,
}

#[derive(Deserialize)]
struct ReadFile {
    file: String,
    line: Option<usize>,
    problem: Option<String>,
    #[serde(default)]
    functions: Vec<ReadFunction>,
}

#[derive(Deserialize)]
struct ReadFunction {
    name: String,
    line: u32,
    doc: String,
    parameters: Vec<ReadParameter>,
}

#[derive(Deserialize)]
struct ReadParameter {
    name: String,
    annotation: String,
    required: bool,
    kind: String,
    #[serde(default)]
    choices: Vec<Value>,
    #[serde(default)]
    optional: bool,
    default: Option<String>,
    default_text: Option<String>,
}

impl From<ReadParameter> for Parameter {
    fn from(read: ReadParameter) -> Self {
        let kind = match read.kind.as_str() {
            "int" => ParameterKind::Int,
            "float" => ParameterKind::Float,
            "str" => ParameterKind::Str,
            "bool" => ParameterKind::Bool,
            "list" => ParameterKind::List,
            "dict" => ParameterKind::Dict,
            "choice" => ParameterKind::Choice(read.choices),
            _ => ParameterKind::Json,
        };
        Self {
            name: read.name,
            kind,
            optional: read.optional,
            required: read.required,
            default: read.default.and_then(|text| serde_json::from_str(&text).ok()),
            default_text: read.default_text,
            annotation: read.annotation,
        }
    }
}

/// Whether a path stays inside the folder that it starts from.
pub(super) fn stays_inside(path: &str) -> bool {
    !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The files whose functions are tasks.
fn task_files(folder: &Path, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut wrong = |message: String| {
        problems.push(Problem { file: CONFIG.to_owned(), line: None, message });
    };
    let text = std::fs::read_to_string(folder.join(CONFIG)).unwrap_or_default();
    let parsed = match text.parse::<toml_edit::DocumentMut>() {
        Ok(parsed) => parsed,
        Err(error) => {
            wrong(error.to_string());
            return Vec::new();
        }
    };
    let Some(named) = parsed.get("tasks").and_then(|tasks| tasks.get("files")) else {
        return Some(USUAL_TASKS.to_owned())
            .filter(|file| folder.join(file).is_file())
            .into_iter()
            .collect();
    };
    let Some(named) = named.as_array() else {
        wrong("'tasks.files' is an array of file names.".to_owned());
        return Vec::new();
    };
    let mut files = Vec::new();
    for name in named.iter().map(|name| name.as_str().unwrap_or_default().replace('\\', "/")) {
        if !stays_inside(&name) || !name.ends_with(".py") {
            wrong(format!("'{name}' is no Python file in the project's folder."));
        } else if files.len() == MOST_FILES {
            wrong(format!("It names more than {MOST_FILES} files; the rest is left out."));
            break;
        } else {
            files.push(name);
        }
    }
    files
}

fn print_of(path: PathBuf) -> (PathBuf, Option<(SystemTime, u64)>) {
    let seen = std::fs::metadata(&path).ok();
    let print = seen.and_then(|meta| Some((meta.modified().ok()?, meta.len())));
    (path, print)
}

/// What there is now of all that `scan` depends on.
pub(super) fn fingerprint(folder: &Path, scan: &Scan) -> Fingerprint {
    const FILES: [&str; 13] = [
        "",
        CONFIG,
        USUAL_TASKS,
        "MLproject",
        "pyproject.toml",
        "uv.lock",
        "poetry.lock",
        "environment.yml",
        "environment.yaml",
        "conda.yml",
        "conda.yaml",
        ".venv/pyvenv.cfg",
        "venv/pyvenv.cfg",
    ];
    let mut paths: BTreeSet<PathBuf> = FILES.iter().map(|file| folder.join(file)).collect();
    paths.extend(task_files(folder, &mut Vec::new()).iter().map(|file| folder.join(file)));
    paths.extend(scan.python.iter().map(|python| python.program.clone()));
    paths.extend(scan.site_packages.clone());
    paths.into_iter().map(print_of).collect()
}

/// Reads what the folder offers.
pub(super) async fn scan(folder: &Path, chosen: Option<&str>) -> Result<Scan> {
    if !folder.is_dir() {
        return Err(Error::not_found(format!("The folder '{}' is not there.", folder.display()))
            .hint("Bring it back, or remove the project and open the folder where it is now."));
    }
    let mut scan = Scan::default();
    let FoundPython { python, remedy } = python::find(folder, chosen).await;
    (scan.python, scan.remedy) = (python, remedy);
    let files = task_files(folder, &mut scan.problems);
    if let Some(python) = scan.python.clone() {
        match ask(&python.program, folder, &files).await {
            Ok(answer) => take_in(&mut scan, answer),
            Err(message) => {
                let file = python.program.to_string_lossy().into_owned();
                scan.problems.push(Problem { file, line: None, message });
            }
        }
    }
    if let Ok(source) = std::fs::read_to_string(folder.join("MLproject")) {
        match mlproject::entry_points(&source) {
            Ok(entries) => scan.entry_points = entries,
            Err((message, line)) => {
                scan.problems.push(Problem { file: "MLproject".to_owned(), line, message });
            }
        }
    }
    let folder = folder.to_owned();
    scan.notebooks = tokio::task::spawn_blocking(move || notebook::list(&folder))
        .await
        .map_err(|cause| Error::internal("Notebooks could not be listed.").source(cause))?;
    Ok(scan)
}

fn take_in(scan: &mut Scan, answer: Answer) {
    scan.version = Some(answer.version);
    scan.packages = answer.packages;
    scan.site_packages = Some(answer.site_packages);
    for read in answer.files {
        if let Some(message) = read.problem {
            scan.problems.push(Problem { file: read.file, line: read.line, message });
            continue;
        }
        let module = read.file.trim_end_matches(".py").replace('/', ".");
        scan.tasks.extend(read.functions.into_iter().map(|function| TaskFunction {
            name: format!("{module}.{}", function.name),
            file: read.file.clone(),
            function: function.name,
            line: function.line,
            doc: function.doc,
            parameters: function.parameters.into_iter().map(Into::into).collect(),
        }));
    }
}

/// Which of the packages that matter here a Python has, if it is one.
pub(super) async fn packages(program: &Path) -> Option<Vec<String>> {
    let answer = ask(program, Path::new(""), &[]).await.ok()?;
    Some(answer.packages)
}

/// Lets the project's Python read the files, shut off from the folder and from variables
/// that would make it load something.
async fn ask(program: &Path, folder: &Path, files: &[String]) -> Result<Answer, String> {
    let question = json!({
        "files": files.iter().map(|name| json!({ "name": name, "path": folder.join(name) })).collect::<Vec<_>>(),
    });
    let mut command = tokio::process::Command::new(program);
    command
        .args(["-I", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let program = program.display();
    let mut child = command.spawn().map_err(|cause| format!("It cannot be run: {cause}."))?;
    let answered = async {
        if let Some(mut stdin) = child.stdin.take() {
            // One that ended without listening says why on stderr.
            let _ = stdin.write_all(question.to_string().as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(PATIENCE, answered)
        .await
        .map_err(|_| format!("'{program}' did not read the files in {} s.", PATIENCE.as_secs()))?
        .map_err(|cause| format!("It cannot be run: {cause}."))?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.trim().lines().last().unwrap_or("it said nothing").to_owned();
        format!("It could not read the files: {last}")
    })
}
