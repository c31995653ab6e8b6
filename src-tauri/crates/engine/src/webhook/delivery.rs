//! What is owed to webhooks: kept in the database until it is delivered or given up, so
//! that it survives a restart. Who sends it may send it twice, never not at all.

use super::tell;
use crate::{Engine, permit};
use branchline_core::{Actor, Result, WebhookEvent, new_uuid};
use branchline_store::DeliveryRow;
use std::time::Duration;

/// A delivery to make.
#[derive(Clone)]
pub struct Delivery {
    /// The row; 0 for one that is only a test.
    pub row: i64,
    /// A UUID, the same for all attempts.
    pub delivery_id: String,
    /// To whom.
    pub webhook_id: String,
    /// Where to.
    pub url: String,
    /// Signs what is sent.
    pub secret: Option<String>,
    /// What happened.
    pub event: WebhookEvent,
    /// The event's JSON.
    pub data: String,
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
    fn unseal(&self, webhook_id: &str, secret: Option<Vec<u8>>) -> Result<Option<String>> {
        secret.map(|sealed| self.inner.vault.open(&sealed, webhook_id)).transpose()
    }

    fn delivery(&self, row: DeliveryRow) -> Result<Delivery, (i64, branchline_core::Error)> {
        let secret = self.unseal(&row.webhook_id, row.secret).map_err(|error| (row.row, error))?;
        Ok(Delivery {
            row: row.row,
            delivery_id: row.delivery_id,
            webhook_id: row.webhook_id,
            url: row.url,
            secret,
            event: row.event,
            data: row.data,
            attempts: row.attempts,
            created_at: row.created_at,
        })
    }

    /// The deliveries that are due, the longest due first, a few of each webhook. One whose
    /// secret cannot be opened would go out unsigned: it is given up.
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
                    self.finish_delivery(actor, row).await?;
                }
            }
        }
        let next_in = next.map(|at| Duration::from_millis(u64::try_from(at - now).unwrap_or(0)));
        Ok(OwedDeliveries { due, next_in })
    }

    /// Strikes a delivery off, delivered or given up.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn finish_delivery(&self, actor: &Actor, row: i64) -> Result<()> {
        permit::require_superuser(actor)?;
        self.track(actor, move |tx, _| tx.strike_off_delivery(row)).await
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
            webhook_id: webhook_id.to_owned(),
            secret: self.unseal(webhook_id, found.secret)?,
            url: found.webhook.url,
            event,
            data: tell::example(event).to_string(),
            attempts: 0,
            created_at: self.now(),
        })
    }
}
