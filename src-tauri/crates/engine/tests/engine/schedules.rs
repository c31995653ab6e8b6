//! Schedules under a clock that is moved by hand: missed times, a clock that is set, and
//! what a restart finds.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use crate::support::{Hand, open_at};
use branchline_core::{
    Actor, CatchUp, Error, Fire, FireOutcome, JobOptions, NewJob, NewSchedule, Timing, Work,
};
use branchline_engine::{Engine, JobSearch, NewUser, ScheduleUpdate, UserUpdate};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-28, noon in UTC.
const NOON: i64 = 1_795_867_200_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn read(text: &str, _now: i64) -> Result<NewJob, Error> {
    let work = Work {
        name: text.to_owned(),
        args: "[]".to_owned(),
        kwargs: "{}".to_owned(),
        ..Work::default()
    };
    Ok(NewJob { work, ..NewJob::default() })
}

fn read_unique(text: &str, now: i64) -> Result<NewJob, Error> {
    let options = JobOptions { unique_key: Some("one".to_owned()), ..JobOptions::default() };
    Ok(NewJob { options, ..read(text, now)? })
}

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

fn hourly(name: &str, catch_up: CatchUp) -> NewSchedule {
    NewSchedule {
        name: name.to_owned(),
        timing: Timing::Cron { expression: "0 * * * *".to_owned(), zone: "UTC".to_owned() },
        catch_up,
        job: "branchline.noop".to_owned(),
        enabled: true,
    }
}

impl Fixture {
    fn at(&self, ms: i64) {
        self.clock.0.store(ms, Ordering::SeqCst);
    }

    async fn make(&self, new: NewSchedule) {
        self.engine.create_schedule(&self.owner, new, read).await.unwrap();
    }

    async fn fire(&self) -> Option<i64> {
        self.engine.fire_schedules(read).await.unwrap()
    }

    async fn jobs(&self) -> usize {
        let search = JobSearch { max_results: 1000, ..JobSearch::default() };
        self.engine.jobs(&self.owner, search).await.unwrap().items.len()
    }

    /// Oldest first.
    async fn history(&self, name: &str) -> Vec<Fire> {
        let page = self.engine.schedule_history(&self.owner, name, 1000, None).await.unwrap();
        page.items.into_iter().rev().collect()
    }

    async fn outcomes(&self, name: &str) -> Vec<(FireOutcome, u32)> {
        self.history(name).await.iter().map(|fire| (fire.outcome, fire.times)).collect()
    }
}

#[tokio::test]
async fn q16_a_time_queues_one_job_and_looking_again_queues_none() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::Once)).await;
    assert_eq!(fixture.fire().await, Some(NOON + HOUR), "noon itself is over");
    assert_eq!(fixture.jobs().await, 0);
    fixture.at(NOON + HOUR);
    assert_eq!(fixture.fire().await, Some(NOON + 2 * HOUR));
    fixture.fire().await;
    assert_eq!(fixture.jobs().await, 1);
    let fires = fixture.history("h").await;
    assert_eq!(fires[0].fire_at, NOON + HOUR);
    let job = fires[0].task_id.clone().unwrap();
    let detail = fixture.engine.job(&fixture.owner, &job).await.unwrap();
    assert_eq!(detail.schedule.as_deref(), Some("h"));
    assert_eq!(detail.job.created_by, Some(fixture.owner.user_id));
}

#[tokio::test]
async fn q16_asleep_over_three_times_each_policy_does_what_it_says() {
    let fixture = fixture().await;
    for policy in CatchUp::ALL {
        fixture.make(hourly(policy.as_str(), policy)).await;
    }
    fixture.at(NOON + 3 * HOUR + 5 * MINUTE);
    fixture.fire().await;
    assert_eq!(fixture.outcomes("skip").await, [(FireOutcome::Missed, 3)]);
    let once = [(FireOutcome::Missed, 2), (FireOutcome::Queued, 1)];
    assert_eq!(fixture.outcomes("once").await, once);
    assert_eq!(fixture.outcomes("all").await, [(FireOutcome::Queued, 1); 3]);
    assert_eq!(fixture.jobs().await, 4);
    // Awake in time, each fires.
    fixture.at(NOON + 4 * HOUR);
    fixture.fire().await;
    assert_eq!(fixture.jobs().await, 7);
}

/// Moves the clock from one moment to another, half an hour at a time, and answers when a
/// daily and a half-hourly schedule of Berlin fired: minutes since the first moment.
async fn through(from: i64, hours: i64) -> (Vec<i64>, Vec<i64>) {
    let fixture = fixture().await;
    fixture.at(from);
    for (name, expression) in [("daily", "30 2 * * *"), ("often", "*/30 * * * *")] {
        let zone = "Europe/Berlin".to_owned();
        let timing = Timing::Cron { expression: expression.to_owned(), zone };
        fixture.make(NewSchedule { timing, ..hourly(name, CatchUp::All) }).await;
    }
    for step in 1..=2 * hours {
        fixture.at(from + step * 30 * MINUTE);
        fixture.fire().await;
    }
    let fired = async |name: &str| -> Vec<i64> {
        let fires = fixture.history(name).await;
        fires.iter().map(|fire| (fire.fire_at - from) / MINUTE).collect()
    };
    (fired("daily").await, fired("often").await)
}

#[tokio::test]
async fn q16_in_the_night_of_spring_the_daily_job_runs_after_the_gap() {
    // 2026-03-29, one o'clock in Berlin; at two it is three.
    let (daily, often) = through(1_774_742_400_000, 3).await;
    assert_eq!(daily, [60]);
    assert_eq!(often, [30, 60, 90, 120, 150, 180], "the clock shows each of these");
}

#[tokio::test]
async fn q16_in_the_night_of_autumn_the_daily_job_runs_once() {
    // 2026-10-25, one o'clock in Berlin; at three it is two again.
    let (daily, often) = through(1_792_882_800_000, 4).await;
    assert_eq!(daily, [90]);
    assert_eq!(often, [30, 60, 90, 120, 150, 180, 210, 240], "both hours");
}

#[tokio::test]
async fn q16_a_program_that_was_closed_catches_up_when_it_is_opened() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::All)).await;
    fixture.engine.close().await;
    fixture.at(NOON + 2 * HOUR);
    let Fixture { clock, folder, .. } = fixture;
    let engine = open_at(folder.path(), clock.clone());
    let owner = engine.owner_actor().await.unwrap();
    let again = Fixture { engine, owner, clock, folder };
    assert_eq!(again.fire().await, Some(NOON + 3 * HOUR));
    again.fire().await;
    assert_eq!(again.jobs().await, 2);
}

#[tokio::test]
async fn q16_a_clock_that_is_set_back_repeats_no_time_and_loses_none() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::Once)).await;
    fixture.at(NOON + HOUR);
    fixture.fire().await;
    // Back over the time that has fired.
    fixture.at(NOON + HOUR - 10 * MINUTE);
    assert_eq!(fixture.fire().await, Some(NOON + HOUR));
    fixture.at(NOON + HOUR);
    assert_eq!(fixture.fire().await, Some(NOON + 2 * HOUR));
    assert_eq!(fixture.jobs().await, 1, "one o'clock fired before");
    fixture.at(NOON + 2 * HOUR);
    fixture.fire().await;
    assert_eq!(fixture.jobs().await, 2);
}

#[tokio::test]
async fn q16_a_clock_that_was_a_year_ahead_does_not_stop_a_schedule_for_a_year() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::Once)).await;
    fixture.at(NOON + 365 * 24 * HOUR);
    fixture.fire().await;
    assert_eq!(fixture.jobs().await, 1);
    fixture.at(NOON + HOUR - 1);
    assert_eq!(fixture.fire().await, Some(NOON + HOUR));
    fixture.at(NOON + HOUR);
    fixture.fire().await;
    assert_eq!(fixture.jobs().await, 2, "it was told as missed and comes now");
}

#[tokio::test]
async fn q16_what_is_switched_off_misses_nothing_and_run_now_leaves_the_times() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::All)).await;
    let off = ScheduleUpdate { enabled: Some(false), ..ScheduleUpdate::default() };
    let on = ScheduleUpdate { enabled: Some(true), ..ScheduleUpdate::default() };
    let (engine, owner) = (&fixture.engine, &fixture.owner);
    let switched = engine.update_schedule(owner, "h", off, read).await.unwrap();
    assert_eq!(switched.next_at, None);
    fixture.at(NOON + 5 * HOUR + 1);
    assert_eq!(fixture.fire().await, None);
    engine.update_schedule(owner, "h", on, read).await.unwrap();
    assert_eq!(fixture.fire().await, Some(NOON + 6 * HOUR));
    assert_eq!(fixture.jobs().await, 0);
    let queued = engine.run_schedule(owner, "h", read).await.unwrap();
    assert_eq!(engine.schedule(owner, "h").await.unwrap().next_at, Some(NOON + 6 * HOUR));
    let fires = fixture.history("h").await;
    assert!(fires[0].by_hand && fires[0].task_id == Some(queued.job.task_id));
}

#[tokio::test]
async fn q16_one_with_a_unique_key_waits_for_the_one_before() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::Once)).await;
    for hour in 1..=2 {
        fixture.at(NOON + hour * HOUR);
        fixture.engine.fire_schedules(read_unique).await.unwrap();
    }
    let alive = [(FireOutcome::Queued, 1), (FireOutcome::Alive, 1)];
    assert_eq!(fixture.outcomes("h").await, alive);
    assert_eq!(fixture.jobs().await, 1);
}

#[tokio::test]
async fn q16_a_schedule_whose_user_may_not_queue_jobs_any_more_stops_and_says_so() {
    let fixture = fixture().await;
    let (engine, owner) = (&fixture.engine, &fixture.owner);
    let new = NewUser {
        email: "kim@example.org".into(),
        password: Some("long enough".into()),
        is_superuser: true,
        ..NewUser::default()
    };
    let kim = engine.create_user(owner, new).await.unwrap();
    let as_kim = Actor { user_id: kim.id, email: kim.email.clone(), ..owner.clone() };
    engine.create_schedule(&as_kim, hourly("h", CatchUp::Once), read).await.unwrap();
    let no_more = UserUpdate { is_superuser: Some(false), ..UserUpdate::default() };
    engine.update_user(owner, kim.id, no_more).await.unwrap();
    fixture.at(NOON + HOUR);
    assert_eq!(fixture.fire().await, None);
    let stopped = engine.schedule(owner, "h").await.unwrap();
    assert!(!stopped.what.enabled && stopped.reason.is_some_and(|why| why.contains("may not")));
    assert_eq!(fixture.jobs().await, 0);
    let plain = Actor { is_superuser: false, ..as_kim };
    assert!(engine.create_schedule(&plain, hourly("i", CatchUp::Once), read).await.is_err());
    assert!(engine.schedules(&plain).await.is_err());
}

#[tokio::test]
async fn q16_wrong_schedules_are_refused_with_the_reason() {
    let fixture = fixture().await;
    fixture.make(hourly("h", CatchUp::Once)).await;
    let refusal = async |new: NewSchedule| {
        fixture.engine.create_schedule(&fixture.owner, new, read).await.unwrap_err().message
    };
    assert!(refusal(hourly("h", CatchUp::Once)).await.contains("already"));
    let cron = |expression: &str| NewSchedule {
        timing: Timing::Cron { expression: expression.to_owned(), zone: "UTC".to_owned() },
        ..hourly("other", CatchUp::Once)
    };
    assert!(refusal(cron("0 0 30 2 *")).await.contains("never comes"));
    assert!(refusal(cron("a b c d e")).await.contains("no cron expression"));
    let unknown = NewSchedule { job: "no.such.task".into(), ..hourly("other", CatchUp::Once) };
    assert!(refusal(unknown).await.contains("no task"));
}
