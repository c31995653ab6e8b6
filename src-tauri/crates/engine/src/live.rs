//! What is new, for those who watch.

use crate::Engine;
use branchline_core::event::Cursor;
use branchline_core::{Actor, Result};
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
        let epoch = self.inner.store.identity().epoch;
        self.read(actor, move |view| view.changes_after(&topic, after, epoch)).await
    }
}
