//! What rules tell, to whom, how often, and what a restart finds of it.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use crate::support::{Hand, metric, open_at};
use branchline_core::{
    Actor, Clock, ErrorCode, ExperimentId, JobOptions, NewJob, NewRule, Notification, Occasion,
    Permission, Resource, RunId, RunStatus, Tell, Watch, Work,
};
use branchline_engine::{Channel, Engine, LogBatch, NewRun, NewUser, RunUpdate, UserUpdate};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const NOON: i64 = 1_795_867_200_000;
const MINUTE: i64 = 60_000;

struct Fixture {
    engine: Engine,
    owner: Actor,
    clock: Arc<Hand>,
    folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand(AtomicI64::new(NOON)));
    let engine = open_at(folder.path(), clock.clone());
    let owner = engine.owner_actor().await.unwrap();
    Fixture { engine, owner, clock, folder }
}

fn about(on: &[Occasion]) -> NewRule {
    NewRule {
        watch: Watch { on: on.to_vec(), ..Watch::default() },
        tell: Tell { desktop: true, ..Tell::default() },
        once: false,
        enabled: true,
    }
}

fn named(on: Occasion, name: &str, threshold: f64) -> NewRule {
    let mut rule = about(&[on]);
    rule.watch.name = Some(name.to_owned());
    rule.watch.threshold = Some(threshold);
    rule
}

fn told_by_webhook(mut rule: NewRule) -> NewRule {
    rule.tell.webhook = Some("https://example.org/hook".to_owned());
    rule
}

impl Fixture {
    /// The same folder after the process ended.
    async fn reopened(self) -> Self {
        self.engine.close().await;
        let engine = open_at(self.folder.path(), self.clock.clone());
        Self { engine, ..self }
    }

    fn later(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    async fn make(&self, rule: NewRule) -> String {
        self.engine.create_rule(&self.owner, rule, None).await.unwrap().uid
    }

    async fn run(&self, experiment: ExperimentId) -> RunId {
        let new = NewRun {
            experiment_id: experiment,
            user_id: "ada".into(),
            name: Some("bold-ox-1".into()),
            start_time: NOON,
            tags: Vec::new(),
        };
        self.engine.create_run(&self.owner, new).await.unwrap().info.run_id
    }

    async fn log(&self, run: &RunId, key: &str, values: &[f64]) {
        let at = |i: usize| i64::try_from(i).unwrap() + self.clock.now_ms();
        let metrics = values.iter().enumerate().map(|(i, value)| metric(key, *value, at(i)));
        let batch = LogBatch { metrics: metrics.collect(), ..LogBatch::default() };
        self.engine.log_batch(&self.owner, run, batch).await.unwrap();
    }

    async fn end(&self, run: &RunId, status: RunStatus) {
        let update = RunUpdate { status: Some(status), ..RunUpdate::default() };
        self.engine.update_run(&self.owner, run, update).await.unwrap();
    }

    async fn told(&self, who: &Actor) -> Vec<Notification> {
        self.engine.notifications(who, false, 100, None).await.unwrap().0.items
    }

    /// The titles of what the owner was told, oldest first.
    async fn titles(&self) -> Vec<String> {
        let told = self.told(&self.owner).await;
        told.into_iter().rev().map(|one| one.words.title).collect()
    }

    async fn user(&self, email: &str) -> Actor {
        let new = NewUser { email: email.to_owned(), ..NewUser::default() };
        let user = self.engine.create_user(&self.owner, new).await.unwrap();
        Actor { user_id: user.id, email: user.email, is_superuser: false, ..self.owner.clone() }
    }
}

#[tokio::test]
async fn a_nan_that_is_overwritten_at_once_is_told_of_and_told_of_once() {
    let house = fixture().await;
    house.make(about(&[Occasion::MetricNotFinite])).await;
    let run = house.run(ExperimentId(0)).await;
    house.log(&run, "loss", &[0.5, f64::NAN, 0.4]).await;
    assert_eq!(house.titles().await, ["loss is NaN"]);
    let told = house.told(&house.owner).await;
    let one = told.first().unwrap();
    assert_eq!(one.subject.as_deref(), Some(run.as_str()));
    assert_eq!(one.experiment, Some(ExperimentId(0)));
    assert!(one.words.text.contains("bold-ox-1 of experiment Default"), "{}", one.words.text);
    house.log(&run, "loss", &[f64::NAN; 3]).await;
    assert_eq!(house.titles().await.len(), 1, "it has not come back");
    house.log(&run, "other", &[f64::INFINITY]).await;
    let second = house.run(ExperimentId(0)).await;
    house.log(&second, "loss", &[f64::NEG_INFINITY]).await;
    assert_eq!(
        house.titles().await,
        ["loss is NaN", "other is Infinity", "loss is -Infinity"],
        "each metric of each run is told of by itself"
    );
}

#[tokio::test]
async fn a_metric_is_told_of_again_only_after_it_came_back_and_was_quiet() {
    let house = fixture().await;
    house.make(named(Occasion::MetricAbove, "val/*", 0.9)).await;
    let run = house.run(ExperimentId(0)).await;
    house.log(&run, "val/acc", &[0.9, f64::NAN, 0.95, 0.96, 0.1, 0.97]).await;
    house.log(&run, "train/acc", &[0.99]).await;
    assert_eq!(house.titles().await, ["val/acc rose above 0.9"], "it wavers about the limit");
    house.later(6 * MINUTE);
    house.log(&run, "val/acc", &[0.98]).await;
    assert_eq!(house.titles().await.len(), 1, "it has not come back since");
    house.log(&run, "val/acc", &[0.2]).await;
    house.log(&run, "val/acc", &[0.99]).await;
    assert_eq!(house.titles().await.len(), 2, "it came back after it was quiet");
    house.end(&run, RunStatus::Finished).await;
    house.end(&run, RunStatus::Running).await;
    house.later(1);
    house.log(&run, "val/acc", &[0.991]).await;
    assert_eq!(house.titles().await.len(), 3, "a run that goes on is told of anew");
}

#[tokio::test]
async fn a_point_that_was_there_already_is_no_news() {
    let house = fixture().await;
    house.make(named(Occasion::MetricBelow, "loss", 0.5)).await;
    let run = house.run(ExperimentId(0)).await;
    let low = LogBatch { metrics: vec![metric("loss", 0.4, 1)], ..LogBatch::default() };
    house.engine.log_batch(&house.owner, &run, low.clone()).await.unwrap();
    house.later(6 * MINUTE);
    house.log(&run, "loss", &[0.6]).await;
    house.engine.log_batch(&house.owner, &run, low).await.unwrap();
    assert_eq!(house.titles().await, ["loss fell below 0.5"], "a client that tries again");
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_loses_nothing() {
    let house = fixture().await;
    let rule = house.make(told_by_webhook(about(&[Occasion::MetricNotFinite]))).await;
    let run = house.run(ExperimentId(0)).await;
    house.log(&run, "loss", &[f64::NAN]).await;
    let house = house.reopened().await;
    house.log(&run, "loss", &[f64::NAN]).await;
    assert_eq!(house.titles().await.len(), 1, "it was told of before");
    let owed = house.engine.owed_deliveries(&house.owner, 10).await.unwrap().due;
    let [delivery] = owed.as_slice() else { panic!("{} are owed", owed.len()) };
    assert_eq!((delivery.channel, delivery.owner.as_str()), (Channel::Webhook, rule.as_str()));
    assert_eq!((delivery.entity.as_str(), delivery.action.as_str()), ("metric", "not_finite"));
    let data: serde_json::Value = serde_json::from_str(&delivery.data).unwrap();
    assert_eq!(data["metric"]["value"], "NaN");
    assert_eq!(data["run"]["id"], run.as_str());
    house.engine.finish_delivery(&house.owner, delivery.row, "told".to_owned()).await.unwrap();
    let history = house.engine.rule_history(&house.owner, &rule, 10, None).await.unwrap().items;
    assert_eq!(history.first().unwrap().webhook.as_deref(), Some("told"));
    let house = house.reopened().await;
    assert!(house.engine.owed_deliveries(&house.owner, 10).await.unwrap().due.is_empty());
}

#[tokio::test]
async fn what_is_refused_is_not_told_and_may_be_told_later() {
    let house = fixture().await;
    house.make(about(&[Occasion::MetricNotFinite])).await;
    let run = house.run(ExperimentId(0)).await;
    let mut lost = metric("loss", f64::NAN, 1);
    lost.model_id = Some("m-there-is-none".to_owned());
    let batch = LogBatch { metrics: vec![lost], ..LogBatch::default() };
    house.engine.log_batch(&house.owner, &run, batch).await.unwrap_err();
    assert!(house.titles().await.is_empty(), "the point was not kept");
    house.log(&run, "loss", &[f64::NAN]).await;
    assert_eq!(house.titles().await, ["loss is NaN"], "and it was not told of before");
}

#[tokio::test]
async fn a_rule_tells_what_its_user_may_see() {
    let house = fixture().await;
    house.engine.set_default_permission(Permission::Nothing).await.unwrap();
    let ada = house.user("ada@example.org").await;
    for on in [Occasion::MetricNotFinite, Occasion::RunFailed, Occasion::JobRevoked] {
        house.engine.create_rule(&ada, about(&[on]), None).await.unwrap();
    }
    let run = house.run(ExperimentId(0)).await;
    house.log(&run, "loss", &[f64::NAN]).await;
    house.end(&run, RunStatus::Failed).await;
    house.revoked("a").await;
    assert!(house.told(&ada).await.is_empty(), "nothing of it is hers to see");
    let owner = &house.owner;
    let here = (Resource::Experiment, "0");
    house.engine.grant(owner, &ada.email, here, Permission::Read).await.unwrap();
    house.end(&run, RunStatus::Running).await;
    house.end(&run, RunStatus::Failed).await;
    let told = house.told(&ada).await;
    assert_eq!(told.first().map(|one| one.words.title.as_str()), Some("Run bold-ox-1 failed"));
    let off = UserUpdate { is_active: Some(false), ..UserUpdate::default() };
    house.engine.update_user(owner, ada.user_id, off).await.unwrap();
    house.end(&run, RunStatus::Running).await;
    house.end(&run, RunStatus::Failed).await;
    assert_eq!(house.told(&ada).await.len(), told.len(), "who may not sign in is not told");
    house.engine.delete_user(owner, ada.user_id).await.unwrap();
    house.end(&run, RunStatus::Running).await;
    house.end(&run, RunStatus::Finished).await;
    let owner = house.engine.owner_actor().await.unwrap();
    assert!(house.told(&owner).await.is_empty(), "her rules went with her");
}

#[tokio::test]
async fn a_webhook_needs_a_superuser_and_mail_goes_to_oneself() {
    let house = fixture().await;
    let ada = house.user("ada@example.org").await;
    let error = |rule| {
        let (engine, ada) = (house.engine.clone(), ada.clone());
        async move { engine.create_rule(&ada, rule, None).await.unwrap_err() }
    };
    let mut rule = told_by_webhook(about(&[Occasion::JobFailed]));
    assert_eq!(error(rule.clone()).await.code, ErrorCode::PermissionDenied);
    rule.tell = Tell { email: Some("bob@example.org".to_owned()), ..Tell::default() };
    let refused = error(rule.clone()).await;
    assert_eq!(refused.code, ErrorCode::PermissionDenied);
    assert!(refused.hint.unwrap().contains("ada@example.org"));
    rule.tell.email = Some("Ada@example.org".to_owned());
    house.engine.create_rule(&ada, rule, None).await.unwrap();
    let rules = house.engine.rules(&house.owner).await.unwrap();
    assert!(rules.is_empty(), "what somebody wants to be told of is theirs");
}

impl Fixture {
    async fn queued(&self, id: &str) {
        let new = NewJob {
            task_id: Some(id.to_owned()),
            work: Work {
                name: "branchline.noop".to_owned(),
                args: "[]".to_owned(),
                kwargs: "{}".to_owned(),
                ..Work::default()
            },
            options: JobOptions { eta: Some(NOON + 600 * MINUTE), ..JobOptions::default() },
        };
        self.engine.submit_job(&self.owner, new).await.unwrap();
    }

    async fn revoked(&self, id: &str) {
        self.queued(id).await;
        self.engine.cancel_job(&self.owner, id).await.unwrap();
    }
}

#[tokio::test]
async fn jobs_are_told_of_by_queue_task_and_end() {
    let house = fixture().await;
    let revoked = about(&[Occasion::JobFailed, Occasion::JobRevoked]);
    house.make(revoked.clone()).await;
    let mut other = revoked.clone();
    other.watch.queue = Some("gpu".to_owned());
    house.make(other).await;
    let mut task = revoked;
    task.watch.name = Some("branchline.*".to_owned());
    house.make(task).await;
    house.make(about(&[Occasion::JobFinished])).await;
    house.revoked("a").await;
    house.engine.cancel_job(&house.owner, "a").await.unwrap();
    let title = "Job branchline.noop was revoked";
    assert_eq!(house.titles().await, [title, title], "two rules are about it, each tells once");
}

#[tokio::test]
async fn what_is_for_one_job_or_run_tells_once_and_is_off() {
    let house = fixture().await;
    let run = house.run(ExperimentId(0)).await;
    let mut ends = about(&[Occasion::RunFinished, Occasion::RunFailed, Occasion::RunKilled]);
    ends.watch.subject = Some(run.as_str().to_owned());
    ends.once = true;
    let uid = house.make(ends.clone()).await;
    let other = house.run(ExperimentId(0)).await;
    house.end(&other, RunStatus::Finished).await;
    house.end(&run, RunStatus::Killed).await;
    house.end(&run, RunStatus::Running).await;
    house.end(&run, RunStatus::Finished).await;
    assert_eq!(house.titles().await, ["Run bold-ox-1 was killed"]);
    assert!(!house.engine.rule(&house.owner, &uid).await.unwrap().what.enabled);
    let late = house.engine.create_rule(&house.owner, ends.clone(), None).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::ResourceConflict, "{}", late.message);
    ends.watch.subject = Some("there-is-none".to_owned());
    house.engine.create_rule(&house.owner, ends, None).await.unwrap_err();
}

#[tokio::test]
async fn a_rule_that_tells_too_much_counts() {
    let house = fixture().await;
    let uid = house.make(about(&[Occasion::JobRevoked])).await;
    for i in 0..25 {
        house.revoked(&format!("j{i}")).await;
    }
    let told = house.told(&house.owner).await;
    assert_eq!(told.len(), 20);
    assert!(told.first().unwrap().words.text.contains("only counted"));
    let rule = house.engine.rule(&house.owner, &uid).await.unwrap();
    assert_eq!(rule.withheld, 5);
    house.later(2 * MINUTE);
    house.revoked("later").await;
    assert_eq!(house.told(&house.owner).await.len(), 21);
}

#[tokio::test]
async fn a_rule_that_is_off_changed_or_gone_tells_no_more() {
    let house = fixture().await;
    let rule = told_by_webhook(about(&[Occasion::JobRevoked]));
    let uid = house.make(rule.clone()).await;
    house.revoked("a").await;
    let off = NewRule { enabled: false, ..rule.clone() };
    house.engine.update_rule(&house.owner, &uid, off, None).await.unwrap();
    house.revoked("b").await;
    assert_eq!(house.titles().await.len(), 1);
    assert!(house.engine.owed_deliveries(&house.owner, 10).await.unwrap().due.is_empty());
    house.engine.update_rule(&house.owner, &uid, rule, None).await.unwrap();
    house.revoked("c").await;
    house.engine.delete_rule(&house.owner, &uid).await.unwrap();
    assert!(house.engine.owed_deliveries(&house.owner, 10).await.unwrap().due.is_empty());
    house.revoked("d").await;
    let told = house.told(&house.owner).await;
    assert_eq!(told.len(), 2, "what was told stays");
    assert!(told.iter().all(|one| one.rule.is_none()));
    house.engine.rule(&house.owner, &uid).await.unwrap_err();
}

#[tokio::test]
async fn what_was_told_is_read_by_whom_it_was_told() {
    let house = fixture().await;
    house.make(about(&[Occasion::JobRevoked])).await;
    let ada = house.user("ada@example.org").await;
    house.revoked("a").await;
    house.revoked("b").await;
    let told = house.told(&house.owner).await;
    let newest = told.first().unwrap().id;
    assert_eq!(house.engine.read_notifications(&ada, None).await.unwrap(), 0);
    let left = house.engine.read_notifications(&house.owner, Some(vec![newest])).await.unwrap();
    assert_eq!(left, 1, "nobody else can read it away");
    let (unread, count) = house.engine.notifications(&house.owner, true, 10, None).await.unwrap();
    assert_eq!((unread.items.len(), count), (1, 1));
    assert_eq!(house.engine.read_notifications(&house.owner, None).await.unwrap(), 0);
}
