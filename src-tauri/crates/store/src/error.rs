//! Failures inside the store, and how they look outside.

use branchline_core::{Error, ErrorCode};
use rusqlite::ErrorCode as Sqlite;

/// Result inside a read or write closure.
pub type StoreResult<T> = Result<T, StoreError>;

/// A rule broken, or SQLite's own failure.
#[derive(Debug)]
pub enum StoreError {
    /// A rule of the domain.
    Domain(Error),
    /// SQLite.
    Sqlite(rusqlite::Error),
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Domain(error) => error,
            StoreError::Sqlite(error) => from_sqlite(error),
        }
    }
}

/// What SQLite says of a question that is larger than its limits.
const TOO_LARGE: [&str; 6] = [
    "pattern too complex",
    "too many SQL variables",
    "too many terms in compound SELECT",
    "tables in a join",
    "tree is too large",
    "A percentile of more than",
];

fn from_sqlite(error: rusqlite::Error) -> Error {
    let words = error.to_string();
    if TOO_LARGE.iter().any(|limit| words.contains(limit)) {
        return Error::invalid("The filter, order or list is larger than the database can take.")
            .hint("Ask for less at once: shorter lists and patterns, fewer keys to order by.")
            .source(error);
    }
    let (code, message, hint) = match error.sqlite_error_code() {
        Some(Sqlite::DiskFull) => (
            ErrorCode::StorageFull,
            "There is no space left on the disk that holds the data folder.",
            Some("Free some space and try again; nothing of this request was kept."),
        ),
        Some(Sqlite::SystemIoFailure) => (
            ErrorCode::StorageFull,
            "The disk refused a read or write of the database.",
            Some("Check free space and the disk's health; nothing of this request was kept."),
        ),
        Some(Sqlite::DatabaseCorrupt | Sqlite::NotADatabase) => (
            ErrorCode::Internal,
            "The database file is damaged.",
            Some("Run `branchline db check`, then `branchline db restore` with a backup."),
        ),
        Some(Sqlite::DatabaseBusy | Sqlite::DatabaseLocked) => (
            ErrorCode::TemporarilyUnavailable,
            "The database is locked by another program.",
            Some("Close programs that hold branchline.db open, then try again."),
        ),
        Some(Sqlite::OperationInterrupted) => {
            (ErrorCode::BadRequest, "The query took too long and was stopped.", None)
        }
        _ => (ErrorCode::Internal, "The database answered with an unexpected error.", None),
    };
    let outer = Error::new(code, message).source(error);
    match hint {
        Some(hint) => outer.hint(hint),
        None => outer,
    }
}
