//! Registered models, their tags and aliases.

use crate::change::{Kind, Op};
use crate::error::StoreResult;
use crate::experiment::owner;
use crate::model_version::VersionRow;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, RegisteredModel, Resource, Tag, new_uid};
use rusqlite::{OptionalExtension, Row, params};

/// What a write needs to know of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredModelRow {
    /// The row.
    pub row: i64,
    /// Its name.
    pub name: String,
}

/// Models with this tag are prompts, which share MLflow's name space.
pub const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

pub(crate) const MODEL: &str =
    "m.id, m.name, m.uid, m.description, m.created_at, m.updated_at, m.rev";

pub(crate) fn read_model(row: &Row<'_>) -> rusqlite::Result<(i64, RegisteredModel)> {
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

fn no_model(name: &str) -> Error {
    Error::not_found(format!("Registered Model with name={name} not found"))
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

    pub(crate) fn complete_registered(
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

    /// Notes a change of a model, or of what belongs to it.
    pub(crate) fn registered_changed(
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
}
