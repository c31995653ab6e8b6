//! How others reach the dispatcher: a bell, and a cord for each running job.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Why a running job is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Go on.
    No,
    /// Somebody cancelled it.
    Cancelled,
    /// The program ends.
    Leaving,
    /// The program ends, and the job is to run again after the next start.
    PutBack,
}

/// Reaches the dispatcher of this process. A clone reaches the same one.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    bell: Notify,
    schedules: Notify,
    cords: Mutex<HashMap<String, watch::Sender<Stop>>>,
    /// Why nothing is claimed, where nobody asked for that.
    trouble: Mutex<Option<String>>,
    /// Nothing is claimed any more: the program ends when what runs has ended.
    finishing: AtomicBool,
    /// What runs when the program ends runs again after the next start.
    put_back: AtomicBool,
}

impl Controls {
    /// Something may be claimed now. A ring that nobody waits for is kept.
    pub fn ring(&self) {
        self.inner.bell.notify_one();
    }

    /// Why nothing is claimed at this time, where nobody asked for that.
    pub fn trouble(&self) -> Option<String> {
        self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_trouble(&self, why: Option<String>) {
        *self.inner.trouble.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// What schedules do, or when, is different now. A word that nobody waits for is kept.
    pub fn reschedule(&self) {
        self.inner.schedules.notify_one();
    }

    pub(crate) async fn rescheduled(&self) {
        self.inner.schedules.notified().await;
    }

    /// Claims nothing any more, or again; what runs goes on.
    pub fn finish(&self, finishing: bool) {
        self.inner.finishing.store(finishing, Ordering::Relaxed);
        self.ring();
    }

    /// Whether nothing is claimed because the program is about to end.
    pub fn is_finishing(&self) -> bool {
        self.inner.finishing.load(Ordering::Relaxed)
    }

    /// What runs when the program ends is to run again after the next start, whatever it
    /// asks for.
    pub fn put_back(&self) {
        self.inner.put_back.store(true, Ordering::Relaxed);
    }

    /// Ends a job that runs here.
    pub fn cancel(&self, task_id: &str) {
        self.pull(task_id, &Stop::Cancelled);
    }

    pub(crate) async fn rung(&self) {
        self.inner.bell.notified().await;
    }

    fn pull(&self, task_id: &str, stop: &Stop) {
        if let Some(cord) = self.cords().get(task_id) {
            // It is seen by whoever takes its other end later, too.
            cord.send_replace(stop.clone());
        }
    }

    pub(crate) fn leave(&self) {
        let stop = match self.inner.put_back.load(Ordering::Relaxed) {
            true => Stop::PutBack,
            false => Stop::Leaving,
        };
        for cord in self.cords().values() {
            cord.send_replace(stop.clone());
        }
    }

    fn cords(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Stop>>> {
        self.inner.cords.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on whoever cancels this job reaches the attempt at it that is being claimed.
    pub fn hold(&self, task_id: &str) {
        self.cords().insert(task_id.to_owned(), watch::Sender::new(Stop::No));
    }

    /// The end of a job's cord; of a new one, where nobody holds any.
    pub(crate) fn cord(&self, task_id: &str) -> watch::Receiver<Stop> {
        let mut cords = self.cords();
        let cord = cords.entry(task_id.to_owned()).or_insert_with(|| watch::Sender::new(Stop::No));
        cord.subscribe()
    }

    pub(crate) fn let_go(&self, task_id: &str) {
        self.cords().remove(task_id);
    }
}
