//! Requests about webhooks.

use crate::explain::missing;
use crate::scalar::{Int64, List, Named, WireEnum};
use branchline_core::{Result, WebhookEvent, WebhookStatus};
use serde::Deserialize;

/// `POST webhooks`.
#[derive(Deserialize)]
pub struct CreateWebhook {
    /// Required.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Required.
    pub url: Option<String>,
    /// Required.
    #[serde(default)]
    pub events: List<SentEvent>,
    /// Never answered.
    pub secret: Option<String>,
    /// Active when absent.
    pub status: Option<Named<WebhookStatus>>,
}

/// `PATCH webhooks/{id}`; what is absent stays.
#[derive(Deserialize)]
pub struct UpdateWebhook {
    /// Empty stays.
    pub name: Option<String>,
    /// May be emptied.
    pub description: Option<String>,
    /// Empty stays.
    pub url: Option<String>,
    /// Empty stays.
    #[serde(default)]
    pub events: List<SentEvent>,
    /// Empty takes it away.
    pub secret: Option<String>,
    /// Whether anything is sent.
    pub status: Option<Named<WebhookStatus>>,
}

/// `GET webhooks`.
#[derive(Debug, Deserialize)]
pub struct ListWebhooks {
    /// 100 when absent or 0.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `POST webhooks/{id}/test`.
#[derive(Debug, Deserialize)]
pub struct TestWebhook {
    /// The first that it is told of when absent.
    pub event: Option<SentEvent>,
}

/// An event, as its two halves.
#[derive(Debug, Deserialize)]
pub struct SentEvent {
    entity: Option<Named<Entity>>,
    action: Option<Named<Action>>,
}

impl SentEvent {
    /// The event that the halves make.
    ///
    /// # Errors
    /// One is missing, or they do not fit.
    pub fn read(&self) -> Result<WebhookEvent> {
        let entity = self.entity.as_ref().ok_or_else(|| missing("events.entity"))?;
        let action = self.action.as_ref().ok_or_else(|| missing("events.action"))?;
        WebhookEvent::find(&entity.0.0.to_lowercase(), &action.0.0.to_lowercase())
    }
}

impl List<SentEvent> {
    /// The events, in the order sent.
    ///
    /// # Errors
    /// One is none.
    pub fn into_events(self) -> Result<Vec<WebhookEvent>> {
        self.0.iter().map(SentEvent::read).collect()
    }
}

/// What something happened to, by its name in MLflow's messages.
#[derive(Debug, Clone, Copy)]
struct Entity(&'static str);

/// What happened, by its name in MLflow's messages.
#[derive(Debug, Clone, Copy)]
struct Action(&'static str);

/// In the order of their numbers, from 0.
const ENTITIES: [&str; 11] = [
    "ENTITY_UNSPECIFIED",
    "REGISTERED_MODEL",
    "MODEL_VERSION",
    "MODEL_VERSION_TAG",
    "MODEL_VERSION_ALIAS",
    "PROMPT",
    "PROMPT_VERSION",
    "PROMPT_TAG",
    "PROMPT_VERSION_TAG",
    "PROMPT_ALIAS",
    "BUDGET_POLICY",
];
const ACTIONS: [&str; 6] =
    ["ACTION_UNSPECIFIED", "CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED"];

fn numbered(names: &[&'static str], number: i64) -> Option<&'static str> {
    names.get(usize::try_from(number).ok()?).copied()
}

impl WireEnum for Entity {
    fn from_name(name: &str) -> Option<Self> {
        ENTITIES.into_iter().find(|known| *known == name).map(Self)
    }
    fn from_number(number: i64) -> Option<Self> {
        numbered(&ENTITIES, number).map(Self)
    }
}

impl WireEnum for Action {
    fn from_name(name: &str) -> Option<Self> {
        ACTIONS.into_iter().find(|known| *known == name).map(Self)
    }
    fn from_number(number: i64) -> Option<Self> {
        numbered(&ACTIONS, number).map(Self)
    }
}

impl WireEnum for WebhookStatus {
    fn from_name(name: &str) -> Option<Self> {
        Self::parse(name)
    }
    fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Active),
            2 => Some(Self::Disabled),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_sent_by_name_or_number() {
        let read = |json: &str| serde_json::from_str::<SentEvent>(json).unwrap().read();
        let alias = WebhookEvent::PromptAliasCreated;
        assert_eq!(read(r#"{"entity":"PROMPT_ALIAS","action":"CREATED"}"#).unwrap(), alias);
        assert_eq!(read(r#"{"entity":9,"action":1}"#).unwrap(), alias);
        assert!(read(r#"{"entity":"PROMPT"}"#).unwrap_err().message.contains("events.action"));
        let error = read(r#"{"entity":"PROMPT","action":"EXCEEDED"}"#).unwrap_err();
        assert!(error.message.starts_with("Invalid action 'exceeded' for entity 'prompt'"));
        assert!(serde_json::from_str::<SentEvent>(r#"{"entity":"NONE"}"#).is_err());
    }
}
