//! Why a server could not be started.

use crate::platform::PortHolder;
use branchline_core::Error;
use branchline_engine::instance::{InstanceInfo, LockError};
use std::fmt;
use std::net::SocketAddr;

/// Why a server could not be started.
#[derive(Debug)]
pub enum HostError {
    /// Another process owns the data folder.
    InUse {
        /// How to reach it; absent for a command that owns the folder for a moment.
        info: Option<InstanceInfo>,
        /// Its process, where it is known.
        pid: Option<u32>,
    },
    /// Somebody else listens at the port.
    PortTaken {
        /// The address that was wanted.
        address: SocketAddr,
        /// Who listens, where it is known.
        holder: Option<PortHolder>,
    },
    /// Anything else.
    Failed(Error),
}

impl HostError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InUse { info: Some(info), .. } => Some(format!(
                "Use the server at {}, or name another folder with --data-dir.",
                info.url
            )),
            Self::InUse { info: None, .. } => {
                Some("Wait for it to end, or name another folder with --data-dir.".to_owned())
            }
            Self::PortTaken { holder: Some(PortHolder { is_branchline: true, .. }), .. } => Some(
                "It serves another data folder. Stop it, or take another port with --port N, \
                 --port 0 or --port-fallback."
                    .to_owned(),
            ),
            Self::PortTaken { .. } => {
                Some("Take another port with --port N, --port 0 or --port-fallback.".to_owned())
            }
            Self::Failed(error) => error.hint.clone(),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { info: Some(info), .. } => write!(
                f,
                "The data folder is in use by Branchline (process {}), which answers at {}",
                info.pid, info.url
            ),
            Self::InUse { info: None, pid: Some(pid) } => {
                write!(f, "The data folder is in use by another command (process {pid})")
            }
            Self::InUse { info: None, pid: None } => {
                f.write_str("The data folder is in use by another command")
            }
            Self::PortTaken { address, holder: Some(holder) } => {
                write!(f, "Port {} is taken by {holder}", address.port())
            }
            Self::PortTaken { address, holder: None } => {
                write!(f, "{address} is taken by a program that this user cannot see")
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HostError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => error.source(),
            Self::InUse { .. } | Self::PortTaken { .. } => None,
        }
    }
}

impl From<Error> for HostError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<LockError> for HostError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::InUse { info, pid } => Self::InUse { info, pid },
            other @ LockError::Io(..) => Self::Failed(other.into()),
        }
    }
}
