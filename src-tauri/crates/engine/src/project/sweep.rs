//! Sweeps: a task over a space of arguments, as jobs that are compared by a metric.

use super::run::ProjectWork;
use super::space::{self, Axis, Method};
use crate::{Engine, permit};
use branchline_core::{Actor, Error, Job, JobOptions, JobState, NewJob, Result, new_uuid};
use branchline_store::{Place, Sweep};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// A sweep to be queued.
#[derive(Debug, Clone)]
pub struct NewSweep {
    /// The task's or entry point's name.
    pub work: ProjectWork,
    /// What is varied.
    pub space: Vec<(String, Axis)>,
    /// What is not.
    pub arguments: Map<String, Value>,
    /// Every combination, or some by chance.
    pub method: Method,
    /// What is varied, as it was asked for; JSON.
    pub asked: String,
    /// What jobs are compared by: a metric of their runs, or a member of their results.
    pub metric: Option<String>,
    /// Less is better.
    pub minimize: bool,
    /// How each job is queued and run.
    pub options: JobOptions,
}

/// One job of a sweep.
#[derive(Debug, Clone)]
pub struct SweepRow {
    /// The job.
    pub job: Job,
    /// What it is compared by, once it is known.
    pub value: Option<f64>,
}

/// A sweep with its jobs.
#[derive(Debug, Clone)]
pub struct SweepDetail {
    /// The sweep.
    pub sweep: Sweep,
    /// Its jobs, the best first; those without a value after them, in the order of their
    /// making.
    pub rows: Vec<SweepRow>,
}

/// Sweeps on a list.
const LISTED: i64 = 200;
const MINUTE_MS: i64 = 60_000;

/// What a job's result says of a metric: the number that it is, or the member of that name.
fn of_result(job: &Job, metric: Option<&str>) -> Option<f64> {
    if job.state != JobState::Success {
        return None;
    }
    let result: Value = serde_json::from_str(job.result.as_deref()?).ok()?;
    match metric.and_then(|metric| result.get(metric)) {
        Some(member) => member.as_f64(),
        None => result.as_f64(),
    }
}

fn order(a: Option<f64>, b: Option<f64>, minimize: bool) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if minimize => a.total_cmp(&b),
        (Some(a), Some(b)) => b.total_cmp(&a),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

impl Engine {
    /// Queues a sweep, all of its jobs or none.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such project or task; the space breaks a rule
    /// or has more points than a sweep has jobs; an argument is wrong.
    pub async fn submit_sweep(
        &self,
        actor: &Actor,
        which: &str,
        new: NewSweep,
    ) -> Result<SweepDetail> {
        permit::require_superuser(actor)?;
        let project = self.project(actor, which).await?;
        let template = self.project_template(&project, &new.work).await?;
        let points = space::points(&new.space, new.method, template.parameters())?;
        let rules = self.job_rules();
        let mut jobs = Vec::with_capacity(points.len());
        for point in points {
            let mut arguments = new.arguments.clone();
            arguments.extend(point);
            let options = new.options.clone();
            let mut job = NewJob { task_id: None, work: template.fill(arguments)?, options };
            rules.apply(&mut job);
            self.check_job(&job)?;
            jobs.push(job);
        }
        let sweep = Sweep {
            id: new_uuid(),
            project: Some(project.id),
            task: new.work.name().to_owned(),
            random: matches!(new.method, Method::Random { .. }),
            space: new.asked,
            metric: new.metric,
            minimize: new.minimize,
            created_at: 0,
            states: Default::default(),
        };
        let id = sweep.id.clone();
        self.change_jobs(actor, move |tx, actor| {
            tx.insert_sweep(actor, &sweep)?;
            let place = Place { root: Some(sweep.id), ..Place::default() };
            jobs.iter().try_for_each(|job| tx.enqueue_job(actor, job, &place).map(drop))
        })
        .await?;
        self.sweep(actor, &id).await
    }

    /// Sweeps, newest first; of one project, or all.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such project.
    pub async fn sweeps(&self, actor: &Actor, project: Option<&str>) -> Result<Vec<Sweep>> {
        permit::require_superuser(actor)?;
        let project = match project {
            Some(which) => Some(self.project(actor, which).await?.id),
            None => None,
        };
        self.read(actor, move |view| view.sweeps(project, LISTED)).await
    }

    /// A sweep with its jobs, the best first.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn sweep(&self, actor: &Actor, id: &str) -> Result<SweepDetail> {
        permit::require_superuser(actor)?;
        let id = id.to_owned();
        self.read(actor, move |view| {
            let sweep = view.sweep(&id)?;
            let measured = match &sweep.metric {
                Some(metric) => view.metric_of_jobs(metric, sweep.created_at - MINUTE_MS)?,
                None => Default::default(),
            };
            let jobs = view.sweep_jobs(&id)?.into_iter();
            let row = |job: Job| {
                let measured = measured.get(&job.task_id).copied();
                let value = measured.or_else(|| of_result(&job, sweep.metric.as_deref()));
                SweepRow { value: value.filter(|value| value.is_finite()), job }
            };
            let mut rows: Vec<SweepRow> = jobs.map(row).collect();
            rows.sort_by(|a, b| order(a.value, b.value, sweep.minimize));
            Ok(SweepDetail { rows, sweep })
        })
        .await
    }

    /// Stops what of a sweep has not started, and what runs if that is wanted too; answers
    /// how many jobs that are.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn stop_sweep(&self, actor: &Actor, id: &str, running: bool) -> Result<usize> {
        permit::require_superuser(actor)?;
        let id = id.to_owned();
        let (stopped, told) = self
            .change_jobs(actor, move |tx, actor| {
                let sweep = tx.sweep(&id)?;
                let (mut stopped, mut told) = (0, Vec::new());
                for job in tx.open_jobs_of(&sweep.id)? {
                    let runs = matches!(job.job.state, JobState::Received | JobState::Started);
                    if runs && !running {
                        continue;
                    }
                    if tx.cancel_job(actor, &job, "The sweep was stopped.")? {
                        told.push(job.job.task_id);
                    }
                    stopped += 1;
                }
                Ok((stopped, told))
            })
            .await?;
        told.iter().for_each(|task_id| self.end_running_job(task_id));
        Ok(stopped)
    }
}

/// How a sweep's points are taken, from what was asked.
///
/// # Errors
/// A method that there is none of.
pub fn method(name: &str, count: Option<usize>, seed: Option<u64>) -> Result<Method> {
    match name {
        "grid" => Ok(Method::Grid),
        "random" => {
            let count = count.filter(|count| *count > 0).ok_or_else(|| {
                let what = "A sweep by chance says how many jobs it has.".to_owned();
                Error::invalid(what.clone()).fields(vec![("count".to_owned(), what)])
            })?;
            Ok(Method::Random { count, seed: seed.unwrap_or_default() })
        }
        other => Err(Error::invalid(format!("'{other}' is no method: grid, random."))),
    }
}
