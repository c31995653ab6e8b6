//! Rules of a user: what they want to be told of, how, and what they were told. That a rule
//! tells is decided where it happens, within its transaction (`store/src/rule_watch.rs`).

use crate::account::check_email;
use crate::experiment::{check_max_results, page};
use crate::job::may_see;
use crate::{Delivery, Engine, permit};
use branchline_core::rule::Kind;
use branchline_core::{
    Actor, Error, ErrorCode, NewRule, Notification, Occasion, Page, Result, Rule, RunId, Scope,
    Tell, Watch, Words, limits, name, new_uid, new_uuid,
};
use branchline_store::{Channel, RuleRow, StoreResult, ToldRow, WriteTx};
use serde_json::json;

/// Rules of one user at most.
const MOST: i64 = 200;
/// On a page at most.
const MAX_RESULTS: usize = 1000;

/// How a rule may tell its user, by who they are.
fn check_tell(actor: &Actor, tell: &Tell, secret: Option<&str>) -> Result<()> {
    tell.check()?;
    name::check_length("Rule secret", secret.unwrap_or_default(), limits::WEBHOOK_TEXT)?;
    if tell.webhook.is_some() {
        permit::require_superuser(actor).map_err(|error| {
            error.hint("A webhook makes the server call an address: ask an administrator, or be told in the window or by mail.")
        })?;
    }
    let Some(email) = &tell.email else { return Ok(()) };
    check_email(email)?;
    if actor.is_superuser || email.eq_ignore_ascii_case(&actor.email) {
        return Ok(());
    }
    Err(Error::denied("Your rules send mail to your own address only.")
        .hint(format!("Name {}, or change it in your profile.", actor.email)))
}

fn ended(what: &str, id: &str) -> Error {
    Error::new(ErrorCode::ResourceConflict, format!("{what} {id} has ended."))
        .hint("A rule about it would never tell. Watch others like it by their name.")
}

/// What a rule names must be there for its user, and a single job or run still has to end.
fn check_named(tx: &WriteTx<'_>, actor: &Actor, watch: &Watch) -> StoreResult<()> {
    if let Some(experiment) = watch.experiment {
        tx.experiment_row(experiment)?;
    }
    let Some(subject) = &watch.subject else { return Ok(()) };
    if watch.kind() == Some(Kind::Job) {
        let job = tx.job(subject)?.job;
        may_see(actor, &job)?;
        return if job.state.is_final() { Err(ended("Job", subject).into()) } else { Ok(()) };
    }
    let id = RunId::new(subject.as_str());
    tx.run_row(&id)?;
    let has_ended = Occasion::of_run(tx.run_info(&id)?.status).is_some();
    if has_ended { Err(ended("Run", subject).into()) } else { Ok(()) }
}

impl Engine {
    /// The actor's rules, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn rules(&self, actor: &Actor) -> Result<Vec<Rule>> {
        let user = actor.user_id;
        self.read(actor, move |view| view.rules(user)).await
    }

    /// A rule of the actor's.
    ///
    /// # Errors
    /// They have no such rule.
    pub async fn rule(&self, actor: &Actor, uid: &str) -> Result<Rule> {
        Ok(self.rule_row(actor, uid).await?.rule)
    }

    async fn rule_row(&self, actor: &Actor, uid: &str) -> Result<RuleRow> {
        let (user, uid) = (actor.user_id, uid.to_owned());
        self.read(actor, move |view| view.rule(user, &uid)).await
    }

    /// Refuses what a rule of the actor's may not be. An address is looked up only after this.
    ///
    /// # Errors
    /// A field breaks a rule; a webhook or somebody else's e-mail, and no superuser.
    pub fn check_rule(&self, actor: &Actor, what: &NewRule, secret: Option<&str>) -> Result<()> {
        permit::require(actor, Scope::Log)?;
        what.watch.check()?;
        check_tell(actor, &what.tell, secret)
    }

    /// Makes a rule of the actor's. Its webhook's address was checked by the surface.
    ///
    /// # Errors
    /// As [`Self::check_rule`]; what it names is not there; there are too many.
    pub async fn create_rule(
        &self,
        actor: &Actor,
        what: NewRule,
        secret: Option<String>,
    ) -> Result<Rule> {
        self.check_rule(actor, &what, secret.as_deref())?;
        let uid = new_uid();
        let secret = self.seal(&uid, secret.as_deref())?;
        self.durably(actor, move |tx, actor| {
            if tx.rule_count(actor.user_id)? >= MOST {
                return Err(Error::invalid(format!("You have {MOST} rules."))
                    .hint("Remove one, or widen one with a * in its name.")
                    .into());
            }
            check_named(tx, actor, &what.watch)?;
            tx.insert_rule(actor, &uid, &what, secret.as_deref())?;
            Ok(tx.rule(actor.user_id, &uid)?.rule)
        })
        .await
    }

    /// Writes a rule of the actor's anew; an absent secret stays, an empty one goes.
    ///
    /// # Errors
    /// As [`Self::create_rule`]; they have no such rule.
    pub async fn update_rule(
        &self,
        actor: &Actor,
        uid: &str,
        what: NewRule,
        secret: Option<String>,
    ) -> Result<Rule> {
        self.check_rule(actor, &what, secret.as_deref())?;
        let uid = uid.to_owned();
        let sealed = self.seal(&uid, secret.as_deref())?;
        self.durably(actor, move |tx, actor| {
            let found = tx.rule(actor.user_id, &uid)?;
            if what.enabled {
                check_named(tx, actor, &what.watch)?;
            }
            let kept = match secret {
                Some(_) => sealed,
                None => found.secret.clone().filter(|_| what.tell.webhook.is_some()),
            };
            tx.update_rule(actor, &found, &what, kept.as_deref())?;
            Ok(tx.rule(actor.user_id, &uid)?.rule)
        })
        .await
    }

    /// Removes a rule of the actor's, with its history and what is owed by it.
    ///
    /// # Errors
    /// They have no such rule.
    pub async fn delete_rule(&self, actor: &Actor, uid: &str) -> Result<()> {
        let uid = uid.to_owned();
        self.durably(actor, move |tx, actor| {
            let found = tx.rule(actor.user_id, &uid)?;
            tx.delete_rule(actor, &found)
        })
        .await
    }

    /// One page of what a rule of the actor's told, newest first.
    ///
    /// # Errors
    /// They have no such rule; a token that is wrong.
    pub async fn rule_history(
        &self,
        actor: &Actor,
        uid: &str,
        max_results: usize,
        page_token: Option<String>,
    ) -> Result<Page<Notification>> {
        check_max_results(max_results, MAX_RESULTS)?;
        let (user, uid) = (actor.user_id, uid.to_owned());
        self.read(actor, move |view| {
            let row = view.rule(user, &uid)?.row;
            Ok(page(view.told_by_rule(row, max_results, page_token.as_deref())?))
        })
        .await
    }

    /// What a rule of the actor's sends as a test, by each of its channels but the window.
    ///
    /// # Errors
    /// They have no such rule, or may not be told so any more; its secret is lost.
    pub async fn test_rule(&self, actor: &Actor, uid: &str) -> Result<Vec<Delivery>> {
        permit::require(actor, Scope::Log)?;
        let found = self.rule_row(actor, uid).await?;
        let tell = found.rule.what.tell.clone();
        check_tell(actor, &tell, None)?;
        let words = test_words(&found.rule);
        let data = json!({ "rule_id": uid, "title": words.title, "text": words.text }).to_string();
        let secret = self.unseal(uid, found.secret)?;
        let channels = [(Channel::Webhook, tell.webhook), (Channel::Email, tell.email)];
        let delivery = |channel, address| Delivery {
            row: 0,
            delivery_id: new_uuid(),
            owner: uid.to_owned(),
            channel,
            address,
            secret: secret.clone(),
            entity: "rule".to_owned(),
            action: "tested".to_owned(),
            data: data.clone(),
            told: Some(ToldRow { words: words.clone(), subject: None, experiment: None }),
            attempts: 0,
            created_at: self.now(),
        };
        let there = channels.into_iter().filter_map(|(channel, address)| Some((channel, address?)));
        Ok(there.map(|(channel, address)| delivery(channel, address)).collect())
    }

    /// Notes that a rule of the actor's was tested, and what became of that by its channels:
    /// `told`, `kept`, or why not.
    ///
    /// # Errors
    /// They have no such rule.
    pub async fn note_test(
        &self,
        actor: &Actor,
        uid: &str,
        became: Vec<(Channel, String)>,
    ) -> Result<Notification> {
        let uid = uid.to_owned();
        self.track(actor, move |tx, actor| {
            let found = tx.rule(actor.user_id, &uid)?;
            let words = test_words(&found.rule);
            let of = |channel| {
                became.iter().find(|(one, _)| *one == channel).map(|(_, words)| words.clone())
            };
            tx.insert_notification(actor, &found, None, &words, of)?;
            let newest = tx.told_by_rule(found.row, 1, None)?.items.pop();
            newest.ok_or_else(|| Error::internal("What was noted is not there.").into())
        })
        .await
    }

    /// One page of what the actor was told in the window, newest first, and how much of all
    /// they have not seen.
    ///
    /// # Errors
    /// A token that is wrong.
    pub async fn notifications(
        &self,
        actor: &Actor,
        unread: bool,
        max_results: usize,
        page_token: Option<String>,
    ) -> Result<(Page<Notification>, i64)> {
        check_max_results(max_results, MAX_RESULTS)?;
        let user = actor.user_id;
        self.read(actor, move |view| {
            let found = view.notifications(user, unread, max_results, page_token.as_deref())?;
            Ok((page(found), view.unread_notifications(user)?))
        })
        .await
    }

    /// Notes that the actor has seen what they were told: these, or all of it; answers how
    /// much is left.
    ///
    /// # Errors
    /// The database's.
    pub async fn read_notifications(&self, actor: &Actor, ids: Option<Vec<i64>>) -> Result<i64> {
        self.track(actor, move |tx, actor| {
            tx.read_notifications(actor, ids.as_deref())?;
            tx.unread_notifications(actor.user_id)
        })
        .await
    }
}

fn test_words(rule: &Rule) -> Words {
    Words { title: "A test".to_owned(), text: format!("This rule tells when: {}.", rule.words()) }
}
