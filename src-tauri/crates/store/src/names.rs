//! Keys of metrics, params and tags are stored once and named by a small integer. Rows
//! of `name` never change, so both directions can be kept in memory.

use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Past this many the memory is dropped and filled again: keys are few unless hostile.
const KEPT: usize = 50_000;

#[derive(Default)]
pub(crate) struct Names {
    maps: RwLock<Maps>,
}

#[derive(Default)]
struct Maps {
    text_by_id: HashMap<i64, Arc<str>>,
    id_by_text: HashMap<Arc<str>, i64>,
}

impl Names {
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.maps.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.maps.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Forgets everything: after a rollback, ids may be given to other texts.
    pub(crate) fn clear(&self) {
        *self.write() = Maps::default();
    }

    fn keep(&self, id: i64, text: &Arc<str>) {
        let mut maps = self.write();
        if maps.text_by_id.len() >= KEPT {
            *maps = Maps::default();
        }
        maps.text_by_id.insert(id, Arc::clone(text));
        maps.id_by_text.insert(Arc::clone(text), id);
    }

    pub(crate) fn text(&self, connection: &Connection, id: i64) -> rusqlite::Result<Arc<str>> {
        if let Some(text) = self.read().text_by_id.get(&id) {
            return Ok(Arc::clone(text));
        }
        let text: Arc<str> = connection
            .prepare_cached("SELECT text FROM name WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0))?
            .into();
        self.keep(id, &text);
        Ok(text)
    }

    pub(crate) fn id(&self, connection: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.read().id_by_text.get(text) {
            return Ok(Some(*id));
        }
        let id = connection
            .prepare_cached("SELECT id FROM name WHERE text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        if let Some(id) = id {
            self.keep(id, &text.into());
        }
        Ok(id)
    }

    /// The id of `text`, given now if it has none. For the writer only.
    pub(crate) fn intern(&self, connection: &Connection, text: &str) -> rusqlite::Result<i64> {
        if let Some(id) = self.id(connection, text)? {
            return Ok(id);
        }
        connection.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.execute(params![text])?;
        let id = connection.last_insert_rowid();
        self.keep(id, &text.into());
        Ok(id)
    }
}
