//! Where a new model version's files and run come from, and how its logged model
//! learns of it.

use crate::model_version::NewModelVersion;
use branchline_core::{Actor, Error, ErrorCode, LoggedModel, ModelId, RunId, Tag};
use branchline_store::{StoreResult, View, WriteTx};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Names the versions that a logged model is registered as, in JSON.
const VERSIONS_TAG: &str = "mlflow.modelVersions";

/// What a version has from what it was made of.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// Where the files are, if the source is not itself that place.
    pub(crate) storage_location: Option<String>,
    /// The run that made it.
    pub(crate) run_id: Option<String>,
}

impl Origin {
    /// Looks up what a new version is made of.
    ///
    /// # Errors
    /// There is no such version or logged model.
    pub(crate) fn of(view: &View<'_>, new: &NewModelVersion) -> StoreResult<Self> {
        let given = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
        let mut origin = match source(&new.source) {
            Source::Version(name, version) => {
                let original = view.model_version(&name, version)?;
                Self {
                    storage_location: original.storage_location.or(Some(original.source)),
                    run_id: original.run_id,
                }
            }
            Source::LoggedModel(id) => {
                let model = view.logged_model(&id)?;
                Self { run_id: run_of(&model), storage_location: Some(model.artifact_uri) }
            }
            Source::Elsewhere => Self::default(),
        };
        if let Some(id) = given(&new.model_id).filter(|_| origin.run_id.is_none()) {
            origin.run_id = run_of(&view.logged_model(&ModelId::new(id))?);
        }
        if let Some(id) = given(&new.run_id) {
            not_hidden(view.run_row(&RunId::new(id.clone())))?;
            origin.run_id = Some(id);
        }
        Ok(origin)
    }
}

/// A run of another server may be named; one of this server must be the maker's to see.
fn not_hidden<T>(found: StoreResult<T>) -> StoreResult<()> {
    match found.map_err(Error::from) {
        Err(error) if error.code != ErrorCode::ResourceDoesNotExist => Err(error.into()),
        _ => Ok(()),
    }
}

fn run_of(model: &LoggedModel) -> Option<String> {
    model.source_run_id.as_ref().map(|id| id.as_str().to_owned())
}

/// Adds a version to those that its logged model is registered as.
///
/// # Errors
/// There is no such logged model.
pub(crate) fn tell_logged_model(
    tx: &mut WriteTx<'_>,
    actor: &Actor,
    id: &ModelId,
    name: &str,
    version: i64,
) -> StoreResult<()> {
    let tags = tx.logged_model(id)?.tags;
    let known = tags.iter().find(|tag| tag.key == VERSIONS_TAG).map(|tag| tag.value.as_str());
    let tag = Tag { key: VERSIONS_TAG.to_owned(), value: with_version(known, name, version) };
    let row = tx.model_row(id)?;
    tx.set_model_tags(actor, id, &row, &[tag])
}

/// The tag's text with one more version; what is not a list is started anew.
fn with_version(known: Option<&str>, name: &str, version: i64) -> String {
    let known = known.and_then(|text| serde_json::from_str(text).ok());
    let mut versions: Vec<Value> = known.unwrap_or_default();
    let this = json!({ "name": name, "version": version });
    if !versions.contains(&this) {
        versions.push(this);
    }
    as_python_writes(&Value::from(versions))
}

/// JSON with the spaces that Python puts between, as whoever compares the tag's text expects.
fn as_python_writes(value: &Value) -> String {
    let mut text = Vec::new();
    // Writing to memory cannot fail.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut text, Spaced));
    String::from_utf8_lossy(&text).into_owned()
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[derive(Debug, PartialEq)]
enum Source {
    /// `models:/name/3`.
    Version(String, i64),
    /// `models:/m-…`.
    LoggedModel(ModelId),
    /// Everything else.
    Elsewhere,
}

fn source(uri: &str) -> Source {
    let Some(path) = uri.strip_prefix("models:/").map(|path| path.trim_start_matches('/')) else {
        return Source::Elsewhere;
    };
    match path.rsplit_once('/') {
        Some((name, version)) => match version.parse() {
            Ok(version) => Source::Version(name.to_owned(), version),
            Err(_) => Source::Elsewhere,
        },
        None if path.contains('@') => Source::Elsewhere,
        None => Source::LoggedModel(ModelId::new(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_from_a_logged_model() {
        assert_eq!(source("models:/diabetes/3"), Source::Version("diabetes".into(), 3));
        assert_eq!(source("models:/m-0123"), Source::LoggedModel(ModelId::new("m-0123")));
        assert_eq!(source("models:/diabetes@champion"), Source::Elsewhere);
        assert_eq!(source("models:/diabetes/Production"), Source::Elsewhere);
        assert_eq!(source("runs:/0123/model"), Source::Elsewhere);
    }

    #[test]
    fn versions_add_up_and_are_not_repeated() {
        let one = with_version(None, "m", 1);
        assert_eq!(one, r#"[{"name": "m", "version": 1}]"#);
        assert_eq!(with_version(Some(&one), "m", 1), one);
        let two = with_version(Some(r#"[{"name": "m", "version": 1}]"#), "n", 4);
        assert_eq!(two, r#"[{"name": "m", "version": 1}, {"name": "n", "version": 4}]"#);
        assert_eq!(with_version(Some("nonsense"), "m", 1), one);
    }
}
