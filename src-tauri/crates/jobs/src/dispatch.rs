//! The dispatcher: claims what may run, runs it, and sleeps until the next job is due or
//! somebody rings. It never looks whether there is something to do.

use crate::control::{Controls, Stop};
use crate::ledger::{Attempted, JobLedger};
use crate::process;
use crate::supervisors::Supervisors;
use branchline_core::{AttemptEnd, Error, ErrorCode, Job, Outcome, Result};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How jobs are run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who claims.
    pub worker: String,
    /// The program that supervises a process when called with `__supervise`.
    pub supervisor: PathBuf,
    /// What is kept of a job's log.
    pub log_bytes: u64,
    /// How long a process that was asked to end may take.
    pub grace: Duration,
    /// By how much a process gives way to others, 0 to 19.
    pub niceness: u8,
}

/// Jobs that run at a time, whatever the queues say.
const AT_ONCE: usize = 256;
/// A worker whose lease has run out is gone.
const LEASE: Duration = Duration::from_secs(60);
/// How often leases are kept alive while there are any.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A timer does not run while the machine sleeps: what is due by the clock is looked for
/// at least this often while something is.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long a dispatcher that failed waits before it goes on.
const RECOVER: Duration = Duration::from_secs(2);

/// What attempts are made with.
pub(crate) struct Hands<L> {
    pub(crate) ledger: L,
    pub(crate) controls: Controls,
    pub(crate) options: Options,
    pub(crate) supervisors: Supervisors,
}

/// Attempts under way, and ends that are being noted by themselves.
type Running = JoinSet<Option<Attempted>>;

/// Runs jobs until `stop`; then ends what runs, each as its job says, and returns.
pub async fn dispatch<L: JobLedger>(
    ledger: L,
    controls: Controls,
    options: Options,
    stop: impl Future<Output = ()>,
) {
    let supervisors = Supervisors::new(options.supervisor.clone());
    let hands = Arc::new(Hands { ledger, controls, options, supervisors });
    let mut running = Running::new();
    let mut ended = Vec::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            failed = work(&hands, &mut running, &mut ended) => {
                if let Err(error) = failed {
                    complain(&hands.controls, &error);
                }
                // An end that cannot be noted keeps no other from being noted.
                note_each(&hands, &mut running, &mut ended);
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(RECOVER) => {}
                }
            }
        }
    }
    hands.controls.leave();
    note_each(&hands, &mut running, &mut ended);
    while let Some(done) = running.join_next().await {
        ended.extend(done.ok().flatten());
        note_each(&hands, &mut running, &mut ended);
    }
    hands.supervisors.end_all().await;
}

fn complain(controls: &Controls, error: &Error) {
    if error.code != ErrorCode::StorageFull {
        tracing::error!("Jobs are not claimed for a moment: {error}");
        return;
    }
    // Said once, and shown for as long as it lasts.
    if controls.trouble().is_none() {
        tracing::error!("Queues stand still until the disk has space: {error}");
    }
    controls.set_trouble(Some(format!("{} Jobs go on when there is.", error.message)));
}

async fn work<L: JobLedger>(
    hands: &Arc<Hands<L>>,
    running: &mut Running,
    ended: &mut Vec<Attempted>,
) -> Result<()> {
    let Hands { ledger, controls, options, supervisors } = &**hands;
    ledger.recover(&options.worker).await?;
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while let Some(done) = running.try_join_next() {
            ended.extend(done.ok().flatten());
        }
        let room = match controls.is_finishing() {
            true => 0,
            false => AT_ONCE.saturating_sub(running.len()),
        };
        let claimed = ledger.claim(&options.worker, ended, room, LEASE).await?;
        ended.clear();
        if controls.trouble().is_some() {
            tracing::info!("The disk has space: queues go on.");
            controls.set_trouble(None);
        }
        for job in claimed.jobs {
            // At once: whoever leaves before the attempt is taken up has to reach it, too.
            let cord = controls.cord(&job.task_id);
            running.spawn(attempt(Arc::clone(hands), job, cord));
        }
        let due = async {
            match claimed.next_in {
                Some(wait) => tokio::time::sleep(wait.min(LONGEST_SLEEP)).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(due);
        loop {
            tokio::select! {
                () = controls.rung() => break,
                () = &mut due => break,
                Some(done) = running.join_next(), if !running.is_empty() => {
                    ended.extend(done.ok().flatten());
                    break;
                }
                () = supervisors.end_longest() => {}
                _ = heartbeat.tick(), if !running.is_empty() => {
                    ledger.extend(&options.worker, LEASE).await?;
                }
            }
        }
    }
}

async fn attempt<L: JobLedger>(
    hands: Arc<Hands<L>>,
    job: Job,
    mut cord: watch::Receiver<Stop>,
) -> Option<Attempted> {
    let end = match hands.ledger.is_called(&job) {
        true => call(&hands.ledger, &job, &mut cord).await,
        false => process::run(&hands, &job, &mut cord).await,
    };
    hands.controls.let_go(&job.task_id);
    Some(Attempted { job, end })
}

/// Has each end noted by itself, however long that takes.
fn note_each<L: JobLedger>(
    hands: &Arc<Hands<L>>,
    running: &mut Running,
    ended: &mut Vec<Attempted>,
) {
    for one in ended.drain(..) {
        running.spawn(note(Arc::clone(hands), one));
    }
}

/// An end that cannot be noted is noted when it can; if we end before, the job is found as
/// lost.
async fn note<L: JobLedger>(hands: Arc<Hands<L>>, ended: Attempted) -> Option<Attempted> {
    while let Err(error) = hands.ledger.finish(&ended).await {
        let id = &ended.job.task_id;
        tracing::error!(job.id = %id, "the end of a job could not be noted: {error}");
        if error.code == ErrorCode::TemporarilyUnavailable {
            break;
        }
        tokio::time::sleep(RECOVER).await;
    }
    None
}

/// Does a job in this process, where a panic is its failure. It is ended where it waits, so
/// both limits mean the same to it.
async fn call<L: JobLedger>(ledger: &L, job: &Job, cord: &mut watch::Receiver<Stop>) -> AttemptEnd {
    let (ledger, its_job) = (ledger.clone(), job.clone());
    // A task of its own, so that a panic ends only that.
    let work = tokio::spawn(async move { ledger.call(&its_job).await });
    let abort = work.abort_handle();
    let outcome = tokio::select! {
        done = work => match done {
            Ok(outcome) => outcome,
            Err(_panic) => process::failure("Panic", "The task made a mistake; the log says more."),
        },
        stop = stopped(cord) => {
            abort.abort();
            when_stopped(&stop)
        }
        limited = limit(job) => {
            abort.abort();
            limited
        }
    };
    outcome.into()
}

/// Waits until a job has gone on for longer than it may.
async fn limit(job: &Job) -> Outcome {
    let (soft, hard) = (job.options.soft_limit_ms, job.options.hard_limit_ms);
    let Some(first) = [soft, hard].into_iter().flatten().min() else {
        return std::future::pending().await;
    };
    tokio::time::sleep(Duration::from_millis(u64::try_from(first).unwrap_or_default())).await;
    if hard == Some(first) { process::past_hard_limit() } else { process::past_soft_limit() }
}

/// What a job comes to that was ended from outside.
pub(crate) fn when_stopped(stop: &Stop) -> Outcome {
    match stop {
        Stop::Leaving => {
            Outcome::Lost("Worker lost: the program ended while the job ran.".to_owned())
        }
        Stop::PutBack => {
            Outcome::PutBack("The program ended while the job ran; it runs again.".to_owned())
        }
        Stop::Cancelled | Stop::No => Outcome::Revoked("Cancelled.".to_owned()),
    }
}

/// Waits until a job has to end, and says why.
pub(crate) async fn stopped(cord: &mut watch::Receiver<Stop>) -> Stop {
    let stop = cord.wait_for(|stop| *stop != Stop::No).await.map(|stop| stop.clone());
    match stop {
        Ok(stop) => stop,
        // Nobody can pull it any more.
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Claimed, Launch};
    use branchline_core::JobOptions;
    use std::sync::Mutex;
    use tokio::sync::{Notify, mpsc};

    /// What a ledger need not do whose jobs have no process.
    macro_rules! only_called {
        () => {
            async fn recover(&self, _worker: &str) -> Result<()> {
                Ok(())
            }
            async fn extend(&self, _worker: &str, _lease: Duration) -> Result<()> {
                Ok(())
            }
            fn is_called(&self, _job: &Job) -> bool {
                true
            }
            async fn prepare(&self, _job: &Job) -> Result<Launch> {
                Err(Error::internal("It has no process."))
            }
            async fn started(&self, _job: &Job, _pid: u32) -> Result<bool> {
                Ok(true)
            }
            async fn reported(&self, _job: &Job, _line: String) {}
            fn wrote(&self, _job: &Job) {}
        };
    }

    /// Holds one job that waits for ever, and tells how it ended.
    #[derive(Clone)]
    struct One {
        job: Job,
        began: Arc<Notify>,
        ends: mpsc::UnboundedSender<Outcome>,
    }

    impl JobLedger for One {
        only_called!();
        async fn claim(
            &self,
            _worker: &str,
            ended: &[Attempted],
            room: usize,
            _lease: Duration,
        ) -> Result<Claimed> {
            for one in ended {
                self.finish(one).await?;
            }
            let jobs = if room > 0 { vec![self.job.clone()] } else { Vec::new() };
            Ok(Claimed { jobs, next_in: None })
        }
        async fn call(&self, _job: &Job) -> Outcome {
            self.began.notify_one();
            std::future::pending().await
        }
        async fn finish(&self, ended: &Attempted) -> Result<()> {
            let _ = self.ends.send(ended.end.outcome.clone());
            Ok(())
        }
    }

    fn one(options: JobOptions) -> (One, mpsc::UnboundedReceiver<Outcome>) {
        let (ends, heard) = mpsc::unbounded_channel();
        let job = Job { task_id: "a".into(), options, ..Job::default() };
        (One { job, began: Arc::default(), ends }, heard)
    }

    async fn run(ledger: impl JobLedger, controls: &Controls, stop: impl Future<Output = ()>) {
        let options = Options {
            worker: "w".into(),
            supervisor: PathBuf::new(),
            log_bytes: 0,
            grace: Duration::ZERO,
            niceness: 0,
        };
        dispatch(ledger, controls.clone(), options, stop).await;
    }

    #[tokio::test]
    async fn q9_a_job_of_this_process_ends_at_its_limit() {
        for (soft, hard, word) in
            [(None, Some(20), "TimeLimitExceeded"), (Some(10), Some(20), "SoftTimeLimitExceeded")]
        {
            let limits =
                JobOptions { soft_limit_ms: soft, hard_limit_ms: hard, ..JobOptions::default() };
            let (ledger, mut heard) = one(limits);
            let stop = async {
                let Some(Outcome::Failure { exception, .. }) = heard.recv().await else {
                    panic!("it is a failure");
                };
                assert_eq!(exception, word);
            };
            run(ledger, &Controls::default(), stop).await;
        }
    }

    #[tokio::test]
    async fn q27_what_runs_is_put_back_when_a_person_wants_it_later() {
        let (ledger, mut heard) = one(JobOptions::default());
        let controls = Controls::default();
        controls.put_back();
        let began = Arc::clone(&ledger.began);
        run(ledger, &controls, async move { began.notified().await }).await;
        assert!(matches!(heard.recv().await, Some(Outcome::PutBack(_))));
    }

    #[tokio::test]
    async fn q27_nothing_is_claimed_while_what_runs_is_let_finish() {
        let (ledger, mut heard) = one(JobOptions::default());
        let controls = Controls::default();
        controls.finish(true);
        run(ledger, &controls, tokio::time::sleep(Duration::from_millis(5))).await;
        assert!(heard.try_recv().is_err(), "it was never claimed");
    }

    /// Holds jobs that end at once, and tells what was noted of which, with a claim or by itself.
    #[derive(Clone)]
    struct Several {
        jobs: Arc<Mutex<Vec<Job>>>,
        noted: mpsc::UnboundedSender<(&'static str, String)>,
    }

    impl Several {
        fn note(&self, how: &'static str, ended: &[Attempted]) -> Result<()> {
            if ended.iter().any(|one| one.job.task_id == "bad") {
                return Err(Error::internal("It cannot be noted."));
            }
            for one in ended {
                let _ = self.noted.send((how, one.job.task_id.clone()));
            }
            Ok(())
        }

        fn add(&self, id: &str) {
            self.jobs.lock().unwrap().push(Job { task_id: id.into(), ..Job::default() });
        }
    }

    impl JobLedger for Several {
        only_called!();
        async fn claim(
            &self,
            _worker: &str,
            ended: &[Attempted],
            _room: usize,
            _lease: Duration,
        ) -> Result<Claimed> {
            self.note("with a claim", ended)?;
            Ok(Claimed { jobs: std::mem::take(&mut self.jobs.lock().unwrap()), next_in: None })
        }
        async fn call(&self, _job: &Job) -> Outcome {
            Outcome::Success("null".to_owned())
        }
        async fn finish(&self, ended: &Attempted) -> Result<()> {
            self.note("by itself", std::slice::from_ref(ended))
        }
    }

    fn several(ids: &[&str]) -> (Several, mpsc::UnboundedReceiver<(&'static str, String)>) {
        let (noted, heard) = mpsc::unbounded_channel();
        let ledger = Several { jobs: Arc::default(), noted };
        ids.iter().for_each(|id| ledger.add(id));
        (ledger, heard)
    }

    #[tokio::test(start_paused = true)]
    async fn ends_are_noted_with_the_next_claim() {
        let (ledger, mut heard) = several(&["a", "b"]);
        let stop = async {
            for id in ["a", "b"] {
                assert_eq!(heard.recv().await, Some(("with a claim", id.to_owned())));
            }
        };
        run(ledger, &Controls::default(), stop).await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_that_cannot_be_noted_keeps_no_other_from_being_noted() {
        let (ledger, mut heard) = several(&["a", "bad"]);
        let controls = Controls::default();
        let mut went_on = false;
        let stop = async {
            assert_eq!(heard.recv().await.map(|(_, id)| id).as_deref(), Some("a"));
            ledger.add("c");
            controls.ring();
            assert_eq!(heard.recv().await, Some(("with a claim", "c".to_owned())));
            went_on = true;
        };
        let dispatched = run(ledger.clone(), &controls, stop);
        // What cannot be noted is tried for as long as the program goes on.
        assert!(tokio::time::timeout(Duration::from_secs(600), dispatched).await.is_err());
        assert!(went_on);
    }

    #[tokio::test]
    async fn q17_a_job_that_is_cancelled_before_it_is_taken_up_ends() {
        let (ledger, mut heard) = one(JobOptions::default());
        let controls = Controls::default();
        controls.hold("a");
        controls.cancel("a");
        let stop = async {
            assert!(matches!(heard.recv().await, Some(Outcome::Revoked(_))));
        };
        run(ledger, &controls, stop).await;
    }
}
