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
    /// may replace themselves are not noted.
    ///
    /// # Errors
    /// The actor may not write; the database's.
    pub async fn artifact_stored(
        &self,
        actor: &Actor,
        uri: &str,
        path: &str,
        stored: Stored,
    ) -> Result<()> {
        let Some(path) = self.artifacts().proxied_path(uri, path)? else { return Ok(()) };
        let Stored { size, sha256, stamp } = stored;
        let row = ArtifactFileRow { path, size, sha256, stamp };
        self.track(actor, move |tx, _| tx.put_artifact_file(&row)).await
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
