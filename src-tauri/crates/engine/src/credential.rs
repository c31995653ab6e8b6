//! Secrets: made, hashed and remembered. A credential that was checked once is answered
//! from memory, so that a request costs one SHA-256 and no password hash.

use branchline_core::{Actor, Error, Result};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// A checked credential is asked for again after this long.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Checked credentials kept; past this the memory starts afresh.
const KEPT: usize = 4096;

pub(crate) type Hash = [u8; 32];

pub(crate) struct Credentials {
    checked: RwLock<HashMap<Hash, Checked>>,
    /// Grows whenever accounts change; see [`Credentials::remember`].
    generation: AtomicU64,
    /// Tells who holds on to what was checked once, as an open socket does.
    changed: watch::Sender<()>,
    sign_in: Mutex<Vec<(Hash, Instant)>>,
    /// An argon2 hash takes tens of megabytes; two at a time are enough.
    hashing: Semaphore,
    /// How often that was done, for tests: time would tell them less.
    #[cfg(test)]
    hashed: AtomicU64,
    /// Keys the memory of passwords, so that it holds nothing worth stealing.
    key: Hash,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            checked: RwLock::default(),
            generation: AtomicU64::new(0),
            changed: watch::Sender::new(()),
            sign_in: Mutex::default(),
            hashing: Semaphore::new(2),
            #[cfg(test)]
            hashed: AtomicU64::new(0),
            key: rand::random(),
        }
    }
}

struct Checked {
    actor: Actor,
    /// The credential's own end, milliseconds UTC.
    expires_at: Option<i64>,
    until: Instant,
}

pub(crate) fn sha256(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// 256 random bits as 43 characters.
pub fn random_secret() -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<Hash>())
}

impl Credentials {
    /// What a password is remembered under: useless without this process's key.
    pub(crate) fn keyed(&self, user: &str, password: &str) -> Hash {
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(user.to_lowercase().as_bytes());
        hasher.update([0]);
        hasher.update(password.as_bytes());
        hasher.finalize().into()
    }

    pub(crate) fn recall(&self, hash: &Hash, now: i64) -> Option<Actor> {
        let checked = self.checked.read().unwrap_or_else(PoisonError::into_inner);
        checked
            .get(hash)
            .filter(|c| c.until > Instant::now() && c.expires_at.is_none_or(|end| end > now))
            .map(|c| c.actor.clone())
    }

    /// To be asked for before the database is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Remembers what was found since `generation`; when accounts changed meanwhile, it may
    /// be what no longer holds, and is not kept.
    pub(crate) fn remember(
        &self,
        generation: u64,
        hash: Hash,
        actor: &Actor,
        expires_at: Option<i64>,
    ) {
        let mut checked = self.checked.write().unwrap_or_else(PoisonError::into_inner);
        if self.generation() != generation {
            return;
        }
        if checked.len() >= KEPT {
            checked.clear();
        }
        let until = Instant::now() + REMEMBERED;
        checked.insert(hash, Checked { actor: actor.clone(), expires_at, until });
    }

    /// After any change of accounts nothing is taken from memory.
    pub(crate) fn forget(&self) {
        let mut checked = self.checked.write().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
        checked.clear();
        self.changed.send_replace(());
    }

    /// Each change of accounts from now on.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// One credential is no longer taken from memory.
    pub(crate) fn forget_one(&self, hash: &Hash) {
        self.checked.write().unwrap_or_else(PoisonError::into_inner).remove(hash);
        self.changed.send_replace(());
    }

    pub(crate) fn issue_sign_in(&self, lives: Duration) -> String {
        let secret = random_secret();
        let mut issued = self.sign_in.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|(_, end)| *end > Instant::now());
        issued.push((sha256(&secret), Instant::now() + lives));
        secret
    }

    /// Works once.
    pub(crate) fn redeem_sign_in(&self, secret: &str) -> bool {
        let hash = sha256(secret);
        let mut issued = self.sign_in.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|(_, end)| *end > Instant::now());
        let before = issued.len();
        // Hashes of 256 random bits: comparing them tells nothing about the secret.
        issued.retain(|(known, _)| *known != hash);
        issued.len() < before
    }

    /// Hashes a password with argon2id.
    pub(crate) async fn hash_password(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.hashing(move || argon2id::hash(&password)).await?
    }

    /// Checks a password. Without a hash the time of a check passes all the same, so that
    /// the answer does not tell whether the account exists.
    pub(crate) async fn verify_password(
        &self,
        password: &str,
        hash: Option<String>,
    ) -> Result<bool> {
        let password = password.to_owned();
        self.hashing(move || argon2id::verify(&password, hash.as_deref())).await
    }

    /// Password hashes and checks so far.
    #[cfg(test)]
    pub(crate) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Acquire)
    }

    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        #[cfg(test)]
        self.hashed.fetch_add(1, Ordering::AcqRel);
        let _permit = self
            .hashing
            .acquire()
            .await
            .map_err(|e| Error::internal("Password hashing has stopped.").source(e))?;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|e| Error::internal("Password hashing did not finish.").source(e))
    }
}

mod argon2id {
    use argon2::password_hash::phc::PasswordHash;
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};
    use argon2::{Algorithm, Argon2, Params, Version};
    use branchline_core::{Error, Result};

    /// OWASP's first choice for argon2id: 46 MiB, one pass, one lane.
    fn hasher() -> Argon2<'static> {
        let params = Params::new(47_104, 1, 1, None).unwrap_or_default();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
    }

    pub(super) fn hash(password: &str) -> Result<String> {
        hasher()
            .hash_password(password.as_bytes())
            .map(|hash| hash.to_string())
            .map_err(|e| Error::internal(format!("The password could not be hashed: {e}.")))
    }

    pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
        let Some(hash) = hash.and_then(|hash| PasswordHash::new(hash).ok()) else {
            // The same work as a check.
            let _ = hasher().hash_password(password.as_bytes());
            return false;
        };
        hasher().verify_password(password.as_bytes(), &hash).is_ok()
    }
}
