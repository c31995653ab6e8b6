//! Starts the real programs that tests and benches talk to: the `branchline` binary on a
//! free port with a data folder of its own, and peers to compare it with.

mod api;
mod binary;
mod celery;
mod peer;
mod process;
mod server;

pub use api::Api;
pub use binary::{Profile, binary, workspace_root};
pub use celery::{Celery, CeleryFigures};
pub use peer::{Peer, PeerServer};
pub use process::{memory_of_tree, terminate};
pub use server::{Finished, Options, Server};
