//! How connections are opened: every PRAGMA in one place, with its reason.

use crate::access::Veil;
use crate::error::StoreError;
use crate::functions;
use crate::platform;
use branchline_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// The one connection that writes.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    let unopened = || {
        Error::internal(format!("The database {} cannot be opened.", path.display()))
            .hint("Check that the data folder exists and may be written.")
    };
    close_to_others(path).map_err(|e| unopened().source(e))?;
    let connection = Connection::open(path).map_err(|e| unopened().source(e))?;
    prepare(&connection, WRITER).map_err(|e| {
        if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
            return crate::migrate::unreadable(path, e);
        }
        Error::from(StoreError::from(e))
    })?;
    Ok(connection)
}

/// The database and what an earlier life left beside it belong to this OS user alone.
fn close_to_others(path: &Path) -> std::io::Result<()> {
    platform::make_file_private(path)?;
    for side in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(side);
        if Path::new(&beside).exists() {
            platform::make_file_private(Path::new(&beside))?;
        }
    }
    Ok(())
}

/// One of the connections that only read.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    // The flag below is not READ_ONLY: a reader must be able to create the shared-memory
    // file; `query_only` is what forbids writes.
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection, READER)?;
    Ok(connection)
}

/// A reader that sees what the user in `veil` may see.
pub(crate) fn open_veiled(path: &Path, veil: &Veil) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    prepare(&connection, READER)?;
    // The veil is made of views that only this connection has. They come last, because
    // setting `temp_store` takes such views away.
    connection.pragma_update(None, "query_only", false)?;
    veil.hang(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

// wal_autocheckpoint=0: the syncer checkpoints, so that no caller pays for it.
// cache_size: a few MB hold the interior pages of the hot trees.
const WRITER: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA cache_size = -8000;
    PRAGMA temp_store = MEMORY;
";

// case_sensitive_like: MLflow's LIKE tells upper from lower case; ILIKE lowers both.
// No mmap: mapped pages would count as this process's memory.
const READER: &str = "
    PRAGMA query_only = ON;
    PRAGMA case_sensitive_like = ON;
    PRAGMA cache_size = -12000;
    PRAGMA temp_store = MEMORY;
";

fn prepare(connection: &Connection, pragmas: &str) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_prepared_statement_cache_capacity(128);
    // Plans must not depend on bound values: else SQLite (since 3.54 for every `column = ?`)
    // compiles a statement anew each time its bindings are cleared, which rusqlite does whenever
    // a statement goes back into the cache.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    functions::register(connection)?;
    connection.execute_batch(pragmas)
}
