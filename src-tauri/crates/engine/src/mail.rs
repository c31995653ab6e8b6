//! The outbox: every mail is kept, with what became of it.

use crate::{Engine, permit};
use branchline_core::{Actor, Result};
use branchline_store::{Class, Mail, MailState, NewMail};

impl Engine {
    /// Keeps a mail. With `sending` a server is about to be given it.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_mail(&self, mail: NewMail, sending: bool) -> Result<Mail> {
        let state = if sending { MailState::Sending } else { MailState::Kept };
        self.inner.store.write(Class::Durable, move |tx| tx.insert_mail(&mail, state)).await
    }

    /// Notes what became of a mail: sent, or the server's words.
    ///
    /// # Errors
    /// The database's.
    pub async fn settle_mail(&self, id: i64, error: Option<String>) -> Result<()> {
        self.inner.store.write(Class::Durable, move |tx| tx.settle_mail(id, error.as_deref())).await
    }

    /// Mail, newest first. It holds links that set passwords: for superusers only.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn mails(&self, actor: &Actor, skip: i64, limit: i64) -> Result<Vec<Mail>> {
        permit::require_superuser(actor)?;
        self.read(actor, move |view| view.mails(skip.max(0), limit.clamp(0, 1000))).await
    }

    /// One mail.
    ///
    /// # Errors
    /// There is none; the actor is no superuser.
    pub async fn mail(&self, actor: &Actor, id: i64) -> Result<Mail> {
        permit::require_superuser(actor)?;
        self.read(actor, move |view| view.mail(id)).await
    }
}
