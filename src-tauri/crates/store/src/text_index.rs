//! The index of words: names, tags, params and notes as trigrams. Nothing of it is written
//! when something is logged; it follows the change log, a few documents at a time, and
//! catches up before it is asked.

use crate::change::Kind;
use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeSet;

/// What a document is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i64)]
pub(crate) enum DocKind {
    /// A run.
    Run = 1,
    /// An experiment.
    Experiment = 2,
    /// A registered model with its versions.
    Model = 3,
}

/// A document's number is its kind above these bits, and its row below.
const ROW_BITS: u32 = 48;
/// Of one param, tag or description; what is longer is found by its beginning.
const FIELD_CHARS: usize = 2_000;
/// Of a whole document.
const BODY_BYTES: usize = 64 << 10;
/// Changes looked at in one step; most are of metrics, and cost little.
const CHANGES: i64 = 4_096;

impl DocKind {
    /// In the order in which they are built.
    const ALL: [Self; 3] = [Self::Run, Self::Experiment, Self::Model];

    pub(crate) fn doc(self, row: i64) -> i64 {
        ((self as i64) << ROW_BITS) | row
    }

    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Experiment => "experiment",
            Self::Model => "registered_model",
        }
    }

    pub(crate) fn of(doc: i64) -> Option<(Self, i64)> {
        let kind = Self::ALL.into_iter().find(|kind| *kind as i64 == doc >> ROW_BITS)?;
        Some((kind, doc & ((1 << ROW_BITS) - 1)))
    }
}

/// What can be found of a thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Doc {
    pub(crate) name: String,
    /// What each is (`param`, `tag`, `note` …), and its text.
    pub(crate) fields: Vec<(String, String)>,
}

/// The run's name once more.
const NAME_TAG: &str = "mlflow.runName";
const NOTE_TAG: &str = "mlflow.note.content";

impl Doc {
    fn add(&mut self, what: &str, text: String) {
        self.fields.push((what.to_owned(), text));
    }

    fn add_tag(&mut self, key: &str, value: &str) {
        match key {
            NAME_TAG => {}
            NOTE_TAG => self.add("note", value.to_owned()),
            key => self.add("tag", format!("{key}={value}")),
        }
    }

    fn body(&self) -> String {
        let mut body = self.name.clone();
        for (_, text) in &self.fields {
            body.push('\n');
            body.extend(text.chars().take(FIELD_CHARS));
            if body.len() > BODY_BYTES {
                break;
            }
        }
        body
    }
}

impl View<'_> {
    /// What can be found of a thing; nothing when it is gone.
    pub(crate) fn doc(&self, kind: DocKind, row: i64) -> StoreResult<Option<Doc>> {
        let name: Option<String> = self
            .connection
            .prepare_cached(&format!("SELECT name FROM {} WHERE id = ?1", kind.table()))?
            .query_row([row], |row| row.get(0))
            .optional()?;
        let Some(name) = name else { return Ok(None) };
        let mut doc = Doc { name, fields: Vec::new() };
        match kind {
            DocKind::Run => self.run_doc(row, &mut doc)?,
            DocKind::Experiment => {
                let sql = "SELECT key, value FROM experiment_tag WHERE experiment_id = ?1";
                self.tags_doc(sql, row, &mut doc)?;
            }
            DocKind::Model => self.model_doc(row, &mut doc)?,
        }
        Ok(Some(doc))
    }

    fn run_doc(&self, run: i64, doc: &mut Doc) -> StoreResult<()> {
        let mut statement =
            self.connection.prepare_cached("SELECT key, value FROM param WHERE run_id = ?1")?;
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            let key = self.names.text(self.connection, row.get(0)?)?;
            let value: String = row.get(1)?;
            doc.add("param", format!("{key}={value}"));
        }
        let mut statement =
            self.connection.prepare_cached("SELECT key, value FROM tag WHERE run_id = ?1")?;
        let mut rows = statement.query([run])?;
        while let Some(row) = rows.next()? {
            let key = self.names.text(self.connection, row.get(0)?)?;
            doc.add_tag(&key, &row.get::<_, String>(1)?);
        }
        Ok(())
    }

    fn tags_doc(&self, sql: &str, owner: i64, doc: &mut Doc) -> StoreResult<()> {
        for tag in self.text_tags(sql, owner)? {
            doc.add_tag(&tag.key, &tag.value);
        }
        Ok(())
    }

    fn model_doc(&self, model: i64, doc: &mut Doc) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 'note', description FROM registered_model
             WHERE id = ?1 AND description IS NOT NULL
             UNION ALL
             SELECT 'version ' || version, description FROM model_version
             WHERE registered_model_id = ?1 AND description IS NOT NULL",
        )?;
        let mut rows = statement.query([model])?;
        while let Some(row) = rows.next()? {
            doc.add(&row.get::<_, String>(0)?, row.get(1)?);
        }
        let sql = "SELECT key, value FROM registered_model_tag WHERE registered_model_id = ?1
             UNION ALL
             SELECT t.key, t.value FROM model_version v
             JOIN model_version_tag t ON t.model_version_id = v.id
             WHERE v.registered_model_id = ?1";
        self.tags_doc(sql, model, doc)
    }

    /// Whether there is something that the index has not taken in.
    ///
    /// # Errors
    /// The database's.
    pub fn index_is_behind(&self) -> StoreResult<bool> {
        let (seq, built) = self.index_state()?;
        Ok(built.is_some() || crate::change::last_seq(self.connection)? > seq)
    }

    fn index_state(&self) -> StoreResult<(i64, Option<i64>)> {
        let mut statement =
            self.connection.prepare_cached("SELECT seq, built FROM search_state")?;
        Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

impl WriteTx<'_> {
    /// Takes up to `limit` documents into the index; answers whether more wait.
    ///
    /// # Errors
    /// The database's.
    pub fn index_some(&mut self, limit: usize) -> StoreResult<bool> {
        let (seq, built) = self.index_state()?;
        match built {
            Some(built) => {
                let end = self.build_on(built, limit)?;
                self.connection
                    .prepare_cached("UPDATE search_state SET built = ?1")?
                    .execute([end])?;
                Ok(true)
            }
            None => self.follow(seq, limit),
        }
    }

    /// Forgets the index; [`Self::index_some`] then makes it anew.
    ///
    /// # Errors
    /// The database's.
    pub fn forget_index(&mut self) -> StoreResult<()> {
        self.connection.execute_batch(
            "INSERT INTO search_name (search_name) VALUES ('delete-all');
             INSERT INTO search_text (search_text) VALUES ('delete-all');",
        )?;
        let last = crate::change::last_seq(self.connection)?;
        self.connection
            .prepare_cached("UPDATE search_state SET seq = ?1, built = 0")?
            .execute([last])?;
        Ok(())
    }

    /// The pass over everything: the next documents after `built`; `None` at its end.
    fn build_on(&self, built: i64, limit: usize) -> StoreResult<Option<i64>> {
        let mut left = limit;
        let mut end = built;
        for kind in DocKind::ALL {
            let after = (end - kind.doc(0)).max(0);
            if end >= kind.doc(0) + (1 << ROW_BITS) {
                continue;
            }
            let sql = format!("SELECT id FROM {} WHERE id > ?1 ORDER BY id LIMIT ?2", kind.table());
            // Experiment 0 is a row like any other.
            let after = if end < kind.doc(0) { -1 } else { after };
            let rows: Vec<i64> = self
                .connection
                .prepare_cached(&sql)?
                .query_map(params![after, i64::try_from(left).unwrap_or(i64::MAX)], |row| {
                    row.get(0)
                })?
                .collect::<rusqlite::Result<_>>()?;
            for row in &rows {
                end = kind.doc(*row);
                self.put_doc(end)?;
            }
            left -= rows.len();
            if left == 0 {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// Takes in what changed after `seq`.
    fn follow(&self, seq: i64, limit: usize) -> StoreResult<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, kind, entity FROM change WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?;
        let mut rows = statement.query([seq, CHANGES])?;
        let (mut docs, mut seen, mut end) = (BTreeSet::new(), 0, seq);
        while let Some(row) = rows.next()? {
            end = row.get(0)?;
            seen += 1;
            docs.extend(self.doc_of_change(row.get(1)?, row.get(2)?)?);
            if docs.len() >= limit {
                break;
            }
        }
        drop(rows);
        drop(statement);
        let more = seen == CHANGES || docs.len() >= limit;
        for doc in docs {
            self.put_doc(doc)?;
        }
        self.connection.prepare_cached("UPDATE search_state SET seq = ?1")?.execute([end])?;
        Ok(more)
    }

    fn doc_of_change(&self, kind: i64, entity: i64) -> StoreResult<Option<i64>> {
        const RUN: i64 = Kind::Run as i64;
        const EXPERIMENT: i64 = Kind::Experiment as i64;
        const MODEL: i64 = Kind::RegisteredModel as i64;
        const VERSION: i64 = Kind::ModelVersion as i64;
        Ok(match kind {
            RUN => Some(DocKind::Run.doc(entity)),
            EXPERIMENT => Some(DocKind::Experiment.doc(entity)),
            MODEL => Some(DocKind::Model.doc(entity)),
            // Of a version that is gone the model's text keeps a trace that finds nothing.
            VERSION => self
                .connection
                .prepare_cached("SELECT registered_model_id FROM model_version WHERE id = ?1")?
                .query_row([entity], |row| row.get(0))
                .optional()?
                .map(|model| DocKind::Model.doc(model)),
            _ => None,
        })
    }

    fn put_doc(&self, doc: i64) -> StoreResult<()> {
        let Some((kind, row)) = DocKind::of(doc) else { return Ok(()) };
        let Some(found) = self.doc(kind, row)? else {
            for table in ["search_name", "search_text"] {
                self.connection
                    .prepare_cached(&format!("DELETE FROM {table} WHERE rowid = ?1"))?
                    .execute([doc])?;
            }
            return Ok(());
        };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO search_name (rowid, name) VALUES (?1, ?2)")?
            .execute(params![doc, found.name])?;
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO search_text (rowid, body) VALUES (?1, ?2)")?
            .execute(params![doc, found.body()])?;
        Ok(())
    }
}
