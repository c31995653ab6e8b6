//! Keeping schedules: an alarm for the next time that is due, and a bell for changes. What
//! is due, and what was fired already, is known behind [`ScheduleLedger`].

use crate::alarm::Alarm;
use crate::control::Controls;
use branchline_core::{Clock, Error, Result, SystemClock};
use std::future::Future;
use std::time::Duration;

/// Where schedules are kept.
pub trait ScheduleLedger: Send + Sync {
    /// Fires what is due; answers when the next is, milliseconds UTC.
    fn fire(&self) -> impl Future<Output = Result<Option<i64>>> + Send;
}

/// An alarm further away is not set: something that wakes once a minute does.
const NEAR: Duration = Duration::from_secs(60);
/// How long a failure is waited out.
const RECOVER: Duration = Duration::from_secs(2);

/// Fires schedules until `stop`.
pub async fn keep_schedules<L: ScheduleLedger>(
    ledger: L,
    controls: Controls,
    stop: impl Future<Output = ()>,
) {
    tokio::pin!(stop);
    loop {
        let failed = tokio::select! {
            () = &mut stop => return,
            failed = keep(&ledger, &controls) => failed,
        };
        if let Err(error) = failed {
            tracing::error!("Schedules are not fired for a moment: {error}");
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(RECOVER) => {}
        }
    }
}

async fn keep<L: ScheduleLedger>(ledger: &L, controls: &Controls) -> Result<()> {
    let failed = |cause| Error::internal("The alarm cannot be set.").source(cause);
    let mut alarm = None;
    loop {
        let Some(at) = ledger.fire().await? else {
            controls.rescheduled().await;
            continue;
        };
        if at - SystemClock.now_ms() > i64::try_from(NEAR.as_millis()).unwrap_or(0) {
            // Timers stand still while the machine sleeps, and clocks are set.
            tokio::select! {
                () = controls.rescheduled() => {}
                () = tokio::time::sleep(NEAR) => {}
            }
            continue;
        }
        let alarm = match &mut alarm {
            Some(alarm) => alarm,
            none => none.insert(Alarm::new().await.map_err(failed)?),
        };
        alarm.set(at).await.map_err(failed)?;
        tokio::select! {
            () = controls.rescheduled() => {}
            () = alarm.rung() => {}
        }
        alarm.clear().await.map_err(failed)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    /// Is due once a second, three times.
    struct Three {
        fired: Arc<AtomicUsize>,
        done: Arc<Notify>,
    }

    impl ScheduleLedger for Three {
        async fn fire(&self) -> Result<Option<i64>> {
            let looks = self.fired.fetch_add(1, Ordering::SeqCst);
            if looks == 3 {
                self.done.notify_one();
                return Ok(None);
            }
            Ok(Some(SystemClock.now_ms() + 10))
        }
    }

    #[tokio::test]
    async fn q16_the_alarm_rings_again_and_again_and_nobody_looks_when_nothing_is_due() {
        let (fired, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let ledger = Three { fired: Arc::clone(&fired), done: Arc::clone(&done) };
        let controls = Controls::default();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let bell = controls.clone();
        let keeping = tokio::spawn(async move {
            keep_schedules(ledger, controls, async move { stopped.notified().await }).await;
        });
        done.notified().await;
        assert_eq!(fired.load(Ordering::SeqCst), 4);
        bell.reschedule();
        while fired.load(Ordering::SeqCst) < 5 {
            tokio::task::yield_now().await;
        }
        stop.notify_one();
        assert!(keeping.await.is_ok());
    }
}
