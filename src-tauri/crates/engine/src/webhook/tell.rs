//! What webhooks are told of the registry. Each function is called within the transaction
//! of the change: a delivery is owed exactly when the change is kept.

use branchline_core::{Tag, WebhookEvent};
use branchline_store::{PROMPT_TAG, RegisteredModelRow, StoreResult, WriteTx};
use serde_json::{Map, Value, json};

const PROMPT_TEXT_TAG: &str = "mlflow.prompt.text";
const PROMPT_TYPE_TAG: &str = "_mlflow_prompt_type";

/// Owes a delivery to everybody who is told of `event`. A webhook that has not taken a
/// thousand deliveries misses what comes then.
fn tell(
    tx: &mut WriteTx<'_>,
    event: WebhookEvent,
    data: impl FnOnce() -> Value,
) -> StoreResult<()> {
    let webhooks = tx.webhooks_told_of(event)?;
    if webhooks.is_empty() {
        return Ok(());
    }
    let data = data().to_string();
    for webhook in webhooks {
        if !tx.owe_delivery(webhook, event, &data)? {
            tracing::warn!(webhook, event = %event, "a webhook is owed too much and misses an event");
        }
    }
    Ok(())
}

/// Whether tags make a prompt: of a key that comes twice the last counts.
fn says_prompt(tags: &[Tag]) -> bool {
    let last = tags.iter().rev().find(|tag| tag.key == PROMPT_TAG);
    last.is_some_and(|tag| tag.value.eq_ignore_ascii_case("true"))
}

fn by_key(tags: &[Tag], without: &[&str]) -> Value {
    let shown = tags.iter().filter(|tag| !without.contains(&tag.key.as_str()));
    Value::Object(shown.map(|tag| (tag.key.clone(), tag.value.clone().into())).collect())
}

/// A registered model or prompt was made.
pub(crate) fn model_created(
    tx: &mut WriteTx<'_>,
    name: &str,
    description: Option<&str>,
    tags: &[Tag],
) -> StoreResult<()> {
    let (event, hidden): (_, &[&str]) = if says_prompt(tags) {
        (WebhookEvent::PromptCreated, &[PROMPT_TAG, PROMPT_TYPE_TAG])
    } else {
        (WebhookEvent::ModelCreated, &[])
    };
    tell(tx, event, || {
        json!({
            "name": name,
            "tags": by_key(tags, hidden),
            "description": description.unwrap_or_default(),
        })
    })
}

/// What is told of a version that was made.
pub(crate) struct Made<'a> {
    /// The model's or prompt's name.
    pub(crate) name: &'a str,
    /// The version's number.
    pub(crate) version: i64,
    /// What it was made from.
    pub(crate) source: &'a str,
    /// The run that made it.
    pub(crate) run_id: Option<&'a str>,
    /// Markdown.
    pub(crate) description: Option<&'a str>,
    /// The version's tags.
    pub(crate) tags: &'a [Tag],
}

/// A version of a model or prompt was made.
pub(crate) fn version_created(tx: &mut WriteTx<'_>, made: &Made<'_>) -> StoreResult<()> {
    let version = made.version.to_string();
    let described = made.description.filter(|text| !text.is_empty());
    if says_prompt(made.tags) {
        let template = made.tags.iter().rev().find(|tag| tag.key == PROMPT_TEXT_TAG);
        return tell(tx, WebhookEvent::PromptVersionCreated, || {
            json!({
                "name": made.name,
                "version": version,
                "template": template.map(|tag| &tag.value),
                "tags": by_key(made.tags, &[PROMPT_TEXT_TAG, PROMPT_TAG, PROMPT_TYPE_TAG]),
                "description": described,
            })
        });
    }
    tell(tx, WebhookEvent::VersionCreated, || {
        json!({
            "name": made.name,
            "version": version,
            "source": made.source,
            "run_id": made.run_id.filter(|id| !id.is_empty()),
            "tags": by_key(made.tags, &[]),
            "description": described,
        })
    })
}

/// A tag of a version, or of a model without `version`, was set, or removed without
/// `value`. As in MLflow, nobody is told of a model's own tags unless it is a prompt.
pub(crate) fn tag_changed(
    tx: &mut WriteTx<'_>,
    model: &RegisteredModelRow,
    version: Option<i64>,
    key: &str,
    value: Option<&str>,
) -> StoreResult<()> {
    let event = match (tx.is_prompt(model)?, version, value) {
        (true, None, Some(_)) => WebhookEvent::PromptTagSet,
        (true, None, None) => WebhookEvent::PromptTagDeleted,
        (true, Some(_), Some(_)) => WebhookEvent::PromptVersionTagSet,
        (true, Some(_), None) => WebhookEvent::PromptVersionTagDeleted,
        (false, Some(_), Some(_)) => WebhookEvent::VersionTagSet,
        (false, Some(_), None) => WebhookEvent::VersionTagDeleted,
        (false, None, _) => return Ok(()),
    };
    tell(tx, event, || {
        let mut data = Map::from_iter([("name".to_owned(), json!(model.name))]);
        data.extend(version.map(|number| ("version".to_owned(), json!(number.to_string()))));
        data.insert("key".to_owned(), json!(key));
        data.extend(value.map(|value| ("value".to_owned(), json!(value))));
        Value::Object(data)
    })
}

/// An alias was pointed to a version, or removed without one.
pub(crate) fn alias_changed(
    tx: &mut WriteTx<'_>,
    model: &RegisteredModelRow,
    alias: &str,
    version: Option<i64>,
) -> StoreResult<()> {
    let event = match (tx.is_prompt(model)?, version) {
        (true, Some(_)) => WebhookEvent::PromptAliasCreated,
        (true, None) => WebhookEvent::PromptAliasDeleted,
        (false, Some(_)) => WebhookEvent::AliasCreated,
        (false, None) => WebhookEvent::AliasDeleted,
    };
    tell(tx, event, || match version {
        Some(version) => {
            json!({ "name": model.name, "alias": alias, "version": version.to_string() })
        }
        None => json!({ "name": model.name, "alias": alias }),
    })
}

/// What a test says; MLflow's examples.
pub(crate) fn example(event: WebhookEvent) -> Value {
    use WebhookEvent as E;
    let name = match event.entity().starts_with("prompt") {
        true => "example_prompt",
        false => "example_model",
    };
    let tags = json!({ "example_key": "example_value" });
    let (key, value, alias) = ("example_key", "example_value", "example_alias");
    match event {
        E::ModelCreated => {
            json!({ "name": name, "tags": tags, "description": "An example registered model" })
        }
        E::PromptCreated => {
            json!({ "name": name, "tags": tags, "description": "An example prompt" })
        }
        E::VersionCreated => json!({
            "name": name, "version": "1", "source": "models:/123", "run_id": "abcd1234abcd5678",
            "tags": tags, "description": "An example model version",
        }),
        E::PromptVersionCreated => json!({
            "name": name, "version": "1", "template": "Hello {{name}}!", "tags": tags,
            "description": "An example prompt version",
        }),
        E::PromptTagSet => json!({ "name": name, "key": key, "value": value }),
        E::PromptTagDeleted => json!({ "name": name, "key": key }),
        E::VersionTagSet | E::PromptVersionTagSet => {
            json!({ "name": name, "version": "1", "key": key, "value": value })
        }
        E::VersionTagDeleted | E::PromptVersionTagDeleted => {
            json!({ "name": name, "version": "1", "key": key })
        }
        E::AliasCreated | E::PromptAliasCreated => {
            json!({ "name": name, "alias": alias, "version": "1" })
        }
        E::AliasDeleted | E::PromptAliasDeleted => json!({ "name": name, "alias": alias }),
        E::BudgetExceeded => json!({
            "budget_policy_id": "bp-abc123", "budget_unit": "USD", "budget_amount": 100.0,
            "current_spend": 105.5, "duration_unit": "MONTHS", "duration_value": 1,
            "target_scope": "ENDPOINT", "workspace": "default", "target_value": "ep-abc123",
            "window_start": 1_704_067_200_000_i64,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn the_last_tag_says_whether_it_is_a_prompt() {
        assert!(says_prompt(&[tag(PROMPT_TAG, "false"), tag(PROMPT_TAG, "True")]));
        assert!(!says_prompt(&[tag(PROMPT_TAG, "true"), tag(PROMPT_TAG, "no")]));
        assert!(!says_prompt(&[tag("a", "true")]));
    }

    #[test]
    fn every_event_has_an_example_with_a_name() {
        for event in WebhookEvent::ALL {
            let example = example(*event);
            let named = example.get("name").or(example.get("budget_policy_id"));
            assert!(named.is_some(), "{event}");
        }
    }
}
