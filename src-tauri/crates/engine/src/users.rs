//! Several people: making, changing and ending accounts, and their sessions.

use crate::account::{check_email, check_password};
use crate::sign_in::Credential;
use crate::signed::Purpose;
use crate::{Engine, permit};
use branchline_core::{Actor, Error, ErrorCode, Result, Scope, User};
use branchline_store::{Class, SessionInfo};

/// A user to be made.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Unique.
    pub email: String,
    /// Password sign-in is off when `None`.
    pub password: Option<String>,
    /// May be empty.
    pub full_name: String,
    /// May not sign in.
    pub inactive: bool,
    /// May do everything.
    pub is_superuser: bool,
}

/// What to change of a user; absent fields stay.
#[derive(Debug, Clone, Default)]
pub struct UserUpdate {
    /// Unique.
    pub email: Option<String>,
    /// May be empty.
    pub full_name: Option<String>,
    /// May sign in.
    pub is_active: Option<bool>,
    /// May do everything.
    pub is_superuser: Option<bool>,
    /// Another password.
    pub password: Option<String>,
}

/// A recovery link's token lives this long.
pub const RECOVERY_HOURS: i64 = 48;
/// Longest list of users or items.
pub(crate) const MOST: i64 = 10_000;

pub(crate) fn check_full_name(name: &str) -> Result<()> {
    if name.chars().count() <= 255 {
        return Ok(());
    }
    Err(Error::invalid(
        "Invalid value for parameter 'full_name' supplied: it has at most 255 characters.",
    ))
}

fn last_superuser() -> Error {
    Error::new(
        ErrorCode::ResourceConflict,
        "This is the last active superuser: somebody has to remain who may do everything.",
    )
    .hint("Make another user a superuser first.")
}

impl Engine {
    /// Users in the order of their making.
    ///
    /// # Errors
    /// The actor is no superuser.
    pub async fn users(&self, actor: &Actor, skip: i64, limit: i64) -> Result<Vec<User>> {
        permit::require_superuser(actor)?;
        self.read(actor, move |view| view.users(skip.max(0), limit.clamp(0, MOST))).await
    }

    /// A user by number: oneself, or anybody for a superuser.
    ///
    /// # Errors
    /// There is none; the actor may not.
    pub async fn user_by_id(&self, actor: &Actor, id: i64) -> Result<User> {
        if id != actor.user_id {
            permit::require_superuser(actor)?;
        }
        self.read(actor, move |view| view.user(id)).await
    }

    /// A user by e-mail: oneself, or anybody for a superuser.
    ///
    /// # Errors
    /// There is none; the actor may not.
    pub async fn user_by_email(&self, actor: &Actor, email: &str) -> Result<User> {
        if !email.eq_ignore_ascii_case(&actor.email) {
            permit::require_superuser(actor)?;
        }
        let wanted = email.to_owned();
        let found = self.read(actor, move |view| view.account(&wanted)).await?;
        found
            .map(|account| account.user)
            .ok_or_else(|| Error::not_found(format!("User with username={email} not found")))
    }

    /// Makes a user.
    ///
    /// # Errors
    /// The e-mail is taken; the e-mail or password breaks a rule; the actor is no superuser.
    pub async fn create_user(&self, actor: &Actor, new: NewUser) -> Result<User> {
        permit::require_superuser(actor)?;
        self.make_user(new).await
    }

    /// Makes a user who asks for themselves, where the server lets people register.
    ///
    /// # Errors
    /// The e-mail is taken; the e-mail or password breaks a rule.
    pub async fn register(
        &self,
        email: String,
        password: String,
        full_name: String,
    ) -> Result<User> {
        let password = Some(password);
        self.make_user(NewUser { email, password, full_name, ..NewUser::default() }).await
    }

    async fn make_user(&self, new: NewUser) -> Result<User> {
        check_email(&new.email)?;
        check_full_name(&new.full_name)?;
        let hash = match &new.password {
            Some(password) => {
                check_password(password)?;
                Some(self.inner.credentials.hash_password(password).await?)
            }
            None => None,
        };
        let made = self.inner.store.write(Class::Durable, move |tx| {
            let id = tx.insert_user(&new.email, hash.as_deref(), new.is_superuser)?;
            tx.finish_user(id, &new.full_name, !new.inactive)?;
            tx.user(id)
        });
        made.await
    }

    /// Changes what is given of a user. Another password, deactivation and other rights end
    /// their sessions and signed tokens.
    ///
    /// # Errors
    /// There is no such user; a rule is broken; the actor may not; nobody would be left who
    /// may do everything.
    pub async fn update_user(&self, actor: &Actor, id: i64, update: UserUpdate) -> Result<User> {
        permit::require(actor, Scope::Admin)?;
        let rights = update.is_active.is_some() || update.is_superuser.is_some();
        if id != actor.user_id || rights {
            permit::require_superuser(actor)?;
        }
        if let Some(email) = &update.email {
            check_email(email)?;
        }
        if let Some(name) = &update.full_name {
            check_full_name(name)?;
        }
        let hash = match &update.password {
            Some(password) => {
                check_password(password)?;
                Some(self.inner.credentials.hash_password(password).await?)
            }
            None => None,
        };
        let user = self
            .durably(actor, move |tx, actor| {
                let before = tx.user(id)?;
                let loses = update.is_active == Some(false) || update.is_superuser == Some(false);
                if loses && before.is_superuser && before.is_active && tx.other_superusers(id)? == 0
                {
                    return Err(last_superuser().into());
                }
                if update.email.is_some() || update.full_name.is_some() {
                    let (email, name) = (update.email.as_deref(), update.full_name.as_deref());
                    tx.update_profile(actor, id, email, name)?;
                }
                tx.set_user_rights(actor, id, update.is_active, update.is_superuser)?;
                if let Some(hash) = &hash {
                    tx.set_password_hash(actor, id, hash, None)?;
                }
                tx.user(id)
            })
            .await?;
        self.accounts_changed();
        Ok(user)
    }

    /// Removes a user. What they made stays, without a maker.
    ///
    /// # Errors
    /// There is no such user; the actor may not; it is the last superuser.
    pub async fn delete_user(&self, actor: &Actor, id: i64) -> Result<User> {
        permit::require_superuser(actor)?;
        let user = self
            .durably(actor, move |tx, actor| {
                let user = tx.user(id)?;
                if user.is_superuser && user.is_active && tx.other_superusers(id)? == 0 {
                    return Err(last_superuser().into());
                }
                tx.delete_user(actor, id)?;
                Ok(user)
            })
            .await?;
        self.accounts_changed();
        Ok(user)
    }

    /// The actor's sessions, newest first; the one that `credential` belongs to is marked.
    ///
    /// # Errors
    /// The database's.
    pub async fn sessions(
        &self,
        actor: &Actor,
        credential: Option<Credential<'_>>,
    ) -> Result<Vec<SessionInfo>> {
        permit::require(actor, Scope::Admin)?;
        let current = match credential {
            Some(credential) => self.session_of(credential).await?,
            None => None,
        };
        let (user, now) = (actor.user_id, self.now());
        self.read(actor, move |view| view.sessions(user, now, current)).await
    }

    /// Ends one of the actor's sessions.
    ///
    /// # Errors
    /// They have no such session.
    pub async fn revoke_session(&self, actor: &Actor, id: i64) -> Result<()> {
        permit::require(actor, Scope::Admin)?;
        let user = actor.user_id;
        let gone = self
            .inner
            .store
            .write(Class::Durable, move |tx| tx.delete_session_of(user, id))
            .await?;
        self.accounts_changed();
        if gone { Ok(()) } else { Err(Error::not_found(format!("There is no session {id}."))) }
    }

    /// Puts another signing key in the place of the present one, and ends every session and
    /// signed token of everybody. Personal access tokens stay.
    ///
    /// # Errors
    /// The actor is no superuser; the key cannot be written.
    pub async fn rotate_signing_key(&self, actor: &Actor) -> Result<()> {
        permit::require_superuser(actor)?;
        self.inner.signer.rotate().await?;
        self.inner.store.write(Class::Durable, |tx| tx.end_all_sessions()).await?;
        self.accounts_changed();
        Ok(())
    }

    /// Whether somebody has this e-mail; for servers that were set up to tell.
    ///
    /// # Errors
    /// The database's.
    pub async fn is_user(&self, email: &str) -> Result<bool> {
        let wanted = email.to_owned();
        Ok(self.inner.store.read(move |view| view.account(&wanted)).await?.is_some())
    }

    /// Counts a request for recovery, whether or not there is such a user.
    ///
    /// # Errors
    /// Too many were asked for.
    pub async fn allow_recovery(&self, email: &str) -> Result<()> {
        let asked = format!("recovery of {email}");
        self.check_throttle(&asked).await?;
        self.note_failure(&asked).await
    }

    /// A token that sets another password once, for the active user with this e-mail.
    ///
    /// # Errors
    /// The database's.
    pub async fn recovery_token(&self, email: &str) -> Result<Option<(User, String)>> {
        let wanted = email.to_owned();
        let found = self.inner.store.read(move |view| view.account(&wanted)).await?;
        let Some(user) = found.map(|account| account.user).filter(|user| user.is_active) else {
            return Ok(None);
        };
        let id = user.id;
        let epoch = self.inner.store.read(move |view| view.token_epoch(id)).await?.unwrap_or(0);
        let lives = RECOVERY_HOURS * 3600 * 1000;
        let signer = &self.inner.signer;
        let token = signer.sign(Purpose::Recovery, (id, epoch), None, self.now(), lives).await?;
        Ok(Some((user, token)))
    }

    /// Sets another password with a recovery link's token, and ends all sessions.
    ///
    /// # Errors
    /// The token does not hold (any more); the user is gone or switched off; the password
    /// breaks a rule.
    pub async fn reset_password(&self, token: &str, password: &str) -> Result<()> {
        let invalid = || Error::invalid("Invalid token");
        let checked = self.inner.signer.check(Purpose::Recovery, token, self.now()).await;
        let claims = checked.map_err(|_| invalid())?;
        let id = claims.user().map_err(|_| invalid())?;
        check_password(password)?;
        let epoch = self.inner.store.read(move |view| view.token_epoch(id)).await?;
        if epoch.is_none() {
            return Err(Error::not_found(
                "The user with this username does not exist in the system.",
            ));
        }
        let hash = self.inner.credentials.hash_password(password).await?;
        self.inner
            .store
            .write(Class::Durable, move |tx| {
                let user = tx.user(id)?;
                if !user.is_active {
                    return Err(Error::invalid("Inactive user").into());
                }
                // Works once: the epoch moves with the password.
                if tx.token_epoch(id)? != Some(claims.epoch) {
                    return Err(invalid().into());
                }
                tx.set_password_hash(&crate::actor(&user, Scope::Admin), id, &hash, None)
            })
            .await?;
        self.accounts_changed();
        Ok(())
    }
}
