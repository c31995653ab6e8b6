//! Signed tokens (JWT, HS256 only): what the stack's sign-in answers, and the links that
//! set another password. A signed token names a session and carries its user's epoch, so
//! that it ends with either. The key belongs to the data folder (`os_secrets.rs`).

use crate::os_secrets::OsSecrets;
use crate::vault::KEY_BYTES;
use branchline_core::{Error, ErrorCode, Result};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::RwLock;

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
    secrets: OsSecrets,
    store: String,
    key: RwLock<Option<Arc<[u8; KEY_BYTES]>>>,
}

/// The error for a token that does not hold; which rule it broke is nobody's business.
pub(crate) fn refused() -> Error {
    Error::new(ErrorCode::Unauthenticated, "Could not validate credentials").hint("Sign in again.")
}

impl Signer {
    /// A signer for the database `store` whose key is among `secrets`.
    pub(crate) fn new(secrets: OsSecrets, store: &str) -> Self {
        Self { secrets, store: store.to_owned(), key: RwLock::new(None) }
    }

    fn audience(&self, purpose: Purpose) -> String {
        match purpose {
            Purpose::Session => format!("branchline:{}", self.store),
            Purpose::Recovery => format!("branchline:{}:recovery", self.store),
        }
    }

    /// Signs. `now` and `lives` are milliseconds.
    pub(crate) async fn sign(
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
        let key = self.key().await?;
        jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(&*key),
        )
        .map_err(|cause| Error::internal("A token could not be signed.").source(cause))
    }

    /// What a token says, when it is ours, for this purpose, and of this time.
    pub(crate) async fn check(&self, purpose: Purpose, token: &str, now: i64) -> Result<Claims> {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.set_audience(&[self.audience(purpose)]);
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "sub"]);
        // Time is asked of the clock that is passed in.
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let key = self.key().await?;
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
    pub(crate) async fn rotate(&self) -> Result<()> {
        let mut kept = self.key.write().await;
        *kept = Some(Arc::new(self.secrets.new_signing_key().await?));
        Ok(())
    }

    async fn key(&self) -> Result<Arc<[u8; KEY_BYTES]>> {
        if let Some(key) = &*self.key.read().await {
            return Ok(Arc::clone(key));
        }
        let mut kept = self.key.write().await;
        if let Some(key) = &*kept {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.secrets.signing_key().await?);
        *kept = Some(Arc::clone(&key));
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const NOW: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn signer_in(folder: &tempfile::TempDir, store: &str) -> Signer {
        Signer::new(OsSecrets::new(folder.path(), store, false), store)
    }

    fn signer() -> (tempfile::TempDir, Signer) {
        let folder = tempfile::tempdir().unwrap();
        let signer = signer_in(&folder, "store-a");
        (folder, signer)
    }

    fn forged(header: &str, token: &str, signature: &str) -> String {
        let claims = token.split('.').nth(1).unwrap();
        format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(header))
    }

    #[tokio::test]
    async fn a_token_says_whose_it_is_until_it_ends() {
        let (_folder, signer) = signer();
        let token = signer.sign(Purpose::Session, (7, 3), Some(9), NOW, HOUR).await.unwrap();
        let claims = signer.check(Purpose::Session, &token, NOW + 1000).await.unwrap();
        assert_eq!((claims.user().unwrap(), claims.epoch, claims.sid), (7, 3, Some(9)));
        assert!(signer.check(Purpose::Session, &token, NOW + HOUR).await.is_err(), "expired");
        assert!(signer.check(Purpose::Session, &token, NOW - 2000).await.is_err(), "not yet valid");
    }

    #[tokio::test]
    async fn another_purpose_database_key_or_algorithm_is_refused() {
        let (folder, signer) = signer();
        let token = signer.sign(Purpose::Session, (7, 3), None, NOW, HOUR).await.unwrap();
        assert!(signer.check(Purpose::Recovery, &token, NOW).await.is_err(), "wrong audience");
        let elsewhere = signer_in(&folder, "store-b");
        assert!(elsewhere.check(Purpose::Session, &token, NOW).await.is_err(), "another database");
        let signature = token.rsplit('.').next().unwrap();
        for alg in ["none", "None", "HS384", "RS256", "ES256"] {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            for signature in [signature, ""] {
                let token = forged(&header, &token, signature);
                assert!(signer.check(Purpose::Session, &token, NOW).await.is_err(), "{alg}");
            }
        }
        signer.rotate().await.unwrap();
        assert!(signer.check(Purpose::Session, &token, NOW).await.is_err(), "another key");
        let token = signer.sign(Purpose::Session, (7, 3), None, NOW, HOUR).await.unwrap();
        let again = signer_in(&folder, "store-a");
        assert!(again.check(Purpose::Session, &token, NOW).await.is_ok(), "the key is kept");
    }
}
