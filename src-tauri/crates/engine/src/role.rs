//! Roles: made, filled and given by superusers and by whoever manages the workspace.

use crate::{Engine, permit};
use branchline_core::role::{
    Role, RoleMember, RolePermission, RoleResource, check_role_name, check_role_pattern,
    check_role_permission,
};
use branchline_core::{Actor, Error, Permission, Result, Scope};
use branchline_store::Class;

fn denied() -> Error {
    Error::denied("Permission denied")
        .hint("Roles are a superuser's to give, or of whoever has MANAGE on the workspace.")
}

impl Engine {
    /// Whether somebody manages everything in the workspace.
    async fn manages_workspace(&self, actor: &Actor) -> Result<bool> {
        if actor.is_superuser {
            return Ok(true);
        }
        let user = actor.user_id;
        self.inner.store.read(move |view| Ok(view.access(user)?.manages_workspace())).await
    }

    async fn require_manager(&self, actor: &Actor, scope: Scope) -> Result<()> {
        permit::require(actor, scope)?;
        if self.manages_workspace(actor).await? { Ok(()) } else { Err(denied()) }
    }

    /// Whoever has a role may look at roles.
    async fn require_role_reader(&self, actor: &Actor) -> Result<()> {
        permit::require(actor, Scope::Read)?;
        let user = actor.user_id;
        let may = actor.is_superuser
            || self.inner.store.read(move |view| Ok(!view.roles_of_user(user)?.is_empty())).await?;
        if may { Ok(()) } else { Err(denied()) }
    }

    /// Makes a role without permissions.
    ///
    /// # Errors
    /// The actor may not; the name is taken or breaks a rule.
    pub async fn create_role(
        &self,
        actor: &Actor,
        name: &str,
        description: Option<String>,
    ) -> Result<Role> {
        self.require_manager(actor, Scope::Admin).await?;
        check_role_name(name)?;
        let name = name.to_owned();
        let write = self.inner.store.write(Class::Durable, move |tx| {
            let id = tx.insert_role(&name, description.as_deref())?;
            tx.role(id)
        });
        write.await
    }

    /// A role.
    ///
    /// # Errors
    /// There is none; the actor has none.
    pub async fn role(&self, actor: &Actor, id: i64) -> Result<Role> {
        self.require_role_reader(actor).await?;
        self.inner.store.read(move |view| view.role(id)).await
    }

    /// Every role.
    ///
    /// # Errors
    /// The actor has none.
    pub async fn roles(&self, actor: &Actor) -> Result<Vec<Role>> {
        self.require_role_reader(actor).await?;
        self.inner.store.read(|view| view.roles()).await
    }

    /// Changes what is given of a role.
    ///
    /// # Errors
    /// There is none; the actor may not; the name is taken or breaks a rule.
    pub async fn update_role(
        &self,
        actor: &Actor,
        id: i64,
        name: Option<String>,
        description: Option<String>,
    ) -> Result<Role> {
        self.require_manager(actor, Scope::Admin).await?;
        name.as_deref().map_or(Ok(()), check_role_name)?;
        let write = self.inner.store.write(Class::Durable, move |tx| {
            tx.update_role(id, name.as_deref(), description.as_deref())?;
            tx.role(id)
        });
        write.await
    }

    /// Removes a role from everybody, and altogether.
    ///
    /// # Errors
    /// There is none; the actor may not.
    pub async fn delete_role(&self, actor: &Actor, id: i64) -> Result<()> {
        self.require_manager(actor, Scope::Admin).await?;
        self.inner.store.write(Class::Durable, move |tx| tx.delete_role(id)).await
    }

    /// Adds a permission to a role.
    ///
    /// # Errors
    /// There is no such role; the actor may not; it says something of this already; such a
    /// permission cannot be given.
    pub async fn add_role_permission(
        &self,
        actor: &Actor,
        role: i64,
        (resource, pattern): (RoleResource, &str),
        permission: Permission,
    ) -> Result<RolePermission> {
        self.require_manager(actor, Scope::Admin).await?;
        check_role_permission(resource, permission)?;
        check_role_pattern(resource, pattern)?;
        let pattern = pattern.to_owned();
        let write = self.inner.store.write(Class::Durable, move |tx| {
            let id = tx.insert_role_permission(role, resource, &pattern, permission)?;
            tx.role_permission(id)
        });
        write.await
    }

    /// Changes how much a permission of a role allows.
    ///
    /// # Errors
    /// There is none; the actor may not; such a permission cannot be given.
    pub async fn update_role_permission(
        &self,
        actor: &Actor,
        id: i64,
        permission: Permission,
    ) -> Result<RolePermission> {
        self.require_manager(actor, Scope::Admin).await?;
        let write = self.inner.store.write(Class::Durable, move |tx| {
            check_role_permission(tx.role_permission(id)?.resource, permission)?;
            tx.set_role_permission(id, permission)?;
            tx.role_permission(id)
        });
        write.await
    }

    /// Takes a permission out of its role.
    ///
    /// # Errors
    /// There is none; the actor may not.
    pub async fn remove_role_permission(&self, actor: &Actor, id: i64) -> Result<()> {
        self.require_manager(actor, Scope::Admin).await?;
        self.inner.store.write(Class::Durable, move |tx| tx.delete_role_permission(id)).await
    }

    /// Gives a role to a user.
    ///
    /// # Errors
    /// There is no such role or user; the actor may not; they have it.
    pub async fn assign_role(&self, actor: &Actor, email: &str, role: i64) -> Result<RoleMember> {
        self.require_manager(actor, Scope::Admin).await?;
        let user = self.row_of_user(email).await?;
        self.inner.store.write(Class::Durable, move |tx| tx.insert_role_member(user, role)).await
    }

    /// Takes a role from a user.
    ///
    /// # Errors
    /// They do not have it; there is no such user; the actor may not.
    pub async fn unassign_role(&self, actor: &Actor, email: &str, role: i64) -> Result<()> {
        self.require_manager(actor, Scope::Admin).await?;
        let user = self.row_of_user(email).await?;
        self.inner.store.write(Class::Durable, move |tx| tx.delete_role_member(user, role)).await
    }

    /// The roles of a user: one's own, or anybody's for who manages the workspace.
    ///
    /// # Errors
    /// There is no such user; the actor may not.
    pub async fn roles_of_user(&self, actor: &Actor, email: &str) -> Result<Vec<Role>> {
        permit::require(actor, Scope::Read)?;
        if !email.eq_ignore_ascii_case(&actor.email) {
            self.require_manager(actor, Scope::Admin).await?;
        }
        let user = self.row_of_user(email).await?;
        self.inner.store.read(move |view| view.roles_of_user(user)).await
    }

    /// Everybody with a role.
    ///
    /// # Errors
    /// There is no such role; the actor may not.
    pub async fn role_members(&self, actor: &Actor, role: i64) -> Result<Vec<RoleMember>> {
        self.require_manager(actor, Scope::Read).await?;
        self.inner.store.read(move |view| view.role_members(role)).await
    }
}
