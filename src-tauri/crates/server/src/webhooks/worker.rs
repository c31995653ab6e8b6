//! The worker: delivers what is owed to webhooks and by rules, a few at a time. A change that comes
//! while it asks what is due is kept for its next wait, so that nothing is missed between
//! the two; and whatever it was at when the process ended is due again.

use super::send::{Sender, Sent};
use crate::mail;
use crate::state::AppState;
use crate::told::TOLD;
use branchline_core::{Actor, ErrorCode, Result};
use branchline_engine::{Channel, Delivery};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Deliveries under way at a time.
const AT_ONCE: usize = 10;
/// The longest wait between two attempts, unless the receiver asks for more.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// How long a worker that failed waits before it goes on.
const RECOVER: Duration = Duration::from_secs(5);
/// A wait for what nobody announced.
const IDLE: Duration = Duration::from_secs(3600);

/// Statuses after which trying again may help; MLflow's.
const WORTH_ANOTHER_TRY: [u16; 5] = [429, 500, 502, 503, 504];

/// What to do after an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// It is delivered; as what.
    Done(&'static str),
    /// Wait, then try again.
    Again(Duration),
    /// Trying again does not help, or was tried often enough.
    GiveUp(String),
}

/// Runs until it is dropped.
pub(crate) async fn run(state: AppState) {
    let sender = Arc::clone(&state.webhooks);
    while !state.closing.is_cancelled() {
        if let Err(error) = work(&state, &sender).await {
            tracing::error!("What is owed is not delivered for a moment: {error}");
            tokio::time::sleep(RECOVER).await;
        }
    }
}

async fn work(state: &AppState, sender: &Arc<Sender>) -> Result<()> {
    let actor = state.owner().await?;
    let mut under_way = JoinSet::new();
    let mut rows = HashSet::new();
    loop {
        let mut wait = IDLE;
        if rows.len() < AT_ONCE {
            let owed = state.engine.owed_deliveries(&actor, 2 * AT_ONCE).await?;
            wait = owed.next_in.unwrap_or(IDLE);
            for delivery in owed.due {
                if rows.len() < AT_ONCE && rows.insert(delivery.row) {
                    under_way.spawn(deliver(
                        state.clone(),
                        Arc::clone(sender),
                        actor.clone(),
                        delivery,
                    ));
                }
            }
        }
        tokio::select! {
            Some(ended) = under_way.join_next() => {
                let (row, outcome) = ended.map_err(|error| {
                    branchline_core::Error::internal("A delivery did not end.").source(error)
                })?;
                rows.remove(&row);
                outcome?;
            }
            () = state.engine.something_owed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn deliver(
    state: AppState,
    sender: Arc<Sender>,
    actor: Actor,
    delivery: Delivery,
) -> (i64, Result<()>) {
    let row = delivery.row;
    let (tried, retries) = (delivery.attempts, sender.rules().max_retries);
    let next = match delivery.channel {
        Channel::Webhook => next(&sender.send(&delivery).await, tried, retries, rand::random()),
        Channel::Email => next_mail(
            &mail::deliver(&state, &actor, &delivery).await,
            tried,
            retries,
            rand::random(),
        ),
    };
    let outcome = match next {
        Next::Done(became) => state.engine.finish_delivery(&actor, row, became.to_owned()).await,
        Next::Again(wait) => {
            tracing::debug!(owner = %delivery.owner, ?wait, "something owed is delivered later");
            state.engine.postpone_delivery(&actor, row, wait).await
        }
        Next::GiveUp(why) => {
            tracing::warn!(
                owner = %delivery.owner,
                delivery = %delivery.delivery_id,
                event = %format_args!("{}.{}", delivery.entity, delivery.action),
                attempts = delivery.attempts + 1,
                "Something owed could not be delivered: {why}"
            );
            state.engine.finish_delivery(&actor, row, why).await
        }
    };
    (row, outcome)
}

/// What an attempt comes to. `jitter` is from 0 to 1.
fn next(sent: &Result<Sent>, tried: i64, max_retries: usize, jitter: f64) -> Next {
    let (why, asked) = match sent {
        Ok(sent) if !sent.is_refusal() => return Next::Done(TOLD),
        Ok(sent) => {
            let why = sent.words();
            if !WORTH_ANOTHER_TRY.contains(&sent.status) {
                return Next::GiveUp(why);
            }
            (why, sent.retry_after)
        }
        // An address that the rules refuse stays refused.
        Err(error) if error.code == ErrorCode::InvalidParameterValue => {
            return Next::GiveUp(error.message.clone());
        }
        Err(error) => (error.message.clone(), None),
    };
    again(why, asked, tried, max_retries, jitter)
}

/// What an attempt to give a mail to the server comes to.
fn next_mail(given: &Result<mail::Given>, tried: i64, max_retries: usize, jitter: f64) -> Next {
    match given {
        Ok(given) => Next::Done(given.became()),
        Err(error) if error.code == ErrorCode::InvalidParameterValue => {
            Next::GiveUp(error.message.clone())
        }
        Err(error) => again(error.message.clone(), None, tried, max_retries, jitter),
    }
}

fn again(
    why: String,
    asked: Option<Duration>,
    tried: i64,
    max_retries: usize,
    jitter: f64,
) -> Next {
    let tried = usize::try_from(tried).unwrap_or(usize::MAX);
    if tried >= max_retries {
        return Next::GiveUp(why);
    }
    let doubled = Duration::from_secs(1 << tried.min(6)).min(LONGEST_WAIT);
    let wait = doubled + Duration::from_secs(1).mul_f64(jitter);
    Next::Again(asked.map_or(wait, |asked| asked.min(LONGEST_ASKED)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_core::Error;

    fn answered(status: u16, retry_after: Option<u64>) -> Result<Sent> {
        let retry_after = retry_after.map(Duration::from_secs);
        Ok(Sent { status, body: String::new(), retry_after })
    }

    #[test]
    fn waits_double_and_end() {
        let wait = |tried| match next(&answered(503, None), tried, 3, 0.5) {
            Next::Again(wait) => Some(wait.as_millis()),
            _ => None,
        };
        assert_eq!([wait(0), wait(1), wait(2)], [Some(1500), Some(2500), Some(4500)]);
        assert_eq!(wait(3), None, "three retries are all");
        let late = next(&answered(500, None), 40, 100, 0.0);
        assert_eq!(late, Next::Again(LONGEST_WAIT));
        let down: Result<Sent> = Err(Error::new(ErrorCode::TemporarilyUnavailable, "down"));
        assert!(matches!(next(&down, 0, 3, 0.0), Next::Again(_)));
    }

    #[test]
    fn only_what_may_help_is_tried_again() {
        for fine in [200, 204, 302] {
            assert_eq!(next(&answered(fine, None), 0, 3, 0.0), Next::Done(TOLD));
        }
        for wrong in [400, 401, 404, 410, 501] {
            assert!(matches!(next(&answered(wrong, None), 0, 3, 0.0), Next::GiveUp(_)), "{wrong}");
        }
        let refused: Result<Sent> = Err(Error::invalid("not there"));
        assert!(matches!(next(&refused, 0, 3, 0.0), Next::GiveUp(_)));
        let asked = next(&answered(429, Some(7)), 0, 3, 0.9);
        assert_eq!(asked, Next::Again(Duration::from_secs(7)));
        let greedy = next(&answered(429, Some(u64::MAX)), 0, 3, 0.0);
        assert_eq!(greedy, Next::Again(LONGEST_ASKED));
    }
}
