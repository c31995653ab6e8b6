//! How operations fail: each way once, with an example, and which operations can fail so.

use crate::error::FAILURE;
use crate::stack::is_stack;
use branchline_core::ErrorCode;
use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// A way to fail.
struct Way {
    status: u16,
    /// Its name in the document.
    name: &'static str,
    when: &'static str,
    code: ErrorCode,
    detail: &'static str,
    hint: Option<&'static str>,
}

const fn way(
    status: u16,
    name: &'static str,
    when: &'static str,
    code: ErrorCode,
    detail: &'static str,
    hint: Option<&'static str>,
) -> Way {
    Way { status, name, when, code, detail, hint }
}

/// Of all operations, in our own words.
static OWN: [Way; 10] = [
    way(
        400,
        "BadRequest",
        "A part of the request is not understood, or breaks a rule.",
        ErrorCode::InvalidParameterValue,
        "Invalid value for parameter 'max_results' supplied: 0 is not between 1 and 1000.",
        Some("Leave it out for the usual number."),
    ),
    way(
        401,
        "Unauthenticated",
        "No credential was sent, or the one sent does not hold.",
        ErrorCode::Unauthenticated,
        "This needs a credential, and none was sent.",
        Some("Sign in, or send a token: `branchline connect` prints one."),
    ),
    way(
        403,
        "Forbidden",
        "The credential does not allow this. In plain text: the `Host` or the `Origin` is not one \
         of the server's.",
        ErrorCode::PermissionDenied,
        "Only an administrator may do this.",
        Some("Sign in as a superuser, or use a token of scope `admin`."),
    ),
    way(
        404,
        "NotFound",
        "There is no such thing, or the caller may not see it.",
        ErrorCode::ResourceDoesNotExist,
        "No Experiment with id=7 exists",
        None,
    ),
    way(
        409,
        "Conflict",
        "It changed meanwhile, is in use, or is not in a state for this.",
        ErrorCode::ResourceConflict,
        "The job has not ended.",
        None,
    ),
    way(
        413,
        "TooLarge",
        "The body is over the limit.",
        ErrorCode::PayloadTooLarge,
        "The request's body is larger than 16777216 bytes.",
        Some("Send it in smaller pieces."),
    ),
    way(
        429,
        "TooManyRequests",
        "Too many failed attempts to sign in; `Retry-After` says how long to wait.",
        ErrorCode::RequestLimitExceeded,
        "Too many attempts to sign in.",
        Some("Wait a little, then try again."),
    ),
    way(
        500,
        "Failed",
        "The server made a mistake; its log says more.",
        ErrorCode::Internal,
        "The server made a mistake; its log says more.",
        None,
    ),
    way(
        503,
        "Unavailable",
        "The server is overloaded or stopping; `Retry-After` says when to try again.",
        ErrorCode::TemporarilyUnavailable,
        "The server is stopping.",
        None,
    ),
    way(
        507,
        "StorageFull",
        "The disk is full.",
        ErrorCode::StorageFull,
        "The disk is full.",
        Some("Make room, then try again."),
    ),
];

/// Of the stack's operations, in its words.
static STACK: [Way; 4] = [
    way(
        400,
        "StackBadRequest",
        "The request breaks a rule, or the caller may not do this.",
        ErrorCode::InvalidParameterValue,
        "The user doesn't have enough privileges",
        None,
    ),
    way(
        401,
        "StackUnauthenticated",
        "No credential was sent.",
        ErrorCode::Unauthenticated,
        "Not authenticated",
        None,
    ),
    way(
        403,
        "StackForbidden",
        "The credential does not hold, or does not allow this. In plain text: the `Host` or the \
         `Origin` is not one of the server's.",
        ErrorCode::Unauthenticated,
        "Could not validate credentials",
        None,
    ),
    way(
        404,
        "StackNotFound",
        "There is no such thing, or the caller's account is gone.",
        ErrorCode::ResourceDoesNotExist,
        "User not found",
        None,
    ),
];

/// What of an operation says how it can fail.
#[derive(Debug)]
pub(super) struct Shape {
    stack: bool,
    reads: bool,
    /// Something of the request is read.
    asks: bool,
    /// Something is named in the path.
    names: bool,
    /// Something is sent.
    sends: bool,
    /// A credential is needed.
    closed: bool,
}

impl Shape {
    pub(super) fn of(path: &str, reads: bool, operation: &Operation) -> Self {
        let sends = operation.request_body.is_some();
        let open = operation
            .security
            .as_deref()
            .is_some_and(|any| any == [SecurityRequirement::default()]);
        Self {
            stack: is_stack(path),
            reads,
            asks: sends || operation.parameters.as_ref().is_some_and(|given| !given.is_empty()),
            names: path.contains('{'),
            sends,
            closed: !open,
        }
    }

    fn fails(&self, status: u16) -> bool {
        match status {
            // The stack says by it, too, that somebody may not.
            400 => self.asks || (self.stack && self.closed),
            401 => self.closed,
            // Things are named in bodies and queries, too.
            404 => self.names || self.asks || (self.stack && self.closed),
            409 | 507 => !self.reads,
            413 => self.sends,
            422 => self.stack && self.asks,
            429 => self.closed || self.asks,
            _ => true,
        }
    }
}

/// Every way, for the document's components.
pub(super) fn all() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let said = OWN.iter().chain(&STACK).map(|way| (way.name.to_owned(), response(way).into()));
    said.chain([("Invalid".to_owned(), invalid().into())])
}

/// Puts the ways in which an operation can fail in the place of the mark that its handler
/// left. What the handler said of a status itself stays, with an example.
pub(super) fn declare(operation: &mut Operation, shape: &Shape) {
    let responses = &mut operation.responses.responses;
    let ways = |status| {
        let own = OWN.iter().find(move |way| way.status == status);
        STACK.iter().find(|way| way.status == status).filter(|_| shape.stack).or(own)
    };
    for (status, answer) in responses.iter_mut() {
        let status = status.parse().unwrap_or_default();
        if let RefOr::T(answer) = answer
            && let Some(example) = example(status).or_else(|| ways(status).map(body))
        {
            show(answer, &example);
        }
    }
    if responses.remove(FAILURE).is_none() {
        return;
    }
    for status in OWN.iter().map(|way| way.status).filter(|status| shape.fails(*status)) {
        if let Some(way) = ways(status) {
            let known = RefOr::Ref(Ref::from_response_name(way.name));
            responses.entry(status.to_string()).or_insert(known);
        }
    }
    if shape.fails(422) {
        let list = RefOr::Ref(Ref::from_response_name("Invalid"));
        responses.entry("422".to_owned()).or_insert(list);
    }
}

fn show(answer: &mut Response, example: &Value) {
    for content in answer.content.values_mut() {
        if let RefOr::T(content) = content {
            content.example.get_or_insert_with(|| example.clone());
        }
    }
}

/// Of a status that only single operations have.
fn example(status: u16) -> Option<Value> {
    let words = json!({"detail": "Predicting is not offered yet.", "code": "NOT_IMPLEMENTED"});
    (status == 501).then_some(words)
}

fn body(way: &Way) -> Value {
    let mut body = json!({"detail": way.detail, "code": way.code.as_str()});
    if let Some(hint) = way.hint {
        body["hint"] = hint.into();
    }
    body
}

fn content(schema: &str, example: Value) -> Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).example(Some(example)).build()
}

fn response(way: &Way) -> Response {
    let mut response = ResponseBuilder::new()
        .description(way.when)
        .content("application/json", content("Error", body(way)));
    let header = |kind, text: &str| {
        let schema = ObjectBuilder::new().schema_type(kind).build();
        HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build()
    };
    match way.status {
        401 => {
            let scheme = header(Type::String, "The scheme of a credential that would be taken.");
            response = response.header("WWW-Authenticate", scheme);
        }
        403 => {
            let words = ObjectBuilder::new().schema_type(Type::String).build();
            let example = json!("Cross-origin request blocked.");
            let plain = ContentBuilder::new().schema(Some(words)).example(Some(example)).build();
            response = response.content("text/plain", plain);
        }
        429 | 503 => {
            response = response.header("Retry-After", header(Type::Integer, "Seconds to wait."));
        }
        _ => {}
    }
    response.build()
}

/// The stack's list of what is wrong with a request.
fn invalid() -> Response {
    let example = json!({"detail": [
        {"loc": ["body", "title"], "msg": "field required", "type": "value_error.missing"}
    ]});
    ResponseBuilder::new()
        .description("Parts of the request are missing or of another kind.")
        .content("application/json", content("ValidationError", example))
        .build()
}
