//! What is new, for those who watch.

use crate::Engine;
use branchline_core::event::Cursor;
use branchline_core::{Actor, Error, Result};
use branchline_store::{Changes, Topic};

impl Engine {
    /// What is new on `topic` after `after`.
    ///
    /// # Errors
    /// The database's.
    pub async fn changes_after(
        &self,
        actor: &Actor,
        topic: Topic,
        after: Cursor,
    ) -> Result<Changes> {
        match &topic {
            Topic::Jobs | Topic::Schedules if !actor.is_superuser => {
                return Err(Error::denied("The user doesn't have enough privileges."));
            }
            Topic::JobLog(id) => drop(self.job(actor, id).await?),
            _ => {}
        }
        let epoch = self.inner.store.identity().epoch;
        self.read(actor, move |view| view.changes_after(&topic, after, epoch)).await
    }
}
