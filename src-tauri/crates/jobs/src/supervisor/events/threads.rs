//! Where there is no one wait for all of them: a thread for each. Linux only tests it.

use super::super::log::{BUFFER, Log, Took};
use super::super::platform::wait;
use super::Event;
use crate::message::{Order, Orders};
#[cfg(not(target_os = "linux"))]
use std::io;
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

pub(in super::super) struct Events {
    tell: Sender<(u64, Event)>,
    told: Receiver<(u64, Event)>,
    /// Which job is followed: what is left of one before is not heard.
    job: u64,
    abandoned: bool,
}

/// Who is no job.
const OWNER: u64 = 0;

impl Events {
    /// Hears the owner at the standard input.
    #[cfg(not(target_os = "linux"))]
    pub(in super::super) fn new() -> io::Result<Self> {
        Ok(Self::from_owner(io::stdin()))
    }

    pub(super) fn from_owner(orders: impl Read + Send + 'static) -> Self {
        let (tell, told) = channel();
        let owner = tell.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(orders).lines().map_while(Result::ok) {
                // What is not understood is not for us.
                if let Ok(order) = serde_json::from_str(&line) {
                    let _ = owner.send((OWNER, Event::Order(order)));
                }
            }
            let _ = owner.send((OWNER, Event::Abandoned));
        });
        Self { tell, told, job: OWNER, abandoned: false }
    }

    /// Waits for a job to run; nothing when the owner is gone.
    pub(in super::super) fn orders(&mut self) -> Option<Box<Orders>> {
        while !self.abandoned {
            match self.told.recv() {
                Ok((OWNER, Event::Order(Order::Run(orders)))) => return Some(orders),
                Ok((OWNER, Event::Abandoned)) | Err(_) => self.abandoned = true,
                Ok(_) => {}
            }
        }
        None
    }

    /// From now on hears of this job, too.
    pub(in super::super) fn follow(&mut self, pid: u32, mut output: PipeReader, mut log: Log) {
        self.job += 1;
        let (job, reader, waiter) = (self.job, self.tell.clone(), self.tell.clone());
        std::thread::spawn(move || {
            let mut buffer = vec![0; BUFFER];
            loop {
                let event = match log.take_from(&mut output, &mut buffer) {
                    Took::Kept => Event::Wrote,
                    Took::Dropped => continue,
                    Took::End => Event::Silent,
                };
                let ended = matches!(event, Event::Silent);
                if reader.send((job, event)).is_err() || ended {
                    return;
                }
            }
        });
        std::thread::spawn(move || waiter.send((job, Event::Ended(wait(pid)))));
    }

    /// The next that happens; [`Event::Time`] at `until`.
    pub(in super::super) fn next(&mut self, until: Instant) -> Event {
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            match self.told.recv_timeout(wait) {
                Ok((who, event)) if who == OWNER || who == self.job => {
                    self.abandoned |= matches!(event, Event::Abandoned);
                    return event;
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Event::Time;
                }
            }
        }
    }
}
