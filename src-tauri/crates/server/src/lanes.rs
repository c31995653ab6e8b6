//! Lanes: threads that each see to the connections they were given, and to nothing else.
//!
//! A small call crosses to the writer's thread and back. On a runtime whose workers share
//! their tasks each crossing also wakes a worker that looks for work and finds none, which
//! cost more than the call itself; on a lane it wakes the one thread that waits for it. What
//! takes long (reads, files, password hashes) goes to a lane's blocking threads.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Most lanes; the one writer is busy long before more would help.
const MOST: usize = 4;
/// Threads for blocking work of all lanes together, and how long one may idle.
const BLOCKING_THREADS: usize = 32;
const KEEP_ALIVE: Duration = Duration::from_secs(2);

pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    stop: CancellationToken,
}

struct Lane {
    runtime: Handle,
    thread: JoinHandle<()>,
    /// Held once more by each connection of this lane.
    place: Arc<()>,
}

impl Lanes {
    /// As many as there are cores, two at least: one busy lane never stops everybody.
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, MOST));
        let stop = CancellationToken::new();
        let lanes =
            (0..count).map(|_| Lane::start(count, stop.clone())).collect::<io::Result<_>>()?;
        Ok(Self { lanes, stop })
    }

    /// Sees to a connection on the lane that has the fewest; the task is one of `connections`.
    pub(crate) fn take<F>(
        &self,
        connections: &mut JoinSet<()>,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let Some(lane) = self.lanes.iter().min_by_key(|lane| Arc::strong_count(&lane.place)) else {
            return;
        };
        let place = Arc::clone(&lane.place);
        // A socket belongs to the runtime that waits for it, and this one changes its own.
        let stream = stream.into_std();
        let served = async move {
            match stream.and_then(TcpStream::from_std) {
                Ok(stream) => serve(stream).await,
                Err(error) => tracing::debug!("A connection could not be taken over: {error}"),
            }
            drop(place);
        };
        connections.spawn_on(served, &lane.runtime);
    }

    /// Ends the threads; what still runs on them is dropped.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let join = || self.lanes.into_iter().all(|lane| lane.thread.join().is_ok());
        if !tokio::task::spawn_blocking(join).await.unwrap_or(false) {
            tracing::error!("A thread that serves connections ended with a panic.");
        }
    }
}

impl Lane {
    fn start(count: usize, stop: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS / count)
            .thread_keep_alive(KEEP_ALIVE)
            .thread_name("branchline")
            .build()?;
        let handle = runtime.handle().clone();
        let thread = thread::Builder::new().name("lane".into()).spawn(move || {
            runtime.block_on(stop.cancelled());
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, thread, place: Arc::default() })
    }
}
