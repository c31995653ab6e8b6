//! What ends a job from outside: an order, a limit, an owner that is gone. And what it
//! holds of memory and says of itself meanwhile.

use super::lock_tree;
use super::platform::{Ask, Tree};
use super::progress::Progress;
use crate::message::{Cause, Orders};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often memory and progress are looked at.
const SAMPLE: Duration = Duration::from_secs(1);
/// When they are first: a look goes through all processes of the machine, which is much beside
/// a job that ends at once, and before it has become the job there is nothing to see.
const FIRST_SAMPLE: Duration = Duration::from_millis(100);

pub(super) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    grace: Duration,
    soft: Option<Duration>,
    hard: Option<Duration>,
    memory: Option<i64>,
}

struct State {
    cause: Cause,
    stop: bool,
    abandoned: bool,
    ended: bool,
    peak_bytes: Option<i64>,
}

impl Watch {
    pub(super) fn new(orders: &Orders) -> Self {
        let limit = |ms: Option<u64>| ms.map(Duration::from_millis);
        Self {
            state: Mutex::new(State {
                cause: Cause::Itself,
                stop: false,
                abandoned: false,
                ended: false,
                peak_bytes: None,
            }),
            changed: Condvar::new(),
            grace: Duration::from_millis(orders.grace_ms),
            soft: limit(orders.soft_limit_ms),
            hard: limit(orders.hard_limit_ms),
            memory: orders.memory_limit,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// The owner wants it to end.
    pub(super) fn stop(&self) {
        self.change(|state| state.stop = true);
    }

    /// The owner is gone.
    pub(super) fn abandoned(&self) {
        self.change(|state| state.abandoned = true);
    }

    /// The process has ended.
    pub(super) fn ended(&self) {
        self.change(|state| state.ended = true);
    }

    pub(super) fn cause(&self) -> Cause {
        self.state().cause
    }

    pub(super) fn peak_bytes(&self) -> Option<i64> {
        self.state().peak_bytes
    }

    /// Watches in a thread of its own until the process has ended.
    pub(super) fn start(
        self: &Arc<Self>,
        tree: Arc<Mutex<Tree>>,
        mut progress: Progress,
    ) -> JoinHandle<()> {
        let watch = Arc::clone(self);
        std::thread::spawn(move || {
            watch.watch(&tree, &mut progress);
            // What it said last counts too.
            progress.look();
        })
    }

    fn watch(&self, tree: &Mutex<Tree>, progress: &mut Progress) {
        let began = Instant::now();
        let mut soft = self.soft.map(|limit| began + limit);
        let hard = self.hard.map(|limit| began + limit);
        // What is done when to a job that was asked to end.
        let mut ask: Option<(Instant, Ask)> = None;
        let mut sample = began + FIRST_SAMPLE;
        let mut state = self.state();
        while !state.ended {
            let now = Instant::now();
            if state.abandoned {
                lock_tree(tree).kill();
                return;
            }
            if hard.is_some_and(|at| at <= now) && ask.is_none_or(|(_, ask)| ask != Ask::Done) {
                if state.cause != Cause::Stopped {
                    state.cause = Cause::HardLimit;
                }
                ask = Some((now, Ask::Kill));
            } else if state.stop && ask.is_none() {
                state.cause = Cause::Stopped;
                ask = Some((now, Ask::Interrupt));
            } else if soft.is_some_and(|at| at <= now) {
                soft = None;
                if state.cause == Cause::Itself {
                    state.cause = Cause::SoftLimit;
                    lock_tree(tree).ask(Ask::Interrupt);
                }
            }
            if let Some((at, what)) = ask
                && at <= now
                && what != Ask::Done
            {
                lock_tree(tree).ask(what);
                ask = Some((now + self.grace, what.next()));
            }
            if sample <= now {
                sample = now + SAMPLE;
                let held = lock_tree(tree).peak_bytes();
                state.peak_bytes = state.peak_bytes.max(held);
                progress.look();
                if held.zip(self.memory).is_some_and(|(held, most)| held > most)
                    && state.cause == Cause::Itself
                {
                    state.cause = Cause::MemoryLimit;
                    lock_tree(tree).kill();
                }
            }
            let next = [
                soft,
                hard.filter(|at| *at > now),
                ask.filter(|(_, what)| *what != Ask::Done).map(|(at, _)| at),
                Some(sample),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(sample);
            let wait = next.saturating_duration_since(now);
            (state, _) =
                self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
