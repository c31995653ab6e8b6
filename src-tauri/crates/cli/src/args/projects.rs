//! What can be said about projects and their tasks.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Projects {
    #[command(subcommand)]
    pub(crate) action: ProjectsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProjectsAction {
    /// Open a folder as a project, and show what it offers.
    Add {
        /// The folder; this one when left out.
        #[arg(value_hint = clap::ValueHint::DirPath)]
        folder: Option<PathBuf>,
        /// What it is called; the folder's name when left out.
        #[arg(long)]
        name: Option<String>,
        /// A Python program, or an environment's folder; found in the folder when left out.
        #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
        python: Option<PathBuf>,
    },
    /// List the projects.
    List,
    /// Show a project's Python, and the tasks, entry points and notebooks that it offers.
    Show {
        /// Its name, number or folder; the project of this folder when left out.
        project: Option<String>,
    },
    /// Read a project's folder again.
    Scan {
        /// Its name, number or folder; the project of this folder when left out.
        project: Option<String>,
    },
    /// Forget a project. Its folder and its jobs stay.
    Remove {
        /// Its name, number or folder.
        project: String,
    },
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Tasks {
    #[command(subcommand)]
    pub(crate) action: TasksAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TasksAction {
    /// Queue a task or an entry point of a project; prints the job's id.
    Run(Box<RunTask>),
    /// List what a project offers to run, with what it takes.
    List {
        /// Its name, number or folder; the project of this folder when left out.
        #[arg(long)]
        project: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunTask {
    /// `file.function`, or the name of an entry point in MLproject.
    pub(crate) name: String,
    /// An argument; may be repeated. What is no text is written as JSON.
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE")]
    pub(crate) arguments: Vec<String>,
    /// The project's name, number or folder; the project of this folder when left out.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) how: super::How,
    /// Wait for its end, at most this many seconds, and print its result instead of its id.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<f64>,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Ml {
    #[command(subcommand)]
    pub(crate) action: MlAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MlAction {
    /// Train an elastic net on the diabetes data; prints the run's id.
    Train {
        /// The strength of the penalty.
        #[arg(long, default_value_t = 0.05)]
        alpha: f64,
        /// 0 is ridge, 1 is lasso.
        #[arg(long, default_value_t = 0.05)]
        l1_ratio: f64,
        /// Wait for its end at most this many seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300.0)]
        wait: f64,
    },
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Sweeps {
    #[command(subcommand)]
    pub(crate) action: SweepsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SweepsAction {
    /// Queue a task for every combination of arguments, or for some by chance; at most 500
    /// jobs. Prints the sweep's id.
    Run(Box<RunSweep>),
    /// List the sweeps, newest first.
    List,
    /// Show a sweep's jobs, the best first.
    Show {
        /// The sweep's id.
        id: String,
    },
    /// Stop the rest of a sweep: what has not started.
    Stop {
        /// The sweep's id.
        id: String,
        /// Also end what runs.
        #[arg(long)]
        running: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunSweep {
    /// `file.function`, or the name of an entry point in MLproject.
    pub(crate) name: String,
    /// What a parameter goes over: `alpha=0.1,0.5`, `alpha=0.001..1/4:log` for four steps that
    /// are even in their orders of magnitude, `alpha=0..1` for chance; may be repeated.
    #[arg(long, value_name = "NAME=VALUES", required = true)]
    pub(crate) over: Vec<String>,
    /// An argument that is the same for each job; may be repeated.
    #[arg(long = "arg", short = 'a', value_name = "NAME=VALUE")]
    pub(crate) arguments: Vec<String>,
    /// So many jobs by chance, instead of every combination.
    #[arg(long, value_name = "N")]
    pub(crate) random: Option<usize>,
    /// Where chance starts; the same seed draws the same jobs.
    #[arg(long, requires = "random")]
    pub(crate) seed: Option<u64>,
    /// What they are compared by: a metric of their runs, or a member of their results; the
    /// result itself when left out.
    #[arg(long)]
    pub(crate) metric: Option<String>,
    /// Less is better.
    #[arg(long)]
    pub(crate) minimize: bool,
    /// The project's name, number or folder; the project of this folder when left out.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) how: super::How,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Notebook {
    #[command(subcommand)]
    pub(crate) action: NotebookAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotebookAction {
    /// Start JupyterLab in a project's environment, or find the one that runs; prints its
    /// address with its token.
    Start {
        /// The project's name, number or folder; the project of this folder when left out.
        project: Option<String>,
    },
    /// List the JupyterLabs that run.
    List,
    /// Stop a JupyterLab with all its kernels.
    Stop {
        /// Its id, from the list.
        id: String,
    },
    /// Queue a notebook; its executed copy is kept as an artifact of its run. Prints the
    /// job's id.
    Run(Box<RunNotebook>),
    /// Change the environment that a project's notebooks run in.
    #[command(disable_help_subcommand = true)]
    Env {
        #[command(subcommand)]
        action: EnvAction,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvAction {
    /// Install packages, for kernels that start from then on: with `uv add` or `poetry add` where
    /// these manage the project, else with uv or pip into its environment. A project without one
    /// gets `.venv`.
    Add {
        /// What to install, as pip takes it: `pandas`, `\"torch>=2\"`, a wheel.
        #[arg(required = true, value_name = "PACKAGE")]
        packages: Vec<std::ffi::OsString>,
        /// The project's name, number or folder; the project of this folder when left out.
        #[arg(long)]
        project: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RunNotebook {
    /// The notebook.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// A parameter, set in a cell after the one tagged `parameters`; may be repeated. What is
    /// JSON is taken as such.
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// The project's name, number or folder; the project of this folder when left out.
    #[arg(long)]
    pub(crate) project: Option<String>,
    #[command(flatten)]
    pub(crate) how: super::How,
    /// Wait for its end, at most this many seconds, and print its result instead of its id.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<f64>,
}

#[derive(Debug, Args)]
#[command(after_help = "`api(\"GET\", \"/jobs\")` calls the own API. What is credentials in it \
ends with the console.")]
pub(crate) struct Console {
    /// The project's name, number or folder; the project of this folder when left out, and
    /// the usual Python where there is none.
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Run this file or these words instead of asking, as `python` does: `-c 'print(1)'`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<std::ffi::OsString>,
}
