//! Small secrets that the database keeps: sealed with a key that it does not hold, so
//! that a copy of the database gives nothing away.

use crate::platform;
use branchline_core::{Error, Result};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit, Nonce};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub(crate) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;

/// Seals and opens. The key is made when it is first needed.
pub(crate) struct Vault {
    folder: PathBuf,
    key: OnceLock<Key>,
}

impl Vault {
    /// A vault whose key lies in `folder`, which is made where it is missing.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, key: OnceLock::new() }
    }

    /// Seals a text. `about` names what it belongs to, so that it opens nowhere else.
    pub(crate) fn seal(&self, text: &str, about: &str) -> Result<Vec<u8>> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload { msg: text.as_bytes(), aad: about.as_bytes() };
        let sealed = self
            .cipher()?
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| Error::internal("A secret could not be sealed."))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed about the same thing.
    pub(crate) fn open(&self, sealed: &[u8], about: &str) -> Result<String> {
        let lost = || {
            Error::internal("A secret cannot be opened with the key of this data folder.").hint(
                "Set the secret again. A database that comes from another folder needs that folder's secrets/vault.key.",
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or_else(lost)?;
        let payload = Payload { msg: sealed, aad: about.as_bytes() };
        let opened =
            self.cipher()?.decrypt(Nonce::from_slice(nonce), payload).map_err(|_| lost())?;
        String::from_utf8(opened).map_err(|_| lost())
    }

    fn cipher(&self) -> Result<ChaCha20Poly1305> {
        if let Some(key) = self.key.get() {
            return Ok(ChaCha20Poly1305::new(key));
        }
        let key: Key = key_file(&self.folder, "vault.key").map(Key::from).map_err(|cause| {
            let file = self.folder.join("vault.key");
            Error::internal(format!("The key '{}' cannot be used: {cause}.", file.display()))
                .source(cause)
        })?;
        Ok(ChaCha20Poly1305::new(self.key.get_or_init(|| key)))
    }
}

/// The key in a file that only this user may read; made where it is missing.
pub(crate) fn key_file(folder: &Path, name: &str) -> std::io::Result<[u8; KEY_BYTES]> {
    let file = folder.join(name);
    platform::create_private_dir(folder)?;
    match platform::create_private_file(&file) {
        Ok(mut new) => {
            let key: [u8; KEY_BYTES] = rand::random();
            new.write_all(&key)?;
            new.sync_all()?;
            platform::sync_dir(folder)?;
            Ok(key)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            std::fs::read(&file)?.try_into().map_err(|_| {
                std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not 32 bytes long")
            })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_for_its_thing_only() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().join("secrets"));
        let sealed = vault.seal("hush", "webhook a").unwrap();
        assert!(!sealed.windows(4).any(|bytes| bytes == b"hush"));
        assert_ne!(sealed, vault.seal("hush", "webhook a").unwrap(), "no two look the same");
        let again = Vault::new(folder.path().join("secrets"));
        assert_eq!(again.open(&sealed, "webhook a").unwrap(), "hush");
        for (bytes, about) in
            [(&sealed[..], "webhook b"), (&sealed[..20], "webhook a"), (&[][..], "webhook a")]
        {
            assert!(again.open(bytes, about).is_err());
        }
        let other = Vault::new(folder.path().join("other"));
        let error = other.open(&sealed, "webhook a").unwrap_err();
        assert!(error.hint.unwrap().contains("vault.key"));
    }

    #[test]
    fn a_key_that_is_cut_short_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("vault.key"), "short").unwrap();
        let error = Vault::new(folder.path().to_owned()).seal("x", "y").unwrap_err();
        assert!(error.message.contains("not 32 bytes"), "{error}");
    }
}
