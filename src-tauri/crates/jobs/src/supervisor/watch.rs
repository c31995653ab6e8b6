//! What ends a job from outside: an order, a limit, an owner that is gone. And what it
//! holds of memory and says of itself meanwhile.

use super::platform::{Ask, Tree};
use super::progress::Progress;
use crate::message::{Cause, Orders};
use std::time::{Duration, Instant};

/// How often memory and progress are looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// When they are first: a look goes through all processes of the machine, which is much beside
/// a job that ends at once, and before it has become the job there is nothing to see.
const FIRST_SAMPLE: Duration = Duration::from_millis(100);

pub(super) struct Watch {
    cause: Cause,
    grace: Duration,
    soft: Option<Instant>,
    hard: Option<Instant>,
    memory: Option<i64>,
    /// The owner wants it to end.
    stop: bool,
    /// What is done when to a job that was asked to end.
    ask: Option<(Instant, Ask)>,
    sample: Instant,
    peak_bytes: Option<i64>,
}

impl Watch {
    pub(super) fn new(orders: &Orders) -> Self {
        let now = Instant::now();
        let limit = |ms: Option<u64>| ms.map(|ms| now + Duration::from_millis(ms));
        Self {
            cause: Cause::Itself,
            grace: Duration::from_millis(orders.grace_ms),
            soft: limit(orders.soft_limit_ms),
            hard: limit(orders.hard_limit_ms),
            memory: orders.memory_limit,
            stop: false,
            ask: None,
            sample: now + FIRST_SAMPLE,
            peak_bytes: None,
        }
    }

    /// The owner wants it to end.
    pub(super) fn stop(&mut self) {
        self.stop = true;
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) fn peak_bytes(&self) -> Option<i64> {
        self.peak_bytes
    }

    /// When to [`Self::act`] if nothing else happens.
    pub(super) fn due(&self) -> Instant {
        let ask = self.ask.filter(|(_, what)| *what != Ask::Done).map(|(at, _)| at);
        [self.soft, self.hard, ask]
            .into_iter()
            .flatten()
            .min()
            .map_or(self.sample, |at| at.min(self.sample))
    }

    /// Does what is due now.
    pub(super) fn act(&mut self, tree: &mut Tree, progress: &mut Progress) {
        let now = Instant::now();
        self.decide(now, tree);
        if let Some((at, what)) = self.ask
            && at <= now
            && what != Ask::Done
        {
            tree.ask(what);
            self.ask = Some((now + self.grace, what.next()));
        }
        if self.sample <= now {
            self.sample = now + SAMPLE;
            self.look(tree);
            progress.look();
        }
    }

    /// Whether it has to end, and how.
    fn decide(&mut self, now: Instant, tree: &mut Tree) {
        if self.hard.take_if(|at| *at <= now).is_some() {
            if self.cause != Cause::Stopped {
                self.cause = Cause::HardLimit;
            }
            self.ask = Some((now, Ask::Kill));
        } else if self.stop && self.ask.is_none() {
            self.cause = Cause::Stopped;
            self.ask = Some((now, Ask::Interrupt));
        } else if self.soft.take_if(|at| *at <= now).is_some() && self.cause == Cause::Itself {
            self.cause = Cause::SoftLimit;
            tree.ask(Ask::Interrupt);
        }
    }

    fn look(&mut self, tree: &mut Tree) {
        let held = tree.peak_bytes();
        self.peak_bytes = self.peak_bytes.max(held);
        if held.zip(self.memory).is_some_and(|(held, most)| held > most)
            && self.cause == Cause::Itself
        {
            self.cause = Cause::MemoryLimit;
            tree.kill();
        }
    }
}
