//! An alarm clock: wakes once, at a moment of the machine's clock, also one that was
//! slept through or jumped over.

use branchline_core::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use uuid::Uuid;

/// The scheduler under it looks at the clock twice a second while it runs; it runs only
/// while an alarm is set.
pub(crate) struct Alarm {
    scheduler: JobScheduler,
    rung: Arc<Notify>,
    set: Option<Uuid>,
}

impl Alarm {
    pub(crate) async fn new() -> Result<Self, JobSchedulerError> {
        let mut scheduler = JobScheduler::new().await?;
        scheduler.init().await?;
        Ok(Self { scheduler, rung: Arc::default(), set: None })
    }

    /// Sets the alarm anew, to milliseconds UTC. It knows whole seconds, and is late rather
    /// than early.
    pub(crate) async fn set(&mut self, at: i64) -> Result<(), JobSchedulerError> {
        self.clear().await?;
        let rung = Arc::clone(&self.rung);
        let this_second = SystemClock.now_ms().div_euclid(1000);
        let seconds = (at.saturating_add(999)).div_euclid(1000) - this_second;
        let wait = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let job = Job::new_one_shot_async(wait, move |_id, _scheduler| {
            let rung = Arc::clone(&rung);
            Box::pin(async move { rung.notify_one() })
        })?;
        self.set = Some(self.scheduler.add(job).await?);
        let mut ticker = self.scheduler.scheduler.write().await;
        // One that was shut down does not start again.
        *ticker = Default::default();
        ticker.init(&self.scheduler.context).await;
        ticker.start().await
    }

    /// Takes the alarm back; nothing looks at the clock any more.
    pub(crate) async fn clear(&mut self) -> Result<(), JobSchedulerError> {
        let Some(set) = self.set.take() else { return Ok(()) };
        self.scheduler.scheduler.write().await.shutdown().await;
        self.scheduler.remove(&set).await
    }

    /// Waits for the alarm; one that nobody waited for is kept.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}
