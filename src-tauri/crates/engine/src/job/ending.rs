//! How what runs is dealt with before the program ends.

use crate::Engine;
use crate::project::NOTEBOOK_QUEUE;
use branchline_core::event::EventKind;
use branchline_core::{Actor, Result};
use tokio::sync::broadcast::error::RecvError;

impl Engine {
    /// Jobs that run. A JupyterLab is none: it never ends by itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn running_jobs(&self, actor: &Actor) -> Result<i64> {
        let queues = self.read(actor, |view| view.queues()).await?;
        let counted = queues.iter().filter(|queue| queue.name != NOTEBOOK_QUEUE);
        Ok(counted.map(|queue| queue.running).sum())
    }

    /// Starts no job any more, and returns when those that run have ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn finish_jobs(&self, actor: &Actor) -> Result<()> {
        // Before it is looked, so that no end is missed.
        let mut changes = self.subscribe();
        self.inner.jobs.finish(true);
        while self.running_jobs(actor).await? > 0 {
            loop {
                match changes.recv().await {
                    Ok(event) if !matches!(event.kind, EventKind::Job(_)) => {}
                    Err(RecvError::Closed) => return Ok(()),
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Starts jobs again.
    pub fn go_on_with_jobs(&self) {
        self.inner.jobs.finish(false);
    }

    /// What runs when the program ends runs again after the next start, whatever it asks
    /// for.
    pub fn put_jobs_back(&self) {
        self.inner.jobs.put_back();
    }
}
