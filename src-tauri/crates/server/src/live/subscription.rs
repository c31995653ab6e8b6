//! One topic that one socket listens to: what marks it, and reading what is new.

use super::protocol::{Changed, Empty, JobState, Points, Told};
use crate::api::wire::Number;
use branchline_core::event::{Cursor, Event, EventKind};
use branchline_core::{Actor, Error, ExperimentId, Result, RunId};
use branchline_engine::{Change, Engine, Keep, Topic};
use std::time::Duration;
use tokio::time::Instant;

/// Most points of one metric in a frame; a client further behind reads its chart anew.
const MOST_POINTS: usize = 5_000;

/// A topic, and how far its listener has come.
#[derive(Debug)]
pub(super) struct Subscription {
    topic: Topic,
    cursor: Cursor,
    /// When to read what is new; nothing is new when absent.
    due: Option<Instant>,
    /// Not before this, so that frames coalesce.
    rested: Instant,
    /// Files came or went; the change log does not tell that.
    files: bool,
    /// A notice about files may have been lost.
    lost: bool,
}

/// What to send.
#[derive(Debug)]
pub(super) enum Update {
    /// Changes up to the cursor.
    Tell(Cursor, Vec<Told>),
    /// Read everything again and go on from the cursor.
    Resync(Cursor),
}

impl Subscription {
    /// A subscription that goes on from `after`; what is new since is due at once.
    pub(super) fn resumed(topic: Topic, after: Cursor) -> Self {
        let now = Instant::now();
        Self { topic, cursor: after, due: Some(now), rested: now, files: false, lost: false }
    }

    /// A subscription to what comes after `cursor`.
    pub(super) fn fresh(topic: Topic, cursor: Cursor) -> Self {
        Self { due: None, ..Self::resumed(topic, cursor) }
    }

    /// When to read what is new.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Notes an event, if it is about the topic.
    pub(super) fn notice(&mut self, event: &Event) {
        let files = match (&self.topic, &event.kind) {
            (Topic::Run(id), EventKind::Artifacts(run, _)) => id == run,
            (Topic::JobLog(id), EventKind::JobLog(job)) => id == job,
            _ => false,
        };
        if files {
            self.files = true;
            self.mark();
        } else if is_about(&self.topic, &event.kind) {
            self.mark();
        }
    }

    /// Notes that events were lost. The change log still has what they told, except
    /// about files.
    pub(super) fn lagged(&mut self) {
        self.lost |= matches!(self.topic, Topic::Run(_) | Topic::JobLog(_));
        self.mark();
    }

    fn mark(&mut self) {
        self.due.get_or_insert_with(|| self.rested.max(Instant::now()));
    }

    fn rest(&self) -> Duration {
        Duration::from_millis(if matches!(self.topic, Topic::RunMetrics(_)) { 100 } else { 250 })
    }

    /// Reads what is new and moves the cursor.
    pub(super) async fn update(
        &mut self,
        engine: &Engine,
        actor: &Actor,
    ) -> Result<Option<Update>> {
        // Before reading, so that what comes meanwhile marks it again.
        self.due = None;
        let files = std::mem::take(&mut self.files);
        let lost = std::mem::take(&mut self.lost);
        let changes = engine.changes_after(actor, self.topic.clone(), self.cursor).await?;
        self.rested = Instant::now() + self.rest();
        self.cursor = changes.cursor;
        if changes.resync || lost {
            return Ok(Some(Update::Resync(self.cursor)));
        }
        let mut told = Vec::new();
        if !changes.items.is_empty() {
            match self.read(engine, actor, changes.items).await? {
                Some(news) => told.push(news),
                None => return Ok(Some(Update::Resync(self.cursor))),
            }
        }
        if files && self.may_hear_of_files(engine, actor).await? {
            told.push(match &self.topic {
                Topic::JobLog(_) => Told::Log(Empty {}),
                _ => Told::Artifacts(Empty {}),
            });
        }
        Ok((!told.is_empty()).then_some(Update::Tell(self.cursor, told)))
    }

    /// The event comes from outside of the database, where no view hides the run.
    async fn may_hear_of_files(&self, engine: &Engine, actor: &Actor) -> Result<bool> {
        let Topic::Run(id) = &self.topic else { return Ok(true) };
        Ok(!engine.run_infos(actor, vec![id.clone()]).await?.is_empty())
    }

    /// What is listened to.
    pub(super) fn topic(&self) -> &Topic {
        &self.topic
    }

    /// The changes in the words of the topic; nothing when they are too many.
    async fn read(
        &self,
        engine: &Engine,
        actor: &Actor,
        changes: Vec<Change>,
    ) -> Result<Option<Told>> {
        Ok(Some(match &self.topic {
            Topic::Experiments => Told::Changed(Changed::Experiments {
                experiment_ids: named(changes, |change| match change {
                    Change::Experiment(id) => Some(id.to_string()),
                    _ => None,
                }),
            }),
            Topic::Experiment(_) => Told::Runs {
                run_ids: named(changes, |change| match change {
                    Change::Run(id) => Some(id.to_string()),
                    _ => None,
                }),
            },
            Topic::Traces(_) => Told::Changed(Changed::Traces {
                trace_ids: named(changes, |change| match change {
                    Change::Trace(id) => id.map(|id| id.to_string()),
                    _ => None,
                }),
            }),
            Topic::Run(_) => Told::Changed(Changed::Itself(Empty {})),
            Topic::Models => Told::Changed(Changed::Models {
                names: named(changes, |change| match change {
                    Change::Model(name) => name,
                    _ => None,
                }),
            }),
            Topic::Schedules => Told::Changed(Changed::Schedules {
                schedule_ids: named(changes, |change| match change {
                    Change::Schedule(id) => Some(id),
                    _ => None,
                }),
            }),
            Topic::Projects => Told::Changed(Changed::Projects {
                project_ids: changes
                    .into_iter()
                    .filter_map(|change| match change {
                        Change::Project(id) => Some(id),
                        _ => None,
                    })
                    .collect(),
            }),
            Topic::Notifications(_) => {
                let (mut rule_ids, mut notification_ids) = (Vec::new(), Vec::new());
                for change in changes {
                    match change {
                        Change::Rule(id) => rule_ids.push(id),
                        Change::Notification(id) => notification_ids.push(id),
                        _ => {}
                    }
                }
                Told::Changed(Changed::Notifications { notification_ids, rule_ids })
            }
            Topic::Jobs | Topic::JobLog(_) => {
                Told::Jobs { jobs: changes.into_iter().filter_map(job_state).collect() }
            }
            Topic::RunMetrics(id) => return points(engine, actor, id, changes).await,
        }))
    }
}

fn named(changes: Vec<Change>, name: impl Fn(Change) -> Option<String>) -> Vec<String> {
    changes.into_iter().filter_map(name).collect()
}

fn job_state(change: Change) -> Option<JobState> {
    match change {
        Change::Job { task_id, state } => Some(JobState { task_id, state }),
        _ => None,
    }
}

async fn points(
    engine: &Engine,
    actor: &Actor,
    id: &RunId,
    changes: Vec<Change>,
) -> Result<Option<Told>> {
    let mut read = Vec::new();
    for change in changes {
        let Change::Metric { key, from_step, to_step } = change else { continue };
        let range = Some((from_step, to_step));
        let series = engine
            .metric_series(
                actor,
                std::slice::from_ref(id),
                &key,
                (MOST_POINTS, Keep::Extremes),
                range,
            )
            .await?;
        for one in series {
            if one.sampled {
                return Ok(None);
            }
            read.push(Points {
                key: one.key,
                steps: one.steps,
                timestamps: one.timestamps,
                values: one.values.into_iter().map(Number).collect(),
            });
        }
    }
    Ok(Some(Told::Points { series: read }))
}

/// Whether an event is about a topic.
fn is_about(topic: &Topic, kind: &EventKind) -> bool {
    match (topic, kind) {
        (
            Topic::Experiments,
            EventKind::Experiment(_) | EventKind::Run(..) | EventKind::Metrics(..),
        ) => true,
        (Topic::Experiment(id), EventKind::Run(_, of) | EventKind::Metrics(_, of)) => id == of,
        (Topic::Run(id), EventKind::Run(run, _) | EventKind::Metrics(run, _)) => id == run,
        (Topic::RunMetrics(id), EventKind::Metrics(run, _)) => id == run,
        (Topic::Traces(id), EventKind::Trace(_, of)) => id == of,
        (Topic::Models, EventKind::RegisteredModel(_))
        | (Topic::Jobs, EventKind::Job(_))
        | (Topic::Schedules, EventKind::Schedule(_))
        | (Topic::Projects, EventKind::Project(_)) => true,
        (Topic::JobLog(id), EventKind::Job(job)) => id == job,
        (Topic::Notifications(user), EventKind::Notification(of)) => user == of,
        _ => false,
    }
}

/// Reads a topic's name; `user` is who listens.
pub(super) fn parse_topic(text: &str, user: i64) -> Result<Topic> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        ["experiments"] => Ok(Topic::Experiments),
        ["experiment", id] => Ok(Topic::Experiment(id.parse::<ExperimentId>()?)),
        ["experiment", id, "traces"] => Ok(Topic::Traces(id.parse::<ExperimentId>()?)),
        ["run", id] => Ok(Topic::Run(RunId::new(*id))),
        ["run", id, "metrics"] => Ok(Topic::RunMetrics(RunId::new(*id))),
        ["models"] => Ok(Topic::Models),
        ["jobs"] => Ok(Topic::Jobs),
        ["schedules"] => Ok(Topic::Schedules),
        ["projects"] => Ok(Topic::Projects),
        ["notifications"] => Ok(Topic::Notifications(user)),
        ["job", id, "log"] => Ok(Topic::JobLog((*id).to_owned())),
        _ => Err(Error::invalid(format!("There is no topic '{text}'."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind) -> Event {
        Event { seq: 1, kind }
    }

    #[test]
    fn topics_are_read_by_name() {
        let read = |text| parse_topic(text, 7);
        assert_eq!(read("notifications").unwrap(), Topic::Notifications(7), "one's own");
        assert_eq!(read("experiment/7").unwrap(), Topic::Experiment(ExperimentId(7)));
        assert_eq!(read("run/a/metrics").unwrap(), Topic::RunMetrics(RunId::new("a")));
        assert_eq!(read("experiment/7/traces").unwrap(), Topic::Traces(ExperimentId(7)));
        assert_eq!(read("jobs").unwrap(), Topic::Jobs);
        assert_eq!(read("schedules").unwrap(), Topic::Schedules);
        assert_eq!(read("projects").unwrap(), Topic::Projects);
        assert_eq!(read("job/a/log").unwrap(), Topic::JobLog("a".into()));
        for odd in ["", "run", "experiment/x", "run/a/points", "models/a"] {
            assert!(read(odd).is_err(), "{odd} is no topic");
        }
    }

    #[tokio::test]
    async fn only_events_about_the_topic_make_it_due() {
        let start = Cursor { epoch: 1, seq: 0 };
        let mut metrics = Subscription::fresh(Topic::RunMetrics(RunId::new("a")), start);
        metrics.notice(&event(EventKind::Run(RunId::new("a"), ExperimentId(1))));
        metrics.notice(&event(EventKind::Metrics(RunId::new("b"), ExperimentId(1))));
        assert!(metrics.due().is_none());
        metrics.notice(&event(EventKind::Metrics(RunId::new("a"), ExperimentId(1))));
        let first = metrics.due().expect("points came");
        metrics.notice(&event(EventKind::Metrics(RunId::new("a"), ExperimentId(1))));
        assert_eq!(metrics.due(), Some(first), "more points do not put it off");
    }

    #[tokio::test]
    async fn lost_notices_cost_no_data_but_those_about_files_need_a_fresh_look() {
        use branchline_engine::{Durability, EngineOptions};
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(EngineOptions {
            durability: Durability::Fast,
            ..EngineOptions::new(folder.path())
        })
        .unwrap();
        let owner = engine.owner_actor().await.unwrap();
        let here = engine.cursor();
        engine.rename_experiment(&owner, ExperimentId(0), "other").await.unwrap();

        let mut list = Subscription::fresh(Topic::Experiments, here);
        list.lagged();
        assert!(list.due().is_some());
        let update = list.update(&engine, &owner).await.unwrap();
        assert!(matches!(update, Some(Update::Tell(_, told)) if told.len() == 1), "read anew");

        let mut run = Subscription::fresh(Topic::Run(RunId::new("a")), here);
        run.lagged();
        let update = run.update(&engine, &owner).await.unwrap();
        assert!(matches!(update, Some(Update::Resync(_))), "files may have come: {update:?}");
        let after = run.update(&engine, &owner).await.unwrap();
        assert!(after.is_none(), "once is enough: {after:?}");
    }
}
