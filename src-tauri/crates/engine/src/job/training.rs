//! The training that the stack's API offers: an elastic net on the diabetes data, as a job
//! in a Python that has what it needs.

use super::Queued;
use crate::project::ProjectWork;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, JobOptions, NewJob, Result, Work};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// Its name, as the stack's worker has it.
pub(super) const TRAIN_TASK: &str = "app.worker.train_enet_diabetes_model";
/// The packages without which it cannot run.
const NEEDS: [&str; 2] = ["mlflow", "sklearn"];

/// What trains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrainRules {
    /// A project's name: its task that takes alpha and l1_ratio trains.
    pub project: Option<String>,
    /// The Python of the built-in training; the first that has what it needs when absent.
    pub python: Option<PathBuf>,
}

/// What it takes, in the order of the stack's worker.
const TAKES: [&str; 2] = ["alpha", "l1_ratio"];

/// What a training was asked with, by name or in order.
///
/// # Errors
/// One of its two numbers is missing; there is more.
pub(super) fn training_arguments(work: &Work) -> Result<Map<String, Value>> {
    let args: Vec<Value> = serde_json::from_str(&work.args).unwrap_or_default();
    let kwargs: Map<String, Value> = serde_json::from_str(&work.kwargs).unwrap_or_default();
    let given = args.len() + kwargs.len();
    let mut asked: Map<String, Value> =
        TAKES.iter().map(|name| (*name).to_owned()).zip(args).collect();
    asked.extend(kwargs);
    let complete = TAKES.iter().all(|name| asked.get(*name).is_some_and(Value::is_number));
    if complete && given == TAKES.len() {
        return Ok(asked);
    }
    Err(Error::invalid(format!("{TRAIN_TASK} takes two numbers: {}.", TAKES.join(" and "))))
}

impl Engine {
    /// Queues a training.
    ///
    /// # Errors
    /// The actor is no superuser; no Python has what it needs; the project that the settings
    /// name has no such task.
    pub async fn submit_training(
        &self,
        actor: &Actor,
        alpha: f64,
        l1_ratio: f64,
    ) -> Result<Queued> {
        permit::require_superuser(actor)?;
        let arguments = Map::from_iter([
            ("alpha".to_owned(), json!(alpha)),
            ("l1_ratio".to_owned(), json!(l1_ratio)),
        ]);
        let options = JobOptions { acks_late: true, ..JobOptions::default() };
        let rules = self.job_rules();
        if let Some(project) = &rules.train.project {
            let task = self.training_task(actor, project).await?;
            let work = ProjectWork::Task(task);
            return self.run_of_project(actor, project, &work, arguments, (None, options)).await;
        }
        // Told to whoever asks, and not only in the job's record.
        self.training_python(actor, &rules.train).await?;
        let work = Work {
            name: TRAIN_TASK.to_owned(),
            args: "[]".to_owned(),
            kwargs: Value::Object(arguments).to_string(),
            ..Work::default()
        };
        self.submit_job(actor, NewJob { task_id: None, work, options }).await
    }

    /// What an attempt runs: a job's own command, or the training as it is found now.
    pub(super) async fn command_of(&self, actor: &Actor, work: &Work) -> Result<Work> {
        if !work.command.is_empty() {
            return Ok(work.clone());
        }
        let (rules, arguments) = (self.job_rules(), training_arguments(work)?);
        if let Some(project) = &rules.train.project {
            let task = ProjectWork::Task(self.training_task(actor, project).await?);
            let project = self.project(actor, project).await?;
            return self.project_template(&project, &task).await?.fill(arguments);
        }
        let program = self.training_python(actor, &rules.train).await?;
        let program = program.to_string_lossy().into_owned();
        let function = TRAIN_TASK.rsplit('.').next().unwrap_or(TRAIN_TASK);
        // From the job's own folder, where its files are put.
        let command = [&program, "-m", "branchline_task", "python/diabetes/tasks.py", function];
        Ok(Work {
            command: command.map(str::to_owned).to_vec(),
            args: "[]".to_owned(),
            kwargs: Value::Object(arguments).to_string(),
            ..work.clone()
        })
    }

    /// The task of a project that trains: the first that needs alpha and l1_ratio and
    /// nothing else.
    async fn training_task(&self, actor: &Actor, project: &str) -> Result<String> {
        let project = self
            .project(actor, project)
            .await
            .map_err(|error| error.hint("The setting ml.project names the project that trains."))?;
        let scan = self.scan_project(&project, false).await?;
        let trains = scan.tasks.iter().find(|task| {
            let takes = |name: &str| task.parameters.iter().any(|taken| taken.name == name);
            let ours = |name: &str| name == "alpha" || name == "l1_ratio";
            takes("alpha")
                && takes("l1_ratio")
                && task.parameters.iter().all(|taken| !taken.required || ours(&taken.name))
        });
        trains.map(|task| task.name.clone()).ok_or_else(|| {
            Error::not_found(format!(
                "Project '{}' has no task that takes alpha and l1_ratio.",
                project.name
            ))
            .hint("Write one in its tasks.py, or name another project in the setting ml.project.")
        })
    }

    async fn training_python(&self, actor: &Actor, rules: &TrainRules) -> Result<PathBuf> {
        if let Some(named) = &rules.python {
            return match self.has_packages(named, &NEEDS).await {
                true => Ok(named.clone()),
                false => Err(Error::invalid(format!(
                    "'{}' is no Python that has mlflow and scikit-learn.",
                    named.display()
                ))
                .hint(format!(
                    "Run `{} -m pip install mlflow scikit-learn`, or name another Python in the setting ml.python.",
                    named.display()
                ))),
            };
        }
        let mut candidates = Vec::from_iter(crate::project::usual_python());
        for project in self.projects(actor).await? {
            // A project whose folder is gone has none to offer.
            let scan = self.scan_project(&project, false).await;
            candidates.extend(scan.ok().and_then(|scan| scan.python.clone()));
        }
        for candidate in candidates {
            if self.has_packages(&candidate.program, &NEEDS).await {
                return Ok(candidate.program);
            }
        }
        Err(Error::invalid("No Python that has mlflow and scikit-learn was found.").hint(
            "Run `pip install mlflow scikit-learn` in an environment and name its Python in the setting ml.python, or open a project whose environment has them.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_asked_for_by_name_or_in_order() {
        let asked = |args: &str, kwargs: &str| {
            let work = Work { args: args.into(), kwargs: kwargs.into(), ..Work::default() };
            training_arguments(&work).map(|asked| Value::Object(asked).to_string())
        };
        let whole = r#"{"alpha":0.1,"l1_ratio":0.5}"#;
        assert_eq!(asked("[0.1, 0.5]", "{}").unwrap(), whole);
        assert_eq!(asked("[0.1]", r#"{"l1_ratio": 0.5}"#).unwrap(), whole);
        assert_eq!(asked("[]", whole).unwrap(), whole);
        for (args, kwargs) in
            [("[]", "{}"), ("[1, 2, 3]", "{}"), ("[1]", whole), ("[1, \"x\"]", "{}")]
        {
            assert!(asked(args, kwargs).unwrap_err().message.contains("alpha and l1_ratio"));
        }
    }
}
