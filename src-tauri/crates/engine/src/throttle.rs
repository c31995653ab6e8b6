//! Slows down guessing: after a few failures an account's sign-in waits, longer each time.
//! The failures are in the database, so that starting again forgives nothing.

use crate::Engine;
use branchline_core::{Error, ErrorCode, Result};
use branchline_store::Class;

/// Failures that cost nothing.
const FREE: u32 = 5;
/// Longest wait, milliseconds.
const LONGEST_MS: i64 = 15 * 60 * 1000;
/// Failures older than this are forgotten.
const KEPT_MS: i64 = 24 * 3600 * 1000;

fn wait_ms(count: u32) -> i64 {
    match count.checked_sub(FREE) {
        None => 0,
        Some(over) => (1000_i64 << over.min(20)).min(LONGEST_MS),
    }
}

/// What is left of the wait.
fn left_ms((count, last_at): (u32, i64), now: i64) -> i64 {
    last_at + wait_ms(count) - now
}

impl Engine {
    /// Refuses an account that must wait; the message says how long.
    pub(crate) async fn check_throttle(&self, account: &str) -> Result<()> {
        let account = account.to_lowercase();
        let failed = self.inner.store.read(move |view| view.sign_in_failures(&account)).await?;
        let left = failed.map_or(0, |failed| left_ms(failed, self.now()));
        if left <= 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::RequestLimitExceeded,
            format!("Too many attempts. Try again in {} seconds.", (left + 999) / 1000),
        ))
    }

    pub(crate) async fn note_failure(&self, account: &str) -> Result<()> {
        let (account, forgotten) = (account.to_lowercase(), self.now() - KEPT_MS);
        let write = move |tx: &mut branchline_store::WriteTx<'_>| {
            tx.note_sign_in_failure(&account, forgotten)
        };
        self.inner.store.write(Class::Tracking, write).await
    }

    pub(crate) async fn forgive(&self, account: &str) -> Result<()> {
        let account = account.to_lowercase();
        let known = account.clone();
        if self.inner.store.read(move |view| view.sign_in_failures(&known)).await?.is_none() {
            return Ok(());
        }
        self.inner.store.write(Class::Tracking, move |tx| tx.clear_sign_in_failures(&account)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_and_ends() {
        assert_eq!(left_ms((4, 0), 0), 0, "a few slips cost nothing");
        assert!(left_ms((5, 0), 500) > 0);
        assert_eq!(left_ms((5, 0), 1000), 0);
        assert!(left_ms((6, 1000), 2500) > 0, "the second wait is longer");
        assert_eq!(wait_ms(u32::MAX), LONGEST_MS);
    }
}
