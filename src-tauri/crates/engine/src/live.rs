//! What is new, for those who watch.

use crate::Engine;
use branchline_core::event::Cursor;
use branchline_core::{Actor, Error, Result};
use branchline_store::{Changes, Topic};

impl Engine {
    /// Refuses who may not hear of `topic` at all. Of the other topics everybody hears what
    /// they may see of them, which may be nothing.
    ///
    /// # Errors
    /// The topic is for superusers; there is no such job that the actor may see.
    pub async fn may_watch(&self, actor: &Actor, topic: &Topic) -> Result<()> {
        match topic {
            Topic::Jobs | Topic::Schedules | Topic::Projects if !actor.is_superuser => {
                Err(Error::denied("The user doesn't have enough privileges."))
            }
            Topic::Notifications(user) if *user != actor.user_id => {
                Err(Error::denied("What somebody is told is told to nobody else."))
            }
            Topic::JobLog(id) => self.job(actor, id).await.map(drop),
            _ => Ok(()),
        }
    }

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
        self.may_watch(actor, &topic).await?;
        let epoch = self.inner.store.identity().epoch;
        self.read(actor, move |view| view.changes_after(&topic, after, epoch)).await
    }
}
