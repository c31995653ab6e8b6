//! The registry: registered models, their versions, aliases and tags.

use crate::change::{Kind, Op};
use crate::error::{StoreError, StoreResult};
use crate::experiment::{owner, text_tag};
use crate::query::{self, SearchPage, Select, Sql, Term};
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::search::{
    Condition, Expr, Literal, ModelVersionField, Op as Compare, Order, RegisteredModelField,
};
use branchline_core::{
    Actor, Error, ErrorCode, ModelVersion, RegisteredModel, Resource, Tag, new_uid,
};
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredModelRow {
    /// The row.
    pub row: i64,
    /// Its name.
    pub name: String,
}

/// What a write needs to know of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The row.
    pub row: i64,
    /// Its number.
    pub version: i64,
    /// Its registered model.
    pub model: RegisteredModelRow,
}

/// A version to be made.
#[derive(Debug, Clone, Default)]
pub struct NewVersionRow<'a> {
    /// URI that it is made from.
    pub source: &'a str,
    /// URI of the files where it differs.
    pub storage_location: Option<&'a str>,
    /// The run that made it.
    pub run_id: Option<&'a str>,
    /// A link to that run elsewhere.
    pub run_link: Option<&'a str>,
    /// The logged model behind it.
    pub model_id: Option<&'a str>,
    /// Markdown.
    pub description: Option<&'a str>,
    /// Sorted or not; of a key that comes twice the last wins.
    pub tags: &'a [Tag],
}

/// Models with this tag are prompts, which share MLflow's name space.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

const MODEL: &str = "m.id, m.name, m.uid, m.description, m.created_at, m.updated_at, m.rev";
const VERSION: &str =
    "v.id, m.name, v.version, v.uid, v.created_at, v.updated_at, v.user_id, v.stage,
    v.description, v.source, v.storage_location, v.run_id, v.run_link, v.model_id, v.status,
    v.status_message, v.rev, m.id";
const VERSIONS: &str = "model_version v JOIN registered_model m ON m.id = v.registered_model_id";

fn read_model(row: &Row<'_>) -> rusqlite::Result<(i64, RegisteredModel)> {
    let model = RegisteredModel {
        name: row.get(1)?,
        uid: row.get(2)?,
        description: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        rev: row.get(6)?,
        tags: Vec::new(),
        aliases: Vec::new(),
        latest_versions: Vec::new(),
    };
    Ok((row.get(0)?, model))
}

struct ReadVersion {
    row: i64,
    model: i64,
    version: ModelVersion,
}

fn read_version(row: &Row<'_>) -> rusqlite::Result<ReadVersion> {
    let version = ModelVersion {
        name: row.get(1)?,
        version: row.get(2)?,
        uid: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
        user_id: row.get(6)?,
        stage: row.get(7)?,
        description: row.get(8)?,
        source: row.get(9)?,
        storage_location: row.get(10)?,
        run_id: row.get(11)?,
        run_link: row.get(12)?,
        model_id: row.get(13)?,
        status: row.get(14)?,
        status_message: row.get(15)?,
        rev: row.get(16)?,
        tags: Vec::new(),
        aliases: Vec::new(),
    };
    Ok(ReadVersion { row: row.get(0)?, model: row.get(17)?, version })
}

fn no_model(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
}

fn no_version(name: &str, version: i64) -> Error {
    Error::not_found(format!("Model Version (name={name}, version={version}) not found"))
}

impl View<'_> {
    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such model.
    pub fn registered_model_row(&self, name: &str) -> StoreResult<RegisteredModelRow> {
        let found = self
            .connection
            .prepare_cached("SELECT id FROM registered_model WHERE workspace_id = 1 AND name = ?1")?
            .query_row([name], |row| Ok(RegisteredModelRow { row: row.get(0)?, name: name.into() }))
            .optional()?
            .ok_or_else(|| self.absent("registered_model", "name", name, no_model(name)))?;
        self.seen(Resource::RegisteredModel, found.row)?;
        Ok(found)
    }

    /// What a write needs to know.
    ///
    /// # Errors
    /// There is no such version.
    pub fn version_row(&self, name: &str, version: i64) -> StoreResult<VersionRow> {
        let model = self.registered_model_row(name).map_err(|error| match error {
            StoreError::Domain(error) if error.code == ErrorCode::ResourceDoesNotExist => {
                no_version(name, version).into()
            }
            error => error,
        })?;
        self.connection
            .prepare_cached(
                "SELECT id FROM model_version WHERE registered_model_id = ?1 AND version = ?2",
            )?
            .query_row([model.row, version], |row| row.get(0))
            .optional()?
            .map(|row| VersionRow { row, version, model })
            .ok_or_else(|| no_version(name, version).into())
    }

    /// A registered model.
    ///
    /// # Errors
    /// There is none.
    pub fn registered_model(&self, name: &str) -> StoreResult<RegisteredModel> {
        let sql = format!(
            "SELECT {MODEL} FROM registered_model m WHERE m.workspace_id = 1 AND m.name = ?1"
        );
        let (row, model) = self
            .connection
            .prepare_cached(&sql)?
            .query_row([name], read_model)
            .optional()?
            .ok_or_else(|| self.absent("registered_model", "name", name, no_model(name)))?;
        self.complete_registered(row, model)
    }

    /// Whether a registered model is a prompt.
    ///
    /// # Errors
    /// The database's.
    pub fn is_prompt(&self, model: &RegisteredModelRow) -> StoreResult<bool> {
        let tag: Option<String> = self
            .connection
            .prepare_cached(
                "SELECT value FROM registered_model_tag WHERE registered_model_id = ?1 AND key = ?2",
            )?
            .query_row(params![model.row, PROMPT_TAG], |row| row.get(0))
            .optional()?;
        Ok(tag.is_some_and(|value| value.eq_ignore_ascii_case("true")))
    }

    fn complete_registered(
        &self,
        row: i64,
        mut model: RegisteredModel,
    ) -> StoreResult<RegisteredModel> {
        model.tags = self.text_tags(
            "SELECT key, value FROM registered_model_tag WHERE registered_model_id = ?1 ORDER BY key",
            row,
        )?;
        let mut statement = self.connection.prepare_cached(
            "SELECT alias, version FROM alias WHERE registered_model_id = ?1 ORDER BY alias",
        )?;
        model.aliases = statement
            .query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        model.latest_versions = self.latest_of(row)?;
        Ok(model)
    }

    /// The newest version of each stage.
    fn latest_of(&self, model: i64) -> StoreResult<Vec<ModelVersion>> {
        let sql = format!(
            "SELECT {VERSION} FROM {VERSIONS} WHERE m.id = ?1 AND v.version =
                 (SELECT max(n.version) FROM model_version n
                  WHERE n.registered_model_id = m.id AND n.stage = v.stage)
             ORDER BY v.version"
        );
        self.versions(&sql, [model])
    }

    fn versions(&self, sql: &str, params: impl rusqlite::Params) -> StoreResult<Vec<ModelVersion>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let found =
            statement.query_map(params, read_version)?.collect::<rusqlite::Result<Vec<_>>>()?;
        found.into_iter().map(|v| self.complete_version(v)).collect()
    }

    fn complete_version(&self, read: ReadVersion) -> StoreResult<ModelVersion> {
        let mut version = read.version;
        version.tags = self.text_tags(
            "SELECT key, value FROM model_version_tag WHERE model_version_id = ?1 ORDER BY key",
            read.row,
        )?;
        let mut statement = self.connection.prepare_cached(
            "SELECT alias FROM alias WHERE registered_model_id = ?1 AND version = ?2 ORDER BY alias",
        )?;
        version.aliases = statement
            .query_map([read.model, version.version], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(version)
    }

    /// A version.
    ///
    /// # Errors
    /// There is none.
    pub fn model_version(&self, name: &str, version: i64) -> StoreResult<ModelVersion> {
        let row = self.version_row(name, version)?;
        let sql = format!("SELECT {VERSION} FROM {VERSIONS} WHERE v.id = ?1");
        let found = self.connection.prepare_cached(&sql)?.query_row([row.row], read_version)?;
        self.complete_version(found)
    }

    /// The version that an alias names; `latest` is the highest.
    ///
    /// # Errors
    /// There is no such model, or no such alias (INVALID_PARAMETER_VALUE, as MLflow).
    pub fn version_by_alias(&self, name: &str, alias: &str) -> StoreResult<ModelVersion> {
        let model = self.registered_model_row(name)?;
        let version: Option<i64> = if alias.eq_ignore_ascii_case("latest") {
            self.connection
                .prepare_cached(
                    "SELECT max(version) FROM model_version WHERE registered_model_id = ?1",
                )?
                .query_row([model.row], |row| row.get(0))?
        } else {
            self.connection
                .prepare_cached(
                    "SELECT version FROM alias WHERE registered_model_id = ?1 AND alias = ?2",
                )?
                .query_row(params![model.row, alias], |row| row.get(0))
                .optional()?
        };
        match version {
            Some(version) => self.model_version(name, version),
            None if alias.eq_ignore_ascii_case("latest") => {
                let words = format!("Latest version not found for model {name}.");
                Err(Error::not_found(words).into())
            }
            None => Err(Error::new(
                ErrorCode::InvalidParameterValue,
                format!("Registered model alias {alias} not found."),
            )
            .into()),
        }
    }

    /// All versions of a model, newest first.
    ///
    /// # Errors
    /// There is no such model.
    pub fn versions_of(&self, name: &str) -> StoreResult<Vec<ModelVersion>> {
        let model = self.registered_model_row(name)?;
        let sql =
            format!("SELECT {VERSION} FROM {VERSIONS} WHERE m.id = ?1 ORDER BY v.version DESC");
        self.versions(&sql, [model.row])
    }

    /// How many versions a model has, and the highest number.
    ///
    /// # Errors
    /// The database's.
    pub fn version_count(&self, name: &str) -> StoreResult<(i64, Option<i64>)> {
        let model = self.registered_model_row(name)?;
        Ok(self
            .connection
            .prepare_cached(
                "SELECT count(*), max(version) FROM model_version WHERE registered_model_id = ?1",
            )?
            .query_row([model.row], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// One page of registered models. Prompts are left out unless the filter asks for them.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_registered_models(
        &self,
        filter: Option<&Expr<RegisteredModelField>>,
        order: &[Order<RegisteredModelField>],
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<RegisteredModel>> {
        let mut parts = vec![Sql::new("m.workspace_id = 1")];
        let is_prompt_tag = |c: &Condition<RegisteredModelField>| matches!(&c.field, RegisteredModelField::Tag(key) if key == PROMPT_TAG);
        parts.extend(with_prompts_rule(filter, &is_prompt_tag, &model_condition, PROMPT_MODELS)?);
        let mut terms: Vec<Term> =
            order.iter().map(|o| Term::new(model_column(&o.field), !o.ascending)).collect();
        terms.push(Term::new("m.name", false));
        let select =
            Select { columns: MODEL, source: Sql::new("registered_model m"), filter: parts, terms };
        let question = query::fingerprint(&format!("models {filter:?}{order:?}"));
        let page = self.page(&[select], question, token, max_results, &read_model)?;
        let items = page.items.into_iter().map(|(row, model)| self.complete_registered(row, model));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }

    /// One page of versions. Prompts are left out unless the filter asks for them.
    ///
    /// # Errors
    /// A page token that does not belong to this search.
    pub fn search_model_versions(
        &self,
        filter: Option<&Expr<ModelVersionField>>,
        order: &[Order<ModelVersionField>],
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<ModelVersion>> {
        let mut parts = vec![Sql::new("m.workspace_id = 1")];
        let is_prompt_tag = |c: &Condition<ModelVersionField>| matches!(&c.field, ModelVersionField::Tag(key) if key == PROMPT_TAG);
        let rule = with_prompts_rule(filter, &is_prompt_tag, &version_condition, PROMPT_VERSIONS)?;
        parts.extend(rule);
        let mut terms: Vec<Term> =
            order.iter().map(|o| Term::new(version_column(&o.field), !o.ascending)).collect();
        if order.is_empty() {
            terms.push(Term::new("v.updated_at", true));
        }
        terms.push(Term::new("m.name", false));
        terms.push(Term::new("v.version", true));
        let select = Select { columns: VERSION, source: Sql::new(VERSIONS), filter: parts, terms };
        let question = query::fingerprint(&format!("versions {filter:?}{order:?}"));
        let page = self.page(&[select], question, token, max_results, &read_version)?;
        let items = page.items.into_iter().map(|v| self.complete_version(v));
        Ok(SearchPage {
            items: items.collect::<StoreResult<_>>()?,
            next_page_token: page.next_page_token,
        })
    }
}

/// Models that are prompts.
const PROMPT_MODELS: &str = "EXISTS (SELECT 1 FROM registered_model_tag p
    WHERE p.registered_model_id = m.id AND p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')";
/// Versions of prompts.
const PROMPT_VERSIONS: &str = "EXISTS (SELECT 1 FROM model_version_tag p
    JOIN model_version pv ON pv.id = p.model_version_id
    WHERE pv.registered_model_id = m.id AND p.key = 'mlflow.prompt.is_prompt' AND p.value = 'true')";

/// The filter with MLflow's rule for prompts: they are found only where the filter asks
/// for `tags.mlflow.prompt.is_prompt = 'true'`. Clients write `!= 'true'` to ask for the
/// rest, and models have no such tag at all, so that condition is taken out.
fn with_prompts_rule<F: Clone>(
    filter: Option<&Expr<F>>,
    is_prompt_tag: &dyn Fn(&Condition<F>) -> bool,
    condition: &dyn Fn(&Condition<F>) -> Sql,
    prompts: &str,
) -> StoreResult<Vec<Sql>> {
    let asks = |c: &Condition<F>| match (&c.op, &c.value) {
        (Compare::Eq, Literal::Text(value)) => value == "true",
        (Compare::Ne, Literal::Text(value)) => value == "false",
        _ => false,
    };
    let conditions = filter.map(Expr::conditions).unwrap_or_default();
    let asked = conditions.into_iter().any(|c| is_prompt_tag(c) && asks(c));
    let mut parts = Vec::new();
    if !asked {
        parts.push(Sql::new(format!("NOT {prompts}")));
    }
    if let Some(filter) = filter {
        parts.push(query::compile(filter, &mut |c| {
            Ok(if !asked && is_prompt_tag(c) { Sql::new("1") } else { condition(c) })
        })?);
    }
    Ok(parts)
}

fn model_column(field: &RegisteredModelField) -> &'static str {
    match field {
        RegisteredModelField::Name | RegisteredModelField::Tag(_) => "m.name",
        RegisteredModelField::CreationTime => "m.created_at",
        RegisteredModelField::LastUpdatedTime => "m.updated_at",
    }
}

fn model_condition(condition: &Condition<RegisteredModelField>) -> Sql {
    match &condition.field {
        RegisteredModelField::Tag(key) => {
            text_tag("registered_model_tag", "registered_model_id", "m.id", key, condition)
        }
        field => query::compare(model_column(field), condition.op, &condition.value),
    }
}

fn version_column(field: &ModelVersionField) -> &'static str {
    match field {
        ModelVersionField::Name | ModelVersionField::Tag(_) => "m.name",
        ModelVersionField::VersionNumber => "v.version",
        ModelVersionField::RunId => "coalesce(v.run_id, '')",
        ModelVersionField::SourcePath => "v.source",
        ModelVersionField::CreationTime => "v.created_at",
        ModelVersionField::LastUpdatedTime => "v.updated_at",
    }
}

fn version_condition(condition: &Condition<ModelVersionField>) -> Sql {
    match (&condition.field, &condition.value) {
        (ModelVersionField::Tag(key), _) => {
            text_tag("model_version_tag", "model_version_id", "v.id", key, condition)
        }
        (ModelVersionField::VersionNumber, Literal::Number(x)) => {
            query::compare("v.version", condition.op, &Literal::Number(*x))
        }
        (field, value) => query::compare(version_column(field), condition.op, value),
    }
}

impl WriteTx<'_> {
    /// Makes a registered model.
    ///
    /// # Errors
    /// The name is taken.
    pub fn insert_registered_model(
        &mut self,
        actor: &Actor,
        name: &str,
        description: Option<&str>,
        tags: &[Tag],
    ) -> StoreResult<RegisteredModelRow> {
        self.check_model_name_free(name)?;
        self.connection
            .prepare_cached(
                "INSERT INTO registered_model (uid, name, description, created_at, updated_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?
            .execute(params![new_uid(), name, description, self.now(), owner(actor)])?;
        let model =
            RegisteredModelRow { row: self.connection.last_insert_rowid(), name: name.into() };
        for tag in tags {
            self.put_model_tag(model.row, tag)?;
        }
        self.registered_changed(actor, &model, None, Op::Create)?;
        Ok(model)
    }

    fn check_model_name_free(&self, name: &str) -> StoreResult<()> {
        match self.registered_model_row(name) {
            Ok(_) => Err(Error::already_exists(format!(
                "Registered Model (name={name}) already exists."
            ))
            .hint("Choose another name, or add a version to the model that is there.")
            .into()),
            Err(_) => Ok(()),
        }
    }

    fn put_model_tag(&self, row: i64, tag: &Tag) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO registered_model_tag (registered_model_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![row, tag.key, tag.value])?;
        Ok(())
    }

    fn registered_changed(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::RegisteredModel, model.row, field, op)?;
        self.connection
            .prepare_cached("UPDATE registered_model SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![model.row, seq, self.now()])?;
        self.notify(seq, EventKind::RegisteredModel(model.name.clone()));
        Ok(())
    }

    /// Gives a registered model another name.
    ///
    /// # Errors
    /// The name is taken.
    pub fn rename_registered_model(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        name: &str,
    ) -> StoreResult<()> {
        if name != model.name {
            self.check_model_name_free(name)?;
        }
        self.connection
            .prepare_cached("UPDATE registered_model SET name = ?2 WHERE id = ?1")?
            .execute(params![model.row, name])?;
        self.registered_changed(actor, model, Some("name"), Op::Set)
    }

    /// Changes the description.
    ///
    /// # Errors
    /// The database's.
    pub fn describe_registered_model(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        description: Option<&str>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE registered_model SET description = ?2 WHERE id = ?1")?
            .execute(params![model.row, description])?;
        self.registered_changed(actor, model, Some("description"), Op::Set)
    }

    /// Removes a model with its versions, tags and aliases.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_registered_model(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
    ) -> StoreResult<()> {
        let seq =
            self.record(actor, Kind::RegisteredModel, model.row, Some(&model.name), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM registered_model WHERE id = ?1")?
            .execute([model.row])?;
        self.notify(seq, EventKind::RegisteredModel(model.name.clone()));
        Ok(())
    }

    /// Sets a tag of a model.
    ///
    /// # Errors
    /// The database's.
    pub fn set_registered_model_tag(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        tag: &Tag,
    ) -> StoreResult<()> {
        self.put_model_tag(model.row, tag)?;
        self.registered_changed(actor, model, Some(&tag.key), Op::Set)
    }

    /// Removes a tag of a model; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_registered_model_tag(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        key: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "DELETE FROM registered_model_tag WHERE registered_model_id = ?1 AND key = ?2",
            )?
            .execute(params![model.row, key])?;
        self.registered_changed(actor, model, Some(key), Op::Unset)
    }

    /// Points an alias to a version; it moves if it exists.
    ///
    /// # Errors
    /// The database's.
    pub fn set_alias(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        alias: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO alias (registered_model_id, alias, version) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET version = excluded.version",
            )?
            .execute(params![version.model.row, alias, version.version])?;
        self.registered_changed(actor, &version.model, Some(alias), Op::Set)
    }

    /// Removes an alias; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_alias(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        alias: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM alias WHERE registered_model_id = ?1 AND alias = ?2")?
            .execute(params![model.row, alias])?;
        self.registered_changed(actor, model, Some(alias), Op::Unset)
    }

    /// Adds a version, with the next number.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_model_version(
        &mut self,
        actor: &Actor,
        model: &RegisteredModelRow,
        new: &NewVersionRow<'_>,
    ) -> StoreResult<i64> {
        let version: i64 = self
            .connection
            .prepare_cached(
                "UPDATE registered_model SET next_version = next_version + 1 WHERE id = ?1
                 RETURNING next_version - 1",
            )?
            .query_row([model.row], |row| row.get(0))?;
        self.connection
            .prepare_cached(
                "INSERT INTO model_version (uid, registered_model_id, version, source, storage_location,
                     run_id, run_link, model_id, description, created_at, updated_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11)",
            )?
            .execute(params![
                new_uid(),
                model.row,
                version,
                new.source,
                new.storage_location,
                new.run_id,
                new.run_link,
                new.model_id,
                new.description,
                self.now(),
                owner(actor),
            ])?;
        let row =
            VersionRow { row: self.connection.last_insert_rowid(), version, model: model.clone() };
        for tag in new.tags {
            self.put_version_tag(row.row, tag)?;
        }
        self.version_changed(actor, &row, None, Op::Create)?;
        self.registered_changed(actor, model, Some("versions"), Op::Set)?;
        Ok(version)
    }

    fn put_version_tag(&self, row: i64, tag: &Tag) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO model_version_tag (model_version_id, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![row, tag.key, tag.value])?;
        Ok(())
    }

    fn version_changed(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        field: Option<&str>,
        op: Op,
    ) -> StoreResult<()> {
        let seq = self.record(actor, Kind::ModelVersion, version.row, field, op)?;
        self.connection
            .prepare_cached("UPDATE model_version SET rev = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![version.row, seq, self.now()])?;
        self.notify(seq, EventKind::RegisteredModel(version.model.name.clone()));
        Ok(())
    }

    /// Changes a version's description.
    ///
    /// # Errors
    /// The database's.
    pub fn describe_version(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        description: Option<&str>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE model_version SET description = ?2 WHERE id = ?1")?
            .execute(params![version.row, description])?;
        self.version_changed(actor, version, Some("description"), Op::Set)
    }

    /// Moves a version to a stage; with `archive_existing` others there are archived.
    ///
    /// # Errors
    /// The database's.
    pub fn set_stage(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        stage: &str,
        archive_existing: bool,
    ) -> StoreResult<()> {
        if archive_existing {
            self.connection
                .prepare_cached(
                    "UPDATE model_version SET stage = 'Archived', updated_at = ?4
                     WHERE registered_model_id = ?1 AND stage = ?2 AND id <> ?3",
                )?
                .execute(params![version.model.row, stage, version.row, self.now()])?;
        }
        self.connection
            .prepare_cached("UPDATE model_version SET stage = ?2 WHERE id = ?1")?
            .execute(params![version.row, stage])?;
        self.version_changed(actor, version, Some("stage"), Op::Set)?;
        self.registered_changed(actor, &version.model, Some("versions"), Op::Set)
    }

    /// Removes a version and the aliases that name it. Its number is not given again.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_model_version(&mut self, actor: &Actor, version: &VersionRow) -> StoreResult<()> {
        let number = version.version.to_string();
        self.record(actor, Kind::ModelVersion, version.row, Some(&number), Op::Erase)?;
        self.connection
            .prepare_cached("DELETE FROM alias WHERE registered_model_id = ?1 AND version = ?2")?
            .execute([version.model.row, version.version])?;
        self.connection
            .prepare_cached("DELETE FROM model_version WHERE id = ?1")?
            .execute([version.row])?;
        self.registered_changed(actor, &version.model, Some("versions"), Op::Unset)
    }

    /// Sets a tag of a version.
    ///
    /// # Errors
    /// The database's.
    pub fn set_model_version_tag(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        tag: &Tag,
    ) -> StoreResult<()> {
        self.put_version_tag(version.row, tag)?;
        self.version_changed(actor, version, Some(&tag.key), Op::Set)
    }

    /// Removes a tag of a version; missing is fine.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_model_version_tag(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        key: &str,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "DELETE FROM model_version_tag WHERE model_version_id = ?1 AND key = ?2",
            )?
            .execute(params![version.row, key])?;
        self.version_changed(actor, version, Some(key), Op::Unset)
    }
}
