//! Migrations by refinery: forward only, never edited once released. A newer database is
//! refused; a copy is made before an older one is changed.

use branchline_core::{Error, Result};
use refinery::embed_migrations;
use rusqlite::{Connection, OptionalExtension};
use std::path::{Path, PathBuf};

embed_migrations!("../../../migrations");

/// The newest migration, as a number: refinery compiles a regular expression to tell, which would
/// be a good part of a start and keep half a megabyte for good.
pub(crate) const NEWEST: i64 = 17;

/// Every migration this program knows: (version, name).
pub(crate) fn known() -> Vec<(i64, String)> {
    let mut known: Vec<_> = migrations::runner()
        .get_migrations()
        .iter()
        .map(|m| (i64::from(m.version()), m.name().to_owned()))
        .collect();
    known.sort();
    known
}

/// The newest migration that the database has seen; `None` for an empty one.
pub(crate) fn applied(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let exists: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if exists.is_none() {
        return Ok(None);
    }
    connection.query_row("SELECT max(version) FROM refinery_schema_history", [], |row| row.get(0))
}

pub(crate) fn run(connection: &mut Connection, path: &Path) -> Result<()> {
    let applied = applied(connection).map_err(|e| unreadable(path, e))?;
    match applied {
        Some(applied) if applied > NEWEST => return Err(from_the_future(path, applied)),
        Some(NEWEST) => return Ok(()),
        Some(applied) => copy_aside(connection, path, applied)?,
        None => {}
    }
    migrations::runner().set_grouped(true).run(connection).map_err(|e| {
        Error::internal(format!("The database {} could not be migrated.", path.display()))
            .hint("Nothing was changed. Run `branchline db check`, or restore a backup.")
            .source(e)
    })?;
    Ok(())
}

pub(crate) fn unreadable(path: &Path, error: rusqlite::Error) -> Error {
    Error::internal(format!("{} is not a database that Branchline can read.", path.display()))
        .hint("Move the file aside to start afresh, or restore a backup with `branchline db restore`.")
        .source(error)
}

fn from_the_future(path: &Path, applied: i64) -> Error {
    Error::new(
        branchline_core::ErrorCode::InvalidState,
        format!(
            "The database {} was written by a newer Branchline (schema {applied}; this program knows {NEWEST}).",
            path.display()
        ),
    )
    .hint("Install the newer Branchline, or restore a backup made before the upgrade into another data folder.")
}

/// The real undo of a migration: a copy named after the schema that it holds.
fn copy_aside(connection: &Connection, path: &Path, applied: i64) -> Result<()> {
    let copy: PathBuf = path.with_extension(format!("before-upgrade-from-{applied}.db"));
    let failed = || {
        Error::internal(format!("No copy could be made at {} before the upgrade.", copy.display()))
            .hint("Free some space in the data folder; the database was not changed.")
    };
    crate::platform::make_file_private(&copy).map_err(|e| failed().source(e))?;
    connection
        .backup("main", &copy, None::<fn(rusqlite::backup::Progress)>)
        .map_err(|e| failed().source(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_migration_is_the_newest_in_the_folder() {
        assert_eq!(known().last().map(|(version, _)| *version), Some(NEWEST));
    }
}
