//! Rules: kept, changed, and read by the user whose they are.

use crate::change::{Kind, Op};
use crate::delivery::Channel;
use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, ExperimentId, NewRule, Occasion, Rule, Tell, Watch};
use rusqlite::{OptionalExtension, Row, params};

/// A rule with its row and what only its sender may know.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleRow {
    /// The row.
    pub row: i64,
    /// As its user may know it.
    pub rule: Rule,
    /// Sealed; signs what the webhook is told.
    pub secret: Option<Vec<u8>>,
}

/// Rules that told once and are off, and that are kept of a user for their history.
const SPENT: i64 = 20;

pub(crate) const COLUMNS: &str = "r.id, r.uid, r.user_id, r.occasions, r.queue, r.name,
    r.experiment_id, r.subject, r.threshold, r.desktop, r.webhook, r.secret, r.email, r.once,
    r.enabled, r.withheld, r.created_at, r.updated_at, e.name,
    (SELECT n.at FROM notification n WHERE n.rule_id = r.id AND n.occasion IS NOT NULL
     ORDER BY n.id DESC LIMIT 1)";
pub(crate) const SOURCE: &str = "rule r LEFT JOIN experiment e ON e.id = r.experiment_id";

pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<RuleRow> {
    let occasions: String = row.get(3)?;
    let watch = Watch {
        // What this crate wrote it can read.
        on: occasions.split(' ').filter_map(|one| Occasion::parse(one).ok()).collect(),
        queue: row.get(4)?,
        name: row.get(5)?,
        experiment: row.get::<_, Option<i64>>(6)?.map(ExperimentId),
        subject: row.get(7)?,
        threshold: row.get(8)?,
    };
    let tell = Tell { desktop: row.get(9)?, webhook: row.get(10)?, email: row.get(12)? };
    let secret: Option<Vec<u8>> = row.get(11)?;
    let rule = Rule {
        uid: row.get(1)?,
        user_id: row.get(2)?,
        what: NewRule { watch, tell, once: row.get(13)?, enabled: row.get(14)? },
        experiment_name: row.get(18)?,
        is_signed: secret.is_some(),
        withheld: row.get(15)?,
        told_at: row.get(19)?,
        created_at: row.get(16)?,
        updated_at: row.get(17)?,
    };
    Ok(RuleRow { row: row.get(0)?, rule, secret })
}

impl View<'_> {
    /// A rule of a user.
    ///
    /// # Errors
    /// They have no such rule.
    pub fn rule(&self, user: i64, uid: &str) -> StoreResult<RuleRow> {
        let sql = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE r.uid = ?1 AND r.user_id = ?2");
        let found = self.connection.prepare_cached(&sql)?.query_row(params![uid, user], read);
        Ok(found.optional()?.ok_or_else(|| {
            Error::not_found(format!("You have no rule '{uid}'."))
                .hint("`branchline rules list` names yours.")
        })?)
    }

    /// The rules of a user, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn rules(&self, user: i64) -> StoreResult<Vec<Rule>> {
        let sql = format!("SELECT {COLUMNS} FROM {SOURCE} WHERE r.user_id = ?1 ORDER BY r.id DESC");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([user], |row| Ok(read(row)?.rule))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many rules a user has.
    ///
    /// # Errors
    /// The database's.
    pub fn rule_count(&self, user: i64) -> StoreResult<i64> {
        Ok(self
            .connection
            .prepare_cached("SELECT count(*) FROM rule WHERE user_id = ?1")?
            .query_row([user], |row| row.get(0))?)
    }
}

impl WriteTx<'_> {
    /// Makes a rule of the actor's.
    ///
    /// # Errors
    /// There is no such experiment.
    pub fn insert_rule(
        &mut self,
        actor: &Actor,
        uid: &str,
        what: &NewRule,
        secret: Option<&[u8]>,
    ) -> StoreResult<()> {
        // Only a row: what it holds is written by the same words that change one.
        self.connection
            .prepare_cached(
                "INSERT INTO rule (uid, user_id, occasions, desktop, once, enabled, created_at,
                     updated_at) VALUES (?1, ?2, '', 0, 0, 0, ?3, ?3)",
            )?
            .execute(params![uid, actor.user_id, self.now()])?;
        let row = self.connection.last_insert_rowid();
        self.write_rule(row, what, secret)?;
        self.rule_changed(actor, row, (actor.user_id, uid), Op::Create)
    }

    fn write_rule(&self, row: i64, what: &NewRule, secret: Option<&[u8]>) -> StoreResult<()> {
        let NewRule { watch, tell, once, enabled } = what;
        let occasions: Vec<&str> = watch.on.iter().map(|one| one.as_str()).collect();
        self.connection
            .prepare_cached(
                "UPDATE rule SET occasions = ?2, queue = ?3, name = ?4, experiment_id = ?5,
                     subject = ?6, threshold = ?7, desktop = ?8, webhook = ?9, secret = ?10,
                     email = ?11, once = ?12, enabled = ?13, withheld = 0, updated_at = ?14
                 WHERE id = ?1",
            )?
            .execute(params![
                row,
                occasions.join(" "),
                watch.queue,
                watch.name,
                watch.experiment.map(|id| id.0),
                watch.subject,
                watch.threshold,
                tell.desktop,
                tell.webhook,
                secret,
                tell.email,
                once,
                enabled,
                self.now(),
            ])?;
        Ok(())
    }

    /// Writes a rule as it is now; what it told of metrics before counts no more.
    ///
    /// # Errors
    /// There is no such experiment.
    pub fn update_rule(
        &mut self,
        actor: &Actor,
        found: &RuleRow,
        what: &NewRule,
        secret: Option<&[u8]>,
    ) -> StoreResult<()> {
        self.write_rule(found.row, what, secret)?;
        self.connection
            .prepare_cached("DELETE FROM rule_firing WHERE rule_id = ?1")?
            .execute([found.row])?;
        let tell = &what.tell;
        for (channel, told_so) in
            [(Channel::Webhook, tell.webhook.is_some()), (Channel::Email, tell.email.is_some())]
        {
            if !told_so || !what.enabled {
                self.drop_deliveries_of_rule(found.row, channel)?;
            }
        }
        self.rule_changed(actor, found.row, (found.rule.user_id, &found.rule.uid), Op::Set)
    }

    /// Switches a rule off that has told what it was there for, and forgets the oldest such.
    pub(crate) fn spend_rule(&mut self, actor: &Actor, found: &RuleRow) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE rule SET enabled = 0, updated_at = ?2 WHERE id = ?1")?
            .execute([found.row, self.now()])?;
        self.connection
            .prepare_cached(
                "DELETE FROM rule WHERE user_id = ?1 AND once = 1 AND enabled = 0 AND id <=
                     (SELECT id FROM rule WHERE user_id = ?1 AND once = 1 AND enabled = 0
                      ORDER BY id DESC LIMIT 1 OFFSET ?2)
                 AND NOT EXISTS (SELECT 1 FROM notification n JOIN delivery d
                     ON d.notification_id = n.id WHERE n.rule_id = rule.id)",
            )?
            .execute([found.rule.user_id, SPENT])?;
        self.rule_changed(actor, found.row, (found.rule.user_id, &found.rule.uid), Op::Set)
    }

    /// Removes a rule with what is owed by it; what it told in the window stays.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_rule(&mut self, actor: &Actor, found: &RuleRow) -> StoreResult<()> {
        self.drop_deliveries_of_rule(found.row, Channel::Webhook)?;
        self.drop_deliveries_of_rule(found.row, Channel::Email)?;
        self.connection
            .prepare_cached("DELETE FROM notification WHERE rule_id = ?1 AND desktop = 0")?
            .execute([found.row])?;
        self.connection.prepare_cached("DELETE FROM rule WHERE id = ?1")?.execute([found.row])?;
        self.rule_changed(actor, found.row, (found.rule.user_id, &found.rule.uid), Op::Erase)
    }

    fn rule_changed(
        &mut self,
        actor: &Actor,
        row: i64,
        (user, uid): (i64, &str),
        op: Op,
    ) -> StoreResult<()> {
        self.rules.forget();
        let seq = self.record(actor, Kind::Rule, user, Some(uid), op)?;
        self.connection
            .prepare_cached("UPDATE rule SET rev = ?2 WHERE id = ?1")?
            .execute([row, seq])?;
        self.notify(seq, EventKind::Notification(user));
        Ok(())
    }
}
