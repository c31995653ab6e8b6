//! Running jobs: when one is tried again, who claims it, and the process around its
//! process. It does not know what jobs do nor where they are kept: that is behind
//! [`JobLedger`].

mod control;
mod dispatch;
mod ledger;
mod message;
pub mod policy;
mod process;
pub mod supervisor;

pub use control::Controls;
pub use dispatch::{Options, dispatch};
pub use ledger::{Claimed, JobLedger, Launch};
