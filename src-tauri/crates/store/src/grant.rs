//! Permissions that were given.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::location::one_writing;
use branchline_core::{Error, Grant, Permission, Resource};
use rusqlite::{OptionalExtension, Row, params};

const GRANT: &str = "SELECT p.user_id, u.email, p.resource_type,
        CASE p.resource_type WHEN 'experiment' THEN CAST(p.resource_id AS TEXT)
            ELSE (SELECT m.name FROM registered_model m WHERE m.id = p.resource_id) END,
        p.permission
    FROM permission p JOIN user u ON u.id = p.user_id";

fn read(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let resource = row.get::<_, String>(2)?;
    let permission = row.get::<_, String>(4)?;
    Ok(Grant {
        user_id: row.get(0)?,
        email: row.get(1)?,
        resource: Resource::parse(&resource).unwrap_or(Resource::Experiment),
        resource_id: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
        permission: Permission::parse(&permission).unwrap_or(Permission::Nothing),
    })
}

impl View<'_> {
    /// The row of what a permission is about: an experiment by number, a model by name.
    ///
    /// # Errors
    /// There is no such thing.
    pub fn resource_row(&self, resource: Resource, id: &str) -> StoreResult<i64> {
        match resource {
            Resource::Experiment => {
                let number = id
                    .parse()
                    .map_err(|_| Error::not_found(format!("No Experiment with id={id} exists")))?;
                Ok(self.experiment_row(branchline_core::ExperimentId(number))?.id.0)
            }
            Resource::RegisteredModel => Ok(self.registered_model_row(id)?.row),
        }
    }

    /// What a user was given of a thing.
    ///
    /// # Errors
    /// The database's.
    pub fn grant(&self, user: i64, resource: Resource, row: i64) -> StoreResult<Option<Grant>> {
        let sql =
            format!("{GRANT} WHERE p.user_id = ?1 AND p.resource_type = ?2 AND p.resource_id = ?3");
        Ok(self
            .connection
            .prepare_cached(&sql)?
            .query_row(params![user, resource.as_str(), row], read)
            .optional()?)
    }

    /// Everything that a user was given.
    ///
    /// # Errors
    /// The database's.
    pub fn grants_of_user(&self, user: i64) -> StoreResult<Vec<Grant>> {
        let sql = format!("{GRANT} WHERE p.user_id = ?1 ORDER BY p.resource_type, p.resource_id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let grants = statement.query_map([user], read)?;
        Ok(grants.collect::<rusqlite::Result<_>>()?)
    }

    /// Everybody who was given something of a thing.
    ///
    /// # Errors
    /// The database's.
    pub fn grants_of_resource(&self, resource: Resource, row: i64) -> StoreResult<Vec<Grant>> {
        let sql =
            format!("{GRANT} WHERE p.resource_type = ?1 AND p.resource_id = ?2 ORDER BY p.user_id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let grants = statement.query_map(params![resource.as_str(), row], read)?;
        Ok(grants.collect::<rusqlite::Result<_>>()?)
    }

    /// The artifact roots that a path below the server's own root may belong to: experiments
    /// by row whose files lie there.
    ///
    /// # Errors
    /// The database's.
    pub fn experiments_at(&self, location: &str) -> StoreResult<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "WITH place (id, root) AS (SELECT id, one_writing(artifact_location) FROM experiment)
             SELECT id FROM place
             WHERE substr(?1 || '/', 1, length(root) + 1) = root || '/'
                OR substr(root || '/', 1, length(?1) + 1) = ?1 || '/'",
        )?;
        let rows = statement.query_map([one_writing(location)], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Gives a permission, in the place of the one that was there.
    ///
    /// # Errors
    /// The database's.
    pub fn put_grant(
        &mut self,
        user: i64,
        resource: Resource,
        row: i64,
        permission: Permission,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO permission (user_id, workspace_id, resource_type, resource_id, permission)
                 VALUES (?1, 1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET permission = excluded.permission",
            )?
            .execute(params![user, resource.as_str(), row, permission.as_str()])?;
        Ok(())
    }

    /// Takes a permission back; answers whether there was one.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_grant(&mut self, user: i64, resource: Resource, row: i64) -> StoreResult<bool> {
        let gone = self
            .connection
            .prepare_cached(
                "DELETE FROM permission
                 WHERE user_id = ?1 AND resource_type = ?2 AND resource_id = ?3",
            )?
            .execute(params![user, resource.as_str(), row])?;
        Ok(gone > 0)
    }

    /// Sets what users may do with what they were given nothing of.
    ///
    /// # Errors
    /// The database's.
    pub fn set_default_permission(&mut self, permission: Permission) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO meta (key, value) VALUES ('default_permission', ?1)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute([permission.as_str()])?;
        Ok(())
    }
}
