//! Roles, their permissions, and who has them.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::role::{Role, RoleMember, RolePermission, RoleResource};
use branchline_core::{Error, Permission};
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Row, params};

const PERMISSION: &str =
    "SELECT id, role_id, resource_type, resource_pattern, permission FROM role_permission";

fn read_permission(row: &Row<'_>) -> rusqlite::Result<RolePermission> {
    let (resource, permission) = (row.get::<_, String>(2)?, row.get::<_, String>(4)?);
    Ok(RolePermission {
        id: row.get(0)?,
        role_id: row.get(1)?,
        resource: RoleResource::parse(&resource).unwrap_or(RoleResource::Experiment),
        pattern: row.get(3)?,
        permission: Permission::parse(&permission).unwrap_or(Permission::Nothing),
    })
}

fn no_role(id: i64) -> Error {
    Error::not_found(format!("Role with id={id} not found"))
}

fn no_permission(id: i64) -> Error {
    Error::not_found(format!("Role permission with id={id} not found"))
}

impl View<'_> {
    /// A role with its permissions.
    ///
    /// # Errors
    /// There is none.
    pub fn role(&self, id: i64) -> StoreResult<Role> {
        let mut found = self.roles_where("WHERE r.id = ?1", &id)?;
        found.pop().ok_or_else(|| no_role(id).into())
    }

    /// Every role, in the order in which they were made.
    ///
    /// # Errors
    /// The database's.
    pub fn roles(&self) -> StoreResult<Vec<Role>> {
        self.roles_where("WHERE r.workspace_id = ?1", &1)
    }

    /// The roles that a user has.
    ///
    /// # Errors
    /// The database's.
    pub fn roles_of_user(&self, user: i64) -> StoreResult<Vec<Role>> {
        let sql = "JOIN role_member m ON m.role_id = r.id WHERE m.user_id = ?1";
        self.roles_where(sql, &user)
    }

    fn roles_where(&self, condition: &str, of: &dyn ToSql) -> StoreResult<Vec<Role>> {
        let sql =
            format!("SELECT r.id, r.name, r.description FROM role r {condition} ORDER BY r.id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([of], |row| {
            let (id, name, description) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Role { id, name, description, permissions: Vec::new() })
        })?;
        let mut roles = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        for role in &mut roles {
            role.permissions = self.role_permissions(role.id)?;
        }
        Ok(roles)
    }

    fn role_permissions(&self, role: i64) -> StoreResult<Vec<RolePermission>> {
        let sql = format!("{PERMISSION} WHERE role_id = ?1 ORDER BY id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([role], read_permission)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// One permission of a role.
    ///
    /// # Errors
    /// There is none.
    pub fn role_permission(&self, id: i64) -> StoreResult<RolePermission> {
        self.connection
            .prepare_cached(&format!("{PERMISSION} WHERE id = ?1"))?
            .query_row([id], read_permission)
            .optional()?
            .ok_or_else(|| no_permission(id).into())
    }

    /// Everybody with a role.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role_members(&self, role: i64) -> StoreResult<Vec<RoleMember>> {
        self.role(role)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT id, user_id, role_id FROM role_member WHERE role_id = ?1 ORDER BY id",
        )?;
        let rows = statement.query_map([role], |row| {
            Ok(RoleMember { id: row.get(0)?, user_id: row.get(1)?, role_id: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl WriteTx<'_> {
    /// Makes a role; answers its number.
    ///
    /// # Errors
    /// The name is taken.
    pub fn insert_role(&mut self, name: &str, description: Option<&str>) -> StoreResult<i64> {
        self.check_role_name_is_free(name, None)?;
        self.connection
            .prepare_cached(
                "INSERT INTO role (workspace_id, name, description, created_at) VALUES (1, ?1, ?2, ?3)",
            )?
            .execute(params![name, description, self.now()])?;
        Ok(self.connection.last_insert_rowid())
    }

    fn check_role_name_is_free(&self, name: &str, but: Option<i64>) -> StoreResult<()> {
        let taken = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM role WHERE workspace_id = 1 AND name = ?1 AND id IS NOT ?2",
            )?
            .exists(params![name, but])?;
        if !taken {
            return Ok(());
        }
        let words = format!("Role (name={name}, workspace=default) already exists.");
        Err(Error::already_exists(words).into())
    }

    /// Changes what is given of a role.
    ///
    /// # Errors
    /// There is none; the name is taken.
    pub fn update_role(
        &mut self,
        id: i64,
        name: Option<&str>,
        description: Option<&str>,
    ) -> StoreResult<()> {
        self.role(id)?;
        if let Some(name) = name {
            self.check_role_name_is_free(name, Some(id))?;
        }
        self.connection
            .prepare_cached(
                "UPDATE role SET name = coalesce(?2, name), description = coalesce(?3, description)
                 WHERE id = ?1",
            )?
            .execute(params![id, name, description])?;
        Ok(())
    }

    /// Removes a role from everybody, and altogether.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_role(&mut self, id: i64) -> StoreResult<()> {
        let gone =
            self.connection.prepare_cached("DELETE FROM role WHERE id = ?1")?.execute([id])?;
        if gone > 0 { Ok(()) } else { Err(no_role(id).into()) }
    }

    /// Adds a permission to a role; answers its number.
    ///
    /// # Errors
    /// There is no such role; it says something of this already.
    pub fn insert_role_permission(
        &mut self,
        role: i64,
        resource: RoleResource,
        pattern: &str,
        permission: Permission,
    ) -> StoreResult<i64> {
        let known = self.role(role)?.permissions;
        if known.iter().any(|one| one.resource == resource && one.pattern == pattern) {
            return Err(Error::already_exists(format!(
                "Role permission (role_id={role}, resource_type={}, resource_pattern={pattern}) \
                 already exists.",
                resource.as_str()
            ))
            .into());
        }
        self.connection
            .prepare_cached(
                "INSERT INTO role_permission (role_id, resource_type, resource_pattern, permission)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![role, resource.as_str(), pattern, permission.grant_str()])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Changes how much a permission of a role allows.
    ///
    /// # Errors
    /// The database's.
    pub fn set_role_permission(&mut self, id: i64, permission: Permission) -> StoreResult<()> {
        self.connection
            .prepare_cached("UPDATE role_permission SET permission = ?2 WHERE id = ?1")?
            .execute(params![id, permission.grant_str()])?;
        Ok(())
    }

    /// Takes a permission out of its role.
    ///
    /// # Errors
    /// There is none.
    pub fn delete_role_permission(&mut self, id: i64) -> StoreResult<()> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM role_permission WHERE id = ?1")?
            .execute([id])?;
        if gone > 0 { Ok(()) } else { Err(no_permission(id).into()) }
    }

    /// Gives a role to a user.
    ///
    /// # Errors
    /// There is no such role; they have it.
    pub fn insert_role_member(&mut self, user: i64, role: i64) -> StoreResult<RoleMember> {
        if self.role_members(role)?.iter().any(|member| member.user_id == user) {
            return Err(Error::already_exists(format!(
                "User role assignment (user_id={user}, role_id={role}) already exists"
            ))
            .into());
        }
        self.connection
            .prepare_cached("INSERT INTO role_member (user_id, role_id) VALUES (?1, ?2)")?
            .execute([user, role])?;
        Ok(RoleMember { id: self.connection.last_insert_rowid(), user_id: user, role_id: role })
    }

    /// Takes a role from a user.
    ///
    /// # Errors
    /// They do not have it.
    pub fn delete_role_member(&mut self, user: i64, role: i64) -> StoreResult<()> {
        let gone = self
            .connection
            .prepare_cached("DELETE FROM role_member WHERE user_id = ?1 AND role_id = ?2")?
            .execute([user, role])?;
        if gone > 0 {
            return Ok(());
        }
        let words = format!("User role assignment (user_id={user}, role_id={role}) not found");
        Err(Error::not_found(words).into())
    }
}
