//! Bodies of projects and of what they offer.

use crate::api::jobs::OptionsBody;
use crate::api::wire::{Time, given};
use branchline_engine::{
    EntryPoint, Parameter, ParameterKind, Problem, Project, Python, Scan, TaskFunction,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A folder to open as a project.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"path": "/home/ada/diabetes", "name": "diabetes"}))]
pub(super) struct AddProject {
    /// The folder, from the root.
    pub(super) path: String,
    /// The folder's own name when absent.
    pub(super) name: Option<String>,
    /// A Python program, or an environment's folder; found in the folder when absent.
    pub(super) interpreter: Option<String>,
}

/// What to change of a project; absent fields stay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"interpreter": "/home/ada/diabetes/.venv/bin/python"}))]
pub(super) struct PatchProject {
    pub(super) name: Option<String>,
    /// Null finds it in the folder again.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub(super) interpreter: Option<Option<String>>,
}

/// A project.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Project)]
pub(super) struct ProjectBody {
    pub(super) id: i64,
    name: String,
    /// Its folder.
    path: String,
    /// The Python that was chosen, if one was.
    interpreter: Option<String>,
    created_at: Time,
    updated_at: Time,
}

impl From<Project> for ProjectBody {
    fn from(project: Project) -> Self {
        Self {
            id: project.id,
            name: project.name,
            path: project.path,
            interpreter: project.interpreter,
            created_at: Time(project.created_at),
            updated_at: Time(project.updated_at),
        }
    }
}

/// The projects.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProjectList {
    pub(super) projects: Vec<ProjectBody>,
}

/// A project's Python.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectPython)]
struct PythonBody {
    program: String,
    /// `chosen`, `venv`, `uv`, `poetry`, `conda`, `started` or `path`.
    kind: &'static str,
    /// The same in words.
    how: String,
    version: Option<String>,
    /// Variables by which programs of the same environment are found.
    environment: BTreeMap<String, String>,
    /// Which of the packages that matter here it has.
    packages: Vec<String>,
}

/// What a task or an entry point takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskParameter)]
struct ParameterBody {
    name: String,
    /// `int`, `float`, `str`, `bool`, `list`, `dict`, `choice` or `json`.
    kind: &'static str,
    /// It may be null.
    optional: bool,
    required: bool,
    /// Of a choice.
    choices: Vec<Value>,
    /// What it is when not given; absent where only the code knows.
    #[schema(value_type = Option<Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Value>,
    /// What it is when not given, as the code says it, where it is no plain value.
    default_text: Option<String>,
    /// Its type, as the code says it.
    annotation: String,
}

impl From<&Parameter> for ParameterBody {
    fn from(parameter: &Parameter) -> Self {
        let choices = match &parameter.kind {
            ParameterKind::Choice(choices) => choices.clone(),
            _ => Vec::new(),
        };
        Self {
            name: parameter.name.clone(),
            kind: parameter.kind.as_str(),
            optional: parameter.optional,
            required: parameter.required,
            choices,
            default: parameter.default.clone(),
            default_text: parameter.default_text.clone(),
            annotation: parameter.annotation.clone(),
        }
    }
}

/// A function that can be run as a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectTask)]
struct TaskBody {
    /// `file.function`.
    name: String,
    /// From the project's folder.
    file: String,
    line: u32,
    /// Its docstring.
    doc: String,
    parameters: Vec<ParameterBody>,
}

impl From<&TaskFunction> for TaskBody {
    fn from(task: &TaskFunction) -> Self {
        Self {
            name: task.name.clone(),
            file: task.file.clone(),
            line: task.line,
            doc: task.doc.clone(),
            parameters: task.parameters.iter().map(Into::into).collect(),
        }
    }
}

/// An entry point of `MLproject`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectEntryPoint)]
struct EntryPointBody {
    name: String,
    /// What a shell runs.
    command: String,
    parameters: Vec<ParameterBody>,
}

impl From<&EntryPoint> for EntryPointBody {
    fn from(entry: &EntryPoint) -> Self {
        Self {
            name: entry.name.clone(),
            command: entry.command.clone(),
            parameters: entry.parameters.iter().map(Into::into).collect(),
        }
    }
}

/// Something that could not be read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectProblem)]
struct ProblemBody {
    file: String,
    line: Option<usize>,
    message: String,
}

impl From<&Problem> for ProblemBody {
    fn from(problem: &Problem) -> Self {
        let Problem { file, line, message } = problem.clone();
        Self { file, line, message }
    }
}

/// A project with what it offers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProjectDetail)]
pub(super) struct DetailBody {
    #[serde(flatten)]
    project: ProjectBody,
    /// Absent where none was found.
    python: Option<PythonBody>,
    /// What to do so that it gets its own Python.
    remedy: Option<String>,
    tasks: Vec<TaskBody>,
    entry_points: Vec<EntryPointBody>,
    /// Paths from the project's folder.
    notebooks: Vec<String>,
    problems: Vec<ProblemBody>,
}

fn python_of(scan: &Scan, python: &Python) -> PythonBody {
    PythonBody {
        program: python.program.to_string_lossy().into_owned(),
        kind: python.kind.as_str(),
        how: python.how.clone(),
        version: scan.version.clone(),
        environment: python.environment().into_iter().collect(),
        packages: scan.packages.clone(),
    }
}

impl DetailBody {
    pub(super) fn new(project: Project, scan: &Scan) -> Self {
        Self {
            project: project.into(),
            python: scan.python.as_ref().map(|python| python_of(scan, python)),
            remedy: scan.remedy.clone(),
            tasks: scan.tasks.iter().map(Into::into).collect(),
            entry_points: scan.entry_points.iter().map(Into::into).collect(),
            notebooks: scan.notebooks.clone(),
            problems: scan.problems.iter().map(Into::into).collect(),
        }
    }
}

/// What a part of a project is run with, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct RunOfProject {
    /// By name, each checked by its type.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(super) arguments: Map<String, Value>,
    #[serde(flatten)]
    pub(super) options: OptionsBody,
}
