//! What a failure of the storage service means to who asked.

use branchline_core::{Error, ErrorCode};
use object_store::Error as S3Error;
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error as StdError;

/// What was asked of whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) endpoint: &'a str,
    pub(super) bucket: &'a str,
    /// The artifact's path as the client calls it.
    pub(super) path: &'a str,
}

impl Asked<'_> {
    /// Turns a failure into one that says what happened and what to do.
    pub(super) fn failed(self, error: S3Error) -> Error {
        let told = Told::read(&error);
        let Self { endpoint, bucket, path } = self;
        let answer = match told.status {
            Some(404) if told.code == Some("NoSuchBucket") => {
                Error::not_found(format!("There is no bucket '{bucket}' at {endpoint}."))
                    .hint("Make the bucket, or look at the experiment's artifact location and at `s3.endpoint`.")
            }
            Some(404) if told.code == Some("NoSuchUpload") => {
                Error::not_found(format!("There is no such multipart upload of '{path}'."))
                    .hint("It was finished or aborted already: begin again.")
            }
            Some(404) => Error::not_found(format!("No such artifact: '{path}'")),
            Some(401 | 403) => refused(bucket, endpoint, told.code),
            Some(400) if told.code.is_some_and(is_about_credentials) => {
                refused(bucket, endpoint, told.code)
            }
            Some(412) => Error::new(
                ErrorCode::ResourceConflict,
                format!("The artifact '{path}' was replaced while it was read."),
            ),
            Some(status @ 400..500) => Error::invalid(format!(
                "The bucket '{bucket}' at {endpoint} refuses this{} (HTTP {status}).",
                in_brackets(told.code)
            )),
            Some(status) => unreachable(endpoint, &format!("it answered HTTP {status}")),
            None => match told.transport {
                Some(why) => unreachable(endpoint, &why),
                None if told.is_redirect => Error::invalid(format!(
                    "The bucket '{bucket}' is in another region than the settings say."
                ))
                .hint("Set `s3.region` to the bucket's region."),
                None => Error::internal(format!(
                    "The answer of {endpoint} about '{path}' in the bucket '{bucket}' was not understood."
                )),
            },
        };
        answer.source(error)
    }
}

fn refused(bucket: &str, endpoint: &str, code: Option<&str>) -> Error {
    Error::new(
        ErrorCode::PermissionDenied,
        format!(
            "{endpoint} refuses this server access to the bucket '{bucket}'{}.",
            in_brackets(code)
        ),
    )
    .hint(
        "Check `s3.access_key_id`, `s3.secret_access_key` and `s3.region`, and that this key may \
         list, read, write and delete there.",
    )
}

fn unreachable(endpoint: &str, why: &str) -> Error {
    Error::new(
        ErrorCode::TemporarilyUnavailable,
        format!("The storage at {endpoint} cannot be reached: {why}."),
    )
    .hint("Check `s3.endpoint` and the network between; then try again.")
}

fn in_brackets(code: Option<&str>) -> String {
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}

fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" | "AuthorizationHeaderMalformed"
    )
}

/// What can be learnt from a failure.
struct Told<'a> {
    status: Option<u16>,
    /// Amazon's word for it, such as `NoSuchBucket`.
    code: Option<&'a str>,
    /// Why no answer came at all.
    transport: Option<String>,
    is_redirect: bool,
}

impl Told<'_> {
    fn read(error: &S3Error) -> Told<'static> {
        let mut told = Told { status: None, code: None, transport: None, is_redirect: false };
        let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<HttpError>() {
                told.transport = Some(transport(error));
                return told;
            }
            // The library's own type for a refused request is not public: its words are.
            let words = error.to_string();
            if let Some((_, after)) = words.split_once("status code: ") {
                told.status = after.get(..3).and_then(|status| status.parse().ok());
            }
            told.is_redirect |= words.contains("redirect without LOCATION");
            told.code = told.code.or_else(|| known(&words));
            cause = error.source();
        }
        told.status = told.status.or(match error {
            S3Error::NotFound { .. } => Some(404),
            S3Error::PermissionDenied { .. } => Some(403),
            S3Error::Unauthenticated { .. } => Some(401),
            S3Error::Precondition { .. } => Some(412),
            S3Error::AlreadyExists { .. } => Some(409),
            _ => None,
        });
        told
    }
}

/// The codes that somebody can do something about.
fn known(words: &str) -> Option<&'static str> {
    const CODES: [&str; 13] = [
        "NoSuchBucket",
        "NoSuchUpload",
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidToken",
        "TokenRefreshRequired",
        "EntityTooSmall",
        "InvalidPartOrder",
        "InvalidPart",
    ];
    CODES.into_iter().find(|code| words.contains(&format!("<Code>{code}</Code>")))
}

fn transport(error: &HttpError) -> String {
    if error.kind() == HttpErrorKind::Timeout {
        return "there was no answer in time".to_owned();
    }
    let mut last: &(dyn StdError + 'static) = error;
    while let Some(deeper) = last.source() {
        last = deeper;
    }
    last.to_string()
}
