//! The registry: registered models, aliases and tags. Answered after the disk sync.

use crate::Engine;
use crate::experiment::{check_max_results, page};
use crate::webhook::tell;
use branchline_core::{
    Actor, Error, ModelVersion, Page, RegisteredModel, Result, Tag, limits, name, search,
};

/// A registered model to be made.
#[derive(Debug, Clone, Default)]
pub struct NewRegisteredModel {
    /// Unique.
    pub name: String,
    /// Markdown.
    pub description: Option<String>,
    /// Of a key that comes twice the last wins.
    pub tags: Vec<Tag>,
}

/// A question about registered models or versions.
#[derive(Debug, Clone, Default)]
pub struct RegistrySearch {
    /// MLflow's language.
    pub filter: String,
    /// `attribute [ASC|DESC]`.
    pub order_by: Vec<String>,
    /// At least 1.
    pub max_results: usize,
    /// From the page before.
    pub page_token: Option<String>,
}

pub(crate) fn check_tag(tag: &Tag) -> Result<()> {
    name::check_key("tag", &tag.key)?;
    name::check_length("Registry tag value", &tag.value, limits::REGISTRY_TAG_VALUE)
}

impl Engine {
    /// Makes a registered model.
    ///
    /// # Errors
    /// The name is taken or breaks a rule.
    pub async fn create_registered_model(
        &self,
        actor: &Actor,
        new: NewRegisteredModel,
    ) -> Result<RegisteredModel> {
        name::check_model_name(&new.name)?;
        new.tags.iter().try_for_each(check_tag)?;
        self.durably(actor, move |tx, actor| {
            let description = new.description.as_deref();
            tx.insert_registered_model(actor, &new.name, description, &new.tags)?;
            tell::model_created(tx, &new.name, description, &new.tags)?;
            tx.registered_model(&new.name)
        })
        .await
    }

    /// A registered model.
    ///
    /// # Errors
    /// There is none.
    pub async fn registered_model(&self, actor: &Actor, name: &str) -> Result<RegisteredModel> {
        let name = name.to_owned();
        self.read(actor, move |view| view.registered_model(&name)).await
    }

    /// All versions of a model, newest first.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn model_versions(&self, actor: &Actor, name: &str) -> Result<Vec<ModelVersion>> {
        let name = name.to_owned();
        self.read(actor, move |view| view.versions_of(&name)).await
    }

    /// How many versions a model has, and the highest number.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn version_count(&self, actor: &Actor, name: &str) -> Result<(i64, Option<i64>)> {
        let name = name.to_owned();
        self.read(actor, move |view| view.version_count(&name)).await
    }

    /// Gives a registered model another name; versions, tags and aliases follow.
    ///
    /// # Errors
    /// There is no such model; the name is taken or breaks a rule.
    pub async fn rename_registered_model(
        &self,
        actor: &Actor,
        name: &str,
        new_name: &str,
    ) -> Result<RegisteredModel> {
        if new_name.trim().is_empty() {
            return Err(Error::invalid("Missing value for required parameter 'new_name'."));
        }
        name::check_model_name(new_name)?;
        let (name, new_name) = (name.to_owned(), new_name.to_owned());
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.rename_registered_model(actor, &model, &new_name)?;
            tx.registered_model(&new_name)
        })
        .await
    }

    /// Changes the description.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn update_registered_model(
        &self,
        actor: &Actor,
        name: &str,
        description: Option<String>,
    ) -> Result<RegisteredModel> {
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.describe_registered_model(actor, &model, description.as_deref())?;
            tx.registered_model(&name)
        })
        .await
    }

    /// Removes a model with its versions, tags and aliases.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn delete_registered_model(&self, actor: &Actor, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.delete_registered_model(actor, &model)
        })
        .await
    }

    /// One page of registered models, prompts left out unless asked for.
    ///
    /// # Errors
    /// A filter, order or token that is wrong.
    pub async fn search_registered_models(
        &self,
        actor: &Actor,
        search: RegistrySearch,
    ) -> Result<Page<RegisteredModel>> {
        check_max_results(search.max_results, limits::MAX_RESULTS_REGISTERED_MODELS)?;
        let filter = search::parse_registered_model_filter(&search.filter)?;
        let order = search::parse_registered_model_order(&search.order_by)?;
        self.read(actor, move |view| {
            let token = search.page_token.as_deref();
            Ok(page(view.search_registered_models(
                filter.as_ref(),
                &order,
                search.max_results,
                token,
            )?))
        })
        .await
    }

    /// Sets a tag of a model.
    ///
    /// # Errors
    /// There is no such model; the tag breaks a rule.
    pub async fn set_registered_model_tag(
        &self,
        actor: &Actor,
        name: &str,
        tag: Tag,
    ) -> Result<()> {
        check_tag(&tag)?;
        let name = name.to_owned();
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.set_registered_model_tag(actor, &model, &tag)?;
            tell::tag_changed(tx, &model, None, &tag.key, Some(&tag.value))
        })
        .await
    }

    /// Removes a tag of a model; missing is fine.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn delete_registered_model_tag(
        &self,
        actor: &Actor,
        name: &str,
        key: &str,
    ) -> Result<()> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.delete_registered_model_tag(actor, &model, &key)?;
            tell::tag_changed(tx, &model, None, &key, None)
        })
        .await
    }

    /// Points an alias to a version; it moves if it exists.
    ///
    /// # Errors
    /// There is no such version; the alias breaks a rule.
    pub async fn set_alias(
        &self,
        actor: &Actor,
        name: &str,
        alias: &str,
        version: i64,
    ) -> Result<()> {
        name::check_alias(alias)?;
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.durably(actor, move |tx, actor| {
            let row = tx.version_row(&name, version)?;
            tx.set_alias(actor, &row, &alias)?;
            tell::alias_changed(tx, &row.model, &alias, Some(version))
        })
        .await
    }

    /// Removes an alias; missing is fine.
    ///
    /// # Errors
    /// There is no such model.
    pub async fn delete_alias(&self, actor: &Actor, name: &str, alias: &str) -> Result<()> {
        name::check_alias_name(alias)?;
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.durably(actor, move |tx, actor| {
            let model = tx.registered_model_row(&name)?;
            tx.delete_alias(actor, &model, &alias)?;
            tell::alias_changed(tx, &model, &alias, None)
        })
        .await
    }

    /// The version that an alias names; `latest` is the highest.
    ///
    /// # Errors
    /// There is no such model or alias.
    pub async fn version_by_alias(
        &self,
        actor: &Actor,
        name: &str,
        alias: &str,
    ) -> Result<ModelVersion> {
        name::check_alias_name(alias)?;
        let (name, alias) = (name.to_owned(), alias.to_owned());
        self.glance(actor, move |view| view.version_by_alias(&name, &alias)).await
    }
}
