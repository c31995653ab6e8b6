//! What holds for a user: tokens, sessions, and what failed. Secrets come here only as their
//! hashes.

use crate::account::{USER, read_user};
use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::{Scope, Token, User};
use rusqlite::{OptionalExtension, Row, params};

/// A token with what checking it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// The token.
    pub token: Token,
    /// Whose.
    pub user: User,
}

/// A session with what checking it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Row.
    pub id: i64,
    /// Whose.
    pub user: User,
    /// Milliseconds UTC.
    pub expires_at: i64,
    /// Milliseconds UTC.
    pub last_used_at: Option<i64>,
}

/// A session as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionInfo {
    /// Row.
    pub id: i64,
    /// `browser`, or `api` for a signed token.
    pub kind: String,
    /// What the client calls itself.
    pub agent: String,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub expires_at: i64,
    /// Milliseconds UTC, to the minute.
    pub last_used_at: Option<i64>,
    /// It is the one that was asked about.
    pub current: bool,
}

const TOKEN: &str = "t.id, t.name, t.scope, t.created_at, t.expires_at, t.last_used_at";

/// Whoever shows a token that ended is told so for this long; then it is unknown.
const ENDED_TOKEN_MS: i64 = 30 * 24 * 3600 * 1000;

const SESSION: &str = "s.id, s.expires_at, s.last_used_at";

fn read_session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        user: read_user(row)?,
        id: row.get(8)?,
        expires_at: row.get(9)?,
        last_used_at: row.get(10)?,
    })
}

fn read_token(row: &Row<'_>, from: usize) -> rusqlite::Result<Token> {
    Ok(Token {
        id: row.get(from)?,
        name: row.get(from + 1)?,
        scope: Scope::parse(&row.get::<_, String>(from + 2)?).unwrap_or(Scope::Read),
        created_at: row.get(from + 3)?,
        expires_at: row.get(from + 4)?,
        last_used_at: row.get(from + 5)?,
    })
}

impl View<'_> {
    /// A token by the SHA-256 of its secret.
    ///
    /// # Errors
    /// The database's.
    pub fn token_by_hash(&self, hash: &[u8]) -> StoreResult<Option<TokenRow>> {
        let sql = format!(
            "SELECT {USER}, {TOKEN} FROM token t JOIN user u ON u.id = t.user_id WHERE t.hash = ?1"
        );
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row([hash], |row| {
                Ok(TokenRow { user: read_user(row)?, token: read_token(row, 8)? })
            })
            .optional()?)
    }

    /// A user's tokens, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn tokens(&self, user: i64) -> StoreResult<Vec<Token>> {
        let sql = format!("SELECT {TOKEN} FROM token t WHERE t.user_id = ?1 ORDER BY t.id DESC");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let tokens = statement.query_map([user], |row| read_token(row, 0))?;
        Ok(tokens.collect::<rusqlite::Result<_>>()?)
    }

    /// A session by the SHA-256 of its secret.
    ///
    /// # Errors
    /// The database's.
    pub fn session_by_hash(&self, hash: &[u8]) -> StoreResult<Option<SessionRow>> {
        let sql = format!(
            "SELECT {USER}, {SESSION} FROM session s JOIN user u ON u.id = s.user_id WHERE s.hash = ?1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([hash], read_session).optional()?)
    }

    /// A session by row.
    ///
    /// # Errors
    /// The database's.
    pub fn session(&self, id: i64) -> StoreResult<Option<SessionRow>> {
        let sql = format!(
            "SELECT {USER}, {SESSION} FROM session s JOIN user u ON u.id = s.user_id WHERE s.id = ?1"
        );
        Ok(self.connection.prepare_cached(&sql)?.query_row([id], read_session).optional()?)
    }

    /// A user's sessions that have not ended, newest first; `current` marks one.
    ///
    /// # Errors
    /// The database's.
    pub fn sessions(
        &self,
        user: i64,
        now: i64,
        current: Option<i64>,
    ) -> StoreResult<Vec<SessionInfo>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, kind, agent, created_at, expires_at, last_used_at FROM session
             WHERE user_id = ?1 AND expires_at > ?2 ORDER BY id DESC",
        )?;
        let sessions = statement.query_map([user, now], |row| {
            let id = row.get(0)?;
            Ok(SessionInfo {
                id,
                kind: row.get(1)?,
                agent: row.get(2)?,
                created_at: row.get(3)?,
                expires_at: row.get(4)?,
                last_used_at: row.get(5)?,
                current: current == Some(id),
            })
        })?;
        Ok(sessions.collect::<rusqlite::Result<_>>()?)
    }

    /// Failed sign-ins of an account and the time of the last, milliseconds UTC.
    ///
    /// # Errors
    /// The database's.
    pub fn sign_in_failures(&self, account: &str) -> StoreResult<Option<(u32, i64)>> {
        Ok(self
            .connection
            .prepare_cached("SELECT count, last_at FROM sign_in_failure WHERE account = ?1")?
            .query_row([account], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }
}

impl WriteTx<'_> {
    /// Keeps a token's hash, and forgets those that ended long ago.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_token(
        &mut self,
        user: i64,
        name: &str,
        hash: &[u8],
        scope: Scope,
        expires_at: Option<i64>,
    ) -> StoreResult<Token> {
        self.connection
            .prepare_cached("DELETE FROM token WHERE expires_at < ?1")?
            .execute([self.now() - ENDED_TOKEN_MS])?;
        self.connection
            .prepare_cached(
                "INSERT INTO token (user_id, name, hash, scope, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![user, name, hash, scope.as_str(), self.now(), expires_at])?;
        Ok(Token {
            id: self.connection.last_insert_rowid(),
            name: name.to_owned(),
            scope,
            created_at: self.now(),
            expires_at,
            last_used_at: None,
        })
    }

    /// Removes a user's token; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_token(&mut self, user: i64, id: i64) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM token WHERE id = ?1 AND user_id = ?2")?
            .execute([id, user])?;
        Ok(gone > 0)
    }

    /// Notes when a token was used.
    ///
    /// # Errors
    /// The database's.
    pub fn touch_token(&mut self, id: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE token SET last_used_at = ?2 WHERE id = ?1")?
            .execute([id, self.now()])?;
        Ok(())
    }

    /// Keeps a session's hash, and forgets those that have ended; answers its row.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_session(
        &mut self,
        user: i64,
        kind: &str,
        agent: &str,
        hash: &[u8],
        expires_at: i64,
    ) -> StoreResult<i64> {
        self.connection
            .prepare_cached("DELETE FROM session WHERE expires_at < ?1")?
            .execute([self.now()])?;
        self.connection
            .prepare_cached(
                "INSERT INTO session (user_id, kind, agent, hash, created_at, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![user, kind, agent, hash, self.now(), expires_at])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Ends a session; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_session(&mut self, hash: &[u8]) -> StoreResult<()> {
        self.connection.prepare_cached("DELETE FROM session WHERE hash = ?1")?.execute([hash])?;
        Ok(())
    }

    /// Ends one of a user's sessions; answers whether it was there.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_session_of(&mut self, user: i64, id: i64) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM session WHERE id = ?1 AND user_id = ?2")?
            .execute([id, user])?;
        Ok(gone > 0)
    }

    /// Ends every session and signed token of everybody.
    ///
    /// # Errors
    /// The database's.
    pub fn end_all_sessions(&mut self) -> StoreResult<()> {
        self.connection
            .execute_batch("DELETE FROM session; UPDATE user SET token_epoch = token_epoch + 1;")?;
        Ok(())
    }

    /// Notes when a session was used.
    ///
    /// # Errors
    /// The database's.
    pub fn touch_session(&mut self, id: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE session SET last_used_at = ?2 WHERE id = ?1")?
            .execute([id, self.now()])?;
        Ok(())
    }

    /// Notes a failed sign-in; old ones of others go.
    ///
    /// # Errors
    /// The database's.
    pub fn note_sign_in_failure(
        &mut self,
        account: &str,
        forgotten_before: i64,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM sign_in_failure WHERE last_at < ?1")?
            .execute([forgotten_before])?;
        self.connection
            .prepare_cached(
                "INSERT INTO sign_in_failure (account, count, last_at) VALUES (?1, 1, ?2)
                 ON CONFLICT DO UPDATE SET count = count + 1, last_at = excluded.last_at",
            )?
            .execute(params![account, self.now()])?;
        Ok(())
    }

    /// Forgives an account its failed sign-ins.
    ///
    /// # Errors
    /// The database's.
    pub fn clear_sign_in_failures(&mut self, account: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM sign_in_failure WHERE account = ?1")?
            .execute([account])?;
        Ok(())
    }
}
