//! Accounts: users, their tokens, sessions and preferences. Secrets come here only as
//! their hashes.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::{Actor, Error, Scope, Token, User, new_uid};
use rusqlite::{OptionalExtension, Row, params};

/// A user with what signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The user.
    pub user: User,
    /// argon2id in PHC form; none when password sign-in is off.
    pub password_hash: Option<String>,
}

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
    /// Whose.
    pub user: User,
    /// Milliseconds UTC.
    pub expires_at: i64,
}

const USER: &str = "u.id, u.uid, u.email, u.full_name, u.is_active, u.is_superuser,
    u.password_hash IS NOT NULL, u.created_at";
const TOKEN: &str = "t.id, t.name, t.scope, t.created_at, t.expires_at, t.last_used_at";

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        uid: row.get(1)?,
        email: row.get(2)?,
        full_name: row.get(3)?,
        is_active: row.get(4)?,
        is_superuser: row.get(5)?,
        has_password: row.get(6)?,
        created_at: row.get(7)?,
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
    /// The first superuser: who the data folder belongs to.
    ///
    /// # Errors
    /// The database's.
    pub fn owner(&self) -> StoreResult<Option<User>> {
        let sql =
            format!("SELECT {USER} FROM user u WHERE u.is_superuser = 1 ORDER BY u.id LIMIT 1");
        Ok(self.connection.prepare_cached(&sql)?.query_row([], read_user).optional()?)
    }

    /// A user by row.
    ///
    /// # Errors
    /// There is none.
    pub fn user(&self, id: i64) -> StoreResult<User> {
        let sql = format!("SELECT {USER} FROM user u WHERE u.id = ?1");
        let found = self.connection.prepare_cached(&sql)?.query_row([id], read_user).optional()?;
        found.ok_or_else(|| Error::not_found("User not found").into())
    }

    /// A user by e-mail, with the password's hash.
    ///
    /// # Errors
    /// The database's.
    pub fn account(&self, email: &str) -> StoreResult<Option<AccountRow>> {
        let sql = format!("SELECT {USER}, u.password_hash FROM user u WHERE u.email = ?1");
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row([email], |row| {
                Ok(AccountRow { user: read_user(row)?, password_hash: row.get(8)? })
            })
            .optional()?)
    }

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
            "SELECT {USER}, s.expires_at FROM session s JOIN user u ON u.id = s.user_id WHERE s.hash = ?1"
        );
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row([hash], |row| {
                Ok(SessionRow { user: read_user(row)?, expires_at: row.get(8)? })
            })
            .optional()?)
    }

    /// A user's preferences, as JSON text.
    ///
    /// # Errors
    /// There is no such user.
    pub fn preferences(&self, user: i64) -> StoreResult<String> {
        Ok(self
            .connection
            .prepare_cached("SELECT preferences FROM user WHERE id = ?1")?
            .query_row([user], |row| row.get(0))?)
    }
}

impl WriteTx<'_> {
    /// Makes a user.
    ///
    /// # Errors
    /// The e-mail is taken.
    pub fn insert_user(
        &mut self,
        email: &str,
        password_hash: Option<&str>,
        is_superuser: bool,
    ) -> StoreResult<i64> {
        if self.account(email)?.is_some() {
            return Err(email_taken(email).into());
        }
        self.connection
            .prepare_cached(
                "INSERT INTO user (uid, email, password_hash, is_superuser, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
            )?
            .execute(params![new_uid(), email, password_hash, is_superuser, self.now()])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn user_changed(&mut self, actor: &Actor, user: i64, field: &str) -> StoreResult<()> {
        let seq = self.record(actor, Kind::User, user, Some(field), Op::Set)?;
        self.connection
            .prepare_cached("UPDATE user SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![user, seq, self.now()])?;
        Ok(())
    }

    /// Changes what is given of a profile.
    ///
    /// # Errors
    /// The e-mail is taken.
    pub fn update_profile(
        &mut self,
        actor: &Actor,
        user: i64,
        email: Option<&str>,
        full_name: Option<&str>,
    ) -> StoreResult<()> {
        if let Some(email) = email
            && self.account(email)?.is_some_and(|holder| holder.user.id != user)
        {
            return Err(email_taken(email).into());
        }
        self.connection
            .prepare_cached(
                "UPDATE user SET email = coalesce(?2, email), full_name = coalesce(?3, full_name)
                 WHERE id = ?1",
            )?
            .execute(params![user, email, full_name])?;
        self.user_changed(actor, user, "profile")
    }

    /// Sets a password and ends every session but `keep`.
    ///
    /// # Errors
    /// The database's.
    pub fn set_password_hash(
        &mut self,
        actor: &Actor,
        user: i64,
        hash: &str,
        keep: Option<&[u8]>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE user SET password_hash = ?2 WHERE id = ?1")?
            .execute(params![user, hash])?;
        self.connection
            .prepare_cached("DELETE FROM session WHERE user_id = ?1 AND hash IS NOT ?2")?
            .execute(params![user, keep])?;
        self.user_changed(actor, user, "password")
    }

    /// Replaces a user's preferences.
    ///
    /// # Errors
    /// The database's.
    pub fn set_preferences(&mut self, user: i64, json: &str) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE user SET preferences = ?2 WHERE id = ?1")?
            .execute(params![user, json])?;
        Ok(())
    }

    /// Keeps a token's hash.
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

    /// Keeps a session's hash, and forgets those that have ended.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_session(&mut self, user: i64, hash: &[u8], expires_at: i64) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM session WHERE expires_at < ?1")?
            .execute([self.now()])?;
        self.connection
            .prepare_cached(
                "INSERT INTO session (user_id, hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![user, hash, self.now(), expires_at])?;
        Ok(())
    }

    /// Ends a session; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_session(&mut self, hash: &[u8]) -> StoreResult<()> {
        self.connection.prepare_cached("DELETE FROM session WHERE hash = ?1")?.execute([hash])?;
        Ok(())
    }
}

fn email_taken(email: &str) -> Error {
    Error::already_exists(format!("A user with the e-mail '{email}' already exists."))
        .hint("Choose another e-mail.")
}
