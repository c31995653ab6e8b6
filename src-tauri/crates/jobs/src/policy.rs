//! What becomes of a job after an attempt. Pure: time and chance are passed in.

use branchline_core::{Job, JobState, Outcome, RetryPolicy, Verdict};

/// How long to wait before retry number `retries + 1`, milliseconds. `chance` is between
/// 0 and 1 and cuts up to a half away where the policy wants that.
pub fn wait_ms(policy: &RetryPolicy, retries: u32, chance: f64) -> i64 {
    let doubled = match policy.backoff {
        true => policy.delay_ms.saturating_mul(1_i64.checked_shl(retries.min(40)).unwrap_or(1)),
        false => policy.delay_ms,
    };
    let whole = doubled.clamp(0, policy.longest_ms.max(0));
    if !policy.jitter {
        return whole;
    }
    // Below 2^53 for any wait that a person can mean.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "see above")]
    let cut = (whole as f64 * chance.clamp(0.0, 1.0) / 2.0) as i64;
    whole - cut
}

/// What becomes of `job` after an attempt that ended with `outcome` at `now`.
pub fn judge(job: &Job, outcome: &Outcome, now: i64, chance: f64) -> Verdict {
    match outcome {
        Outcome::Success(_) => Verdict::Ended(JobState::Success),
        Outcome::Revoked(_) => Verdict::Ended(JobState::Revoked),
        Outcome::Lost(_) | Outcome::PutBack(_) if job.cancelled => {
            Verdict::Ended(JobState::Revoked)
        }
        Outcome::PutBack(_) => Verdict::Requeued,
        Outcome::Lost(_) if job.options.acks_late => Verdict::Requeued,
        Outcome::Lost(_) => Verdict::Ended(JobState::Failure),
        Outcome::Failure { .. } if job.cancelled => Verdict::Ended(JobState::Revoked),
        Outcome::Failure { .. } => {
            let retry = &job.options.retry;
            if job.retries >= retry.max_retries {
                return Verdict::Ended(JobState::Failure);
            }
            Verdict::Retry(now.saturating_add(wait_ms(retry, job.retries, chance)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_retries: 3,
        delay_ms: 100,
        backoff: true,
        longest_ms: 1000,
        jitter: true,
    };

    #[test]
    fn q7_waits_double_up_to_the_longest_within_the_jitter() {
        let whole: Vec<i64> = (0..6).map(|n| wait_ms(&POLICY, n, 0.0)).collect();
        assert_eq!(whole, [100, 200, 400, 800, 1000, 1000]);
        let cut: Vec<i64> = (0..6).map(|n| wait_ms(&POLICY, n, 1.0)).collect();
        assert_eq!(cut, [50, 100, 200, 400, 500, 500], "never less than a half");
    }

    #[test]
    fn without_backoff_or_jitter_each_wait_is_the_delay() {
        let plain = RetryPolicy { backoff: false, jitter: false, ..POLICY };
        assert_eq!((0..3).map(|n| wait_ms(&plain, n, 1.0)).collect::<Vec<_>>(), [100, 100, 100]);
    }

    #[test]
    fn q27_what_a_person_puts_back_runs_again_whatever_it_asks_for_unless_it_was_cancelled() {
        let judged = |job: &Job| judge(job, &Outcome::PutBack(String::new()), 0, 0.0);
        assert_eq!(judged(&Job::default()), Verdict::Requeued);
        let cancelled = Job { cancelled: true, ..Job::default() };
        assert_eq!(judged(&cancelled), Verdict::Ended(JobState::Revoked));
    }

    #[test]
    fn no_number_overflows() {
        let huge = RetryPolicy { delay_ms: i64::MAX, longest_ms: i64::MAX, ..POLICY };
        assert!(wait_ms(&huge, u32::MAX, 0.5) > 0);
    }
}
