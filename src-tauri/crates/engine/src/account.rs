//! Accounts: who is asking, tokens, sessions, profile and preferences.

use crate::credential::{random_secret, sha256};
use crate::signed::{Purpose, refused};
use crate::{Engine, OWNER_EMAIL, actor, permit};
use branchline_core::{Actor, Error, ErrorCode, Result, Scope, Token, User};
use branchline_store::Class;
use serde_json::{Map, Value};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a request shows.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// A personal access token (`bl_…`).
    Token(&'a str),
    /// A user name (the e-mail) with a password or a token.
    Basic {
        /// The e-mail.
        user: &'a str,
        /// A password or token.
        password: &'a str,
    },
    /// A session cookie's value.
    Session(&'a str),
}

/// Tokens begin with this, so that people and scanners know them.
const TOKEN_PREFIX: &str = "bl_";
/// A session lasts this long.
const SESSION_MS: i64 = 30 * 24 * 3600 * 1000;
/// A signed token lasts this long, as the stack's.
pub const SIGNED_MS: i64 = 8 * 24 * 3600 * 1000;
/// Why a credential of a switched-off user does not hold.
pub const INACTIVE_USER: &str = "Inactive user";
/// Why a signed token of a removed user does not hold.
pub const UNKNOWN_USER: &str = "User not found";
/// A sign-in secret posted by the window lives this long.
const SIGN_IN: Duration = Duration::from_secs(30);
/// A token's last use is noted at most this often.
const TOUCH_MS: i64 = 60_000;
const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 128;
/// Preferences are small; this keeps them so.
const PREFERENCES_BYTES: usize = 256 * 1024;

/// What a client calls itself, cut to what fits a list.
fn short(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn unauthenticated(message: &str) -> Error {
    Error::new(ErrorCode::Unauthenticated, message)
        .hint("Get a credential in the window under Connect, or with `branchline connect`.")
}

pub(crate) fn check_email(email: &str) -> Result<()> {
    let plausible = email.len() <= 255
        && !email.chars().any(|c| c.is_whitespace() || c.is_control() || c == ':')
        && email.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if plausible {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid value '{email}' for parameter 'email' supplied: it must look like name@host, without spaces or colons, at most 255 characters."
    )))
}

pub(crate) fn check_password(password: &str) -> Result<()> {
    let length = password.chars().count();
    if (SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&length) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "The password must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters."
    )))
}

impl Engine {
    /// The data folder's owner: the first superuser.
    ///
    /// # Errors
    /// The database's.
    pub async fn owner(&self) -> Result<User> {
        let known = self.inner.owner.load(Ordering::Acquire);
        if known != 0 {
            return self.inner.store.read(move |view| view.user(known)).await;
        }
        let owner = self.inner.store.read(|view| view.owner()).await?;
        let owner = owner.ok_or_else(|| Error::internal("The data folder has no owner."))?;
        self.inner.owner.store(owner.id, Ordering::Release);
        Ok(owner)
    }

    /// Nothing about accounts is taken from memory any more.
    pub(crate) fn accounts_changed(&self) {
        self.inner.owner.store(0, Ordering::Release);
        self.inner.credentials.forget();
    }

    /// Tells of each change after which a credential may not hold any more, or stand for
    /// somebody with other rights. At once, too: something may have changed since the
    /// listener was let in.
    pub fn accounts_watch(&self) -> tokio::sync::watch::Receiver<()> {
        let mut changes = self.inner.credentials.changes();
        changes.mark_changed();
        changes
    }

    /// The owner as the one who acts, for the window and the command line.
    ///
    /// # Errors
    /// The database's.
    pub async fn owner_actor(&self) -> Result<Actor> {
        Ok(actor(&self.owner().await?, Scope::Admin))
    }

    /// Gives the owner an e-mail and a password, if they have none yet; answers whether.
    ///
    /// # Errors
    /// The e-mail or password breaks a rule.
    pub async fn claim_owner(&self, email: &str, password: &str) -> Result<bool> {
        check_email(email)?;
        check_password(password)?;
        let owner = self.owner().await?;
        if owner.has_password || owner.email != OWNER_EMAIL {
            return Ok(false);
        }
        let hash = self.inner.credentials.hash_password(password).await?;
        let (email, me) = (email.to_owned(), actor(&owner, Scope::Admin));
        self.inner
            .store
            .write(Class::Durable, move |tx| {
                tx.update_profile(&me, me.user_id, Some(&email), None)?;
                tx.set_password_hash(&me, me.user_id, &hash, None)
            })
            .await?;
        self.accounts_changed();
        Ok(true)
    }

    /// Who shows this credential.
    ///
    /// # Errors
    /// It does not hold, has ended, or its user is switched off.
    pub async fn authenticate(&self, credential: Credential<'_>) -> Result<Actor> {
        match credential {
            Credential::Token(secret) if secret.starts_with(TOKEN_PREFIX) => {
                self.by_token(secret).await
            }
            Credential::Token(secret) => self.by_signed(secret).await,
            Credential::Basic { user, password } if password.starts_with(TOKEN_PREFIX) => {
                let actor = self.by_token(password).await?;
                if actor.email.eq_ignore_ascii_case(user) || user == "token" {
                    return Ok(actor);
                }
                Err(unauthenticated("The token belongs to another user."))
            }
            Credential::Basic { user, password } => self.by_password(user, password).await,
            Credential::Session(secret) => self.by_session(secret).await,
        }
    }

    async fn by_token(&self, secret: &str) -> Result<Actor> {
        let (hash, now, generation) =
            (sha256(secret), self.now(), self.inner.credentials.generation());
        if let Some(actor) = self.inner.credentials.recall(&hash, now) {
            return Ok(actor);
        }
        let found = self.inner.store.read(move |view| view.token_by_hash(&hash)).await?;
        let row = found.ok_or_else(|| unauthenticated("The token is not valid."))?;
        if row.token.expires_at.is_some_and(|end| end <= now) {
            return Err(unauthenticated("The token has expired."));
        }
        if !row.user.is_active {
            return Err(unauthenticated("The user of this token is switched off."));
        }
        let actor = actor(&row.user, row.token.scope);
        self.inner.credentials.remember(generation, hash, &actor, row.token.expires_at);
        if row.token.last_used_at.is_none_or(|last| now - last > TOUCH_MS) {
            self.note_use(row.token.id);
        }
        Ok(actor)
    }

    /// The request does not wait for this.
    fn note_use(&self, token: i64) {
        let store = self.inner.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.write(Class::Tracking, move |tx| tx.touch_token(token)).await
            {
                tracing::debug!(%error, "a token's use was not noted");
            }
        });
    }

    async fn by_password(&self, email: &str, password: &str) -> Result<Actor> {
        let (keyed, now) = (self.inner.credentials.keyed(email, password), self.now());
        let generation = self.inner.credentials.generation();
        if let Some(actor) = self.inner.credentials.recall(&keyed, now) {
            return Ok(actor);
        }
        let user = self.check_sign_in(email, password).await?;
        let actor = actor(&user, Scope::Admin);
        self.inner.credentials.remember(generation, keyed, &actor, None);
        Ok(actor)
    }

    async fn check_sign_in(&self, email: &str, password: &str) -> Result<User> {
        let credentials = &self.inner.credentials;
        self.check_throttle(email).await?;
        let wanted = email.to_owned();
        let account = self.inner.store.read(move |view| view.account(&wanted)).await?;
        let hash = account.as_ref().and_then(|account| account.password_hash.clone());
        let right = credentials.verify_password(password, hash).await?;
        match account.filter(|_| right) {
            Some(account) => {
                self.forgive(email).await?;
                if !account.user.is_active {
                    return Err(Error::new(ErrorCode::Unauthenticated, INACTIVE_USER));
                }
                Ok(account.user)
            }
            None => {
                self.note_failure(email).await?;
                Err(Error::new(ErrorCode::Unauthenticated, "Incorrect email or password"))
            }
        }
    }

    /// A signed token holds while its session does, and its user's epoch has not moved.
    async fn by_signed(&self, secret: &str) -> Result<Actor> {
        let (hash, now, generation) =
            (sha256(secret), self.now(), self.inner.credentials.generation());
        if let Some(actor) = self.inner.credentials.recall(&hash, now) {
            return Ok(actor);
        }
        let claims = self.inner.signer.check(Purpose::Session, secret, now).await?;
        let (user, sid) = (claims.user()?, claims.sid.unwrap_or_default());
        let (epoch, session) = self
            .inner
            .store
            .read(move |view| Ok((view.token_epoch(user)?, view.session(sid)?)))
            .await?;
        let Some(epoch) = epoch else {
            return Err(Error::new(ErrorCode::Unauthenticated, UNKNOWN_USER));
        };
        let whose = self.inner.store.read(move |view| view.user(user)).await?;
        if !whose.is_active {
            return Err(Error::new(ErrorCode::Unauthenticated, INACTIVE_USER));
        }
        let session = session
            .filter(|session| session.user.id == user && session.expires_at > now)
            .filter(|_| epoch == claims.epoch)
            .ok_or_else(refused)?;
        let actor = actor(&session.user, Scope::Admin);
        let ends = session.expires_at.min(claims.exp * 1000);
        self.inner.credentials.remember(generation, hash, &actor, Some(ends));
        self.note_session(session.id, session.last_used_at);
        Ok(actor)
    }

    /// Whom a signed token was made for, switched-off users included.
    ///
    /// # Errors
    /// It does not hold.
    pub async fn user_of_token(&self, secret: &str) -> Result<User> {
        match self.authenticate(Credential::Token(secret)).await {
            Ok(actor) => self.user(&actor).await,
            Err(error) if error.message == INACTIVE_USER => {
                let claims = self.inner.signer.check(Purpose::Session, secret, self.now()).await?;
                let user = claims.user()?;
                self.inner.store.read(move |view| view.user(user)).await
            }
            Err(error) => Err(error),
        }
    }

    /// The session that a credential belongs to.
    pub(crate) async fn session_of(&self, credential: Credential<'_>) -> Result<Option<i64>> {
        match credential {
            Credential::Session(secret) => {
                let hash = sha256(secret);
                let found = self.inner.store.read(move |view| view.session_by_hash(&hash)).await?;
                Ok(found.map(|session| session.id))
            }
            Credential::Token(secret) if !secret.starts_with(TOKEN_PREFIX) => {
                let claims = self.inner.signer.check(Purpose::Session, secret, self.now()).await;
                Ok(claims.ok().and_then(|claims| claims.sid))
            }
            _ => Ok(None),
        }
    }

    /// The request does not wait for this.
    fn note_session(&self, id: i64, last_used_at: Option<i64>) {
        if last_used_at.is_some_and(|last| self.now() - last <= TOUCH_MS) {
            return;
        }
        let store = self.inner.store.clone();
        tokio::spawn(async move {
            if let Err(error) = store.write(Class::Tracking, move |tx| tx.touch_session(id)).await {
                tracing::debug!(%error, "a session's use was not noted");
            }
        });
    }

    async fn by_session(&self, secret: &str) -> Result<Actor> {
        let (hash, now, generation) =
            (sha256(secret), self.now(), self.inner.credentials.generation());
        if let Some(actor) = self.inner.credentials.recall(&hash, now) {
            return Ok(actor);
        }
        let found = self.inner.store.read(move |view| view.session_by_hash(&hash)).await?;
        let session = found
            .filter(|session| session.expires_at > now && session.user.is_active)
            .ok_or_else(|| unauthenticated("The session has ended."))?;
        let actor = actor(&session.user, Scope::Admin);
        self.inner.credentials.remember(generation, hash, &actor, Some(session.expires_at));
        self.note_session(session.id, session.last_used_at);
        Ok(actor)
    }

    /// A secret that signs the owner in once, within 30 seconds.
    pub fn issue_sign_in_secret(&self) -> String {
        self.issue_sign_in_secret_for(SIGN_IN)
    }

    /// A secret that signs the owner in once, within `lives`.
    pub fn issue_sign_in_secret_for(&self, lives: Duration) -> String {
        self.inner.credentials.issue_sign_in(lives)
    }

    /// Starts the owner's session with a sign-in secret; answers the cookie's value.
    ///
    /// # Errors
    /// The secret was used before or has ended.
    pub async fn redeem_sign_in_secret(&self, secret: &str, agent: &str) -> Result<String> {
        if !self.inner.credentials.redeem_sign_in(secret) {
            return Err(Error::new(
                ErrorCode::Unauthenticated,
                "The sign-in link was used before or has ended.",
            )
            .hint("Start Branchline again for a new one, or sign in with e-mail and password."));
        }
        let owner = self.owner().await?;
        self.start_session(owner.id, agent).await
    }

    /// Starts a session with e-mail and password; answers the cookie's value.
    ///
    /// # Errors
    /// They are wrong, or too many were tried.
    pub async fn sign_in(&self, email: &str, password: &str, agent: &str) -> Result<String> {
        let user = self.check_sign_in(email, password).await?;
        self.start_session(user.id, agent).await
    }

    /// Starts a session with e-mail and password; answers a signed token for it, as the
    /// stack's API gives.
    ///
    /// # Errors
    /// They are wrong, or too many were tried.
    pub async fn sign_in_signed(&self, email: &str, password: &str, agent: &str) -> Result<String> {
        let user = self.check_sign_in(email, password).await?.id;
        // The token itself is the secret; nobody knows what this is the hash of.
        let (hash, ends) = (sha256(&random_secret()), self.now() + SIGNED_MS);
        let agent = short(agent);
        let (epoch, sid) = self
            .inner
            .store
            .write(Class::Durable, move |tx| {
                let epoch = tx.token_epoch(user)?.unwrap_or_default();
                Ok((epoch, tx.insert_session(user, "api", &agent, &hash, ends)?))
            })
            .await?;
        let signer = &self.inner.signer;
        signer.sign(Purpose::Session, (user, epoch), Some(sid), self.now(), SIGNED_MS).await
    }

    async fn start_session(&self, user: i64, agent: &str) -> Result<String> {
        let secret = random_secret();
        let (hash, ends, agent) = (sha256(&secret), self.now() + SESSION_MS, short(agent));
        self.inner
            .store
            .write(Class::Durable, move |tx| {
                tx.insert_session(user, "browser", &agent, &hash, ends)
            })
            .await?;
        Ok(secret)
    }

    /// Ends a session; an unknown one is fine.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_session(&self, secret: &str) -> Result<()> {
        let hash = sha256(secret);
        self.inner.store.write(Class::Durable, move |tx| tx.delete_session(&hash)).await?;
        self.inner.credentials.forget();
        Ok(())
    }

    /// The actor's account.
    ///
    /// # Errors
    /// It is gone.
    pub async fn user(&self, actor: &Actor) -> Result<User> {
        let id = actor.user_id;
        self.read(actor, move |view| view.user(id)).await
    }

    /// Makes a token; the secret is answered once. It takes a credential that may administer:
    /// one that ends could make one that does not.
    ///
    /// # Errors
    /// The name is blank; the actor's scope is smaller; the end has passed.
    pub async fn create_token(
        &self,
        actor: &Actor,
        name: &str,
        scope: Scope,
        expires_at: Option<i64>,
    ) -> Result<(Token, String)> {
        permit::require(actor, Scope::Admin)?;
        let name = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 100 {
            return Err(Error::invalid(
                "Invalid value for parameter 'name' supplied: a token's name has 1 to 100 characters.",
            ));
        }
        if expires_at.is_some_and(|end| end <= self.now()) {
            return Err(Error::invalid(
                "Invalid value for parameter 'expires_at' supplied: it lies in the past.",
            ));
        }
        let secret = format!("{TOKEN_PREFIX}{}", random_secret());
        let (hash, user) = (sha256(&secret), actor.user_id);
        let token = self
            .inner
            .store
            .write(Class::Durable, move |tx| tx.insert_token(user, &name, &hash, scope, expires_at))
            .await?;
        Ok((token, secret))
    }

    /// The actor's token with this secret, while it holds.
    ///
    /// # Errors
    /// The actor's scope is not `admin`.
    pub async fn token_with(&self, actor: &Actor, secret: &str) -> Result<Option<Token>> {
        permit::require(actor, Scope::Admin)?;
        let (hash, user, now) = (sha256(secret), actor.user_id, self.now());
        let found = self.inner.store.read(move |view| view.token_by_hash(&hash)).await?;
        let held = found
            .filter(|row| row.user.id == user && row.token.expires_at.is_none_or(|end| end > now));
        Ok(held.map(|row| row.token))
    }

    /// The actor's tokens, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn tokens(&self, actor: &Actor) -> Result<Vec<Token>> {
        let user = actor.user_id;
        self.read(actor, move |view| view.tokens(user)).await
    }

    /// Ends one of the actor's tokens.
    ///
    /// # Errors
    /// They have no such token; the actor's scope is not `admin`.
    pub async fn revoke_token(&self, actor: &Actor, id: i64) -> Result<()> {
        permit::require(actor, Scope::Admin)?;
        let user = actor.user_id;
        let gone =
            self.inner.store.write(Class::Durable, move |tx| tx.delete_token(user, id)).await?;
        self.inner.credentials.forget();
        if gone { Ok(()) } else { Err(Error::not_found(format!("There is no token {id}."))) }
    }

    /// Changes what is given of the actor's profile.
    ///
    /// # Errors
    /// The e-mail is taken or breaks a rule.
    pub async fn update_profile(
        &self,
        actor: &Actor,
        email: Option<String>,
        full_name: Option<String>,
    ) -> Result<User> {
        permit::require(actor, Scope::Admin)?;
        if let Some(email) = &email {
            check_email(email)?;
        }
        if full_name.as_ref().is_some_and(|name| name.chars().count() > 255) {
            return Err(Error::invalid(
                "Invalid value for parameter 'full_name' supplied: it has at most 255 characters.",
            ));
        }
        let user = self
            .durably(actor, move |tx, actor| {
                let id = actor.user_id;
                tx.update_profile(actor, id, email.as_deref(), full_name.as_deref())?;
                tx.user(id)
            })
            .await?;
        self.inner.credentials.forget();
        Ok(user)
    }

    /// Sets the actor's password, and ends their sessions but `keep`. The current one is
    /// asked for where there is one.
    ///
    /// # Errors
    /// The current password is wrong; the new one breaks a rule.
    pub async fn set_password(
        &self,
        actor: &Actor,
        current: Option<&str>,
        new: &str,
        keep: Option<&str>,
    ) -> Result<()> {
        permit::require(actor, Scope::Admin)?;
        check_password(new)?;
        let user = self.user(actor).await?;
        if user.has_password {
            self.check_sign_in(&user.email, current.unwrap_or_default()).await.map_err(
                |error| match error.code {
                    ErrorCode::Unauthenticated => Error::invalid("Incorrect password"),
                    _ => error,
                },
            )?;
        }
        let hash = self.inner.credentials.hash_password(new).await?;
        let keep = keep.map(sha256);
        self.durably(actor, move |tx, actor| {
            tx.set_password_hash(
                actor,
                actor.user_id,
                &hash,
                keep.as_ref().map(<[u8; 32]>::as_slice),
            )
        })
        .await?;
        self.inner.credentials.forget();
        Ok(())
    }

    /// The actor's preferences.
    ///
    /// # Errors
    /// The database's.
    pub async fn preferences(&self, actor: &Actor) -> Result<Map<String, Value>> {
        let user = actor.user_id;
        let json = self.read(actor, move |view| view.preferences(user)).await?;
        Ok(serde_json::from_str(&json).unwrap_or_default())
    }

    /// Merges into the actor's preferences; `null` removes a key. Answers all of them.
    ///
    /// # Errors
    /// They would grow past 256 kB.
    pub async fn set_preferences(
        &self,
        actor: &Actor,
        changes: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        self.track(actor, move |tx, actor| {
            let json = tx.preferences(actor.user_id)?;
            let mut all: Map<String, Value> = serde_json::from_str(&json).unwrap_or_default();
            for (key, value) in changes {
                if value.is_null() {
                    all.remove(&key);
                } else {
                    all.insert(key, value);
                }
            }
            let json = Value::Object(all.clone()).to_string();
            if json.len() > PREFERENCES_BYTES {
                return Err(Error::invalid("Preferences are limited to 256 kB in all.").into());
            }
            tx.set_preferences(actor.user_id, &json)?;
            Ok(all)
        })
        .await
    }
}
