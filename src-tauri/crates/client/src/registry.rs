//! Registered models and their versions.

use crate::Client;
use crate::error::Result;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

/// A name for a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The name.
    pub alias: String,
    /// The version that it points at.
    pub version: i64,
}

/// A name in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredModel {
    /// Unique.
    pub name: String,
    /// Markdown.
    pub description: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// Number of the last change.
    pub rev: i64,
    /// By key.
    pub tags: BTreeMap<String, String>,
    /// Sorted.
    pub aliases: Vec<Alias>,
    /// The highest version, if there is one.
    pub latest_version: Option<i64>,
    /// How many versions there are.
    pub version_count: i64,
}

/// One page of registered models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelPage {
    /// The rows.
    pub models: Vec<RegisteredModel>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
}

/// A registered model with its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelDetail {
    /// The model.
    #[serde(flatten)]
    pub model: RegisteredModel,
    /// Newest first.
    pub versions: Vec<ModelVersion>,
}

/// One version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelVersion {
    /// The model's name.
    pub name: String,
    /// Counts up from 1.
    pub version: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
    /// MLflow's stage.
    pub stage: String,
    /// Markdown.
    pub description: Option<String>,
    /// URI that it was made from.
    pub source: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// The logged model behind it.
    pub model_id: Option<String>,
    /// MLflow's name of how it stands.
    pub status: String,
    /// Sorted.
    pub aliases: Vec<String>,
    /// By key.
    pub tags: BTreeMap<String, String>,
}

impl Client {
    /// Lists registered models that a filter of MLflow's fits; all when empty.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn models(&self, filter: &str, page_token: Option<&str>) -> Result<ModelPage> {
        let mut query = Vec::new();
        query.extend((!filter.is_empty()).then_some(("filter", filter)));
        query.extend(page_token.map(|token| ("page_token", token)));
        self.get_with(&["models"], &query).await
    }

    /// Makes a registered model.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn create_model(
        &self,
        name: &str,
        description: Option<&str>,
    ) -> Result<RegisteredModel> {
        self.post(&["models"], &json!({ "name": name, "description": description })).await
    }

    /// Shows a registered model with its versions.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn model(&self, name: &str) -> Result<ModelDetail> {
        self.get(&["models", name]).await
    }

    /// Deletes a registered model and its versions.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn delete_model(&self, name: &str) -> Result<()> {
        self.delete(&["models", name]).await
    }

    /// Points an alias at a version.
    ///
    /// # Errors
    /// See [`crate::ClientError`].
    pub async fn set_alias(&self, name: &str, alias: &str, version: i64) -> Result<()> {
        let request = self.request(Method::PUT, &["models", name, "aliases", alias]);
        self.send_no_content(request.json(&json!({ "version": version }))).await
    }
}
