//! The password to a mail server and the key that signs tokens: in the keyring of the
//! operating system, or, where none runs, in a file of the data folder that only its user may
//! read (decision 38). Read when they are needed, never at the start.

use crate::vault::{self, KEY_BYTES};
use crate::{Engine, platform};
use branchline_core::{Error, ErrorCode, Result};
use keyring::v1::{Entry, Error as KeyringError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the keyring calls us.
const SERVICE: &str = "branchline";
/// The password to the mail server.
const MAIL: &str = "mail.password";
/// The key that signs tokens.
const SIGNING: &str = "jwt.key";
/// How long a keyring may ask its user to unlock it, or a session bus may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a secret was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptIn {
    /// The keyring of the operating system.
    Keyring,
    /// A file, because no keyring could be used.
    File(PathBuf),
}

/// Why a keyring gave or took nothing.
#[derive(Debug)]
enum Refusal {
    /// It is there, and is locked or silent: what it holds comes back.
    Locked(String),
    /// There is no such secret, or no keyring at all.
    Nothing,
    /// It cannot be asked.
    Failed(String),
}

impl From<KeyringError> for Refusal {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::NoStorageAccess(_) => Self::Locked(error.to_string()),
            KeyringError::NoEntry | KeyringError::NoDefaultStore => Self::Nothing,
            error => Self::Failed(error.to_string()),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Locked(why) | Self::Failed(why) => f.write_str(why),
            Self::Nothing => f.write_str("there is none"),
        }
    }
}

/// The secrets of one data folder.
#[derive(Debug, Clone)]
pub struct OsSecrets {
    folder: PathBuf,
    store: String,
    keyring: bool,
}

fn failed(file: &Path, cause: std::io::Error) -> Error {
    Error::internal(format!("The secret in '{}' cannot be used: {cause}.", file.display()))
        .source(cause)
}

fn locked(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorCode::TemporarilyUnavailable, format!("The keyring does not answer: {why}."))
        .hint("Unlock it, or keep the secret anew with `branchline mail password`.")
}

impl OsSecrets {
    /// Those of the data folder `root`, whose database is `store`; without `keyring` in files
    /// only.
    pub fn new(root: &Path, store: &str, keyring: bool) -> Self {
        Self { folder: root.join("secrets"), store: store.to_owned(), keyring }
    }

    /// Keeps the password to the mail server. A keyring that has to be unlocked takes time.
    ///
    /// # Errors
    /// Neither a keyring nor the folder takes it; it is empty.
    pub async fn keep_mail_password(&self, password: String) -> Result<KeptIn> {
        if password.is_empty() {
            return Err(Error::invalid("The password is empty."));
        }
        let given = password.clone();
        self.keep(MAIL, password.as_bytes(), move |entry| entry.set_password(&given)).await
    }

    /// Forgets it; answers whether there was one.
    ///
    /// # Errors
    /// The file cannot be removed, or the keyring is locked.
    pub async fn forget_mail_password(&self) -> Result<bool> {
        let in_file = self.remove(&self.folder.join(MAIL))?;
        match self.with_entry(MAIL, Entry::delete_credential).await {
            Ok(()) => Ok(true),
            Err(Refusal::Locked(why)) => Err(locked(why)),
            Err(Refusal::Nothing | Refusal::Failed(_)) => Ok(in_file),
        }
    }

    /// The password to the mail server. The file first: it is there only where no keyring was,
    /// and looking costs nothing.
    async fn mail_password(&self) -> Result<Option<String>> {
        let file = self.folder.join(MAIL);
        match std::fs::read_to_string(&file) {
            Ok(secret) => return Ok(Some(secret)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&file, error)),
        }
        match self.with_entry(MAIL, Entry::get_password).await {
            Ok(secret) => Ok(Some(secret)),
            Err(Refusal::Nothing) => Ok(None),
            Err(why) => Err(locked(why)),
        }
    }

    fn entry(&self, name: &str) -> Result<Entry, KeyringError> {
        if !self.keyring {
            return Err(KeyringError::NoDefaultStore);
        }
        Entry::new(SERVICE, &format!("{name} of {}", self.store))
    }

    /// The key that signs tokens; made where there is none. A file goes before the keyring: it
    /// is there where no keyring answered once, and whoever opens the folder agrees on it. Of a
    /// locked keyring nothing takes the place: its key is there again after the next start.
    pub(crate) async fn signing_key(&self) -> Result<[u8; KEY_BYTES]> {
        let file = self.folder.join(SIGNING);
        if !file.exists() {
            let found = self.with_entry(SIGNING, |entry| match entry.get_secret() {
                Err(KeyringError::NoEntry) => {
                    let key = rand::random::<[u8; KEY_BYTES]>();
                    // What takes no first key holds none that could be lost.
                    let taken = entry.set_secret(&key).map_err(|_| KeyringError::NoEntry);
                    taken.map(|()| key.to_vec())
                }
                found => found,
            });
            match found.await.map(<[u8; KEY_BYTES]>::try_from) {
                Ok(Ok(key)) => return Ok(key),
                Ok(Err(_)) => {
                    tracing::warn!("The signing key in the keyring is none; a file has another.")
                }
                Err(Refusal::Locked(why)) => {
                    tracing::warn!(
                        "The keyring with the signing key is locked or silent ({why}). Tokens of \
                         the stack's API are signed with a key that ends with this process; \
                         those of before are refused until the keyring answers. Unlock it and \
                         start again, or keep the key in a file: set `accounts.keyring` to false."
                    );
                    return Ok(rand::random());
                }
                Err(why) => {
                    tracing::info!("A file has the signing key; the keyring has none: {why}.")
                }
            }
        }
        vault::key_file(&self.folder, SIGNING).map_err(|cause| failed(&file, cause))
    }

    /// Another key in the place of the present one.
    pub(crate) async fn new_signing_key(&self) -> Result<[u8; KEY_BYTES]> {
        let key: [u8; KEY_BYTES] = rand::random();
        self.keep(SIGNING, &key, move |entry| entry.set_secret(&key)).await?;
        Ok(key)
    }

    /// Asks the keyring, which blocks, and may wait for its user.
    async fn with_entry<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Entry) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let secrets = self.clone();
        let asked = tokio::task::spawn_blocking(move || work(&secrets.entry(name)?));
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(error)) => Err(Refusal::Failed(error.to_string())),
            Err(_) => Err(Refusal::Locked("it waits to be unlocked".to_owned())),
        }
    }

    /// Puts a secret into the keyring by `put`, or else into a file.
    async fn keep(
        &self,
        name: &'static str,
        secret: &[u8],
        put: impl FnOnce(&Entry) -> Result<(), KeyringError> + Send + 'static,
    ) -> Result<KeptIn> {
        let file = self.folder.join(name);
        match self.with_entry(name, put).await {
            Ok(()) => {
                self.remove(&file)?;
                Ok(KeptIn::Keyring)
            }
            // Which keyring and why is of use; the secret is not part of it.
            Err(why) => {
                tracing::debug!("No keyring took a secret; a file keeps it: {why}.");
                self.write(&file, secret).map_err(|cause| failed(&file, cause))?;
                Ok(KeptIn::File(file))
            }
        }
    }

    /// Whole or not at all, and never readable to others.
    fn write(&self, file: &Path, secret: &[u8]) -> std::io::Result<()> {
        platform::create_private_dir(&self.folder)?;
        let new = file.with_extension("new");
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut open = platform::create_private_file(&new)?;
        open.write_all(secret)?;
        open.sync_all()?;
        std::fs::rename(&new, file)?;
        platform::sync_dir(&self.folder)
    }

    fn remove(&self, file: &Path) -> Result<bool> {
        match std::fs::remove_file(file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed(file, error)),
        }
    }
}

impl Engine {
    /// The password to the mail server that was kept outside of the settings.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub async fn mail_password(&self) -> Result<Option<String>> {
        self.inner.os_secrets.mail_password().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_keeps_a_secret_to_its_user() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = OsSecrets::new(folder.path(), "store", false);
        let file = folder.path().join("secrets").join(MAIL);
        for secret in ["the first", "the second"] {
            secrets.write(&file, secret.as_bytes()).unwrap();
            let read = secrets.mail_password().await.unwrap();
            assert_eq!(read.as_deref(), Some(secret));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(&folder.path().join("secrets"))), (0o600, 0o700));
        }
        assert!(secrets.remove(&file).unwrap() && !secrets.remove(&file).unwrap());
        assert!(secrets.keep_mail_password(String::new()).await.is_err());
    }
}
