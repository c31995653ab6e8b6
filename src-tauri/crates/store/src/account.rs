//! Accounts: users, their passwords as hashes, and preferences.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::{Actor, Error, User, new_uid};
use rusqlite::{OptionalExtension, Row, params};

/// A user with what signing in needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// The user.
    pub user: User,
    /// argon2id in PHC form; none when password sign-in is off.
    pub password_hash: Option<String>,
}

pub(crate) const USER: &str = "u.id, u.uid, u.email, u.full_name, u.is_active, u.is_superuser,
    u.password_hash IS NOT NULL, u.created_at";
pub(crate) fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
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

    /// Users in the order of their making.
    ///
    /// # Errors
    /// The database's.
    pub fn users(&self, skip: i64, limit: i64) -> StoreResult<Vec<User>> {
        let sql = format!("SELECT {USER} FROM user u ORDER BY u.id LIMIT ?2 OFFSET ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let users = statement.query_map([skip, limit], read_user)?;
        Ok(users.collect::<rusqlite::Result<_>>()?)
    }

    /// The epoch of a user's signed tokens; `None` when there is no such user.
    ///
    /// # Errors
    /// The database's.
    pub fn token_epoch(&self, user: i64) -> StoreResult<Option<i64>> {
        Ok(self
            .connection
            .prepare_cached("SELECT token_epoch FROM user WHERE id = ?1")?
            .query_row([user], |row| row.get(0))
            .optional()?)
    }

    /// How many active superusers there are beside `user`.
    ///
    /// # Errors
    /// The database's.
    pub fn other_superusers(&self, user: i64) -> StoreResult<i64> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM user WHERE is_superuser = 1 AND is_active = 1 AND id <> ?1",
            )?
            .query_row([user], |row| row.get(0))?)
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

    /// Completes a user who was just made.
    ///
    /// # Errors
    /// The database's.
    pub fn finish_user(&mut self, user: i64, full_name: &str, is_active: bool) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE user SET full_name = ?2, is_active = ?3 WHERE id = ?1")?
            .execute(params![user, full_name, is_active])?;
        Ok(())
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
            .prepare_cached(
                "UPDATE user SET password_hash = ?2, token_epoch = token_epoch + 1 WHERE id = ?1",
            )?
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

    /// Changes what is given of a user's rights, and ends all their sessions and signed
    /// tokens when that changes any.
    ///
    /// # Errors
    /// There is no such user.
    pub fn set_user_rights(
        &mut self,
        actor: &Actor,
        user: i64,
        is_active: Option<bool>,
        is_superuser: Option<bool>,
    ) -> StoreResult<()> {
        let before = self.user(user)?;
        let active = is_active.unwrap_or(before.is_active);
        let superuser = is_superuser.unwrap_or(before.is_superuser);
        if (active, superuser) == (before.is_active, before.is_superuser) {
            return Ok(());
        }
        self.connection
            .prepare_cached(
                "UPDATE user SET is_active = ?2, is_superuser = ?3, token_epoch = token_epoch + 1
                 WHERE id = ?1",
            )?
            .execute(params![user, active, superuser])?;
        self.connection
            .prepare_cached("DELETE FROM session WHERE user_id = ?1")?
            .execute([user])?;
        self.user_changed(actor, user, "rights")
    }

    /// Removes a user with their tokens, sessions, permissions and items. What they made
    /// stays.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_user(&mut self, actor: &Actor, user: i64) -> StoreResult<()> {
        self.record(actor, Kind::User, user, None, Op::Erase)?;
        self.connection.prepare_cached("DELETE FROM user WHERE id = ?1")?.execute([user])?;
        // Their rules went with them.
        self.rules.forget();
        Ok(())
    }
}

fn email_taken(email: &str) -> Error {
    Error::already_exists(format!("A user with the e-mail '{email}' already exists."))
        .hint("Choose another e-mail.")
}
