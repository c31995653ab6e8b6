//! Timing: single calls, and what they add up to.

use anyhow::Result;
use std::time::{Duration, Instant};

/// The times of single calls, sorted.
#[derive(Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// Times a call so many times, after one that does not count.
    pub(crate) fn of(count: usize, mut call: impl FnMut(usize) -> Result<()>) -> Result<Self> {
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            let begun = Instant::now();
            call(number)?;
            times.push(begun.elapsed());
        }
        Ok(Self::new(times))
    }

    /// The time that this share of the calls stayed under, in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let place = ((self.0.len() as f64 - 1.0) * share).round() as usize;
        self.0.get(place).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(0.5)
    }
}

/// The median of figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Figures that are taken by turns, so that a load of the machine hits all: of each the median.
pub(crate) fn by_turns<const N: usize>(
    turns: usize,
    mut turn: impl FnMut() -> Result<[f64; N]>,
) -> Result<[f64; N]> {
    let mut all = [const { Vec::new() }; N];
    for _ in 0..turns {
        all.iter_mut().zip(turn()?).for_each(|(all, figure)| all.push(figure));
    }
    Ok(all.map(median))
}

/// How long something took, in seconds.
pub(crate) fn seconds(call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    call()?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Runs the same work on several threads at once; what each answered.
pub(crate) fn on_threads<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    std::thread::scope(|scope| {
        let work = &work;
        let handles: Vec<_> = (0..count).map(|number| scope.spawn(move || work(number))).collect();
        handles
            .into_iter()
            .map(|handle| {
                handle.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a client panicked")))
            })
            .collect()
    })
}

/// Seconds of processor time that a process and its children have used. Linux only.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let mut pids = vec![pid];
    let (mut next, mut ticks) = (0, 0_u64);
    while let Some(&process) = pids.get(next) {
        next += 1;
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for task in tasks.flatten() {
            let children =
                std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|text| text.parse::<u32>().ok()));
        }
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // After the name in parentheses: state is the first field, utime and stime the 12th and 13th.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        ticks += fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|text| text.parse::<u64>().ok())
            .sum::<u64>();
    }
    // USER_HZ is 100 on every Linux that Rust knows.
    ticks as f64 / 100.0
}
