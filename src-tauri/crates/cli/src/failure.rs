//! How a command ends badly: words for the person, a number for the script.

use branchline_client::ClientError;
use branchline_core::{Error, ErrorCode};
use branchline_engine::instance::LockError;
use branchline_server::host::HostError;
use serde::Serialize;
use std::process::ExitCode;

/// How a command ends.
pub(crate) type Done = Result<ExitCode, Failure>;

/// The exit codes that scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Anything without a number of its own.
    Failed = 1,
    /// What was asked for breaks a rule.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Another process has the port or the data folder.
    InUse = 4,
    /// The credential or the system does not allow it.
    NotAllowed = 5,
    /// The server does not answer.
    Unreachable = 6,
    /// It exists already, or changed meanwhile.
    Conflict = 8,
}

/// What went wrong, and what to do about it.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(rename = "detail")]
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    exit_code: u8,
    /// The reader of our output went away; there is nobody to tell.
    #[serde(skip)]
    pub(crate) silent: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: None,
            exit_code: exit as u8,
            silent: false,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn is(&self, exit: Exit) -> bool {
        self.exit_code == exit as u8
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.silent { ExitCode::SUCCESS } else { ExitCode::from(self.exit_code) }
    }
}

fn exit_of(code: ErrorCode) -> Exit {
    match code {
        ErrorCode::InvalidParameterValue | ErrorCode::BadRequest => Exit::Usage,
        ErrorCode::ResourceDoesNotExist => Exit::NotFound,
        ErrorCode::Unauthenticated | ErrorCode::PermissionDenied => Exit::NotAllowed,
        ErrorCode::ResourceAlreadyExists | ErrorCode::ResourceConflict => Exit::Conflict,
        ErrorCode::PayloadTooLarge
        | ErrorCode::RequestLimitExceeded
        | ErrorCode::InvalidState
        | ErrorCode::NotImplemented
        | ErrorCode::TemporarilyUnavailable
        | ErrorCode::StorageFull
        | ErrorCode::SpansElsewhere
        | ErrorCode::Internal => Exit::Failed,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = error.message.clone();
        // Causes are for the person at the machine, who has no log to look into.
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{}: {text}", message.trim_end_matches('.'));
            }
            source = cause.source();
        }
        Self {
            message,
            hint: error.hint,
            code: Some(error.code.as_str()),
            exit_code: exit_of(error.code) as u8,
            silent: false,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let unreachable = matches!(error, ClientError::Unreachable { .. });
        let failure = Self::from(Error::from(error));
        if unreachable { Self { exit_code: Exit::Unreachable as u8, ..failure } } else { failure }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let in_use = matches!(error, LockError::InUse { .. });
        let failure = Self::from(Error::from(error));
        if in_use { Self { exit_code: Exit::InUse as u8, ..failure } } else { failure }
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Failed(error) => error.into(),
            in_use @ (HostError::InUse { .. } | HostError::PortTaken { .. }) => {
                Self { hint: in_use.hint(), ..Self::new(Exit::InUse, format!("{in_use}.")) }
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let mut failure = Self::failed(format!("{error}."));
        failure.silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = std::io::Error::other("disk on fire");
        let failure = Failure::from(Error::internal("Cannot write.").source(cause));
        assert_eq!(failure.message, "Cannot write: disk on fire");
        let cause = std::io::Error::other("disk on fire");
        let failure = Failure::from(Error::internal("Cannot write: disk on fire.").source(cause));
        assert_eq!(failure.message, "Cannot write: disk on fire.");
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let left = Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(left.silent);
        assert_eq!(format!("{:?}", left.exit_code()), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn codes_have_the_numbers_that_scripts_know() {
        let check = |code, exit: u8| {
            assert_eq!(Failure::from(Error::new(code, "x")).exit_code, exit, "{code:?}");
        };
        check(ErrorCode::InvalidParameterValue, 2);
        check(ErrorCode::ResourceDoesNotExist, 3);
        check(ErrorCode::PermissionDenied, 5);
        check(ErrorCode::ResourceConflict, 8);
        check(ErrorCode::StorageFull, 1);
        let in_use = LockError::InUse { info: None, pid: Some(7) };
        assert_eq!(Failure::from(in_use).exit_code, 4);
    }
}
