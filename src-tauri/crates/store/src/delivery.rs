//! What is owed: to webhooks of the registry, and to whom rules tell. Rows, written with the
//! change that they tell of, that go when they are told or given up.

use crate::change::Op;
use crate::error::StoreResult;
use crate::outbox::{Mail, MailState, NewMail};
use crate::tx::{View, WriteTx};
use branchline_core::{Actor, ExperimentId, Occasion, WebhookEvent, Words, new_uuid};
use rusqlite::{OptionalExtension, Row, params};

/// How something owed is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// By a request to an address.
    Webhook,
    /// By mail.
    Email,
}

impl Channel {
    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

/// A delivery that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// The row.
    pub row: i64,
    /// A UUID, the same for all attempts.
    pub delivery_id: String,
    /// The webhook or the rule; a secret is sealed for it.
    pub owner: String,
    /// How it is told.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// Sealed.
    pub secret: Option<Vec<u8>>,
    /// To what something happened.
    pub entity: String,
    /// What happened.
    pub action: String,
    /// What happened, JSON.
    pub data: String,
    /// What a rule tells.
    pub told: Option<ToldRow>,
    /// How often it was tried.
    pub attempts: i64,
    /// When it happened, milliseconds UTC.
    pub created_at: i64,
}

/// What a rule tells with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldRow {
    /// In words.
    pub words: Words,
    /// The job or run.
    pub subject: Option<String>,
    /// The run's experiment.
    pub experiment: Option<ExperimentId>,
}

/// What is noted of a notification that a channel is about to tell.
pub(crate) const OWED: &str = "owed";
/// Deliveries that may be owed to one webhook; what comes then is not told to it.
const MOST_OWED: i64 = 1000;
/// Deliveries of one webhook or rule that are due at a time, so that a slow one delays no
/// other.
const AT_A_TIME: i64 = 4;

const DUE: &str = "
    SELECT d.id, d.delivery_id, coalesce(w.webhook_id, r.uid), d.channel,
        CASE WHEN d.webhook_id IS NOT NULL THEN w.url
             WHEN d.channel = 'webhook' THEN r.webhook ELSE r.email END,
        coalesce(w.secret, r.secret), d.entity, d.action, d.data, d.attempts, d.created_at,
        n.title, n.body, n.subject, n.experiment_id
    FROM (SELECT d.*, n.rule_id,
              row_number() OVER (PARTITION BY d.webhook_id, n.rule_id ORDER BY d.due_at, d.id)
                  AS place
          FROM delivery d LEFT JOIN notification n ON n.id = d.notification_id
          WHERE d.due_at <= ?1) d
    LEFT JOIN webhook w ON w.id = d.webhook_id
    LEFT JOIN notification n ON n.id = d.notification_id
    LEFT JOIN rule r ON r.id = d.rule_id
    WHERE d.place <= ?2 ORDER BY d.due_at, d.id LIMIT ?3";

fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let channel: String = row.get(3)?;
    let title: Option<String> = row.get(11)?;
    let told = title.map(|title| {
        Ok::<_, rusqlite::Error>(ToldRow {
            words: Words { title, text: row.get(12)? },
            subject: row.get(13)?,
            experiment: row.get::<_, Option<i64>>(14)?.map(ExperimentId),
        })
    });
    Ok(DeliveryRow {
        row: row.get(0)?,
        delivery_id: row.get(1)?,
        owner: row.get(2)?,
        channel: if channel == "email" { Channel::Email } else { Channel::Webhook },
        address: row.get(4)?,
        secret: row.get(5)?,
        entity: row.get(6)?,
        action: row.get(7)?,
        data: row.get(8)?,
        told: told.transpose()?,
        attempts: row.get(9)?,
        created_at: row.get(10)?,
    })
}

impl View<'_> {
    /// The deliveries that are due at `now`, the longest due first, a few of each webhook and
    /// rule.
    ///
    /// # Errors
    /// The database's.
    pub fn due_deliveries(&self, now: i64, limit: usize) -> StoreResult<Vec<DeliveryRow>> {
        let mut statement = self.connection.prepare_cached(DUE)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map([now, AT_A_TIME, limit], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// When the first delivery after `now` is due.
    ///
    /// # Errors
    /// The database's.
    pub fn next_delivery_after(&self, now: i64) -> StoreResult<Option<i64>> {
        Ok(self
            .connection
            .prepare_cached("SELECT min(due_at) FROM delivery WHERE due_at > ?1")?
            .query_row([now], |row| row.get(0))?)
    }
}

impl WriteTx<'_> {
    /// Owes a webhook a delivery; answers whether there was room for it.
    ///
    /// # Errors
    /// The database's.
    pub fn owe_delivery(
        &mut self,
        webhook: i64,
        event: WebhookEvent,
        data: &str,
    ) -> StoreResult<bool> {
        let owed: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE webhook_id = ?1 LIMIT ?2)",
            )?
            .query_row([webhook, MOST_OWED], |row| row.get(0))?;
        if owed >= MOST_OWED {
            return Ok(false);
        }
        self.connection
            .prepare_cached(
                "INSERT INTO delivery (delivery_id, webhook_id, channel, entity, action, data,
                     created_at, due_at) VALUES (?1, ?2, 'webhook', ?3, ?4, ?5, ?6, ?6)",
            )?
            .execute(params![
                new_uuid(),
                webhook,
                event.entity(),
                event.action(),
                data,
                self.now()
            ])?;
        self.note_owed();
        Ok(true)
    }

    /// Owes that something is told by a channel of its rule.
    pub(crate) fn owe_notification(
        &mut self,
        notification: i64,
        channel: Channel,
        occasion: Occasion,
        data: &str,
    ) -> StoreResult<()> {
        let (entity, action) = occasion.as_str().split_once('.').unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO delivery (delivery_id, notification_id, channel, entity, action, data,
                     created_at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            )?
            .execute(params![
                new_uuid(),
                notification,
                channel.as_str(),
                entity,
                action,
                data,
                self.now()
            ])?;
        self.note_owed();
        Ok(())
    }

    /// Strikes a delivery off, delivered or given up, and notes what became of it where it is
    /// a rule's.
    ///
    /// # Errors
    /// The database's.
    pub fn strike_off_delivery(
        &mut self,
        actor: &Actor,
        row: i64,
        became: &str,
    ) -> StoreResult<()> {
        let struck: Option<(Option<i64>, String)> = self
            .connection
            .prepare_cached(
                "DELETE FROM delivery WHERE id = ?1 RETURNING notification_id, channel",
            )?
            .query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((Some(notification), channel)) = struck else { return Ok(()) };
        let user = self
            .connection
            .prepare_cached(&format!(
                "UPDATE notification SET {channel} = ?2 WHERE id = ?1 RETURNING user_id"
            ))?
            .query_row(params![notification, became], |row| row.get(0))?;
        self.notification_changed(actor, user, notification, Op::Set)
    }

    /// A rule tells by this channel no more: what is owed by it is not.
    pub(crate) fn drop_deliveries_of_rule(&self, rule: i64, channel: Channel) -> StoreResult<()> {
        let channel = channel.as_str();
        self.connection
            .prepare_cached(
                "DELETE FROM delivery WHERE channel = ?2 AND notification_id IN
                     (SELECT id FROM notification WHERE rule_id = ?1)",
            )?
            .execute(params![rule, channel])?;
        self.connection
            .prepare_cached(&format!(
                "UPDATE notification SET {channel} = 'The rule was changed before it was told.'
                 WHERE rule_id = ?1 AND {channel} = ?2"
            ))?
            .execute(params![rule, OWED])?;
        Ok(())
    }

    /// Notes that a delivery failed, and when it is tried again.
    ///
    /// # Errors
    /// The database's.
    pub fn postpone_delivery(&mut self, row: i64, due_at: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE delivery SET attempts = attempts + 1, due_at = ?2 WHERE id = ?1",
            )?
            .execute([row, due_at])?;
        Ok(())
    }

    /// The mail of a delivery in the outbox, written there once for all attempts.
    ///
    /// # Errors
    /// The database's.
    pub fn mail_of_delivery(
        &mut self,
        row: i64,
        new: &NewMail,
        state: MailState,
    ) -> StoreResult<Mail> {
        let there: Option<i64> = self
            .connection
            .prepare_cached(
                "SELECT m.id FROM delivery d JOIN outbox m ON m.id = d.mail_id WHERE d.id = ?1",
            )?
            .query_row([row], |row| row.get(0))
            .optional()?;
        if let Some(id) = there {
            return self.mail(id);
        }
        let mail = self.insert_mail(new, state)?;
        self.connection
            .prepare_cached("UPDATE delivery SET mail_id = ?2 WHERE id = ?1")?
            .execute([row, mail.id])?;
        Ok(mail)
    }
}
