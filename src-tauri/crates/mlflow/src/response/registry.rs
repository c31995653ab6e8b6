//! Registered models and their versions.

use super::Wire;
use super::object::{Object, Text};
use branchline_core::{ModelVersion, RegisteredModel};
use serde::{Serialize, Serializer};

impl Serialize for Wire<'_, RegisteredModel> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let model = self.0;
        let description = model.description.as_ref().filter(|text| !text.is_empty());
        Object::new(serializer)?
            .set("name", &model.name)?
            .set("creation_timestamp", &model.created_at)?
            .set("last_updated_timestamp", &model.updated_at)?
            .some("description", description)?
            .list("latest_versions", &model.latest_versions)?
            .list("tags", &model.tags)?
            .list("aliases", &model.aliases)?
            .end()
    }
}

/// An alias and the version that it points at.
impl Serialize for Wire<'_, (String, i64)> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?.set("alias", &self.0.0)?.set("version", &Text(self.0.1))?.end()
    }
}

impl Serialize for Wire<'_, ModelVersion> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let version = self.0;
        let status_message = version.status_message.as_ref().filter(|text| !text.is_empty());
        Object::new(serializer)?
            .set("name", &version.name)?
            .set("version", &Text(version.version))?
            .set("creation_timestamp", &version.created_at)?
            .set("last_updated_timestamp", &version.updated_at)?
            .some("user_id", version.user_id.as_ref())?
            .set("current_stage", &version.stage)?
            .set("description", or_empty(&version.description))?
            .set("source", &version.source)?
            .set("run_id", or_empty(&version.run_id))?
            .set("status", &version.status)?
            .some("status_message", status_message)?
            .list("tags", &version.tags)?
            .set("run_link", or_empty(&version.run_link))?
            .list("aliases", &version.aliases)?
            .end()
    }
}

/// MLflow's registry sets these to the empty string, not to nothing.
fn or_empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}
