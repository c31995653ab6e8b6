//! What is known of files that passed through the server: noted when they are stored,
//! forgotten when they go, compared when the database is checked.

use crate::{Engine, Stored};
use branchline_core::{Actor, Result};
use branchline_store::ArtifactFileRow;

/// Files that are looked at in a row.
const PAGE: usize = 1_000;
/// Damaged files that are told one by one.
const TOLD: usize = 100;

impl Engine {
    /// Notes a file that was stored: its caller is answered after this. Files that clients
    /// may replace themselves are not noted. Returns what is left to be done after the answer.
    ///
    /// # Errors
    /// The actor may not write; the database's.
    pub async fn artifact_stored(
        &self,
        actor: &Actor,
        uri: &str,
        path: &str,
        stored: Stored,
    ) -> Result<Option<impl Future<Output = ()> + Send + 'static + use<>>> {
        let Some(path) = self.artifacts().proxied_path(uri, path)? else { return Ok(None) };
        let Stored { size, sha256, stamp } = stored;
        let row = ArtifactFileRow { path: path.clone(), size, sha256, stamp };
        self.jot(actor, move |tx, _| tx.put_artifact_file(&row)).await?;
        let hashing = sha256.is_none().then(|| (self.clone(), actor.clone()));
        Ok(hashing.map(|(engine, actor)| async move {
            if let Err(error) = engine.note_hash(&actor, path, stamp).await {
                tracing::debug!(%error, "a stored file was not hashed");
            }
        }))
    }

    async fn note_hash(&self, actor: &Actor, path: String, stamp: i64) -> Result<()> {
        let sha256 = self.artifacts().sha256(&path).await?;
        self.track(actor, move |tx, _| tx.put_artifact_hash(&path, stamp, sha256)).await
    }

    /// Forgets what was noted of files or folders that went.
    ///
    /// # Errors
    /// As [`Self::artifact_stored`].
    pub async fn artifacts_gone(&self, actor: &Actor, places: &[(&str, &str)]) -> Result<()> {
        let mut gone = Vec::new();
        for (uri, path) in places {
            gone.extend(self.artifacts().proxied_path(uri, path)?);
        }
        if gone.is_empty() {
            return Ok(());
        }
        self.track(actor, move |tx, _| {
            gone.iter().try_for_each(|path| tx.forget_artifact_files(path))
        })
        .await
    }

    /// Files of this machine that are missing or not as large as when they were stored.
    ///
    /// # Errors
    /// The database's, the disk's.
    pub(crate) async fn damaged_files(&self) -> Result<Vec<String>> {
        let mut problems = Vec::new();
        let mut after = String::new();
        loop {
            let from = std::mem::take(&mut after);
            let files = self.inner.store.read(move |view| view.artifact_files(&from, PAGE)).await?;
            let Some(last) = files.last() else { break };
            after.clone_from(&last.path);
            problems.extend(self.artifacts().damaged(files).await?);
        }
        let more = problems.len().saturating_sub(TOLD);
        problems.truncate(TOLD);
        if more > 0 {
            problems.push(format!("{more} more artifacts are missing or damaged"));
        }
        Ok(problems)
    }
}
