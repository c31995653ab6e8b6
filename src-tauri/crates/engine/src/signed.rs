//! Signed tokens (JWT, HS256 only): what the stack's sign-in answers, and the links that
//! set another password. A signed token names a session and carries its user's epoch, so
//! that it ends with either. The key is a file of the data folder.

use crate::vault::key_file;
use branchline_core::{Error, ErrorCode, Result};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

const KEY_FILE: &str = "jwt.key";

/// What a signed token is for; one kind never passes for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Signing in.
    Session,
    /// Setting another password.
    Recovery,
}

/// What a signed token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Seconds UTC.
    pub(crate) exp: i64,
    /// Seconds UTC.
    pub(crate) nbf: i64,
    /// Whom it is for: this database, and which purpose.
    aud: String,
    /// The user's number.
    pub(crate) sub: String,
    /// The session's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<i64>,
    /// The user's epoch.
    pub(crate) epoch: i64,
}

impl Claims {
    /// The user's number.
    pub(crate) fn user(&self) -> Result<i64> {
        self.sub.parse().map_err(|_| refused())
    }
}

/// Signs and checks. The key is made when it is first needed.
pub(crate) struct Signer {
    folder: PathBuf,
    store: String,
    key: RwLock<Option<Arc<[u8; 32]>>>,
}

/// The error for a token that does not hold; which rule it broke is nobody's business.
pub(crate) fn refused() -> Error {
    Error::new(ErrorCode::Unauthenticated, "Could not validate credentials").hint("Sign in again.")
}

impl Signer {
    /// A signer for the database `store` whose key lies in `folder`.
    pub(crate) fn new(folder: PathBuf, store: &str) -> Self {
        Self { folder, store: store.to_owned(), key: RwLock::new(None) }
    }

    fn audience(&self, purpose: Purpose) -> String {
        match purpose {
            Purpose::Session => format!("branchline:{}", self.store),
            Purpose::Recovery => format!("branchline:{}:recovery", self.store),
        }
    }

    /// Signs. `now` and `lives` are milliseconds.
    pub(crate) fn sign(
        &self,
        purpose: Purpose,
        (user, epoch): (i64, i64),
        sid: Option<i64>,
        now: i64,
        lives: i64,
    ) -> Result<String> {
        let claims = Claims {
            exp: (now + lives) / 1000,
            nbf: now / 1000,
            aud: self.audience(purpose),
            sub: user.to_string(),
            sid,
            epoch,
        };
        let key = self.key()?;
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(&*key),
        )
        .map_err(|cause| Error::internal("A token could not be signed.").source(cause))
    }

    /// What a token says, when it is ours, for this purpose, and of this time.
    pub(crate) fn check(&self, purpose: Purpose, token: &str, now: i64) -> Result<Claims> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[self.audience(purpose)]);
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "sub"]);
        // Time is asked of the clock that is passed in.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let key = self.key()?;
        let claims: Claims = jsonwebtoken::decode(token, &DecodingKey::from_secret(&*key), &rules)
            .map_err(|_| refused())?
            .claims;
        let now = now / 1000;
        if claims.exp <= now || claims.nbf > now {
            return Err(refused());
        }
        Ok(claims)
    }

    /// Puts another key in the place of the present one: no token that was signed holds.
    pub(crate) fn rotate(&self) -> Result<()> {
        let mut kept = self.key.write().unwrap_or_else(PoisonError::into_inner);
        let file = self.folder.join(KEY_FILE);
        match std::fs::remove_file(&file) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(self.unusable(cause));
            }
            _ => {}
        }
        let key = key_file(&self.folder, KEY_FILE).map_err(|cause| self.unusable(cause))?;
        *kept = Some(Arc::new(key));
        Ok(())
    }

    fn key(&self) -> Result<Arc<[u8; 32]>> {
        if let Some(key) = &*self.key.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(key));
        }
        let mut kept = self.key.write().unwrap_or_else(PoisonError::into_inner);
        let key = key_file(&self.folder, KEY_FILE).map_err(|cause| self.unusable(cause))?;
        let key = Arc::new(key);
        *kept = Some(Arc::clone(&key));
        Ok(key)
    }

    fn unusable(&self, cause: std::io::Error) -> Error {
        let file = self.folder.join(KEY_FILE);
        Error::internal(format!("The key '{}' cannot be used: {cause}.", file.display()))
            .source(cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const NOW: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn signer() -> (tempfile::TempDir, Signer) {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new(folder.path().join("secrets"), "store-a");
        (folder, signer)
    }

    fn forged(header: &str, token: &str, signature: &str) -> String {
        let claims = token.split('.').nth(1).unwrap();
        format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn a_token_says_whose_it_is_until_it_ends() {
        let (_folder, signer) = signer();
        let token = signer.sign(Purpose::Session, (7, 3), Some(9), NOW, HOUR).unwrap();
        let claims = signer.check(Purpose::Session, &token, NOW + 1000).unwrap();
        assert_eq!((claims.user().unwrap(), claims.epoch, claims.sid), (7, 3, Some(9)));
        assert!(signer.check(Purpose::Session, &token, NOW + HOUR).is_err(), "expired");
        assert!(signer.check(Purpose::Session, &token, NOW - 2000).is_err(), "not yet valid");
    }

    #[test]
    fn another_purpose_database_key_or_algorithm_is_refused() {
        let (folder, signer) = signer();
        let token = signer.sign(Purpose::Session, (7, 3), None, NOW, HOUR).unwrap();
        assert!(signer.check(Purpose::Recovery, &token, NOW).is_err(), "wrong audience");
        let elsewhere = Signer::new(folder.path().join("secrets"), "store-b");
        assert!(elsewhere.check(Purpose::Session, &token, NOW).is_err(), "another database");
        let signature = token.rsplit('.').next().unwrap();
        for alg in ["none", "None", "HS384", "RS256", "ES256"] {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            for signature in [signature, ""] {
                let token = forged(&header, &token, signature);
                assert!(signer.check(Purpose::Session, &token, NOW).is_err(), "{alg}");
            }
        }
        signer.rotate().unwrap();
        assert!(signer.check(Purpose::Session, &token, NOW).is_err(), "another key");
        let token = signer.sign(Purpose::Session, (7, 3), None, NOW, HOUR).unwrap();
        let again = Signer::new(folder.path().join("secrets"), "store-a");
        assert!(again.check(Purpose::Session, &token, NOW).is_ok(), "the key is kept");
    }
}
