//! SHA-256 of large files, found out after their uploads were answered: hashing takes nearly as
//! long as receiving and storing them, and nobody waits for it.

use super::disk::failure;
use super::locate::Target;
use super::{Artifacts, blocking};
use crate::platform::step_back;
use branchline_core::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::thread;
use tokio::sync::oneshot;

/// How much is read at once: it stays in the processor's cache until it is hashed.
const PIECE: usize = 128 * 1024;

impl Artifacts {
    /// Hashes a file that lies below `mlflow-artifacts:/` on this machine, one file at a time,
    /// on a thread that everything else goes before. Dropped, it is given up.
    ///
    /// # Errors
    /// When the file has gone; the disk's.
    pub(crate) async fn sha256(&self, path: &str) -> Result<[u8; 32]> {
        let _turn = self.inner.hashing.lock().await;
        let target = self.inner.target("mlflow-artifacts:/", Some(path))?;
        let (target, file) = blocking(move || {
            let file = target.locate().and_then(|found| {
                File::open(found).map_err(|error| failure(error, &target.name()))
            })?;
            Ok((target, file))
        })
        .await?;
        let (tell, told) = oneshot::channel();
        let hashing = move || {
            step_back();
            let sha256 = hash(file, &target, || !tell.is_closed());
            // Nobody asks any more when the program ends.
            let _ = tell.send(sha256);
        };
        let begun = thread::Builder::new().name("files-hash".into()).spawn(hashing);
        begun.map_err(|error| Error::internal("A file could not be hashed.").source(error))?;
        told.await.unwrap_or_else(|_| Err(given_up()))
    }
}

fn given_up() -> Error {
    Error::internal("Hashing a file was given up.")
}

fn hash(mut file: File, target: &Target, is_wanted: impl Fn() -> bool) -> Result<[u8; 32]> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    while is_wanted() {
        match file.read(&mut piece).map_err(|error| failure(error, &target.name()))? {
            0 => return Ok(digest.finalize().into()),
            read => digest.update(piece.get(..read).unwrap_or_default()),
        }
    }
    Err(given_up())
}
