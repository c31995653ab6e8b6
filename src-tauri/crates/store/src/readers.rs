//! Read-only connections, opened when first needed and kept for the next caller.

use crate::access::Veil;
use crate::connection;
use crate::error::{StoreError, StoreResult};
use crate::names::Names;
use crate::tx::View;
use branchline_core::Result;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Idle connections kept; more may be open while many read at once.
const KEPT: usize = 4;

pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Option<Vec<Connection>>>,
    /// Readers for users who may not see everything, each with its veil.
    veiled: Mutex<Option<Vec<(Connection, Veil)>>>,
    names: Names,
}

impl Readers {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Some(Vec::new())),
            veiled: Mutex::new(Some(Vec::new())),
            names: Names::default(),
        }
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&View<'_>) -> StoreResult<T>) -> Result<T> {
        let connection = match self.take() {
            Some(connection) => connection,
            None => connection::open_reader(&self.path).map_err(StoreError::from)?,
        };
        // One snapshot for the whole closure, however many statements it runs.
        let transaction = connection.unchecked_transaction().map_err(StoreError::from)?;
        let result = work(&View {
            connection: &transaction,
            names: &self.names,
            veiled: false,
            seen_by: None,
        });
        drop(transaction);
        self.give_back(connection);
        Ok(result?)
    }

    /// The same for a user who is no superuser.
    pub(crate) fn with_veil<T>(
        &self,
        user: i64,
        work: impl FnOnce(&View<'_>) -> StoreResult<T>,
    ) -> Result<T> {
        let kept =
            self.veiled.lock().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(Vec::pop);
        let (connection, veil) = match kept {
            Some(kept) => kept,
            None => {
                let veil = Veil::default();
                let connection =
                    connection::open_veiled(&self.path, &veil).map_err(StoreError::from)?;
                (connection, veil)
            }
        };
        let transaction = connection.unchecked_transaction().map_err(StoreError::from)?;
        let view =
            View { connection: &transaction, names: &self.names, veiled: true, seen_by: None };
        // In the snapshot that `work` reads: a permission taken away is gone at once.
        let result = view.access(user).and_then(|access| {
            veil.lower(access);
            work(&view)
        });
        drop(transaction);
        let mut idle = self.veiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push((connection, veil));
        }
        Ok(result?)
    }

    /// Whether a connection waits for its next caller.
    pub(crate) fn is_at_hand(&self) -> bool {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.as_ref().is_some_and(|idle| !idle.is_empty())
    }

    fn take(&self) -> Option<Connection> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).as_mut()?.pop()
    }

    fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(idle) = idle.as_mut().filter(|idle| idle.len() < KEPT) {
            idle.push(connection);
        }
    }

    /// Closes what is idle, and what comes back.
    pub(crate) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.veiled.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}
