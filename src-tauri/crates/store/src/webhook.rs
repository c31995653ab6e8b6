//! Webhooks; what is owed to them is in `delivery.rs`.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::{View, WriteTx};
use branchline_core::{Actor, Error, Webhook, WebhookEvent, WebhookStatus};
use rusqlite::{OptionalExtension, Row, params};

/// A webhook to be made, or what it becomes.
#[derive(Debug, Clone)]
pub struct WebhookFields<'a> {
    /// Shown name.
    pub name: &'a str,
    /// Free text.
    pub description: Option<&'a str>,
    /// Where to tell it.
    pub url: &'a str,
    /// Of what.
    pub events: &'a [WebhookEvent],
    /// Sealed.
    pub secret: Option<&'a [u8]>,
    /// Whether anything is sent.
    pub status: WebhookStatus,
}

/// A webhook with what only its sender may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The row.
    pub row: i64,
    /// What everybody may know.
    pub webhook: Webhook,
    /// Sealed.
    pub secret: Option<Vec<u8>>,
}

const COLUMNS: &str = "w.id, w.webhook_id, w.name, w.description, w.url, w.secret, w.status,
    w.created_at, w.updated_at";

fn read(row: &Row<'_>) -> rusqlite::Result<WebhookRow> {
    let status: String = row.get(6)?;
    let webhook = Webhook {
        webhook_id: row.get(1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        url: row.get(4)?,
        events: Vec::new(),
        status: WebhookStatus::parse(&status).unwrap_or_default(),
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    };
    Ok(WebhookRow { row: row.get(0)?, webhook, secret: row.get(5)? })
}

impl View<'_> {
    /// A webhook.
    ///
    /// # Errors
    /// There is none.
    pub fn webhook(&self, webhook_id: &str) -> StoreResult<WebhookRow> {
        let sql = format!("SELECT {COLUMNS} FROM webhook w WHERE w.webhook_id = ?1");
        let found = self.connection.prepare_cached(&sql)?.query_row([webhook_id], read);
        let found = found
            .optional()?
            .ok_or_else(|| Error::not_found(format!("Webhook with ID {webhook_id} not found.")))?;
        self.with_events(found)
    }

    fn with_events(&self, mut found: WebhookRow) -> StoreResult<WebhookRow> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT entity, action FROM webhook_event WHERE webhook_id = ?1")?;
        let mut rows = statement.query([found.row])?;
        while let Some(row) = rows.next()? {
            let (entity, action): (String, String) = (row.get(0)?, row.get(1)?);
            found.webhook.events.push(WebhookEvent::find(&entity, &action)?);
        }
        found.webhook.events.sort_unstable();
        Ok(found)
    }

    /// One page of webhooks, newest first.
    ///
    /// # Errors
    /// A page token that is wrong.
    pub fn webhooks(
        &self,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<Webhook>> {
        let select = Select {
            columns: COLUMNS,
            source: Sql::new("webhook w"),
            filter: vec![Sql::new("w.workspace_id = 1")],
            terms: vec![Term::new("w.created_at", true), Term::new("w.id", true)],
        };
        let question = query::fingerprint(&"webhooks");
        let page = self.page(&[select], question, token, max_results, &read)?;
        let items = page.items.into_iter().map(|found| Ok(self.with_events(found)?.webhook));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }

    /// The active webhooks that are told of `event`.
    ///
    /// # Errors
    /// The database's.
    pub fn webhooks_told_of(&self, event: WebhookEvent) -> StoreResult<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT e.webhook_id FROM webhook_event e JOIN webhook w ON w.id = e.webhook_id
             WHERE e.entity = ?1 AND e.action = ?2 AND w.status = 'ACTIVE'",
        )?;
        let rows = statement.query_map([event.entity(), event.action()], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Makes a webhook.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_webhook(
        &mut self,
        actor: &Actor,
        webhook_id: &str,
        fields: &WebhookFields<'_>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO webhook (webhook_id, name, description, url, secret, status, created_at,
                     updated_at, created_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8)",
            )?
            .execute(params![
                webhook_id,
                fields.name,
                fields.description,
                fields.url,
                fields.secret,
                fields.status.as_str(),
                self.now(),
                owner(actor),
            ])?;
        let row = self.connection.last_insert_rowid();
        self.put_events(row, fields.events)?;
        self.webhook_changed(actor, row, Op::Create)
    }

    fn put_events(&self, row: i64, events: &[WebhookEvent]) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO webhook_event (webhook_id, entity, action) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?;
        for event in events {
            statement.execute(params![row, event.entity(), event.action()])?;
        }
        Ok(())
    }

    fn webhook_changed(&mut self, actor: &Actor, row: i64, op: Op) -> StoreResult<()> {
        let seq = self.record(actor, Kind::Webhook, row, None, op)?;
        self.connection
            .prepare_cached("UPDATE webhook SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute([row, seq, self.now()])?;
        Ok(())
    }

    /// Changes a webhook. One that is disabled is owed nothing any more.
    ///
    /// # Errors
    /// The database's.
    pub fn update_webhook(
        &mut self,
        actor: &Actor,
        row: i64,
        fields: &WebhookFields<'_>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE webhook SET name = ?2, description = ?3, url = ?4, secret = ?5, status = ?6
                 WHERE id = ?1",
            )?
            .execute(params![
                row,
                fields.name,
                fields.description,
                fields.url,
                fields.secret,
                fields.status.as_str(),
            ])?;
        self.connection
            .prepare_cached("DELETE FROM webhook_event WHERE webhook_id = ?1")?
            .execute([row])?;
        self.put_events(row, fields.events)?;
        if fields.status == WebhookStatus::Disabled {
            self.connection
                .prepare_cached("DELETE FROM delivery WHERE webhook_id = ?1")?
                .execute([row])?;
        }
        self.webhook_changed(actor, row, Op::Set)
    }

    /// Removes a webhook with what is owed to it.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_webhook(&mut self, actor: &Actor, webhook: &WebhookRow) -> StoreResult<()> {
        let id = webhook.webhook.webhook_id.as_str();
        self.record(actor, Kind::Webhook, webhook.row, Some(id), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM webhook WHERE id = ?1")?
            .execute([webhook.row])?;
        Ok(())
    }
}
