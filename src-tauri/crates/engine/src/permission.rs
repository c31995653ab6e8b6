//! Who may do what with an experiment or a registered model.

use crate::{Engine, permit};
use branchline_core::location::PROXIED_ROOT;
use branchline_core::{Actor, Error, Grant, Permission, Resource, Result, Scope};
use branchline_store::{Access, Class, View};

fn denied() -> Error {
    Error::denied("Permission denied")
        .hint("Ask the thing's owner or an administrator for a permission.")
}

/// What a user may do with what lies at a path below the server's artifact root.
fn level_at(
    view: &View<'_>,
    access: &Access,
    path: &str,
) -> branchline_store::StoreResult<Permission> {
    let path = path.trim_matches('/');
    let mut experiments = view.experiments_at(&format!("{PROXIED_ROOT}{path}"))?;
    // Artifacts may be moved to another root; the layout below it stays.
    if let Some(number) = path.split('/').next().and_then(|first| first.parse().ok()) {
        experiments.push(number);
    }
    let levels = experiments.iter().map(|row| access.level(Resource::Experiment, *row));
    Ok(levels.min().unwrap_or(access.default_permission()))
}

impl Engine {
    /// What users may do with what they were given nothing of, from now on.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_default_permission(&self, permission: Permission) -> Result<()> {
        if self.inner.store.read(|view| view.default_permission()).await? == permission {
            return Ok(());
        }
        self.inner
            .store
            .write(Class::Durable, move |tx| tx.set_default_permission(permission))
            .await
    }

    async fn level(&self, user: i64, resource: Resource, id: &str) -> Result<Permission> {
        let id = id.to_owned();
        self.inner
            .store
            .read(move |view| {
                let row = view.resource_row(resource, &id)?;
                Ok(view.access(user)?.level(resource, row))
            })
            .await
    }

    /// Refuses an actor who may not do as much with a thing.
    ///
    /// # Errors
    /// There is no such thing; the actor may not.
    pub async fn require_permission(
        &self,
        actor: &Actor,
        resource: Resource,
        id: &str,
        need: Permission,
    ) -> Result<()> {
        if actor.is_superuser || self.level(actor.user_id, resource, id).await? >= need {
            return Ok(());
        }
        Err(denied())
    }

    /// Refuses an actor who may not do as much with the files at a path below the server's
    /// artifact root.
    ///
    /// # Errors
    /// The actor may not.
    pub async fn require_artifacts(
        &self,
        actor: &Actor,
        path: &str,
        need: Permission,
    ) -> Result<()> {
        permit::require(actor, if need > Permission::Use { Scope::Log } else { Scope::Read })?;
        if actor.is_superuser {
            return Ok(());
        }
        let (user, path) = (actor.user_id, path.to_owned());
        let level =
            self.inner.store.read(move |view| level_at(view, &view.access(user)?, &path)).await?;
        if level >= need { Ok(()) } else { Err(denied()) }
    }

    async fn resource(&self, resource: Resource, id: &str) -> Result<i64> {
        let id = id.to_owned();
        self.inner.store.read(move |view| view.resource_row(resource, &id)).await
    }

    pub(crate) async fn row_of_user(&self, email: &str) -> Result<i64> {
        let wanted = email.to_owned();
        let found = self.inner.store.read(move |view| view.account(&wanted)).await?;
        found
            .map(|account| account.user.id)
            .ok_or_else(|| Error::not_found(format!("User with username={email} not found")))
    }

    /// Gives a user a permission, in the place of the one that they were given.
    ///
    /// # Errors
    /// There is no such thing or user; the actor may not manage the thing.
    pub async fn grant(
        &self,
        actor: &Actor,
        email: &str,
        (resource, id): (Resource, &str),
        permission: Permission,
    ) -> Result<Grant> {
        permit::require(actor, Scope::Admin)?;
        self.require_permission(actor, resource, id, Permission::Manage).await?;
        let row = self.resource(resource, id).await?;
        let user = self.row_of_user(email).await?;
        let write = self.inner.store.write(Class::Durable, move |tx| {
            tx.put_grant(user, resource, row, permission)?;
            tx.grant(user, resource, row)
        });
        write.await?.ok_or_else(|| Error::internal("A permission was not kept."))
    }

    /// Takes a permission back: the default is in force again.
    ///
    /// # Errors
    /// There is no such permission; the actor may not manage the thing.
    pub async fn revoke(
        &self,
        actor: &Actor,
        email: &str,
        (resource, id): (Resource, &str),
    ) -> Result<()> {
        permit::require(actor, Scope::Admin)?;
        self.require_permission(actor, resource, id, Permission::Manage).await?;
        let row = self.resource(resource, id).await?;
        let user = self.row_of_user(email).await?;
        let gone = self
            .inner
            .store
            .write(Class::Durable, move |tx| tx.delete_grant(user, resource, row))
            .await?;
        if gone { Ok(()) } else { Err(no_grant(email, resource, id)) }
    }

    /// What a user was given of a thing.
    ///
    /// # Errors
    /// There is no such permission; the actor may not manage the thing, nor is it theirs.
    pub async fn granted(
        &self,
        actor: &Actor,
        email: &str,
        (resource, id): (Resource, &str),
    ) -> Result<Grant> {
        if !email.eq_ignore_ascii_case(&actor.email) {
            self.require_permission(actor, resource, id, Permission::Manage).await?;
        }
        permit::require(actor, Scope::Read)?;
        let row = self.resource(resource, id).await?;
        let user = self.row_of_user(email).await?;
        let found = self.inner.store.read(move |view| view.grant(user, resource, row)).await?;
        found.ok_or_else(|| no_grant(email, resource, id))
    }

    /// What a user may really do with a thing: as a superuser, as given, by a role, or by
    /// default; and whether it was refused to them by name.
    ///
    /// # Errors
    /// There is no such thing or user; the actor may not know.
    pub async fn effective_permission(
        &self,
        actor: &Actor,
        email: &str,
        (resource, id): (Resource, &str),
    ) -> Result<(Permission, bool)> {
        permit::require(actor, Scope::Read)?;
        if !email.eq_ignore_ascii_case(&actor.email) {
            self.require_permission(actor, resource, id, Permission::Manage).await?;
        }
        let wanted = email.to_owned();
        let found = self.inner.store.read(move |view| view.account(&wanted)).await?;
        let user = found
            .ok_or_else(|| Error::not_found(format!("User with username={email} not found")))?
            .user;
        if user.is_superuser {
            return Ok((Permission::Manage, false));
        }
        let id = id.to_owned();
        self.inner
            .store
            .read(move |view| {
                let (row, access) = (view.resource_row(resource, &id)?, view.access(user.id)?);
                let level = access.level(resource, row);
                let refused = access.given(resource, row) == Some(Permission::Nothing);
                Ok((level, refused && level == Permission::Nothing))
            })
            .await
    }

    /// Everything that a user was given: one's own, or anybody's for a superuser.
    ///
    /// # Errors
    /// There is no such user; the actor may not.
    pub async fn grants_of_user(&self, actor: &Actor, email: &str) -> Result<Vec<Grant>> {
        permit::require(actor, Scope::Read)?;
        if !email.eq_ignore_ascii_case(&actor.email) {
            permit::require_superuser(actor)?;
        }
        let user = self.row_of_user(email).await?;
        self.inner.store.read(move |view| view.grants_of_user(user)).await
    }

    /// Everybody who was given something of a thing.
    ///
    /// # Errors
    /// There is no such thing; the actor may not manage it.
    pub async fn grants_of_resource(
        &self,
        actor: &Actor,
        (resource, id): (Resource, &str),
    ) -> Result<Vec<Grant>> {
        permit::require(actor, Scope::Read)?;
        self.require_permission(actor, resource, id, Permission::Manage).await?;
        let row = self.resource(resource, id).await?;
        self.inner.store.read(move |view| view.grants_of_resource(resource, row)).await
    }
}

fn no_grant(email: &str, resource: Resource, id: &str) -> Error {
    let what = match resource {
        Resource::Experiment => "Experiment permission with experiment_id",
        Resource::RegisteredModel => "Registered model permission with name",
    };
    Error::not_found(format!("{what}={id} and username={email} not found"))
}
