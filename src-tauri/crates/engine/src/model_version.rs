//! Versions of registered models: their stages, tags and files. Answered after the disk sync.

use crate::Engine;
use crate::artifacts::Location;
use crate::experiment::{check_max_results, page};
use crate::registry::{RegistrySearch, check_tag};
use crate::version_origin::{Origin, tell_logged_model};
use crate::webhook::tell;
use branchline_core::{
    Actor, Error, ModelId, ModelVersion, Page, Result, RunId, Tag, limits, search,
};
use branchline_store::NewVersionRow;

/// A version to be made. The source has been checked by the surface that took it.
#[derive(Debug, Clone, Default)]
pub struct NewModelVersion {
    /// A registered model.
    pub name: String,
    /// URI that it is made from.
    pub source: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run elsewhere.
    pub run_link: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// The logged model behind it.
    pub model_id: Option<String>,
    /// Of a key that comes twice the last wins.
    pub tags: Vec<Tag>,
}

const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];

/// A stage's canonical name.
fn stage(text: &str) -> Result<&'static str> {
    STAGES.into_iter().find(|stage| stage.eq_ignore_ascii_case(text)).ok_or_else(|| {
        Error::invalid(format!(
            "Invalid Model Version stage: {text}. Value must be one of {}.",
            STAGES.join(", ")
        ))
    })
}

impl Engine {
    /// The newest version of each stage, or of the given ones.
    ///
    /// # Errors
    /// There is no such model or stage.
    pub async fn latest_versions(
        &self,
        actor: &Actor,
        name: &str,
        stages: Vec<String>,
    ) -> Result<Vec<ModelVersion>> {
        let wanted = stages.iter().map(|s| stage(s)).collect::<Result<Vec<_>>>()?;
        let mut versions = self.registered_model(actor, name).await?.latest_versions;
        versions.retain(|v| wanted.is_empty() || wanted.contains(&v.stage.as_str()));
        Ok(versions)
    }

    /// Adds a version. A source `models:/name/version` (a copy) or `models:/m-…` (a logged
    /// model) stays as the source; the version takes the original's run, and loads from
    /// where the original does. Its logged model is told in the same transaction.
    ///
    /// # Errors
    /// There is no such model, logged model or original.
    pub async fn create_model_version(
        &self,
        actor: &Actor,
        new: NewModelVersion,
    ) -> Result<ModelVersion> {
        new.tags.iter().try_for_each(check_tag)?;
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&new.name)?;
            let origin = Origin::of(tx, &new)?;
            let row = NewVersionRow {
                source: &new.source,
                storage_location: origin.storage_location.as_deref(),
                run_id: origin.run_id.as_deref(),
                run_link: new.run_link.as_deref(),
                model_id: new.model_id.as_deref().filter(|id| !id.is_empty()),
                description: new.description.as_deref(),
                tags: &new.tags,
            };
            let version = tx.insert_model_version(actor, &model, &row)?;
            if let Some(id) = row.model_id {
                tell_logged_model(tx, actor, &ModelId::new(id), &new.name, version)?;
            }
            let made = tell::Made {
                name: &new.name,
                version,
                source: row.source,
                run_id: row.run_id,
                description: row.description,
                tags: row.tags,
            };
            tell::version_created(tx, &made)?;
            tx.model_version(&new.name, version)
        })
        .await
    }

    /// A version.
    ///
    /// # Errors
    /// There is none.
    pub async fn model_version(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
    ) -> Result<ModelVersion> {
        let name = name.to_owned();
        self.glance(actor, move |view| view.model_version(&name, version)).await
    }

    /// Changes a version's description.
    ///
    /// # Errors
    /// There is no such version.
    pub async fn update_model_version(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
        description: Option<String>,
    ) -> Result<ModelVersion> {
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.describe_version(actor, &row, description.as_deref())?;
            tx.model_version(&name, version)
        })
        .await
    }

    /// Moves a version to a stage; with `archive_existing` others in an active stage
    /// (Staging, Production) are archived.
    ///
    /// # Errors
    /// There is no such version or stage; the stage keeps no single active version.
    pub async fn transition_stage(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
        to: &str,
        archive_existing: bool,
    ) -> Result<ModelVersion> {
        let to = stage(to)?;
        if archive_existing && !matches!(to, "Staging" | "Production") {
            return Err(Error::invalid(format!(
                "Model version transition cannot archive existing model versions because '{to}' is not an Active stage. Valid stages are Staging, Production"
            )));
        }
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.set_stage(actor, &row, to, archive_existing)?;
            tx.model_version(&name, version)
        })
        .await
    }

    /// Removes a version and the aliases that name it.
    ///
    /// # Errors
    /// There is no such version.
    pub async fn delete_model_version(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
    ) -> Result<()> {
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.delete_model_version(actor, &row)
        })
        .await
    }

    /// One page of versions, prompts left out unless asked for.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn search_model_versions(
        &self,
        actor: &Actor,
        search: RegistrySearch,
    ) -> Result<Page<ModelVersion>> {
        check_max_results(search.max_results, limits::MAX_RESULTS_MODEL_VERSIONS)?;
        let filter = search::parse_model_version_filter(&search.filter)?;
        let order = search::parse_model_version_order(&search.order_by)?;
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.search_model_versions(
                filter.as_ref(),
                &order,
                search.max_results,
                token,
            )?))
        })
        .await
    }

    /// Where a version's files are.
    ///
    /// # Errors
    /// There is no such version.
    pub async fn download_uri(&self, actor: &Actor, name: &str, version: i64) -> Result<String> {
        let version = self.model_version(actor, name, version).await?;
        Ok(version.storage_location.unwrap_or(version.source))
    }

    /// Where the files are that this server hands out as a version's. A bucket is read with
    /// the server's own keys: what a version names there goes to who may not see everything
    /// only where it belongs to the run or the logged model that the version was made from.
    ///
    /// # Errors
    /// There is no such version; its files are not the server's to hand out.
    pub async fn version_files(&self, actor: &Actor, name: &str, version: i64) -> Result<String> {
        let version = self.model_version(actor, name, version).await?;
        let uri = version.storage_location.unwrap_or(version.source);
        if actor.is_superuser || !Location::is_meant(&uri) {
            return Ok(uri);
        }
        let (run, model) = (version.run_id.map(RunId::new), version.model_id.map(ModelId::new));
        let roots = self.inner.store.read(move |view| {
            let run = run.and_then(|id| view.run_info(&id).ok()).map(|run| run.artifact_uri);
            let model = model.and_then(|id| view.any_logged_model(&id).ok());
            Ok([run, model.map(|model| model.artifact_uri)])
        });
        let own = roots.await?.into_iter().flatten().any(|root| {
            let rest = uri.strip_prefix(root.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if own && !uri.split('/').any(|part| part == "..") {
            return Ok(uri);
        }
        Err(Error::denied("This version's files lie in a bucket outside of its run and its model.")
            .hint("Read them from the bucket with your own keys."))
    }

    /// Sets a tag of a version.
    ///
    /// # Errors
    /// There is no such version; the tag breaks a rule.
    pub async fn set_model_version_tag(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
        tag: Tag,
    ) -> Result<()> {
        check_tag(&tag)?;
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.set_model_version_tag(actor, &row, &tag)?;
            tell::tag_changed(tx, &row.model, Some(version), &tag.key, Some(&tag.value))
        })
        .await
    }

    /// Removes a tag of a version; missing is fine.
    ///
    /// # Errors
    /// There is no such version.
    pub async fn delete_model_version_tag(
        &self,
        actor: &Actor,
        name: &str,
        version: i64,
        key: &str,
    ) -> Result<()> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.delete_model_version_tag(actor, &row, &key)?;
            tell::tag_changed(tx, &row.model, Some(version), &key, None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_case_insensitive() {
        assert_eq!(stage("production").unwrap(), "Production");
        assert!(stage("live").is_err());
    }
}
