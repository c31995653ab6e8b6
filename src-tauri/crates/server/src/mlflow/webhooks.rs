//! `webhooks…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::{Call, Nothing, PathOf};
use crate::state::AppState;
use crate::webhooks::check_url;
use axum::extract::State;
use axum::routing::{get, post};
use branchline_core::limits;
use branchline_engine::{NewWebhook, WebhookUpdate};
use branchline_mlflow::explain::{missing, required_text};
use branchline_mlflow::request::{
    CreateWebhook, ListWebhooks, SentEvent, TestWebhook, UpdateWebhook, max_results, page_token,
};
use branchline_mlflow::{One, Paged, WebhookTestResult};

/// What a list answers with unless it is told.
const DEFAULT_RESULTS: i64 = 100;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/webhooks", post(create).get(list)),
        ("/mlflow/webhooks/{webhook_id}", get(get_one).patch(update).delete(delete)),
        ("/mlflow/webhooks/{webhook_id}/test", post(test)),
    ]
}

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

async fn create(
    State(state): State<AppState>,
    Call { engine, actor, message }: Call<CreateWebhook>,
) -> Answer {
    engine.check_webhook_actor(&actor)?;
    let url = required_text("url", message.url)?;
    if message.events.0.is_empty() {
        return Err(missing("events").into());
    }
    let new = NewWebhook {
        name: required_text("name", message.name)?,
        description: some(message.description),
        events: message.events.into_events()?,
        secret: some(message.secret),
        status: message.status.map(|status| status.0).unwrap_or_default(),
        url,
    };
    check_url(&new.url, &state.options.webhooks).await?;
    json(&One("webhook", &engine.create_webhook(&actor, new).await?))
}

async fn list(Call { engine, actor, message }: Call<ListWebhooks>) -> Answer {
    // The client's message says 0 when its caller says nothing.
    let wanted = message.max_results.filter(|wanted| wanted.0 != 0);
    let wanted = max_results(wanted, DEFAULT_RESULTS, limits::MAX_RESULTS_WEBHOOKS)?;
    let page = engine.webhooks(&actor, wanted, page_token(message.page_token)).await?;
    json(&Paged("webhooks", &page))
}

async fn get_one(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    json(&One("webhook", &engine.webhook(&actor, &id).await?))
}

async fn update(
    PathOf(id): PathOf,
    State(state): State<AppState>,
    Call { engine, actor, message }: Call<UpdateWebhook>,
) -> Answer {
    // Events that do not exist are told first, then that there is no such webhook, and then
    // what else is wrong with the change.
    let events = message.events.into_events()?;
    engine.webhook(&actor, &id).await?;
    let update = WebhookUpdate {
        name: some(message.name),
        description: message.description,
        url: some(message.url),
        events: (!events.is_empty()).then_some(events),
        secret: message.secret,
        status: message.status.map(|status| status.0),
    };
    if let Some(url) = &update.url {
        check_url(url, &state.options.webhooks).await?;
    }
    json(&One("webhook", &engine.update_webhook(&actor, &id, update).await?))
}

async fn delete(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    engine.delete_webhook(&actor, &id).await?;
    done()
}

/// Sends an example at once, and answers what came of it.
async fn test(
    PathOf(id): PathOf,
    State(state): State<AppState>,
    Call { engine, actor, message }: Call<TestWebhook>,
) -> Answer {
    let event = message.event.as_ref().map(SentEvent::read).transpose()?;
    let delivery = engine.test_delivery(&actor, &id, event).await?;
    let result = match state.webhooks.send(&delivery).await {
        Ok(sent) => WebhookTestResult::Answered(sent.status, sent.body),
        Err(error) => {
            WebhookTestResult::Failed(format!("Failed to test webhook: {}", error.message))
        }
    };
    json(&One("result", &result))
}
