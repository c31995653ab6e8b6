//! The database as a whole: identity, figures, backup, restore, check and read-only SQL.

use crate::error::{StoreError, StoreResult};
use crate::registry_search::PROMPT_MODELS;
use crate::tx::View;
use crate::{Identity, Store, change, connection, migrate, platform};
use branchline_core::{Error, ErrorCode, Result};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;

/// Sizes and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes of the database file.
    pub db_bytes: u64,
    /// Bytes of its write-ahead log.
    pub wal_bytes: u64,
    /// Active experiments.
    pub experiments: i64,
    /// Active runs.
    pub runs: i64,
    /// Registered models; prompts, which are kept as models, are none.
    pub registered_models: i64,
}

/// What a read-only query found.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Rows as JSON values; blobs as hexadecimal text.
    pub rows: Vec<Vec<serde_json::Value>>,
    /// Whether rows were left out.
    pub truncated: bool,
}

/// A migration and whether the database has seen it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// Whether it has run.
    pub applied: bool,
}

/// Reads who this database is. A copied folder gets a new `store_uuid`, so that two
/// copies are never taken for one; the path tells a copy, for it is kept beside.
pub(crate) fn identity(connection: &Connection, path: &Path, now: i64) -> Result<Identity> {
    let inner = || -> StoreResult<Identity> {
        let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let place = format!("{}#{}", place.display(), file_id(path));
        let known = meta(connection, "place")?;
        let uuid = meta(connection, "store_uuid")?;
        let store_uuid = match (uuid, known) {
            (Some(uuid), Some(known)) if !is_copy(&known, &place) => uuid,
            (Some(old), _) => {
                let new = uuid::Uuid::new_v4().to_string();
                tracing::info!(old, new, "this data folder is a copy; it has its own identity now");
                set_meta(connection, "copied_from", &old)?;
                set_meta(connection, "store_uuid", &new)?;
                new
            }
            (None, _) => {
                let new = uuid::Uuid::new_v4().to_string();
                set_meta(connection, "store_uuid", &new)?;
                set_meta(connection, "epoch", "1")?;
                set_meta(connection, "created_at", &now.to_string())?;
                connection.execute(
                    "INSERT INTO workspace (id, uid, name, created_at) VALUES (1, ?1, 'default', ?2)",
                    params![branchline_core::new_uid(), now],
                )?;
                new
            }
        };
        set_meta(connection, "place", &place)?;
        change::trim(connection, now)?;
        let epoch = meta(connection, "epoch")?.and_then(|e| e.parse().ok()).unwrap_or(1);
        Ok(Identity { store_uuid, epoch })
    };
    inner().map_err(Error::from)
}

/// Moved keeps the file, restored keeps the path; only a copy changes both.
fn is_copy(known: &str, place: &str) -> bool {
    let split = |text: &str| text.rsplit_once('#').map(|(p, f)| (p.to_owned(), f.to_owned()));
    match (split(known), split(place)) {
        (Some((old_path, old_file)), Some((path, file))) => old_path != path && old_file != file,
        _ => false,
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map_or_else(|_| String::new(), |m| format!("{}:{}", m.dev(), m.ino()))
}

/// Without inode numbers the time of birth tells a copy from a move.
#[cfg(not(unix))]
fn file_id(path: &Path) -> String {
    let born = std::fs::metadata(path).and_then(|m| m.created());
    born.map_or_else(|_| String::new(), |t| format!("{t:?}"))
}

fn meta(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection
        .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
        .optional()
}

fn set_meta(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        params![key, value],
    )?;
    Ok(())
}

impl View<'_> {
    /// Counts; sizes are the caller's to add.
    ///
    /// # Errors
    /// The database's.
    pub fn counts(&self) -> StoreResult<StoreStats> {
        let count = |sql: &str| self.connection.query_row(sql, [], |row| row.get(0));
        Ok(StoreStats {
            experiments: count("SELECT count(*) FROM experiment WHERE deleted = 0")?,
            runs: count("SELECT count(*) FROM run WHERE deleted = 0")?,
            registered_models: count(&format!(
                "SELECT count(*) FROM registered_model m WHERE NOT {PROMPT_MODELS}"
            ))?,
            ..StoreStats::default()
        })
    }

    /// What is wrong with the file; empty when sound.
    ///
    /// # Errors
    /// The database cannot be read at all.
    pub fn check(&self) -> StoreResult<Vec<String>> {
        let mut problems = Vec::new();
        let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
        for line in statement.query_map([], |row| row.get::<_, String>(0))? {
            problems.push(line?);
        }
        problems.retain(|line| line != "ok");
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        let broken = statement.query_map([], |row| {
            Ok(format!(
                "row {} of {} points to a missing {}",
                row.get::<_, Option<i64>>(1)?.unwrap_or_default(),
                row.get::<_, String>(0)?,
                row.get::<_, String>(2)?
            ))
        })?;
        problems.extend(broken.collect::<rusqlite::Result<Vec<_>>>()?);
        Ok(problems)
    }

    /// Runs one statement that only reads, and answers up to `limit` rows.
    ///
    /// # Errors
    /// The statement is wrong, or would write.
    pub fn query(&self, sql: &str, limit: usize) -> StoreResult<QueryResult> {
        let mut statement = self.connection.prepare(sql).map_err(wrong_sql)?;
        if !statement.readonly() {
            return Err(Error::denied("Only statements that read are allowed here.")
                .hint("Use SELECT; changes go through the app, so that nothing is lost.")
                .into());
        }
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).map_err(wrong_sql)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(wrong_sql)? {
            if found.len() == limit {
                return Ok(QueryResult { columns, rows: found, truncated: true });
            }
            let values = (0..columns.len()).map(|i| row.get_ref(i).map(json));
            found.push(values.collect::<rusqlite::Result<_>>()?);
        }
        Ok(QueryResult { columns, rows: found, truncated: false })
    }

    /// Every migration this program knows, and whether the database has seen it.
    ///
    /// # Errors
    /// The database's.
    pub fn migration_status(&self) -> StoreResult<Vec<MigrationStatus>> {
        let applied = migrate::applied(self.connection)?.unwrap_or(0);
        let known = migrate::known().into_iter();
        Ok(known
            .map(|(version, name)| MigrationStatus { version, name, applied: version <= applied })
            .collect())
    }

    /// The whole schema, one statement after the other, as it stands.
    ///
    /// # Errors
    /// The database's.
    pub fn schema(&self) -> StoreResult<String> {
        let mut statement = self.connection.prepare(
            "SELECT sql || ';' FROM sqlite_master
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND name <> 'refinery_schema_history'
             ORDER BY rowid",
        )?;
        let parts = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(parts.collect::<rusqlite::Result<Vec<_>>>()?.join("\n\n") + "\n")
    }
}

fn wrong_sql(error: rusqlite::Error) -> StoreError {
    Error::invalid(format!("The query failed: {error}.")).into()
}

fn json(value: ValueRef<'_>) -> serde_json::Value {
    match value {
        ValueRef::Null => serde_json::Value::Null,
        ValueRef::Integer(n) => n.into(),
        ValueRef::Real(x) => serde_json::Number::from_f64(x).into(),
        ValueRef::Text(t) => String::from_utf8_lossy(t).into(),
        ValueRef::Blob(b) => b.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

impl Store {
    /// Sizes of the files, bytes: the database, and its write-ahead log.
    pub fn file_sizes(&self) -> (u64, u64) {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
        let mut wal = self.path().as_os_str().to_owned();
        wal.push("-wal");
        (size(self.path()), size(Path::new(&wal)))
    }

    /// Writes a consistent copy to `target` while writers go on. The copy appears whole
    /// or not at all.
    ///
    /// # Errors
    /// The target exists, its folder cannot be written, the disk is full.
    pub async fn backup(&self, target: &Path) -> Result<()> {
        let source = self.path().to_owned();
        let target = target.to_owned();
        tokio::task::spawn_blocking(move || copy(&source, &target))
            .await
            .map_err(|e| Error::internal("The backup did not finish.").source(e))?
    }

    /// Looks at a file without changing it: a database that this program can open?
    ///
    /// # Errors
    /// It is not; the message says why.
    pub fn verify_backup(path: &Path) -> Result<()> {
        let refuse = |why: String| {
            Error::invalid(format!("{} cannot be restored: {why}.", path.display()))
                .hint("Choose a file that `branchline db backup` made.")
        };
        if !path.is_file() {
            return Err(Error::not_found(format!("There is no file {}.", path.display())));
        }
        let open = || -> rusqlite::Result<(Option<i64>, String)> {
            let connection =
                Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            let sound = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
            Ok((migrate::applied(&connection)?, sound))
        };
        match open() {
            Err(error) => Err(refuse(format!("it is not a database ({error})"))),
            Ok((_, sound)) if sound != "ok" => Err(refuse(format!("it is damaged ({sound})"))),
            Ok((None, _)) => Err(refuse("it is not a Branchline database".into())),
            Ok((Some(version), _)) if version > migrate::NEWEST => Err(refuse(format!(
                "a newer Branchline wrote it (schema {version}, this program knows {})",
                migrate::NEWEST
            ))),
            Ok(_) => Ok(()),
        }
    }

    /// Starts a new epoch in a database file that nobody has open: cursors of the life
    /// before are answered with `resync`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start_epoch(path: &Path) -> Result<i64> {
        let connection = connection::open_writer(path)?;
        let bump = || -> StoreResult<i64> {
            let epoch = meta(&connection, "epoch")?.and_then(|e| e.parse().ok()).unwrap_or(1_i64);
            // Time makes it differ from every epoch of the folder that is replaced.
            let now = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(0));
            let next = now.max(epoch + 1);
            set_meta(&connection, "epoch", &next.to_string())?;
            Ok(next)
        };
        bump().map_err(Error::from)
    }
}

fn copy(source: &Path, target: &Path) -> Result<()> {
    if target.exists() {
        return Err(Error::new(
            ErrorCode::ResourceConflict,
            format!("{} exists already.", target.display()),
        )
        .hint("Choose another name; a backup never overwrites."));
    }
    let failed = |e: StoreError| {
        Error::internal(format!("The backup could not be written to {}.", target.display()))
            .hint("Check that its folder exists, may be written, and has space.")
            .source(Error::from(e))
    };
    let mut partial = target.as_os_str().to_owned();
    partial.push(".partial");
    let partial = Path::new(&partial);
    // SQLite writes into an empty file, and leaves its mode as it is.
    platform::make_file_private(partial).map_err(|e| {
        Error::internal(format!("The backup could not be written to {}.", target.display()))
            .hint("Check that its folder exists, may be written, and has space.")
            .source(e)
    })?;
    let write = || -> StoreResult<()> {
        let connection = connection::open_reader(source)?;
        connection.pragma_update(None, "query_only", false)?;
        connection.execute("VACUUM INTO ?1", [partial.to_string_lossy()])?;
        Ok(())
    };
    let result = write().map_err(failed).and_then(|()| {
        let io = |e: std::io::Error| Error::internal("The backup could not be finished.").source(e);
        std::fs::File::open(partial).and_then(|f| f.sync_all()).map_err(io)?;
        std::fs::rename(partial, target).map_err(io)
    });
    if result.is_err() {
        // Whatever was written so far is of no use.
        let _ = std::fs::remove_file(partial);
    }
    result
}
