//! Requests about registered models and their versions.

use super::KeyValue;
use crate::explain::required_text;
use crate::scalar::{Int64, List};
use branchline_core::name::check_sought_model_name;
use branchline_core::{Error, Result};
use serde::Deserialize;

/// `POST registered-models/create`.
#[derive(Debug, Deserialize)]
pub struct CreateRegisteredModel {
    /// Required.
    pub name: Option<String>,
    /// Of a key given twice the last counts.
    #[serde(default)]
    pub tags: List<KeyValue>,
    /// Markdown.
    pub description: Option<String>,
}

/// A registered model, to get or delete.
#[derive(Debug, Deserialize)]
pub struct RegisteredModelRef {
    /// Required.
    pub name: Option<String>,
}

/// `POST registered-models/rename`.
#[derive(Debug, Deserialize)]
pub struct RenameRegisteredModel {
    /// Required.
    pub name: Option<String>,
    /// Required.
    #[serde(alias = "newName")]
    pub new_name: Option<String>,
}

/// `PATCH registered-models/update`.
#[derive(Debug, Deserialize)]
pub struct UpdateRegisteredModel {
    /// Required.
    pub name: Option<String>,
    /// Markdown; absent clears it.
    pub description: Option<String>,
}

/// A search of registered models or of model versions.
#[derive(Debug, Deserialize)]
pub struct SearchRegistry {
    /// MLflow's search language.
    pub filter: Option<String>,
    /// 100 models or 200000 versions when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// Such as `name DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `registered-models/get-latest-versions`.
#[derive(Debug, Deserialize)]
pub struct GetLatestVersions {
    /// Required.
    pub name: Option<String>,
    /// All when empty.
    #[serde(default)]
    pub stages: List<String>,
}

/// A tag of a registered model or, with a version, of that version.
#[derive(Debug, Deserialize)]
pub struct RegistryTag {
    /// Required.
    pub name: Option<String>,
    /// Required where versions are meant.
    pub version: Option<String>,
    /// Required.
    pub key: Option<String>,
    /// Absent is empty.
    pub value: Option<String>,
}

/// `registered-models/alias`.
#[derive(Debug, Deserialize)]
pub struct Alias {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub alias: Option<String>,
    /// Required to set one.
    pub version: Option<String>,
}

/// `POST model-versions/create`.
#[derive(Debug, Deserialize)]
pub struct CreateModelVersion {
    /// Required.
    pub name: Option<String>,
    /// Required; a URI.
    pub source: Option<String>,
    /// The run that made it.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// Set at once.
    #[serde(default)]
    pub tags: List<KeyValue>,
    /// A link to the run elsewhere.
    #[serde(alias = "runLink")]
    pub run_link: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// The logged model behind it.
    #[serde(alias = "modelId")]
    pub model_id: Option<String>,
}

/// A model version, to get or delete, or whose files are wanted.
#[derive(Debug, Deserialize)]
pub struct ModelVersionRef {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub version: Option<String>,
}

/// `PATCH model-versions/update`.
#[derive(Debug, Deserialize)]
pub struct UpdateModelVersion {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub version: Option<String>,
    /// Markdown; unchanged when absent.
    pub description: Option<String>,
}

/// `POST model-versions/transition-stage`.
#[derive(Debug, Deserialize)]
pub struct TransitionStage {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub version: Option<String>,
    /// Required.
    pub stage: Option<String>,
    /// Whether the versions in that stage make room.
    #[serde(alias = "archiveExistingVersions")]
    pub archive_existing_versions: Option<bool>,
}

/// The name of a registered model that is looked for.
pub fn model_name(name: Option<String>) -> Result<String> {
    let name = required_text("name", name)?;
    check_sought_model_name(&name)?;
    Ok(name)
}

/// A version's number from its text.
pub fn version_number(text: &str) -> Result<i64> {
    text.trim().parse().map_err(|_| {
        Error::invalid(format!("Parameter 'version' must be an integer, got '{text}'."))
    })
}

/// Keeps the last of the tags that have the same key.
pub fn last_of_each_key(tags: List<KeyValue>) -> Vec<branchline_core::Tag> {
    let mut kept: Vec<branchline_core::Tag> = Vec::with_capacity(tags.0.len());
    for tag in tags.into_tags() {
        match kept.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value = tag.value,
            None => kept.push(tag),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_number_in_a_string() {
        assert_eq!(version_number("12").unwrap(), 12);
        assert_eq!(
            version_number("x").unwrap_err().message,
            "Parameter 'version' must be an integer, got 'x'."
        );
        let error =
            crate::from_body::<ModelVersionRef>(br#"{"name":"m","version":1}"#).unwrap_err();
        assert!(error.message.starts_with("Invalid value 1 for parameter 'version' supplied:"));
    }

    #[test]
    fn of_tags_with_one_key_the_last_counts() {
        let body = br#"{"tags":[{"key":"a","value":"1"},{"key":"b"},{"key":"a","value":"2"}]}"#;
        let request: CreateRegisteredModel = crate::from_body(body).unwrap();
        let tags = last_of_each_key(request.tags);
        let pairs: Vec<_> = tags.iter().map(|t| (t.key.as_str(), t.value.as_str())).collect();
        assert_eq!(pairs, [("a", "2"), ("b", "")]);
    }
}
