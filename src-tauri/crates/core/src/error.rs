//! The one error type that crosses rooms. A consumer branches on [`ErrorCode`];
//! a person reads the message and the hint.

use std::error::Error as StdError;
use std::fmt;

/// Result of every domain operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure this is. Only kinds that some consumer branches on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// A field breaks a rule (HTTP 400).
    InvalidParameterValue,
    /// The request is not understood as a whole (HTTP 400).
    BadRequest,
    /// The name or key is taken (HTTP 400, as MLflow answers).
    ResourceAlreadyExists,
    /// No credential, or one that does not hold (HTTP 401).
    Unauthenticated,
    /// The credential does not allow this (HTTP 403).
    PermissionDenied,
    /// There is no such thing (HTTP 404).
    ResourceDoesNotExist,
    /// The thing changed meanwhile, or is in use (HTTP 409).
    ResourceConflict,
    /// The body is larger than the limit (HTTP 413).
    PayloadTooLarge,
    /// Too many attempts (HTTP 429).
    RequestLimitExceeded,
    /// A state that clients expect as HTTP 500 (MLflow's INVALID_STATE).
    InvalidState,
    /// Known, not offered (HTTP 501).
    NotImplemented,
    /// Overloaded or shutting down; try again (HTTP 503).
    TemporarilyUnavailable,
    /// The disk is full (HTTP 507).
    StorageFull,
    /// A trace's spans are in its files and not in the database. MLflow's clients expect
    /// HTTP 500 and INTERNAL_ERROR.
    SpansElsewhere,
    /// Unexpected; logged once where it is answered (HTTP 500).
    Internal,
}

impl ErrorCode {
    /// The code's name on the wire, MLflow's where MLflow has one.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParameterValue => "INVALID_PARAMETER_VALUE",
            Self::BadRequest => "BAD_REQUEST",
            Self::ResourceAlreadyExists => "RESOURCE_ALREADY_EXISTS",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceDoesNotExist => "RESOURCE_DOES_NOT_EXIST",
            Self::ResourceConflict => "RESOURCE_CONFLICT",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::RequestLimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Self::InvalidState => "INVALID_STATE",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::TemporarilyUnavailable => "TEMPORARILY_UNAVAILABLE",
            Self::StorageFull => "STORAGE_FULL",
            Self::SpansElsewhere | Self::Internal => "INTERNAL_ERROR",
        }
    }

    /// The HTTP status that both surfaces answer with.
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidParameterValue | Self::BadRequest | Self::ResourceAlreadyExists => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::ResourceDoesNotExist => 404,
            Self::ResourceConflict => 409,
            Self::PayloadTooLarge => 413,
            Self::RequestLimitExceeded => 429,
            Self::InvalidState | Self::SpansElsewhere | Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::TemporarilyUnavailable => 503,
            Self::StorageFull => 507,
        }
    }
}

/// A failure: what happened, and where there is one, what to do.
#[derive(Debug)]
pub struct Error {
    /// What consumers branch on.
    pub code: ErrorCode,
    /// What happened, naming the field and the rule.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// For a search filter: the character (0-based) where reading stopped.
    pub position: Option<usize>,
    /// For a form: fields and what is wrong with each.
    pub fields: Vec<(String, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `code` that says `message`.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            position: None,
            fields: Vec::new(),
            source: None,
        }
    }

    /// A field breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameterValue, message)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceDoesNotExist, message)
    }

    /// The name is taken.
    pub fn already_exists(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ResourceAlreadyExists, message)
    }

    /// The actor may not do this.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::PermissionDenied, message)
    }

    /// Something that should not happen.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the character of a filter at which reading stopped.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }

    /// Adds which fields of a form are wrong, and how.
    #[must_use]
    pub fn fields(mut self, fields: Vec<(String, String)>) -> Self {
        self.fields = fields;
        self
    }

    /// Adds the cause, kept for the log and never shown to clients.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}
