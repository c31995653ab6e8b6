//! Who is asking: credentials, sign-in and sessions.

use crate::credential::{random_secret, sha256};
use crate::signed::{Purpose, refused};
use crate::{Engine, actor};
use branchline_core::{Actor, Error, ErrorCode, Result, Scope, User};
use branchline_store::Class;
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
pub(crate) const TOKEN_PREFIX: &str = "bl_";
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

/// What a client calls itself, cut to what fits a list.
fn short(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn unauthenticated(message: &str) -> Error {
    Error::new(ErrorCode::Unauthenticated, message)
        .hint("Get a credential in the window under Connect, or with `branchline connect`.")
}

impl Engine {
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

    pub(crate) async fn check_sign_in(&self, email: &str, password: &str) -> Result<User> {
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
}
