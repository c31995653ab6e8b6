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
/// How long a keyring may ask its user to unlock it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a secret was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptIn {
    /// The keyring of the operating system.
    Keyring,
    /// A file, because no keyring could be used.
    File(PathBuf),
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

    /// Keeps the password to the mail server. It may take a second, in which it blocks.
    ///
    /// # Errors
    /// Neither a keyring nor the folder takes it; it is empty.
    pub fn keep_mail_password(&self, password: &str) -> Result<KeptIn> {
        if password.is_empty() {
            return Err(Error::invalid("The password is empty."));
        }
        self.keep(MAIL, password)
    }

    /// Forgets it; answers whether there was one.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget_mail_password(&self) -> Result<bool> {
        self.forget(MAIL)
    }

    fn entry(&self, name: &str) -> Result<Entry, KeyringError> {
        if !self.keyring {
            return Err(KeyringError::NoDefaultStore);
        }
        Entry::new(SERVICE, &format!("{name} of {}", self.store))
    }

    /// The key that signs tokens; made where there is none. A file goes before the keyring: it
    /// is there where no keyring answered once, and whoever opens the folder agrees on it.
    pub(crate) async fn signing_key(&self) -> Result<[u8; KEY_BYTES]> {
        let file = self.folder.join(SIGNING);
        if !file.exists() {
            let found = self.with_entry(SIGNING, |entry| match entry.get_secret() {
                Err(KeyringError::NoEntry) => {
                    let key = rand::random::<[u8; KEY_BYTES]>();
                    entry.set_secret(&key).map(|()| key.to_vec())
                }
                found => found,
            });
            match found.await.map(<[u8; KEY_BYTES]>::try_from) {
                Ok(Ok(key)) => return Ok(key),
                Ok(Err(_)) => {
                    tracing::warn!("The signing key in the keyring is none; a file has another.")
                }
                Err(why) => tracing::debug!("No keyring has the signing key; a file does: {why}."),
            }
        }
        vault::key_file(&self.folder, SIGNING).map_err(|cause| failed(&file, cause))
    }

    /// Another key in the place of the present one.
    pub(crate) async fn new_signing_key(&self) -> Result<[u8; KEY_BYTES]> {
        let file = self.folder.join(SIGNING);
        let key: [u8; KEY_BYTES] = rand::random();
        match self.with_entry(SIGNING, move |entry| entry.set_secret(&key)).await {
            Ok(()) => {
                self.remove(&file)?;
            }
            Err(why) => {
                tracing::debug!("No keyring took the signing key; a file does: {why}.");
                self.write(&file, &key).map_err(|cause| failed(&file, cause))?;
            }
        }
        Ok(key)
    }

    /// Asks the keyring, which blocks, and may wait for its user.
    async fn with_entry<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl FnOnce(&Entry) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, String> {
        let secrets = self.clone();
        let asked = tokio::task::spawn_blocking(move || work(&secrets.entry(name)?));
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => answer.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it waits to be unlocked".to_owned()),
        }
    }

    fn keep(&self, name: &str, secret: &str) -> Result<KeptIn> {
        let file = self.folder.join(name);
        match self.entry(name).and_then(|entry| entry.set_password(secret)) {
            Ok(()) => {
                self.remove(&file)?;
                Ok(KeptIn::Keyring)
            }
            // Which keyring and why is of use; the secret is not part of it.
            Err(error) => {
                tracing::debug!(%error, "no keyring took a secret; a file keeps it");
                self.write(&file, secret.as_bytes()).map_err(|cause| failed(&file, cause))?;
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

    /// The file first: it is there only where no keyring was, and looking costs nothing.
    fn read(&self, name: &str) -> Result<Option<String>> {
        let file = self.folder.join(name);
        match std::fs::read_to_string(&file) {
            Ok(secret) => return Ok(Some(secret)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&file, error)),
        }
        match self.entry(name).and_then(|entry| entry.get_password()) {
            Ok(secret) => Ok(Some(secret)),
            Err(KeyringError::NoEntry | KeyringError::NoDefaultStore) => Ok(None),
            Err(error) => Err(locked(error)),
        }
    }

    fn forget(&self, name: &str) -> Result<bool> {
        let in_file = self.remove(&self.folder.join(name))?;
        let in_keyring = self.entry(name).and_then(|entry| entry.delete_credential()).is_ok();
        Ok(in_file || in_keyring)
    }
}

impl Engine {
    /// The password to the mail server that was kept outside of the settings.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub async fn mail_password(&self) -> Result<Option<String>> {
        let secrets = self.inner.os_secrets.clone();
        let read = tokio::task::spawn_blocking(move || secrets.read(MAIL));
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(done) => {
                done.map_err(|e| Error::internal("Reading a secret did not finish.").source(e))?
            }
            Err(_) => Err(locked("it waits to be unlocked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_a_secret_to_its_user() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = OsSecrets::new(folder.path(), "store", false);
        let file = folder.path().join("secrets").join(MAIL);
        for secret in ["the first", "the second"] {
            secrets.write(&file, secret.as_bytes()).unwrap();
            assert_eq!(secrets.read(MAIL).unwrap().as_deref(), Some(secret));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&file), mode(&folder.path().join("secrets"))), (0o600, 0o700));
        }
        assert!(secrets.remove(&file).unwrap() && !secrets.remove(&file).unwrap());
        assert!(secrets.keep_mail_password("").is_err());
    }
}
