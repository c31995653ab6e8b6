//! `branchline console`: a Python with a project, mlflow and credentials set up.

use super::run::{InProject, Tracked, environment_of, with_server};
use crate::args::{Console, Globals};
use crate::backend::Backend;
use crate::failure::{Done, Exit};
use crate::output::Output;
use branchline_core::Scope;
use std::ffi::OsString;

/// What the console begins with: the project's folder to import from, `mlflow` where there is
/// one, and `api` to call the own API.
const BEGIN: &str = include_str!("console.py");

pub(crate) async fn run(globals: &Globals, args: Console, output: &Output) -> Done {
    let Console { project, words } = args;
    let plan = async |backend: &Backend| {
        let named = project.is_some();
        let found = match environment_of(backend, project).await {
            Ok(found) => Some(found),
            // A folder that belongs to no project has the usual Python.
            Err(failure) if !named && failure.is(Exit::NotFound) => None,
            Err(failure) => return Err(failure),
        };
        let mut command = vec![OsString::from(python_of(found.as_ref()))];
        let mut variables = found.as_ref().map(|found| found.variables.clone()).unwrap_or_default();
        variables.push(("BRANCHLINE_CONSOLE".to_owned(), BEGIN.to_owned()));
        command.extend(["-c", START].map(OsString::from));
        command.extend(words);
        // Who sits at this machine may do here what they may do in the window.
        let folder = found.map(|found| found.folder);
        Ok(Tracked { command, folder, variables, scope: Scope::Admin })
    };
    with_server(globals, output, plan).await
}

/// Begins; then runs what was given, or asks: with IPython where there is one.
const START: &str =
    "import os, sys; exec(os.environ.pop('BRANCHLINE_CONSOLE')); begin(globals(), sys.argv[1:])";

fn python_of(project: Option<&InProject>) -> String {
    let usual = if cfg!(windows) { "python" } else { "python3" };
    project.map_or_else(|| usual.to_owned(), |project| project.python.clone())
}
