//! A job as Celery's events tell of a task.

use super::text;
use crate::api::monitor::{WORKER, event_name};
use branchline_core::{Error, Job, JobEvent, JobState, Result};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// A job with what Flower remembers of it.
pub(super) struct TaskRecord<'a> {
    job: &'a Job,
    events: &'a [JobEvent],
    /// The job before it in its graph.
    pub(super) parent: Option<&'a str>,
    /// Those after it.
    pub(super) children: Vec<&'a str>,
}

impl<'a> TaskRecord<'a> {
    pub(super) fn new(job: &'a Job, events: &'a [JobEvent]) -> Self {
        Self { job, events, parent: None, children: Vec::new() }
    }

    pub(super) fn id(&self) -> &'a str {
        &self.job.task_id
    }

    /// When it last came to a state, milliseconds UTC.
    fn came(&self, state: JobState) -> Option<i64> {
        self.events.iter().rev().find(|event| event.state == state).map(|event| event.at)
    }

    fn at(&self, state: JobState) -> Option<f64> {
        self.came(state).map(text::seconds)
    }

    fn timestamp(&self) -> i64 {
        self.events.last().map_or(self.job.queued_at, |event| event.at)
    }

    pub(super) fn was_received(&self, from: Option<i64>, to: Option<i64>) -> bool {
        let Some(at) = self.came(JobState::Received) else { return true };
        from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to)
    }

    fn runtime(&self) -> Option<f64> {
        Some(text::seconds(self.job.ended_at? - self.job.started_at?))
    }

    fn exception(&self) -> Option<String> {
        let name = self.job.exception.as_deref()?;
        let message = Value::String(self.job.message.clone().unwrap_or_default());
        Some(format!("{name}({})", text::repr(&message)))
    }

    fn worker(&self) -> Option<&'static str> {
        self.job.worker.as_ref().map(|_| WORKER)
    }

    /// When it may start, where that was not at once.
    fn eta(&self) -> Option<String> {
        self.job.options.eta.filter(|at| *at > self.job.queued_at).and_then(text::iso)
    }

    /// The 31 keys of a task.
    pub(super) fn as_dict(&self) -> Value {
        let job = self.job;
        let result = (job.state == JobState::Success)
            .then(|| job.result.as_deref().map(text::repr_json))
            .flatten();
        json!({
            "uuid": job.task_id,
            "name": job.work.name,
            "state": job.state.as_str(),
            "received": self.at(JobState::Received),
            "sent": text::seconds(job.queued_at),
            "started": self.at(JobState::Started),
            "rejected": null,
            "succeeded": self.at(JobState::Success),
            "failed": self.at(JobState::Failure),
            "retried": self.at(JobState::Retry),
            "revoked": self.at(JobState::Revoked),
            "args": text::repr_json(&job.work.args),
            "kwargs": text::repr_json(&job.work.kwargs),
            "eta": self.eta(),
            "expires": job.options.expires_at.and_then(text::iso),
            "retries": job.retries,
            "worker": self.worker(),
            "result": result,
            "exception": self.exception(),
            "timestamp": text::seconds(self.timestamp()),
            "runtime": self.runtime(),
            "traceback": job.traceback,
            "exchange": "",
            "routing_key": job.options.queue,
            "clock": self.events.len(),
            "client": null,
            "root": job.root_id,
            "root_id": job.root_id,
            "parent": self.parent,
            "parent_id": self.parent,
            "children": self.children,
        })
    }

    /// As a worker tells of what it does now.
    pub(super) fn active(&self) -> Value {
        let job = self.job;
        json!({
            "id": job.task_id,
            "name": job.work.name,
            "args": serde_json::from_str::<Value>(&job.work.args).unwrap_or_default(),
            "kwargs": serde_json::from_str::<Value>(&job.work.kwargs).unwrap_or_default(),
            "type": job.work.name,
            "hostname": WORKER,
            "time_start": job.started_at.map(text::seconds),
            "acknowledged": !job.options.acks_late,
            "delivery_info": {
                "exchange": "",
                "routing_key": job.options.queue,
                "priority": job.options.priority,
                "redelivered": job.attempt > 1 && job.retries == 0,
            },
            "worker_pid": null,
        })
    }

    /// As Flower's `task/result` answers.
    pub(super) fn result(&self) -> Value {
        let job = self.job;
        let mut answer = json!({ "task-id": job.task_id, "state": job.state.as_str() });
        match job.state {
            JobState::Success => {
                let result = job.result.as_deref().map(serde_json::from_str::<Value>);
                answer["result"] = result.and_then(|read| read.ok()).unwrap_or_default();
            }
            JobState::Failure | JobState::Revoked => {
                answer["result"] = json!(self.exception());
                answer["traceback"] = json!(job.traceback);
            }
            _ => {}
        }
        answer
    }

    /// The event that brought it to `state`; nothing where Celery has none.
    pub(super) fn event(&self, state: JobState) -> Option<Value> {
        let kind = event_name(state.as_str())?;
        let job = self.job;
        let at = match state {
            JobState::Pending => job.queued_at,
            _ => self.came(state).unwrap_or_else(|| self.timestamp()),
        };
        let mut event = Map::new();
        let mut put = |key: &str, value: Value| drop(event.insert(key.to_owned(), value));
        put("type", json!(kind));
        put("uuid", json!(job.task_id));
        put("hostname", json!(WORKER));
        put("timestamp", json!(text::seconds(at)));
        put("local_received", json!(text::seconds(at)));
        put("utcoffset", json!(0));
        put("pid", json!(std::process::id()));
        put("clock", json!(self.events.len()));
        match state {
            JobState::Pending | JobState::Received => {
                put("name", json!(job.work.name));
                put("args", json!(text::repr_json(&job.work.args)));
                put("kwargs", json!(text::repr_json(&job.work.kwargs)));
                put("root_id", json!(job.root_id.as_deref().unwrap_or(&job.task_id)));
                put("parent_id", json!(self.parent));
                put("retries", json!(job.retries));
                put("eta", json!(self.eta()));
                put("expires", json!(job.options.expires_at.and_then(text::iso)));
                put("queue", json!(job.options.queue));
                put("exchange", json!(""));
                put("routing_key", json!(job.options.queue));
            }
            JobState::Success => {
                let result = job.result.as_deref().unwrap_or("null");
                put("result", json!(text::repr_json(result)));
                put("runtime", json!(self.runtime()));
            }
            JobState::Failure | JobState::Retry => {
                put("exception", json!(self.exception()));
                put("traceback", json!(job.traceback));
            }
            JobState::Revoked => {
                put("terminated", json!(job.started_at.is_some()));
                put("signum", Value::Null);
                put("expired", json!(job.exception.as_deref() == Some("Expired")));
            }
            JobState::Started => {}
        }
        Some(Value::Object(event))
    }
}

/// Sorts as Flower does; what has no time comes first.
pub(super) fn sort(tasks: &mut [TaskRecord<'_>], key: &str, descending: bool) -> Result<()> {
    let compare: fn(&TaskRecord<'_>, &TaskRecord<'_>) -> Ordering = match key {
        "name" => |a, b| a.job.work.name.cmp(&b.job.work.name),
        "state" => |a, b| a.job.state.as_str().cmp(b.job.state.as_str()),
        "received" => |a, b| a.came(JobState::Received).cmp(&b.came(JobState::Received)),
        "started" => |a, b| a.came(JobState::Started).cmp(&b.came(JobState::Started)),
        _ => {
            return Err(Error::invalid(format!(
                "Tasks are not sorted by '{key}': name, state, received, started."
            )));
        }
    };
    tasks.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
    Ok(())
}
