//! Running jobs: when one is tried again, who claims it, and the process around its
//! process. It does not know what jobs do nor where they are kept: that is behind
//! [`JobLedger`].

mod alarm;
mod control;
mod dispatch;
mod ledger;
mod message;
pub mod policy;
mod process;
mod schedule;
pub mod supervisor;
mod supervisors;
mod timing;
mod usage;

pub use control::Controls;
pub use dispatch::{Options, dispatch};
pub use ledger::{Attempted, Claimed, JobLedger, Launch};
pub use schedule::{ScheduleLedger, keep_schedules};
pub use timing::Rhythm;
pub use usage::Usage;
