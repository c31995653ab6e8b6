//! What is done when nobody waits: the index of words follows, leftovers go, and the trash
//! is emptied of what is older than the settings say.

use crate::{Engine, TrashChoice};
use branchline_core::Result;
use std::future::Future;
use std::time::{Duration, Instant};

/// How the house is kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Housekeeping {
    /// What lies longer in the trash goes for good; never when `None`.
    pub trash_days: Option<u32>,
}

/// How often it is looked whether nothing happens.
const LOOK: Duration = Duration::from_secs(2);
/// How often the trash is looked through.
const TRASH: Duration = Duration::from_secs(3600);
/// Writes in a row before it is looked again whether something happens.
const STEPS: usize = 8;
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Engine {
    /// Keeps house until `stop`. Nothing here is needed for a right answer: a search takes
    /// in what it needs, and what is left over stays noted.
    pub async fn keep_house(&self, how: Housekeeping, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut swept: Option<Instant> = None;
        let mut before = self.cursor().seq;
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(LOOK) => {}
            }
            let now = self.cursor().seq;
            let quiet = std::mem::replace(&mut before, now) == now;
            if !quiet {
                continue;
            }
            if let Err(error) = self.index_while_quiet(now).await {
                tracing::warn!(%error, "the index of words could not follow");
            }
            if swept.is_none_or(|at| at.elapsed() >= TRASH) {
                swept = Some(Instant::now());
                if let Err(error) = self.tidy(how).await {
                    tracing::warn!(%error, "the trash could not be looked through");
                }
            }
        }
    }

    /// Goes on until nothing waits, or something happens that must not wait.
    async fn index_while_quiet(&self, since: i64) -> Result<()> {
        while self.catch_up_index(STEPS).await? && self.cursor().seq == since {}
        Ok(())
    }

    async fn tidy(&self, how: Housekeeping) -> Result<()> {
        self.sweep_leftovers().await?;
        let Some(days) = how.trash_days else { return Ok(()) };
        let owner = self.owner_actor().await?;
        let before = self.now() - i64::from(days) * DAY_MS;
        let gone = self.empty_trash(&owner, &TrashChoice::older_than(before)).await?;
        if gone.things() > 0 {
            tracing::info!(
                trash.days = days,
                experiments = gone.experiments,
                runs = gone.runs,
                models = gone.models,
                artifact.bytes = gone.artifact_bytes,
                "removed for good what lay longer in the trash than trash.retention_days"
            );
        }
        Ok(())
    }
}
