//! Every mail that was written, with what became of it.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::Error;
use rusqlite::{OptionalExtension, Row, params};

/// Why a mail was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailKind {
    /// To a new user.
    NewAccount,
    /// With a link that sets another password.
    Recovery,
    /// To see whether mail arrives.
    Test,
    /// As a rule asks.
    Notification,
}

impl MailKind {
    const ALL: [Self; 4] = [Self::NewAccount, Self::Recovery, Self::Test, Self::Notification];

    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewAccount => "new_account",
            Self::Recovery => "recovery",
            Self::Test => "test",
            Self::Notification => "notification",
        }
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailState {
    /// There is no mail server to give it to.
    Kept,
    /// It is being given to the server.
    Sending,
    /// The server took it.
    Sent,
    /// The server did not.
    Failed,
}

impl MailState {
    const ALL: [Self; 4] = [Self::Kept, Self::Sending, Self::Sent, Self::Failed];

    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A mail to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// Why.
    pub kind: MailKind,
    /// To whom.
    pub recipient: String,
    /// Its subject.
    pub subject: String,
    /// Its words.
    pub text: String,
    /// The same for reading programs that show HTML.
    pub html: String,
}

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Row.
    pub id: i64,
    /// What was written.
    pub mail: NewMail,
    /// What became of it.
    pub state: MailState,
    /// The server's words when it failed.
    pub error: Option<String>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub sent_at: Option<i64>,
}

const MAIL: &str = "SELECT id, kind, recipient, subject, text, html, state, error, created_at, sent_at FROM outbox";
/// Older mail goes once there are more.
const KEPT: i64 = 1000;

fn read(row: &Row<'_>) -> rusqlite::Result<Mail> {
    let kind: String = row.get(1)?;
    let state: String = row.get(6)?;
    Ok(Mail {
        id: row.get(0)?,
        mail: NewMail {
            kind: MailKind::ALL.into_iter().find(|k| k.as_str() == kind).unwrap_or(MailKind::Test),
            recipient: row.get(2)?,
            subject: row.get(3)?,
            text: row.get(4)?,
            html: row.get(5)?,
        },
        state: MailState::ALL
            .into_iter()
            .find(|s| s.as_str() == state)
            .unwrap_or(MailState::Failed),
        error: row.get(7)?,
        created_at: row.get(8)?,
        sent_at: row.get(9)?,
    })
}

impl View<'_> {
    /// A mail.
    ///
    /// # Errors
    /// There is none.
    pub fn mail(&self, id: i64) -> StoreResult<Mail> {
        self.connection
            .prepare_cached(&format!("{MAIL} WHERE id = ?1"))?
            .query_row([id], read)
            .optional()?
            .ok_or_else(|| Error::not_found(format!("There is no mail {id}.")).into())
    }

    /// Mail, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn mails(&self, skip: i64, limit: i64) -> StoreResult<Vec<Mail>> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("{MAIL} ORDER BY id DESC LIMIT ?2 OFFSET ?1"))?;
        let mails = statement.query_map([skip, limit], read)?;
        Ok(mails.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Keeps a mail.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_mail(&mut self, new: &NewMail, state: MailState) -> StoreResult<Mail> {
        self.connection
            .prepare_cached(
                "INSERT INTO outbox (kind, recipient, subject, text, html, state, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                new.kind.as_str(),
                new.recipient,
                new.subject,
                new.text,
                new.html,
                state.as_str(),
                self.now(),
            ])?;
        let id = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("DELETE FROM outbox WHERE id <= ?1")?
            .execute([id - KEPT])?;
        self.mail(id)
    }

    /// Notes what became of a mail.
    ///
    /// # Errors
    /// The database's.
    pub fn settle_mail(&mut self, id: i64, error: Option<&str>) -> StoreResult<()> {
        let state = if error.is_some() { MailState::Failed } else { MailState::Sent };
        let sent_at = error.is_none().then(|| self.now());
        self.connection
            .prepare_cached("UPDATE outbox SET state = ?2, error = ?3, sent_at = ?4 WHERE id = ?1")?
            .execute(params![id, state.as_str(), error, sent_at])?;
        Ok(())
    }
}
