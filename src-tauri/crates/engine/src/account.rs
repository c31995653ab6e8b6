//! Accounts: the owner, tokens, profile and preferences.

use crate::credential::{random_secret, sha256};
use crate::sign_in::TOKEN_PREFIX;
use crate::{Engine, OWNER_EMAIL, actor, permit};
use branchline_core::{Actor, Error, ErrorCode, Result, Scope, Token, User};
use branchline_store::Class;
use serde_json::{Map, Value};
use std::sync::atomic::Ordering;

const SHORTEST_PASSWORD: usize = 8;
const LONGEST_PASSWORD: usize = 128;
/// Preferences are small; this keeps them so.
const PREFERENCES_BYTES: usize = 256 * 1024;

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
