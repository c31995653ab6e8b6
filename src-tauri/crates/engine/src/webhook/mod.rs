//! Webhooks: who is told of what happens in the registry.

pub(crate) mod tell;

use crate::experiment::{check_max_results, page};
use crate::{Engine, permit};
use branchline_core::webhook::check_webhook_name;
use branchline_core::{
    Actor, Error, Page, Result, Webhook, WebhookEvent, WebhookStatus, limits, name, new_uuid,
};
use branchline_store::WebhookFields;

/// A webhook to be made. Its address has been checked by the surface that took it.
#[derive(Clone, Default)]
pub struct NewWebhook {
    /// Shown name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Where to tell it.
    pub url: String,
    /// Of what; at least one.
    pub events: Vec<WebhookEvent>,
    /// Signs what is sent; kept sealed and never shown.
    pub secret: Option<String>,
    /// Whether anything is sent.
    pub status: WebhookStatus,
}

/// What becomes of a webhook; what is absent stays.
#[derive(Clone, Default)]
pub struct WebhookUpdate {
    /// Shown name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Where to tell it; checked by the surface.
    pub url: Option<String>,
    /// Of what.
    pub events: Option<Vec<WebhookEvent>>,
    /// Signs what is sent; an empty one takes it away.
    pub secret: Option<String>,
    /// Whether anything is sent.
    pub status: Option<WebhookStatus>,
}

fn check_texts(description: Option<&str>, secret: Option<&str>) -> Result<()> {
    for (field, text) in [("Webhook description", description), ("Webhook secret", secret)] {
        name::check_length(field, text.unwrap_or_default(), limits::WEBHOOK_TEXT)?;
    }
    Ok(())
}

fn check_events(events: &[WebhookEvent]) -> Result<()> {
    if events.is_empty() {
        return Err(Error::invalid("Webhook events must be a non-empty list."));
    }
    Ok(())
}

impl Engine {
    /// Whether somebody may deal with webhooks at all; asked before an address is looked
    /// up for them.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub fn check_webhook_actor(&self, actor: &Actor) -> Result<()> {
        permit::require_superuser(actor)
    }

    /// Makes a webhook.
    ///
    /// # Errors
    /// The actor is no superuser; a field breaks a rule.
    pub async fn create_webhook(&self, actor: &Actor, new: NewWebhook) -> Result<Webhook> {
        permit::require_superuser(actor)?;
        check_webhook_name(&new.name)?;
        check_texts(new.description.as_deref(), new.secret.as_deref())?;
        check_events(&new.events)?;
        let webhook_id = new_uuid();
        let secret = self.seal(&webhook_id, new.secret.as_deref())?;
        self.durably(actor, move |tx, actor| {
            let fields = WebhookFields {
                name: &new.name,
                description: new.description.as_deref(),
                url: &new.url,
                events: &new.events,
                secret: secret.as_deref(),
                status: new.status,
            };
            tx.insert_webhook(actor, &webhook_id, &fields)?;
            Ok(tx.webhook(&webhook_id)?.webhook)
        })
        .await
    }

    /// A webhook.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn webhook(&self, actor: &Actor, webhook_id: &str) -> Result<Webhook> {
        permit::require_superuser(actor)?;
        let webhook_id = webhook_id.to_owned();
        self.read(actor, move |view| Ok(view.webhook(&webhook_id)?.webhook)).await
    }

    /// One page of webhooks, newest first.
    ///
    /// # Errors
    /// The actor is no superuser; a token that is wrong.
    pub async fn webhooks(
        &self,
        actor: &Actor,
        max_results: usize,
        page_token: Option<String>,
    ) -> Result<Page<Webhook>> {
        permit::require_superuser(actor)?;
        check_max_results(max_results, limits::MAX_RESULTS_WEBHOOKS)?;
        self.read(actor, move |view| Ok(page(view.webhooks(max_results, page_token.as_deref())?)))
            .await
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// The actor is no superuser; there is none; a field breaks a rule.
    pub async fn update_webhook(
        &self,
        actor: &Actor,
        webhook_id: &str,
        update: WebhookUpdate,
    ) -> Result<Webhook> {
        permit::require_superuser(actor)?;
        update.name.as_deref().map_or(Ok(()), check_webhook_name)?;
        check_texts(update.description.as_deref(), update.secret.as_deref())?;
        update.events.as_deref().map_or(Ok(()), check_events)?;
        let secret = self.seal(webhook_id, update.secret.as_deref())?;
        let webhook_id = webhook_id.to_owned();
        self.durably(actor, move |tx, actor| {
            let there = tx.webhook(&webhook_id)?;
            let description = update.description.or(there.webhook.description);
            let new_secret = if update.secret.is_some() { secret } else { there.secret };
            let fields = WebhookFields {
                name: update.name.as_deref().unwrap_or(&there.webhook.name),
                description: description.as_deref(),
                url: update.url.as_deref().unwrap_or(&there.webhook.url),
                events: update.events.as_deref().unwrap_or(&there.webhook.events),
                secret: new_secret.as_deref(),
                status: update.status.unwrap_or(there.webhook.status),
            };
            tx.update_webhook(actor, there.row, &fields)?;
            Ok(tx.webhook(&webhook_id)?.webhook)
        })
        .await
    }

    /// Removes a webhook with what is owed to it.
    ///
    /// # Errors
    /// The actor is no superuser; there is none.
    pub async fn delete_webhook(&self, actor: &Actor, webhook_id: &str) -> Result<()> {
        permit::require_superuser(actor)?;
        let webhook_id = webhook_id.to_owned();
        self.durably(actor, move |tx, actor| {
            let webhook = tx.webhook(&webhook_id)?;
            tx.delete_webhook(actor, &webhook)
        })
        .await
    }
}
