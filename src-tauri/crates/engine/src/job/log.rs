//! What a job wrote.

use crate::Engine;
use branchline_core::event::{Event, EventKind};
use branchline_core::{Actor, Error, Result};
use std::io::{Read, Seek, SeekFrom};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Bytes of a log that are answered at once.
const PART: u64 = 1024 * 1024;

/// A part of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPart {
    /// Cut at a character's end where that is possible.
    pub bytes: Vec<u8>,
    /// Where the next part starts.
    pub next: u64,
    /// How much there is.
    pub size: u64,
    /// The job has ended: there will be no more.
    pub ended: bool,
}

/// Where to cut so that the last character is whole; everything when it is no text.
fn whole(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Waits for an event that is one of `about`, or that may have been.
pub(crate) async fn next(changes: &mut Receiver<Event>, about: &[EventKind]) {
    loop {
        match changes.recv().await {
            Ok(event) if about.contains(&event.kind) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            // The engine is closed.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Engine {
    /// A job's log from the byte `after` on; from that far before its end when negative.
    ///
    /// # Errors
    /// There is no such job that the actor may see.
    pub async fn job_log(&self, actor: &Actor, task_id: &str, after: i64) -> Result<LogPart> {
        // Before the file is read: what is written later is not the last.
        let ended = self.job(actor, task_id).await?.job.state.is_final();
        let path = self.job_folder(task_id).join("log");
        let read = move || -> std::io::Result<LogPart> {
            let mut file = match std::fs::File::open(path) {
                Ok(file) => file,
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(LogPart { bytes: Vec::new(), next: 0, size: 0, ended });
                }
                Err(cause) => return Err(cause),
            };
            let size = file.metadata()?.len();
            let start = match u64::try_from(after) {
                Ok(after) => after.min(size),
                Err(_) => size.saturating_sub(after.unsigned_abs()),
            };
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(PART).read_to_end(&mut bytes)?;
            bytes.truncate(whole(&bytes));
            let next = start + bytes.len() as u64;
            Ok(LogPart { bytes, next, size, ended: ended && next >= size })
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|cause| Error::internal("A log could not be read.").source(cause))?
            .map_err(|cause| Error::internal("A job's log could not be read.").source(cause))
    }

    /// The same, once there is more or the job has ended, or as it is after `wait`.
    ///
    /// # Errors
    /// There is no such job that the actor may see.
    pub async fn wait_for_log(
        &self,
        actor: &Actor,
        task_id: &str,
        after: i64,
        wait: Duration,
    ) -> Result<LogPart> {
        // Before it is looked at, so that nothing is missed.
        let mut changes = self.subscribe();
        let until = Instant::now() + wait;
        loop {
            let part = self.job_log(actor, task_id, after).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !part.bytes.is_empty() || part.ended || left.is_zero() {
                return Ok(part);
            }
            let about = [EventKind::Job(task_id.to_owned()), EventKind::JobLog(task_id.to_owned())];
            // An elapsed wait is answered by the next look.
            let _ = tokio::time::timeout(left, next(&mut changes, &about)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn a_character_is_not_cut_in_two() {
        assert_eq!(whole("ab".as_bytes()), 2);
        assert_eq!(whole(&"aä".as_bytes()[..2]), 1);
        assert_eq!(whole(&[0xff, 0xfe]), 2, "what is no text is given as it is");
        assert_eq!(whole(&"ä".as_bytes()[..1]), 1, "and so is what would never go on");
    }
}
