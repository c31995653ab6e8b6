//! Items: short notes with an optional link to what they are about.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::{Error, new_uid};
use rusqlite::{OptionalExtension, Row, params};

/// What a note may point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// By number.
    Experiment,
    /// By id.
    Run,
    /// By name.
    RegisteredModel,
    /// By `name/version`.
    ModelVersion,
    /// By id.
    Job,
}

impl LinkKind {
    const ALL: [Self; 5] =
        [Self::Experiment, Self::Run, Self::RegisteredModel, Self::ModelVersion, Self::Job];

    /// The name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::RegisteredModel => "registered_model",
            Self::ModelVersion => "model_version",
            Self::Job => "job",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a note points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemLink {
    /// Of which kind.
    pub kind: LinkKind,
    /// Which.
    pub id: String,
}

/// A note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Row.
    pub id: i64,
    /// The user whose it is.
    pub owner_id: i64,
    /// 1 to 255 characters.
    pub title: String,
    /// Markdown.
    pub description: Option<String>,
    /// What it is about.
    pub link: Option<ItemLink>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

const ITEM: &str = "SELECT id, owner_id, title, description, link_kind, link_id, created_at,
    updated_at FROM item";

fn read(row: &Row<'_>) -> rusqlite::Result<Item> {
    let kind = row.get::<_, Option<String>>(4)?.and_then(|kind| LinkKind::parse(&kind));
    let id: Option<String> = row.get(5)?;
    Ok(Item {
        id: row.get(0)?,
        owner_id: row.get(1)?,
        title: row.get(2)?,
        description: row.get(3)?,
        link: kind.zip(id).map(|(kind, id)| ItemLink { kind, id }),
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

impl View<'_> {
    /// An item.
    ///
    /// # Errors
    /// There is none.
    pub fn item(&self, id: i64) -> StoreResult<Item> {
        self.connection
            .prepare_cached(&format!("{ITEM} WHERE id = ?1"))?
            .query_row([id], read)
            .optional()?
            .ok_or_else(|| Error::not_found("Item not found").into())
    }

    /// Items in the order of their making: one user's, or all; about one thing, or any.
    ///
    /// # Errors
    /// The database's.
    pub fn items(
        &self,
        owner: Option<i64>,
        about: Option<&ItemLink>,
        text: Option<&str>,
        skip: i64,
        limit: i64,
    ) -> StoreResult<Vec<Item>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "{ITEM} WHERE (?1 IS NULL OR owner_id = ?1)
               AND (?2 IS NULL OR (link_kind = ?2 AND link_id = ?3))
               AND (?4 IS NULL OR instr(lower(title), lower(?4)) > 0
                    OR instr(lower(coalesce(description, '')), lower(?4)) > 0)
             ORDER BY id LIMIT ?6 OFFSET ?5"
        ))?;
        let kind = about.map(|link| link.kind.as_str());
        let id = about.map(|link| link.id.as_str());
        let items = statement.query_map(params![owner, kind, id, text, skip, limit], read)?;
        Ok(items.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Makes an item.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_item(
        &mut self,
        owner: i64,
        title: &str,
        description: Option<&str>,
        link: Option<&ItemLink>,
    ) -> StoreResult<Item> {
        self.connection
            .prepare_cached(
                "INSERT INTO item (uid, owner_id, title, description, link_kind, link_id,
                     created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            )?
            .execute(params![
                new_uid(),
                owner,
                title,
                description,
                link.map(|link| link.kind.as_str()),
                link.map(|link| link.id.as_str()),
                self.now(),
            ])?;
        self.item(self.connection.last_insert_rowid())
    }

    /// Writes an item as it is now.
    ///
    /// # Errors
    /// There is none.
    pub fn update_item(&mut self, item: &Item) -> StoreResult<Item> {
        let link = item.link.as_ref();
        self.connection
            .prepare_cached(
                "UPDATE item SET title = ?2, description = ?3, link_kind = ?4, link_id = ?5,
                     updated_at = ?6 WHERE id = ?1",
            )?
            .execute(params![
                item.id,
                item.title,
                item.description,
                link.map(|link| link.kind.as_str()),
                link.map(|link| link.id.as_str()),
                self.now(),
            ])?;
        self.item(item.id)
    }

    /// Removes an item.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_item(&mut self, id: i64) -> StoreResult<()> {
        self.connection.prepare_cached("DELETE FROM item WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}
