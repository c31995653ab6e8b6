//! Slows down guessing: after a few failures an account's sign-in waits, longer each time.

use branchline_core::{Error, ErrorCode, Result};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Failures that cost nothing.
const FREE: u32 = 5;
/// Longest wait, milliseconds.
const LONGEST_MS: i64 = 15 * 60 * 1000;
/// Accounts remembered; past this the oldest failures are forgotten.
const KEPT: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last_at: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<String, Failures>>,
}

impl Throttle {
    /// # Errors
    /// The account must wait; the message says how long.
    pub(crate) fn check(&self, account: &str, now: i64) -> Result<()> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failed) = failures.get(&account.to_lowercase()) else { return Ok(()) };
        let left = failed.last_at + wait_ms(failed.count) - now;
        if left <= 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::RequestLimitExceeded,
            format!("Too many failed sign-ins. Try again in {} seconds.", (left + 999) / 1000),
        ))
    }

    pub(crate) fn failed(&self, account: &str, now: i64) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= KEPT {
            failures.retain(|_, failed| now - failed.last_at < LONGEST_MS);
        }
        let failed =
            failures.entry(account.to_lowercase()).or_insert(Failures { count: 0, last_at: now });
        failed.count = failed.count.saturating_add(1);
        failed.last_at = now;
    }

    pub(crate) fn succeeded(&self, account: &str) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&account.to_lowercase());
    }
}

fn wait_ms(count: u32) -> i64 {
    match count.checked_sub(FREE) {
        None => 0,
        Some(over) => (1000_i64 << over.min(20)).min(LONGEST_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_and_ends() {
        let throttle = Throttle::default();
        for _ in 0..4 {
            throttle.failed("a@b", 0);
        }
        assert!(throttle.check("a@b", 0).is_ok(), "a few slips cost nothing");
        throttle.failed("A@B", 0);
        assert!(throttle.check("a@b", 500).is_err());
        assert!(throttle.check("a@b", 1000).is_ok());
        throttle.failed("a@b", 1000);
        assert!(throttle.check("a@b", 2500).is_err(), "the second wait is longer");
        throttle.succeeded("a@b");
        assert!(throttle.check("a@b", 1000).is_ok());
        assert!(throttle.check("other@b", 0).is_ok());
    }
}
