//! What rules told: the history of each, and the list that a user sees in the window.

use crate::change::{Kind, Op};
use crate::delivery::{Channel, OWED};
use crate::error::StoreResult;
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::rule::RuleRow;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::happening::{Happening, Place};
use branchline_core::{
    Actor, ExperimentId, Notification, Occasion, User, Words, failpoint, number,
};
use rusqlite::types::Value;
use rusqlite::{Row, params};
use serde_json::json;

/// What is kept of what a rule told, and with it what is owed by it.
const KEPT_OF_RULE: i64 = 200;
/// What is kept of what a user was told.
const KEPT_OF_USER: i64 = 1000;
/// A rule tells this much within [`WINDOW_MS`], and then only counts.
const MOST: i64 = 20;
const WINDOW_MS: i64 = 60_000;

const COLUMNS: &str = "n.id, r.uid, n.occasion, n.subject, n.experiment_id, n.title, n.body, n.at,
    n.desktop, n.read_at, n.webhook, n.email";
const SOURCE: &str = "notification n LEFT JOIN rule r ON r.id = n.rule_id";

fn read(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let occasion: Option<String> = row.get(2)?;
    Ok(Notification {
        id: row.get(0)?,
        rule: row.get(1)?,
        occasion: occasion.and_then(|one| Occasion::parse(&one).ok()),
        subject: row.get(3)?,
        experiment: row.get::<_, Option<i64>>(4)?.map(ExperimentId),
        words: Words { title: row.get(5)?, text: row.get(6)? },
        at: row.get(7)?,
        desktop: row.get(8)?,
        read_at: row.get(9)?,
        webhook: row.get(10)?,
        email: row.get(11)?,
    })
}

impl View<'_> {
    fn told(
        &self,
        filter: Sql,
        question: u64,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Notification>> {
        let select = Select {
            columns: COLUMNS,
            source: Sql::new(SOURCE),
            filter: vec![filter],
            terms: vec![Term::new("n.id", true)],
        };
        self.page(&[select], question, token, max_results, &read)
    }

    /// One page of what a user was told in the window, newest first.
    ///
    /// # Errors
    /// A page token that is wrong.
    pub fn notifications(
        &self,
        user: i64,
        unread: bool,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Notification>> {
        let unseen = if unread { " AND n.read_at IS NULL" } else { "" };
        let filter =
            Sql::with(format!("n.user_id = ? AND n.desktop = 1{unseen}"), [Value::Integer(user)]);
        let question = query::fingerprint(&("notifications", user, unread));
        self.told(filter, question, max_results, token)
    }

    /// How much a user was told in the window and has not seen.
    ///
    /// # Errors
    /// The database's.
    pub fn unread_notifications(&self, user: i64) -> StoreResult<i64> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM notification
                 WHERE user_id = ?1 AND desktop = 1 AND read_at IS NULL",
            )?
            .query_row([user], |row| row.get(0))?)
    }

    /// One page of what a rule told, newest first.
    ///
    /// # Errors
    /// A page token that is wrong.
    pub fn told_by_rule(
        &self,
        rule: i64,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Notification>> {
        let filter = Sql::with("n.rule_id = ?", [Value::Integer(rule)]);
        let question = query::fingerprint(&("told by rule", rule));
        self.told(filter, question, max_results, token)
    }

    fn told_lately(&self, rule: i64, since: i64) -> StoreResult<i64> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT at, occasion FROM notification WHERE rule_id = ?1
                     ORDER BY id DESC LIMIT ?2)
                 WHERE at > ?3 AND occasion IS NOT NULL",
            )?
            .query_row([rule, MOST, since], |row| row.get(0))?)
    }
}

impl WriteTx<'_> {
    /// Tells a rule's user of what happened, and owes what else it is told by; answers whether
    /// it did. A rule that told too much within a minute only counts.
    pub(crate) fn note_happening(
        &mut self,
        actor: &Actor,
        found: &RuleRow,
        user: &User,
        happening: &Happening,
    ) -> StoreResult<bool> {
        let now = self.now();
        let lately = self.told_lately(found.row, now - WINDOW_MS)?;
        if lately >= MOST {
            self.connection
                .prepare_cached("UPDATE rule SET withheld = withheld + 1 WHERE id = ?1")?
                .execute([found.row])?;
            return Ok(false);
        }
        let mut words = happening.words(found.rule.what.watch.threshold);
        if lately + 1 == MOST {
            words.text.push_str(" More of this minute is only counted.");
        }
        let tell = &found.rule.what.tell;
        // Whoever is no superuser any more makes the server call no address, and write to
        // nobody but themselves.
        let webhook = tell.webhook.is_some() && user.is_superuser;
        let email = tell.email.as_deref();
        let email =
            email.is_some_and(|to| user.is_superuser || to.eq_ignore_ascii_case(&user.email));
        let id = self.insert_notification(actor, found, Some(happening), &words, |channel| {
            let told_so = match channel {
                Channel::Webhook => webhook,
                Channel::Email => email,
            };
            told_so.then(|| OWED.to_owned())
        })?;
        let data = || data(found, happening, &words);
        if webhook {
            self.owe_notification(id, Channel::Webhook, happening.occasion, &data().to_string())?;
        }
        if email {
            self.owe_notification(id, Channel::Email, happening.occasion, "")?;
        }
        failpoint!("rule::told")?;
        Ok(true)
    }

    /// Notes what a rule told, and what became of telling it by a channel; answers its number.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_notification(
        &mut self,
        actor: &Actor,
        found: &RuleRow,
        happening: Option<&Happening>,
        words: &Words,
        became: impl Fn(Channel) -> Option<String>,
    ) -> StoreResult<i64> {
        let experiment = happening.and_then(|happening| match &happening.place {
            Place::Experiment { id, .. } => Some(id.0),
            Place::Queue { .. } => None,
        });
        let user = found.rule.user_id;
        self.connection
            .prepare_cached(
                "INSERT INTO notification (user_id, rule_id, occasion, subject, experiment_id, title,
                     body, at, desktop, webhook, email)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                user,
                found.row,
                happening.map(|happening| happening.occasion.as_str()),
                happening.map(|happening| &happening.subject),
                experiment,
                words.title,
                words.text,
                self.now(),
                found.rule.what.tell.desktop,
                became(Channel::Webhook),
                became(Channel::Email),
            ])?;
        let id = self.connection.last_insert_rowid();
        for (column, of, kept) in
            [("rule_id", found.row, KEPT_OF_RULE), ("user_id", user, KEPT_OF_USER)]
        {
            self.connection
                .prepare_cached(&format!(
                    "DELETE FROM notification WHERE {column} = ?1 AND id <=
                         (SELECT id FROM notification WHERE {column} = ?1
                          ORDER BY id DESC LIMIT 1 OFFSET ?2)"
                ))?
                .execute([of, kept])?;
        }
        self.notification_changed(actor, user, id, Op::Create)?;
        Ok(id)
    }

    pub(crate) fn notification_changed(
        &mut self,
        actor: &Actor,
        user: i64,
        id: i64,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Notification, user, Some(&id.to_string()), op)?;
        self.notify(seq, EventKind::Notification(user));
        Ok(())
    }

    /// Notes that the actor has seen what they were told: these, or all of it.
    ///
    /// # Errors
    /// The database's.
    pub fn read_notifications(&mut self, actor: &Actor, ids: Option<&[i64]>) -> StoreResult<()> {
        let one = ids.map(|ids| json!(ids).to_string());
        let mut statement = self.connection.prepare_cached(
            "UPDATE notification SET read_at = ?2
             WHERE user_id = ?1 AND desktop = 1 AND read_at IS NULL
               AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))
             RETURNING id",
        )?;
        let seen: Vec<i64> = statement
            .query_map(params![actor.user_id, self.now(), one], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        drop(statement);
        for id in seen {
            self.notification_changed(actor, actor.user_id, id, Op::Set)?;
        }
        Ok(())
    }
}

/// What happened as a webhook is told it.
fn data(found: &RuleRow, happening: &Happening, words: &Words) -> serde_json::Value {
    let mut data = json!({ "rule_id": found.rule.uid, "title": words.title, "text": words.text });
    match &happening.place {
        Place::Queue { queue, attempt, message } => {
            data["job"] = json!({
                "id": happening.subject,
                "name": happening.name,
                "queue": queue,
                "attempt": attempt,
                "message": message,
            });
        }
        Place::Experiment { id, name, point } => {
            data["run"] = json!({
                "id": happening.subject,
                "name": happening.name,
                "experiment_id": id.to_string(),
                "experiment_name": name,
            });
            if let Some(point) = point {
                data["metric"] = json!({
                    "key": point.key,
                    "value": number::word(point.value).map_or_else(|| json!(point.value), |word| json!(word)),
                    "step": point.step,
                    "threshold": found.rule.what.watch.threshold,
                });
            }
        }
    }
    data
}
