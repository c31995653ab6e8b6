//! Webhooks: who is told of what happens in the registry.

use crate::error::{Error, Result};

/// Someone who is told. The secret stays inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// A UUID.
    pub webhook_id: String,
    /// Shown name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Where to tell it.
    pub url: String,
    /// Of what; sorted.
    pub events: Vec<WebhookEvent>,
    /// Whether anything is sent.
    pub status: WebhookStatus,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

/// Whether a webhook is told anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WebhookStatus {
    /// It is.
    #[default]
    Active,
    /// Not now.
    Disabled,
}

impl WebhookStatus {
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Disabled => "DISABLED",
        }
    }
    /// Reads MLflow's name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Disabled].into_iter().find(|status| status.as_str() == text)
    }
}

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $event:ident = $entity:literal $action:literal,)+) => {
        /// What can be told: something happened to a kind of thing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum WebhookEvent {
            $($(#[doc = $doc])+ $event,)+
        }

        impl WebhookEvent {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$event),+];

            /// What it happened to.
            pub fn entity(self) -> &'static str {
                match self { $(Self::$event => $entity,)+ }
            }

            /// What happened.
            pub fn action(self) -> &'static str {
                match self { $(Self::$event => $action,)+ }
            }
        }
    };
}

events! {
    /// A registered model was made.
    ModelCreated = "registered_model" "created",
    /// A version of a model was made.
    VersionCreated = "model_version" "created",
    /// A version's tag was set.
    VersionTagSet = "model_version_tag" "set",
    /// A version's tag was removed.
    VersionTagDeleted = "model_version_tag" "deleted",
    /// An alias was pointed to a version.
    AliasCreated = "model_version_alias" "created",
    /// An alias was removed.
    AliasDeleted = "model_version_alias" "deleted",
    /// A prompt was made.
    PromptCreated = "prompt" "created",
    /// A version of a prompt was made.
    PromptVersionCreated = "prompt_version" "created",
    /// A prompt's tag was set.
    PromptTagSet = "prompt_tag" "set",
    /// A prompt's tag was removed.
    PromptTagDeleted = "prompt_tag" "deleted",
    /// The tag of a prompt's version was set.
    PromptVersionTagSet = "prompt_version_tag" "set",
    /// The tag of a prompt's version was removed.
    PromptVersionTagDeleted = "prompt_version_tag" "deleted",
    /// A prompt's alias was pointed to a version.
    PromptAliasCreated = "prompt_alias" "created",
    /// A prompt's alias was removed.
    PromptAliasDeleted = "prompt_alias" "deleted",
    /// A budget was exceeded. Budgets belong to the gateway, so this never happens here.
    BudgetExceeded = "budget_policy" "exceeded",
}

impl WebhookEvent {
    /// Finds the event in which `action` happened to `entity`.
    ///
    /// # Errors
    /// There is no such event.
    pub fn find(entity: &str, action: &str) -> Result<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|event| event.entity() == entity && event.action() == action)
            .ok_or_else(|| {
                Error::invalid(format!("Invalid action '{action}' for entity '{entity}'. {}", {
                    let names: Vec<String> = Self::ALL.iter().map(ToString::to_string).collect();
                    format!("Valid events are: {}.", names.join(", "))
                }))
            })
    }
}

impl std::fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.entity(), self.action())
    }
}

/// Checks a webhook's name.
///
/// # Errors
/// `InvalidParameterValue` when it breaks MLflow's rule.
pub fn check_webhook_name(name: &str) -> Result<()> {
    let bytes = name.as_bytes();
    let ends_well = [bytes.first(), bytes.last()]
        .into_iter()
        .all(|end| end.is_some_and(u8::is_ascii_alphanumeric));
    let inner = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if ends_well && inner && bytes.len() <= 63 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Webhook name '{}' is invalid. It must start and end with a letter or digit, be at most 63 \
         characters long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
        crate::name::truncate_chars(name, 100)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        for right in ["a", "A1", "my.web_hook-2", &"a".repeat(63)] {
            check_webhook_name(right).unwrap();
        }
        for wrong in ["", "-a", "a.", "a b", "ä", &"a".repeat(64)] {
            assert!(check_webhook_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_event_is_an_entity_and_an_action_that_fit() {
        for event in WebhookEvent::ALL {
            assert_eq!(WebhookEvent::find(event.entity(), event.action()).unwrap(), *event);
        }
        let error = WebhookEvent::find("registered_model", "deleted").unwrap_err();
        assert!(error.message.starts_with("Invalid action 'deleted' for entity"));
        assert!(error.message.contains("prompt_alias.created"));
    }
}
