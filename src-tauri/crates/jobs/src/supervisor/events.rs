//! What a supervisor hears while a job runs, one thing after the other: its owner, the job's
//! output, the end of the job's process, and that time has passed.

#[cfg(target_os = "linux")]
mod poll;
#[cfg(any(not(target_os = "linux"), test))]
mod threads;

use super::platform::Status;
use crate::message::Order;
use std::io;

#[cfg(target_os = "linux")]
pub(super) use poll::Events;
#[cfg(not(target_os = "linux"))]
pub(super) use threads::Events;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// The owner orders.
    Order(Order),
    /// The owner is gone.
    Abandoned,
    /// The job wrote to its log.
    Wrote,
    /// Nobody can write to its output any more.
    Silent,
    /// The job's own process has ended.
    Ended(io::Result<Status>),
    /// It is as late as was asked for.
    Time,
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::super::log::Log;
    use super::*;
    use crate::message::Orders;
    use std::fs::File;
    use std::io::{PipeReader, Write};
    use std::os::fd::OwnedFd;
    use std::process::Command;
    use std::sync::Mutex;
    use std::time::{Duration, Instant};

    /// Each waits for any child of this process.
    static ALONE: Mutex<()> = Mutex::new(());

    fn job(folder: &std::path::Path) -> (u32, PipeReader, Log) {
        let (output, input) = io::pipe().unwrap();
        let mut command = Command::new("sh");
        let child = command.args(["-c", "echo one; exec >&-; exit 3"]).stdout(input).spawn();
        (child.unwrap().id(), output, Log::new(folder.join("log"), 100))
    }

    macro_rules! hears_everything {
        ($events:ty) => {{
            let _alone = ALONE.lock();
            let folder = tempfile::tempdir().unwrap();
            let (orders, mut owner) = io::pipe().unwrap();
            let mut events = <$events>::from_owner(File::from(OwnedFd::from(orders)));
            let soon = || Instant::now() + Duration::from_secs(10);
            let (pid, output, log) = job(folder.path());
            events.follow(pid, output, log);
            let (mut wrote, mut silent, mut ended) = (0, false, None);
            while !silent || ended.is_none() {
                match events.next(soon()) {
                    Event::Wrote => wrote += 1,
                    Event::Silent => silent = true,
                    Event::Ended(status) => ended = status.unwrap().exit_code,
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!((wrote, ended), (1, Some(3)));
            assert!(matches!(events.next(Instant::now()), Event::Time));
            owner.write_all(b"what?\n\"sto").unwrap();
            owner.write_all(b"p\"\n").unwrap();
            assert!(matches!(events.next(soon()), Event::Order(Order::Stop)));
            let next = Order::Run(Box::new(Orders { log_bytes: 7, ..Orders::default() }));
            owner.write_all(&serde_json::to_vec(&next).unwrap()).unwrap();
            owner.write_all(b"\n").unwrap();
            assert_eq!(events.orders().unwrap().log_bytes, 7);
            drop(owner);
            assert!(matches!(events.next(soon()), Event::Abandoned));
            assert!(matches!(events.next(Instant::now()), Event::Time));
            assert!(events.orders().is_none());
        }};
    }

    #[test]
    fn one_wait_hears_everything() {
        hears_everything!(poll::Events);
    }

    #[test]
    fn threads_hear_everything() {
        hears_everything!(threads::Events);
    }
}
