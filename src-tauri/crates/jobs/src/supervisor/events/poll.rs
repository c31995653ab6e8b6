//! Linux: one wait for all of them, so that the process has one thread, from which the next job
//! can be forked (decision 63).

use super::super::log::{BUFFER, Log, Took};
use super::super::platform::{Status, bury};
use super::Event;
use crate::message::{Order, Orders};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How often it is looked whether the process has ended, where the system cannot tell.
const LOOK: Duration = Duration::from_millis(20);

pub(in super::super) struct Events {
    owner: Owner,
    job: Option<Followed>,
    buffer: Vec<u8>,
}

/// A job whose process runs.
struct Followed {
    pid: u32,
    /// Readable when the process has ended; systems before 5.3 and some containers have none.
    exit: Option<OwnedFd>,
    ended: bool,
    output: Option<PipeReader>,
    log: Log,
}

impl Events {
    /// Hears the owner at the standard input.
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self::from_owner(io::stdin().as_fd().try_clone_to_owned()?.into()))
    }

    pub(super) fn from_owner(orders: File) -> Self {
        Self {
            owner: Owner { orders, heard: Vec::new(), gone: false },
            job: None,
            buffer: vec![0; BUFFER],
        }
    }

    /// Waits for a job to run; nothing when the owner is gone. What follows the job before has
    /// been dropped.
    pub(in super::super) fn orders(&mut self) -> Option<Box<Orders>> {
        self.job = None;
        loop {
            match self.owner.next() {
                Some(Order::Run(orders)) => return Some(orders),
                Some(Order::Stop) => {}
                None if self.owner.gone => return None,
                None => self.owner.read(),
            }
        }
    }

    /// From now on hears of this job, too.
    pub(in super::super) fn follow(&mut self, pid: u32, output: PipeReader, log: Log) {
        let exit = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let exit = exit.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        self.job = Some(Followed { pid, exit, ended: false, output: Some(output), log });
    }

    /// The next that happens; [`Event::Time`] at `until`.
    pub(in super::super) fn next(&mut self, until: Instant) -> Event {
        loop {
            if let Some(order) = self.owner.next() {
                return Event::Order(order);
            }
            let ready = self.wait(until);
            // The owner first: who writes much must not keep it from being heard.
            if ready.owner {
                self.owner.read();
                if self.owner.gone {
                    return Event::Abandoned;
                }
                continue;
            }
            if let Some(job) = &mut self.job {
                if let Some(end) = job.end() {
                    return Event::Ended(end);
                }
                if ready.output
                    && let Some(event) = job.read(&mut self.buffer)
                {
                    return event;
                }
            }
            if !ready.output && Instant::now() >= until {
                return Event::Time;
            }
        }
    }

    fn wait(&self, until: Instant) -> Ready {
        let (mut fds, mut wait) = (Vec::with_capacity(3), until);
        let output = self.job.as_ref().and_then(|job| job.output.as_ref());
        fds.extend(output.map(|output| PollFd::new(output, PollFlags::IN)));
        let after_output = fds.len();
        fds.extend((!self.owner.gone).then(|| PollFd::new(&self.owner.orders, PollFlags::IN)));
        let after_owner = fds.len();
        match self.job.as_ref().filter(|job| !job.ended) {
            Some(Followed { exit: Some(exit), .. }) => fds.push(PollFd::new(exit, PollFlags::IN)),
            Some(Followed { exit: None, .. }) => wait = wait.min(Instant::now() + LOOK),
            None => {}
        }
        let wait = wait.saturating_duration_since(Instant::now());
        // One that is interrupted is made again.
        let _ = poll(&mut fds, Timespec::try_from(wait).ok().as_ref());
        let ready = |fds: &[PollFd<'_>]| fds.iter().any(|fd| !fd.revents().is_empty());
        Ready { output: ready(&fds[..after_output]), owner: ready(&fds[after_output..after_owner]) }
    }
}

/// Who has something to say.
struct Ready {
    output: bool,
    owner: bool,
}

impl Followed {
    /// How its own process ended, once.
    fn end(&mut self) -> Option<io::Result<Status>> {
        if self.ended {
            return None;
        }
        let end = bury(self.pid).transpose()?;
        self.ended = true;
        Some(end)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Option<Event> {
        match self.log.take_from(self.output.as_mut()?, buffer) {
            Took::Kept => Some(Event::Wrote),
            Took::Dropped => None,
            Took::End => {
                self.output = None;
                Some(Event::Silent)
            }
        }
    }
}

/// The other end of the pipe of orders, a line each.
struct Owner {
    orders: File,
    heard: Vec<u8>,
    gone: bool,
}

impl Owner {
    /// The next of what was heard.
    fn next(&mut self) -> Option<Order> {
        loop {
            let end = self.heard.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            // What is not understood is not for us.
            if let Ok(order) = serde_json::from_slice(&line) {
                return Some(order);
            }
        }
    }

    /// Waits until there is something to hear.
    fn read(&mut self) {
        let mut buffer = [0; 8192];
        match self.orders.read(&mut buffer) {
            Ok(0) => self.gone = true,
            Ok(read) => self.heard.extend_from_slice(&buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.gone = true,
        }
    }
}
