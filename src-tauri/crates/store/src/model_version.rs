//! Versions of registered models, and their tags.

use crate::change::{Kind, Op};
use crate::error::{StoreError, StoreResult};
use crate::experiment::owner;
use crate::registered_model::RegisteredModelRow;
use crate::tx::{View, WriteTx};
use branchline_core::event::EventKind;
use branchline_core::{Actor, Error, ErrorCode, ModelVersion, Tag, new_uid};
use rusqlite::{OptionalExtension, Row, params};

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

pub(crate) const VERSION: &str =
    "v.id, m.name, v.version, v.uid, v.created_at, v.updated_at, v.user_id, v.stage,
    v.description, v.source, v.storage_location, v.run_id, v.run_link, v.model_id, v.status,
    v.status_message, v.rev, m.id";
pub(crate) const VERSIONS: &str =
    "model_version v JOIN registered_model m ON m.id = v.registered_model_id";

pub(crate) struct ReadVersion {
    row: i64,
    model: i64,
    version: ModelVersion,
}

pub(crate) fn read_version(row: &Row<'_>) -> rusqlite::Result<ReadVersion> {
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

fn no_version(name: &str, version: i64) -> Error {
    Error::not_found(format!("Model Version (name={name}, version={version}) not found"))
}

impl View<'_> {
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

    /// The newest version of each stage.
    pub(crate) fn latest_of(&self, model: i64) -> StoreResult<Vec<ModelVersion>> {
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

    pub(crate) fn complete_version(&self, read: ReadVersion) -> StoreResult<ModelVersion> {
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
}

impl WriteTx<'_> {
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
            self.archive_others(actor, version, stage)?;
        }
        self.connection
            .prepare_cached("UPDATE model_version SET stage = ?2 WHERE id = ?1")?
            .execute(params![version.row, stage])?;
        self.version_changed(actor, version, Some("stage"), Op::Set)?;
        self.registered_changed(actor, &version.model, Some("versions"), Op::Set)
    }

    /// Archives what is in a stage beside a version.
    fn archive_others(
        &mut self,
        actor: &Actor,
        version: &VersionRow,
        stage: &str,
    ) -> StoreResult<()> {
        let archived = self
            .connection
            .prepare_cached(
                "UPDATE model_version SET stage = 'Archived'
                 WHERE registered_model_id = ?1 AND stage = ?2 AND id <> ?3 RETURNING id, version",
            )?
            .query_map(params![version.model.row, stage, version.row], |row| {
                Ok(VersionRow {
                    row: row.get(0)?,
                    version: row.get(1)?,
                    model: version.model.clone(),
                })
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        archived
            .iter()
            .try_for_each(|other| self.version_changed(actor, other, Some("stage"), Op::Set))
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
