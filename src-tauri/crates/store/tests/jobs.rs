//! Jobs on a real database, under a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use branchline_core::job_order::JobOrder;
use branchline_core::machine::Machine;
use branchline_core::{
    Actor, AttemptEnd, Clock, JobOptions, JobState, NewJob, Outcome, Scope, Verdict, Work,
};
use branchline_store::{
    Claims, Class, Durability, JobQuery, Place, QueueChange, Store, StoreResult, TaskLimit, WriteTx,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

const START: i64 = 1_700_000_000_000;
const LEASE: i64 = 60_000;
const MINUTE: i64 = 60_000;
const MACHINE: Machine = Machine { gpu_slots: 2, processors: 3, on_battery: false };

struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

struct Fixture {
    store: Store,
    clock: Arc<Hand>,
    owner: Actor,
    _folder: tempfile::TempDir,
}

async fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand(START.into()));
    let store = Store::open(&folder.path().join("a.db"), Durability::Fast, clock.clone(), |tx| {
        tx.insert_user("ada@localhost", None, true).map(drop)
    })
    .unwrap();
    let user = store.read(|view| view.owner()).await.unwrap().unwrap();
    let owner =
        Actor { user_id: user.id, email: user.email, is_superuser: true, scope: Scope::Admin };
    Fixture { store, clock, owner, _folder: folder }
}

fn job(id: &str, options: JobOptions) -> NewJob {
    let work = Work { name: "t".into(), args: "[]".into(), kwargs: "{}".into(), ..Work::default() };
    NewJob { task_id: Some(id.into()), work, options }
}

impl Fixture {
    fn wait(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut WriteTx<'_>, &Actor) -> StoreResult<T> + Send + 'static,
    ) -> T {
        let owner = self.owner.clone();
        self.store.write(Class::Tracking, move |tx| work(tx, &owner)).await.unwrap()
    }

    async fn enqueue(&self, id: &str, options: JobOptions) {
        let new = job(id, options);
        self.write(move |tx, actor| tx.enqueue_job(actor, &new, &Place::default())).await;
    }

    async fn claim(&self) -> Claims {
        self.claim_on(MACHINE).await
    }

    async fn claim_on(&self, machine: Machine) -> Claims {
        self.write(move |tx, actor| tx.claim_jobs(actor, "w", 100, LEASE, machine)).await
    }

    async fn claimed(&self) -> Vec<String> {
        self.claim().await.jobs.into_iter().map(|found| found.job.task_id).collect()
    }

    async fn slots(&self, id: &'static str) -> Vec<u32> {
        let attempts = self.store.read(move |view| view.attempts(view.job(id)?.row)).await.unwrap();
        attempts.last().unwrap().gpu_slots.clone()
    }

    async fn finish(&self, id: &'static str, number: u32, verdict: Verdict) -> bool {
        self.write(move |tx, actor| {
            let Some(job) = tx.running_attempt(id, number)? else { return Ok(false) };
            let end = AttemptEnd::from(Outcome::Success("1".into()));
            tx.finish_attempt(actor, &job, &end, &verdict)?;
            Ok(true)
        })
        .await
    }

    async fn at_a_time(&self, most: u32, least: Option<u32>) {
        let change = QueueChange { at_a_time: Some((most, least)), paused: None };
        self.write(move |tx, _| tx.set_queue("main-queue", &change)).await;
    }

    async fn one_at_a_time(&self) {
        self.at_a_time(1, None).await;
    }
}

fn priority(priority: u8) -> JobOptions {
    JobOptions { priority, ..JobOptions::default() }
}

#[tokio::test]
async fn a_claim_reads_indexes_and_sorts_nothing() {
    let it = fixture().await;
    let plan = it.store.read(|view| view.explain_claim()).await.unwrap();
    for step in &plan {
        let by_index = step.contains("INDEX job_") || step.contains("PRIMARY KEY");
        assert!(by_index && !step.contains("TEMP B-TREE"), "{plan:#?}");
    }
    for index in ["job_ready", "job_on_gpu", "job_held", "job_expiring", "job_by_queue"] {
        assert!(plan.iter().any(|step| step.contains(index)), "{index} is not used: {plan:#?}");
    }
}

#[tokio::test]
async fn f1_and_f10_the_monitor_and_forgetting_read_the_index_of_ended_jobs() {
    let it = fixture().await;
    let plan = it.store.read(|view| view.explain_monitor()).await.unwrap();
    let by_index = plan.iter().filter(|step| step.contains("INDEX job_ended")).count();
    assert_eq!(by_index, 3, "{plan:#?}");
    for index in ["INDEX job_graph_alive", "COVERING INDEX job_retried"] {
        assert!(plan.iter().any(|step| step.contains(index)), "{plan:#?}");
    }
}

#[tokio::test]
async fn f10_ended_members_of_a_graph_that_goes_on_push_out_nobody() {
    let it = fixture().await;
    it.at_a_time(10, None).await;
    it.enqueue("alone", JobOptions::default()).await;
    it.wait(1);
    let member = |id: &str| (job(id, JobOptions::default()), Some("first".to_owned()));
    for (new, root) in ["first", "second", "third"].map(member) {
        let place = Place { root, ..Place::default() };
        it.write(move |tx, actor| tx.enqueue_job(actor, &new, &place)).await;
    }
    it.claim().await;
    for id in ["alone", "first", "second"] {
        it.finish(id, 1, Verdict::Ended(JobState::Success)).await;
    }
    let oldest = |keep| it.store.read(move |view| view.oldest_jobs(keep, i64::MIN, 100));
    assert_eq!(oldest(1).await.unwrap(), Vec::<String>::new(), "one ended that may go");
    assert_eq!(oldest(0).await.unwrap(), ["alone"], "and the graph stays as long as it goes on");
    it.wait(1);
    it.finish("third", 1, Verdict::Ended(JobState::Success)).await;
    assert_eq!(oldest(1).await.unwrap().len(), 3, "then its members are jobs as any");
}

#[tokio::test]
async fn q12_a_job_of_low_priority_starts_within_the_ageing_bound() {
    let it = fixture().await;
    it.one_at_a_time().await;
    it.enqueue("old", priority(0)).await;
    it.wait(89 * MINUTE);
    it.enqueue("urgent", priority(9)).await;
    it.wait(2 * MINUTE);
    it.enqueue("urgent-too-late", priority(9)).await;
    assert_eq!(it.claimed().await, ["urgent"], "nine steps are worth ninety minutes");
    it.finish("urgent", 1, Verdict::Ended(JobState::Success)).await;
    assert_eq!(it.claimed().await, ["old"], "and no more");
}

#[tokio::test]
async fn q13_a_held_job_says_when_it_is_due() {
    let it = fixture().await;
    let eta = Some(START + 5000);
    it.enqueue("later", JobOptions { eta, ..JobOptions::default() }).await;
    let early = it.claim().await;
    assert_eq!((early.jobs.len(), early.next_at), (0, eta));
    it.wait(5000);
    let due = it.claim().await;
    assert_eq!((due.jobs.len(), due.next_at), (1, None), "and nothing is waited for any more");
}

#[tokio::test]
async fn q14_what_expires_is_revoked_without_being_claimed() {
    let it = fixture().await;
    it.one_at_a_time().await;
    it.enqueue("running", JobOptions::default()).await;
    assert_eq!(it.claimed().await, ["running"]);
    let expires_at = Some(START + 1000);
    it.enqueue("fleeting", JobOptions { expires_at, ..JobOptions::default() }).await;
    assert_eq!(it.claim().await.next_at, expires_at);
    it.wait(1000);
    it.claim().await;
    let found = it.store.read(|view| view.job("fleeting")).await.unwrap();
    assert_eq!((found.job.state, found.job.attempt), (JobState::Revoked, 0));
}

#[tokio::test]
async fn q10_a_rate_gives_each_job_its_place_once() {
    let it = fixture().await;
    it.at_a_time(100, None).await;
    it.write(|tx, _| tx.set_job_rate("t", Some(100))).await;
    for n in 0..5 {
        it.enqueue(&format!("j{n}"), JobOptions::default()).await;
    }
    for n in 0..5_i64 {
        let claims = it.claim().await;
        assert_eq!(claims.jobs.len(), 1, "at {n}");
        assert_eq!(claims.jobs[0].job.task_id, format!("j{n}"));
        assert_eq!(claims.next_at, (n < 4).then_some(START + (n + 1) * 100));
        it.wait(100);
    }
}

#[tokio::test]
async fn q8_an_attempt_that_no_longer_counts_changes_nothing() {
    let it = fixture().await;
    it.enqueue("a", JobOptions::default()).await;
    assert_eq!(it.claimed().await, ["a"]);
    let lost = it.write(|tx, _| tx.lost_jobs("w")).await;
    assert!(lost.is_empty(), "its own worker has not lost it");
    assert_eq!(it.write(|tx, _| tx.lost_jobs("another")).await.len(), 1);
    assert!(it.finish("a", 1, Verdict::Requeued).await);
    assert!(!it.finish("a", 1, Verdict::Ended(JobState::Success)).await, "it has been dealt with");
    assert_eq!(it.claimed().await, ["a"]);
    assert!(
        !it.finish("a", 1, Verdict::Ended(JobState::Success)).await,
        "that was another attempt"
    );
    assert!(it.finish("a", 2, Verdict::Ended(JobState::Success)).await);
}

#[tokio::test]
async fn q17_a_job_cancelled_between_its_claim_and_its_start_does_not_count() {
    let it = fixture().await;
    it.enqueue("a", JobOptions::default()).await;
    assert_eq!(it.claimed().await, ["a"]);
    let runs = it
        .write(|tx, actor| {
            let job = tx.job("a")?;
            tx.cancel_job(actor, &job, "Cancelled.")
        })
        .await;
    assert!(runs, "its process, if there is one, has to be told");
    let counts = it.write(|tx, actor| tx.job_started(actor, "a", 1, 7)).await;
    assert!(!counts);
}

/// The plan above is what keeps it cheap; here it finds the right one and touches no other.
#[tokio::test]
async fn a_claim_among_a_hundred_thousand_moves_one_job() {
    let it = fixture().await;
    it.one_at_a_time().await;
    for batch in 0..100 {
        it.write(move |tx, actor| {
            for n in 0..1000 {
                let new = job(&format!("j{batch}-{n}"), priority(u8::try_from(n % 10).unwrap()));
                tx.enqueue_job(actor, &new, &Place::default())?;
            }
            Ok(())
        })
        .await;
    }
    let first = it.claim().await;
    assert_eq!((first.jobs.len(), first.next_at), (1, None));
    assert_eq!(first.jobs[0].job.task_id, "j0-9");
}

#[tokio::test]
async fn a_job_waits_for_as_many_slots_as_it_needs_and_keeps_nobody_else_waiting() {
    let it = fixture().await;
    it.at_a_time(10, None).await;
    let gpus = |gpus| JobOptions { gpus, ..JobOptions::default() };
    for (id, needed) in [("one", 1), ("two", 2), ("none", 0), ("other", 1)] {
        it.enqueue(id, gpus(needed)).await;
    }
    let claims = it.claim().await;
    let claimed: Vec<_> = claims.jobs.iter().map(|found| found.job.task_id.as_str()).collect();
    assert_eq!(claimed, ["one", "none", "other"], "both slots are taken, and none needs none");
    assert_eq!(it.slots("one").await, [0]);
    assert_eq!(it.slots("other").await, [1]);
    it.finish("one", 1, Verdict::Ended(JobState::Success)).await;
    assert!(it.claimed().await.is_empty(), "one slot is not two");
    it.finish("other", 1, Verdict::Ended(JobState::Success)).await;
    assert_eq!(it.claimed().await, ["two"]);
    assert_eq!(it.slots("two").await, [0, 1]);
}

#[tokio::test]
async fn f2_pages_of_an_order_neither_repeat_nor_miss_what_is_the_same_in_it() {
    let it = fixture().await;
    it.at_a_time(10, None).await;
    for n in 0..7_u8 {
        let queue = if n % 2 == 0 { "main-queue" } else { "other" }.to_owned();
        let options = JobOptions { queue, priority: n % 3, ..JobOptions::default() };
        it.enqueue(&format!("j{n}"), options).await;
        it.wait(10);
    }
    it.claim().await;
    it.finish("j0", 1, Verdict::Ended(JobState::Success)).await;
    it.wait(5);
    it.finish("j2", 1, Verdict::Ended(JobState::Success)).await;
    let listed = async |order: &str| {
        let which =
            JobQuery { order: Some(JobOrder::parse(order).unwrap()), ..JobQuery::default() };
        let (mut ids, mut token) = (Vec::new(), None);
        loop {
            let (which, after): (_, Option<String>) = (which.clone(), token);
            let page =
                it.store.read(move |view| view.jobs(&which, 2, after.as_deref())).await.unwrap();
            ids.extend(page.items.into_iter().map(|job| job.task_id));
            token = page.next_page_token;
            if token.is_none() {
                return ids.join(" ");
            }
        }
    };
    assert_eq!(listed("queue ASC").await, "j6 j4 j2 j0 j5 j3 j1", "the newest first in each");
    assert_eq!(listed("priority DESC").await, "j5 j2 j4 j1 j6 j3 j0");
    assert_eq!(listed("queued_at").await, "j0 j1 j2 j3 j4 j5 j6");
    assert_eq!(listed("runtime DESC").await, "j2 j0 j6 j5 j4 j3 j1", "what did not end is last");
    assert_eq!(listed("runtime ASC").await, "j0 j2 j6 j5 j4 j3 j1", "whatever the direction");
    let which = JobQuery { order: Some(JobOrder::parse("queue").unwrap()), ..JobQuery::default() };
    let page = it.store.read(move |view| view.jobs(&which, 2, None)).await.unwrap();
    let other = JobQuery { order: Some(JobOrder::parse("name").unwrap()), ..JobQuery::default() };
    let token = page.next_page_token;
    let wrong = it.store.read(move |view| view.jobs(&other, 2, token.as_deref())).await;
    assert!(wrong.is_err(), "a page of one order does not go on in another");
}

#[tokio::test]
async fn q18_a_queue_that_follows_the_machine_takes_as_many_as_it_has_processors() {
    let it = fixture().await;
    it.at_a_time(8, Some(1)).await;
    for n in 0..6 {
        it.enqueue(&format!("j{n}"), JobOptions::default()).await;
    }
    let on_battery = Machine { on_battery: true, ..MACHINE };
    let claims = it.claim_on(on_battery).await;
    assert_eq!(claims.jobs.len(), 1, "no more than it must");
    assert_eq!(claims.next_at, Some(START + MINUTE), "power comes back without a word");
    assert_eq!(it.claim().await.jobs.len(), 2, "three processors, and one is busy");
    assert_eq!(it.claim().await.next_at, None);
}

#[tokio::test]
async fn q22_a_limit_of_a_task_is_of_those_that_start_from_then_on_and_say_nothing_themselves() {
    let it = fixture().await;
    it.at_a_time(10, None).await;
    it.enqueue("before", JobOptions::default()).await;
    it.claim().await;
    let limit = |soft_ms, hard_ms| TaskLimit { name: "t".into(), soft_ms, hard_ms };
    let set = limit(Some(1000), Some(2000));
    it.write(move |tx, _| tx.set_job_limit(&set)).await;
    it.enqueue("after", JobOptions::default()).await;
    it.enqueue("own", JobOptions { hard_limit_ms: Some(5), ..JobOptions::default() }).await;
    let claims = it.claim().await;
    let limits = claims.jobs.iter().map(|found| &found.job.options);
    let limits: Vec<_> = limits.map(|how| (how.soft_limit_ms, how.hard_limit_ms)).collect();
    assert_eq!(limits, [(Some(1000), Some(2000)), (Some(1000), Some(5))]);
    let before = it.store.read(|view| view.job("before")).await.unwrap();
    assert_eq!(before.job.options.hard_limit_ms, None);
    let lifted = limit(None, None);
    it.write(move |tx, _| tx.set_job_limit(&lifted)).await;
    assert!(it.store.read(|view| view.job_limits()).await.unwrap().is_empty());
}
