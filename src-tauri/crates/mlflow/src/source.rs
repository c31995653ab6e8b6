//! Where a model version's files may come from. A version is later read by whoever
//! may read the model, so its source must not name files that its maker could not
//! have registered: paths of the server's disk, another run's artifacts, or a host
//! that the server would have to call.

use branchline_core::location::split_scheme;
use branchline_core::{Error, Result};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

/// Sources by which a prompt's version says that it has no files.
const PROMPT_PLACEHOLDERS: [&str; 2] = ["dummy-source", "prompt-template"];

/// Schemes whose URIs name a host that the server would connect to.
const HOST_SCHEMES: [&str; 9] =
    ["ftp", "sftp", "hdfs", "viewfs", "http", "https", "r2", "b2", "abfss"];

/// What a `models:` URI points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelUri {
    /// `models:/m-…`, a logged model.
    Logged(String),
    /// `models:/name/3`.
    Version(String, String),
    /// `models:/name/latest`.
    Latest(String),
    /// `models:/name/Production`.
    Stage(String, String),
    /// `models:/name@alias`.
    Alias(String, String),
}

/// To whom a version's files are said to belong.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// The run of `run_id`, if one was given.
    Run(Option<Place<'a>>),
    /// The logged model of `model_id`.
    Model(Place<'a>),
}

/// A run or a logged model.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Its id.
    pub id: &'a str,
    /// The root of its artifacts; `None` when there is no such run or model.
    pub root: Option<&'a str>,
}

impl<'a> Owner<'a> {
    fn place(&self) -> Option<Place<'a>> {
        match self {
            Self::Run(place) => *place,
            Self::Model(place) => Some(*place),
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Self::Run(_) => "run_id",
            Self::Model(_) => "model_id",
        }
    }
}

/// Checks the source of a prompt's version.
pub fn check_prompt(source: &str) -> Result<()> {
    if PROMPT_PLACEHOLDERS.contains(&source) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid prompt source: '{source}'. Prompt sources must use an MLflow placeholder."
    )))
}

/// Refuses URIs that would make the server call a host of the client's choice;
/// `field` is the request's field that holds the URI.
pub fn check_scheme(field: &str, uri: &str) -> Result<()> {
    let parts = Parts::of(uri);
    let scheme = parts.scheme.as_str();
    let names_a_host = HOST_SCHEMES.contains(&scheme)
        || (scheme == "mlflow-artifacts" && !parts.authority.is_empty());
    if !names_a_host {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "'{field}' cannot use the '{scheme}' scheme: the '{scheme}' scheme addresses a host other \
         than the tracking server's configured artifact storage, so the server would connect to \
         the host named in the URI."
    )))
}

/// Reads a `models:` URI; `None` for any other source.
pub fn model_uri(source: &str) -> Result<Option<ModelUri>> {
    let parts = Parts::of(source);
    if parts.scheme != "models" {
        return Ok(None);
    }
    if !parts.authority.is_empty() {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. Registered model sources must use the \
             active model registry."
        )));
    }
    match parse_model_path(parts.path) {
        Some(uri) => Ok(Some(uri)),
        None => Err(misplaced(source, "model_id")),
    }
}

/// Whether [`check`] must know the owner's root.
pub fn needs_root(source: &str) -> bool {
    let parts = Parts::of(source);
    parts.is_local() || parts.scheme == "mlflow-artifacts"
}

/// Checks that a source belongs to its owner, or lies where the server does not
/// decide who may read, as object stores do.
pub fn check(source: &str, owner: Owner<'_>) -> Result<()> {
    let parts = Parts::of(source);
    if parts.is_local() {
        return check_local(source, owner);
    }
    check_path(source)?;
    let given = owner.place();
    let belongs = match (parts.scheme.as_str(), owner) {
        ("runs", Owner::Run(Some(run))) => {
            parts.authority.is_empty() && first_segment(parts.path) == run.id
        }
        ("runs", _) => false,
        ("models", Owner::Model(model)) => match model_uri(source)? {
            Some(ModelUri::Logged(id)) => id == model.id,
            _ => true,
        },
        ("models", Owner::Run(_)) => !matches!(model_uri(source)?, Some(ModelUri::Logged(_))),
        ("mlflow-artifacts", _) => {
            given.and_then(|place| place.root).is_some_and(|root| is_within(&parts, root))
        }
        _ => true,
    };
    match (belongs, parts.scheme.as_str()) {
        (true, _) => Ok(()),
        (false, "models") => Err(misplaced(source, "model_id")),
        (false, _) => Err(misplaced(source, owner.field())),
    }
}

fn check_local(source: &str, owner: Owner<'_>) -> Result<()> {
    let within = owner.place().and_then(|place| place.root).is_some_and(|root| {
        let (source, root) = (Parts::of(source), Parts::of(root));
        let place = place_on_disk(&source);
        root.is_local() && place.is_some_and(|place| is_below(place.into_iter(), &root))
    });
    if within {
        return Ok(());
    }
    let field = owner.field();
    Err(Error::invalid(format!(
        "Invalid model version source: '{source}'. To use a local path as a model version source, \
         the {field} request parameter has to be specified and the local path has to be contained \
         within the artifact directory of the run specified by the {field}."
    )))
}

/// The segments of an absolute path of the local disk, however it is encoded: steps up and aside
/// are taken, as MLflow takes them.
fn place_on_disk(parts: &Parts<'_>) -> Option<Vec<String>> {
    let path = decoded(parts.path);
    if !path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut place = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(place.pop()?),
            name => place.push(name.to_owned()),
        }
    }
    Some(place)
}

/// Refuses relative paths, however they are encoded.
fn check_path(source: &str) -> Result<()> {
    let plain = decoded(source);
    let path = Parts::of(&plain).path;
    let steps_up = plain.split('/').any(|segment| segment == "..");
    if path.starts_with('/') && !steps_up && !has_odd_segments(path) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid model version source: '{source}'. If supplying a source as an http, https, local \
         file path, ftp, objectstore, or mlflow-artifacts uri, an absolute path must be provided \
         without relative path references present. Please provide an absolute path."
    )))
}

fn has_odd_segments(path: &str) -> bool {
    path.contains('\0') || path.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn is_within(source: &Parts<'_>, root: &str) -> bool {
    let root = Parts::of(root);
    source.scheme == root.scheme
        && source.authority.eq_ignore_ascii_case(root.authority)
        && is_below(source.segments().map(Cow::into_owned), &root)
}

fn is_below(mut segments: impl Iterator<Item = String>, root: &Parts<'_>) -> bool {
    let mut root = root.segments().peekable();
    root.peek().is_some() && root.all(|expected| segments.next().is_some_and(|it| it == expected))
}

fn parse_model_path(path: &str) -> Option<ModelUri> {
    let path = path.strip_prefix('/')?.trim_start_matches('/');
    match path.split_once('/') {
        None if path.trim().is_empty() => None,
        None => match path.rsplit_once('@') {
            None => Some(ModelUri::Logged(path.to_owned())),
            Some((_, alias)) if alias.trim().is_empty() => None,
            Some((name, alias)) => Some(ModelUri::Alias(name.to_owned(), alias.to_owned())),
        },
        Some((name, suffix)) => {
            if name.trim().is_empty() || suffix.trim().is_empty() || suffix.contains('/') {
                return None;
            }
            let (name, suffix) = (name.to_owned(), suffix.to_owned());
            Some(if suffix.bytes().all(|byte| byte.is_ascii_digit()) {
                ModelUri::Version(name, suffix)
            } else if suffix.eq_ignore_ascii_case("latest") {
                ModelUri::Latest(name)
            } else {
                ModelUri::Stage(name, suffix)
            })
        }
    }
}

fn misplaced(source: &str, field: &str) -> Error {
    Error::invalid(format!(
        "Invalid model version source: '{source}'. The {field} request parameter must identify \
         the resource that contains the source."
    ))
}

fn first_segment(path: &str) -> &str {
    path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Decodes `%xx` again and again until nothing changes.
fn decoded(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    loop {
        let next = percent_decode_str(&text).decode_utf8_lossy();
        if *next == *text {
            return text;
        }
        text = Cow::Owned(next.into_owned());
    }
}

/// A URI taken apart; what has no scheme is a path.
#[derive(Debug)]
struct Parts<'a> {
    scheme: String,
    authority: &'a str,
    path: &'a str,
}

impl<'a> Parts<'a> {
    fn of(uri: &'a str) -> Self {
        let (scheme, rest) = split_scheme(uri).unwrap_or(("", uri));
        let scheme = scheme.to_ascii_lowercase();
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        Self { scheme, authority, path }
    }

    /// A path of this machine.
    fn is_local(&self) -> bool {
        self.scheme.is_empty() || self.scheme == "file"
    }

    fn segments(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.path.split('/').filter(|segment| !segment.is_empty()).map(decoded)
    }
}

#[cfg(test)]
mod tests;
