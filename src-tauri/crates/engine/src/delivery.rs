//! What is owed to webhooks, and to whom rules tell: kept in the database until it is
//! delivered or given up, so that it survives a restart. Who sends it may send it twice,
//! never not at all.

use crate::webhook::tell;
use crate::{Engine, permit};
use branchline_core::{Actor, Result, WebhookEvent, new_uuid};
use branchline_store::{Channel, DeliveryRow, Mail, MailState, NewMail, ToldRow};
use std::time::Duration;

/// A delivery to make.
#[derive(Clone)]
pub struct Delivery {
    /// The row; 0 for one that is only a test.
    pub row: i64,
    /// A UUID, the same for all attempts.
    pub delivery_id: String,
    /// The webhook or the rule.
    pub owner: String,
    /// How it is told.
    pub channel: Channel,
    /// Where to.
    pub address: String,
    /// Signs what is sent.
    pub secret: Option<String>,
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

/// What is owed.
pub struct OwedDeliveries {
    /// What is due.
    pub due: Vec<Delivery>,
    /// How long until something else is; `None` when nothing else is owed.
    pub next_in: Option<Duration>,
}

impl Engine {
    pub(crate) fn unseal(&self, owner: &str, secret: Option<Vec<u8>>) -> Result<Option<String>> {
        secret.map(|sealed| self.inner.vault.open(&sealed, owner)).transpose()
    }

    pub(crate) fn seal(&self, owner: &str, secret: Option<&str>) -> Result<Option<Vec<u8>>> {
        let secret = secret.filter(|secret| !secret.is_empty());
        secret.map(|secret| self.inner.vault.seal(secret, owner)).transpose()
    }

    fn delivery(&self, row: DeliveryRow) -> Result<Delivery, (i64, branchline_core::Error)> {
        let secret = self.unseal(&row.owner, row.secret).map_err(|error| (row.row, error))?;
        Ok(Delivery {
            row: row.row,
            delivery_id: row.delivery_id,
            owner: row.owner,
            channel: row.channel,
            address: row.address,
            secret,
            entity: row.entity,
            action: row.action,
            data: row.data,
            told: row.told,
            attempts: row.attempts,
            created_at: row.created_at,
        })
    }

    /// The deliveries that are due, the longest due first, a few of each webhook and rule. One
    /// whose secret cannot be opened would go out unsigned: it is given up.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn owed_deliveries(&self, actor: &Actor, limit: usize) -> Result<OwedDeliveries> {
        permit::require_superuser(actor)?;
        let now = self.now();
        // Both of one instant, so that nothing becomes due between the two.
        let (rows, next) = self
            .read(actor, move |view| {
                Ok((view.due_deliveries(now, limit)?, view.next_delivery_after(now)?))
            })
            .await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            match self.delivery(row) {
                Ok(delivery) => due.push(delivery),
                Err((row, error)) => {
                    tracing::error!(
                        "A webhook was not told, for its secret is lost: {error} {}",
                        error.hint.as_deref().unwrap_or_default()
                    );
                    self.finish_delivery(actor, row, "Its secret is lost.".to_owned()).await?;
                }
            }
        }
        let next_in = next.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)));
        Ok(OwedDeliveries { due, next_in })
    }

    /// Strikes a delivery off; `became` says what became of it: `told`, `kept`, or why not.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn finish_delivery(&self, actor: &Actor, row: i64, became: String) -> Result<()> {
        permit::require_superuser(actor)?;
        self.track(actor, move |tx, actor| tx.strike_off_delivery(actor, row, &became)).await
    }

    /// Notes that a delivery failed, and how long to wait before the next attempt.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn postpone_delivery(&self, actor: &Actor, row: i64, wait: Duration) -> Result<()> {
        permit::require_superuser(actor)?;
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2);
        let due_at = self.now().saturating_add(wait);
        self.track(actor, move |tx, _| tx.postpone_delivery(row, due_at)).await
    }

    /// The mail of a delivery, kept in the outbox once for all attempts. With `sending` a
    /// server is about to be given it.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn mail_of_delivery(
        &self,
        actor: &Actor,
        row: i64,
        mail: NewMail,
        sending: bool,
    ) -> Result<Mail> {
        permit::require_superuser(actor)?;
        let state = if sending { MailState::Sending } else { MailState::Kept };
        self.durably(actor, move |tx, _| tx.mail_of_delivery(row, &mail, state)).await
    }

    /// An example of `event`, or of the first event that the webhook is told of.
    ///
    /// # Errors
    /// The actor is no superuser; there is no such webhook; its secret is lost.
    pub async fn test_delivery(
        &self,
        actor: &Actor,
        webhook_id: &str,
        event: Option<WebhookEvent>,
    ) -> Result<Delivery> {
        permit::require_superuser(actor)?;
        let id = webhook_id.to_owned();
        let found = self.read(actor, move |view| view.webhook(&id)).await?;
        let told = found.webhook.events.first().copied();
        let event = event.or(told).unwrap_or(WebhookEvent::ModelCreated);
        Ok(Delivery {
            row: 0,
            delivery_id: new_uuid(),
            owner: webhook_id.to_owned(),
            channel: Channel::Webhook,
            address: found.webhook.url,
            secret: self.unseal(webhook_id, found.secret)?,
            entity: event.entity().to_owned(),
            action: event.action().to_owned(),
            data: tell::example(event).to_string(),
            told: None,
            attempts: 0,
            created_at: self.now(),
        })
    }
}
