//! Webhooks, without their secrets.

use super::Wire;
use super::object::Object;
use branchline_core::{Webhook, WebhookEvent};
use serde::{Serialize, Serializer};

impl Serialize for Wire<'_, Webhook> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let webhook = self.0;
        Object::new(serializer)?
            .set("webhook_id", &webhook.webhook_id)?
            .set("name", &webhook.name)?
            .some("description", webhook.description.as_ref().filter(|text| !text.is_empty()))?
            .set("url", &webhook.url)?
            .list("events", &webhook.events)?
            .set("status", webhook.status.as_str())?
            .set("creation_timestamp", &webhook.created_at)?
            .set("last_updated_timestamp", &webhook.updated_at)?
            .end()
    }
}

impl Serialize for Wire<'_, WebhookEvent> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?
            .set("entity", &self.0.entity().to_uppercase())?
            .set("action", &self.0.action().to_uppercase())?
            .end()
    }
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookTestResult {
    /// The receiver answered, with this status and body.
    Answered(u16, String),
    /// Nobody answered, for this reason.
    Failed(String),
}

impl Serialize for Wire<'_, WebhookTestResult> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = Object::new(serializer)?;
        match self.0 {
            WebhookTestResult::Answered(status, body) => object
                .set("success", &(*status < 400))?
                .set("response_status", status)?
                .set("response_body", body)?,
            WebhookTestResult::Failed(reason) => {
                object.set("success", &false)?.set("error_message", reason)?
            }
        }
        .end()
    }
}
