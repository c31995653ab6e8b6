//! Tasks that are built in. Some have the names that the stack's clients know; all but the
//! training need no process.

use super::ledger::Ledger;
use super::training::{TRAIN_TASK, training_arguments};
use branchline_core::{Job, Outcome, Result, Work};
use serde_json::{Value, json};

/// Their names.
pub(super) const NAMES: [&str; 5] = [
    "app.worker.run_task",
    "app.worker.test_celery",
    TRAIN_TASK,
    "branchline.noop",
    "branchline.backup",
];

pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether a built-in task runs a program.
pub fn runs_a_program(name: &str) -> bool {
    name == TRAIN_TASK
}

/// What a built-in task is asked with, where that is judged before it runs.
pub(super) fn check(work: &Work) -> Result<()> {
    if runs_a_program(&work.name) { training_arguments(work).map(drop) } else { Ok(()) }
}

fn failed(exception: &str, message: impl Into<String>) -> Outcome {
    Outcome::Failure { exception: exception.to_owned(), message: message.into(), traceback: None }
}

/// The argument `name`, or the first.
fn argument(job: &Job, name: &str) -> Option<Value> {
    let kwargs: Value = serde_json::from_str(&job.work.kwargs).ok()?;
    let args: Value = serde_json::from_str(&job.work.args).ok()?;
    kwargs.get(name).or_else(|| args.get(0)).cloned()
}

pub(super) async fn call(ledger: &Ledger, job: &Job) -> Outcome {
    match job.work.name.as_str() {
        "branchline.noop" => Outcome::Success("null".to_owned()),
        "app.worker.run_task" | "app.worker.test_celery" => match argument(job, "word") {
            Some(Value::String(word)) => {
                Outcome::Success(json!(format!("test task return {word}")).to_string())
            }
            _ => failed("TypeError", "It takes one argument, 'word', a string."),
        },
        "branchline.backup" => ledger.backup(job).await,
        name => failed("NotRegistered", format!("There is no task '{name}'.")),
    }
}

impl Ledger {
    /// Writes a copy of the database into `backups/`, named after the job.
    async fn backup(&self, job: &Job) -> Outcome {
        let file = self.engine.data_dir().join("backups").join(format!("job-{}.db", job.task_id));
        // What an attempt before this one left is not whole.
        let _ = std::fs::remove_file(&file);
        match self.engine.backup(&self.owner, &file).await {
            Ok(_) => Outcome::Success(json!({ "path": file.to_string_lossy() }).to_string()),
            Err(error) => failed("BackupFailed", error.to_string()),
        }
    }
}
