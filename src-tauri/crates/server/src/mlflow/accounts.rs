//! MLflow's users and permissions: what its `AuthServiceClient` calls, of 3.17 and, for the
//! permissions of single things, of 2.x. A user's name is their e-mail.

use super::Table;
use super::answer::{Answer, json};
use super::call::{Call, Nothing};
use super::roles::role_body;
use axum::routing::{delete, get, patch, post};
use branchline_core::role::WORKSPACE;
use branchline_core::{Actor, Error, ErrorCode, Grant, Permission, Resource, Result, User};
use branchline_engine::{Engine, NewUser, UserUpdate};
use serde::Deserialize;
use serde_json::{Value, json as value};

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/users/create", post(create_user)),
        ("/mlflow/users/get", get(get_user)),
        ("/mlflow/users/list", get(list_users)),
        ("/mlflow/users/current", get(current_user)),
        ("/mlflow/users/update-password", patch(update_password)),
        ("/mlflow/users/update-admin", patch(update_admin)),
        ("/mlflow/users/delete", delete(delete_user)),
        ("/mlflow/experiments/permissions/create", post(create_of_experiment)),
        ("/mlflow/experiments/permissions/get", get(get_of_experiment)),
        ("/mlflow/experiments/permissions/update", patch(update_of_experiment)),
        ("/mlflow/experiments/permissions/delete", delete(delete_of_experiment)),
        ("/mlflow/registered-models/permissions/create", post(create_of_model)),
        ("/mlflow/registered-models/permissions/get", get(get_of_model)),
        ("/mlflow/registered-models/permissions/update", patch(update_of_model)),
        ("/mlflow/registered-models/permissions/delete", delete(delete_of_model)),
    ]
}

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/users/current/permissions", get(current_permissions)),
        ("/mlflow/users/permissions/list", get(list_permissions)),
        ("/mlflow/users/permissions/get", get(effective)),
        ("/mlflow/users/permissions/grant", post(grant)),
        ("/mlflow/users/permissions/revoke", post(revoke)),
    ]
}

/// Whose, and what of it; which fields have to be there is the handler's to say.
#[derive(Debug, Deserialize)]
struct Asked {
    username: Option<String>,
    password: Option<String>,
    current_password: Option<String>,
    is_admin: Option<bool>,
    experiment_id: Option<String>,
    name: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    permission: Option<String>,
}

pub(super) fn given<'t>(name: &str, field: Option<&'t String>) -> Result<&'t str> {
    field
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| Error::invalid(format!("Missing value for required parameter '{name}'.")))
}

impl Asked {
    fn user(&self) -> Result<&str> {
        given("username", self.username.as_ref())
    }

    fn permission(&self) -> Result<Permission> {
        let text = given("permission", self.permission.as_ref())?;
        Permission::parse(text).ok_or_else(|| {
            let all: Vec<&str> = Permission::ALL.iter().rev().map(|p| p.as_str()).collect();
            Error::invalid(format!(
                "Invalid permission '{text}'. Valid permissions are: {}",
                all.join(", ")
            ))
        })
    }

    fn experiment(&self) -> Result<(Resource, &str)> {
        Ok((Resource::Experiment, given("experiment_id", self.experiment_id.as_ref())?))
    }

    fn model(&self) -> Result<(Resource, &str)> {
        Ok((Resource::RegisteredModel, given("name", self.name.as_ref())?))
    }

    fn thing(&self) -> Result<(Resource, &str)> {
        let kind = given("resource_type", self.resource_type.as_ref())?;
        if self.resource_id.as_deref() == Some("*") {
            return Err(Error::invalid(
                "A user is given single things here. For everything of a kind make a role.",
            ));
        }
        let resource = Resource::parse(kind).ok_or_else(|| {
            Error::invalid(format!(
                "Invalid resource type '{kind}'. Permissions are given on 'experiment' and \
                 'registered_model' ('prompt'); what is in them follows."
            ))
        })?;
        Ok((resource, given("resource_id", self.resource_id.as_ref())?))
    }
}

fn user_body(user: &User) -> Value {
    value!({ "id": user.id, "username": user.email, "is_admin": user.is_superuser })
}

fn grant_body(grant: &Grant) -> Value {
    let (key, id) = match grant.resource {
        Resource::Experiment => ("experiment_id", &grant.resource_id),
        Resource::RegisteredModel => ("name", &grant.resource_id),
    };
    value!({ key: id, "user_id": grant.user_id, "permission": grant.permission.as_str() })
}

fn wrapped(grant: &Grant) -> Value {
    let name = match grant.resource {
        Resource::Experiment => "experiment_permission",
        Resource::RegisteredModel => "registered_model_permission",
    };
    value!({ name: grant_body(grant) })
}

async fn create_user(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let new = NewUser {
        email: message.user()?.to_owned(),
        password: Some(given("password", message.password.as_ref())?.to_owned()),
        ..NewUser::default()
    };
    let user = engine.create_user(&actor, new).await?;
    json(&value!({ "user": user_body(&user) }))
}

/// A user with what they were given, as clients of 2.x read it.
async fn get_user(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let email = message.user()?;
    let mut body = user_body(&engine.user_by_email(&actor, email).await?);
    let grants = engine.grants_of_user(&actor, email).await?;
    let of = |resource| -> Vec<Value> {
        grants.iter().filter(|grant| grant.resource == resource).map(grant_body).collect()
    };
    body["experiment_permissions"] = of(Resource::Experiment).into();
    body["registered_model_permissions"] = of(Resource::RegisteredModel).into();
    json(&value!({ "user": body }))
}

async fn list_users(Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let mut bodies = Vec::new();
    for user in engine.users(&actor, 0, i64::MAX).await? {
        let roles = engine.roles_of_user(&actor, &user.email).await?;
        let mut body = user_body(&user);
        body["roles"] = roles.iter().map(role_body).collect::<Vec<_>>().into();
        bodies.push(body);
    }
    json(&value!({ "users": bodies }))
}

async fn current_user(Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let user = engine.user(&actor).await?;
    json(&value!({ "user": user_body(&user), "is_basic_auth": true }))
}

async fn change(engine: &Engine, actor: &Actor, email: &str, update: UserUpdate) -> Answer {
    let user = engine.user_by_email(actor, email).await?;
    engine.update_user(actor, user.id, update).await?;
    json(&value!({}))
}

async fn update_password(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let password = given("password", message.password.as_ref())?;
    if message.user()?.eq_ignore_ascii_case(&actor.email) {
        return update_own_password(&engine, &actor, &message, password).await;
    }
    let update = UserUpdate { password: Some(password.to_owned()), ..UserUpdate::default() };
    change(&engine, &actor, message.user()?, update).await
}

/// Somebody who sits down at another's open session does not lock them out.
async fn update_own_password(
    engine: &Engine,
    actor: &Actor,
    message: &Asked,
    password: &str,
) -> Answer {
    let current = message.current_password.as_deref().filter(|text| !text.is_empty());
    if current.is_none() && engine.user(actor).await?.has_password {
        let words = "Current password is required when changing your own password.";
        return Err(Error::invalid(words).into());
    }
    if current == Some(password) {
        return Err(Error::invalid("New password must differ from the current password.").into());
    }
    engine.set_password(actor, current, password, None).await.map_err(|error| {
        match error.message.as_str() {
            "Incorrect password" => Error::invalid("Current password does not match."),
            _ => error,
        }
    })?;
    json(&value!({}))
}

async fn update_admin(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let is_superuser = Some(
        message
            .is_admin
            .ok_or_else(|| Error::invalid("Missing value for required parameter 'is_admin'."))?,
    );
    let update = UserUpdate { is_superuser, ..UserUpdate::default() };
    change(&engine, &actor, message.user()?, update).await
}

async fn delete_user(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let user = engine.user_by_email(&actor, message.user()?).await?;
    if user.id == actor.user_id {
        let words = "Users cannot delete their own account. Ask another admin to delete this user \
                     instead.";
        return Err(Error::new(ErrorCode::BadRequest, words).into());
    }
    engine.delete_user(&actor, user.id).await?;
    json(&value!({}))
}

/// Makes a permission that is not there yet.
async fn create(
    engine: &Engine,
    actor: &Actor,
    message: &Asked,
    thing: (Resource, &str),
) -> Result<Grant> {
    let email = message.user()?;
    let permission = message.permission()?;
    engine.require_permission(actor, thing.0, thing.1, Permission::Manage).await?;
    if engine.granted(actor, email, thing).await.is_ok() {
        return Err(Error::already_exists(format!(
            "Permission ({}={}, username={email}) already exists.",
            thing.0.as_str(),
            thing.1
        )));
    }
    engine.grant(actor, email, thing, permission).await
}

/// Changes a permission that is there.
async fn update(
    engine: &Engine,
    actor: &Actor,
    message: &Asked,
    thing: (Resource, &str),
) -> Result<()> {
    let (email, permission) = (message.user()?, message.permission()?);
    engine.require_permission(actor, thing.0, thing.1, Permission::Manage).await?;
    engine.granted(actor, email, thing).await?;
    engine.grant(actor, email, thing, permission).await.map(drop)
}

async fn create_of_experiment(Call { engine, actor, message }: Call<Asked>) -> Answer {
    json(&wrapped(&create(&engine, &actor, &message, message.experiment()?).await?))
}

async fn create_of_model(Call { engine, actor, message }: Call<Asked>) -> Answer {
    json(&wrapped(&create(&engine, &actor, &message, message.model()?).await?))
}

async fn get_of_experiment(Call { engine, actor, message }: Call<Asked>) -> Answer {
    json(&wrapped(&engine.granted(&actor, message.user()?, message.experiment()?).await?))
}

async fn get_of_model(Call { engine, actor, message }: Call<Asked>) -> Answer {
    json(&wrapped(&engine.granted(&actor, message.user()?, message.model()?).await?))
}

async fn update_of_experiment(Call { engine, actor, message }: Call<Asked>) -> Answer {
    update(&engine, &actor, &message, message.experiment()?).await?;
    json(&value!({}))
}

async fn update_of_model(Call { engine, actor, message }: Call<Asked>) -> Answer {
    update(&engine, &actor, &message, message.model()?).await?;
    json(&value!({}))
}

async fn delete_of_experiment(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.revoke(&actor, message.user()?, message.experiment()?).await?;
    json(&value!({}))
}

async fn delete_of_model(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.revoke(&actor, message.user()?, message.model()?).await?;
    json(&value!({}))
}

async fn grant(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let (thing, permission) = (message.thing()?, message.permission()?);
    if message.permission.as_deref() == Some("NO_PERMISSIONS") {
        return Err(Error::invalid(format!(
            "Invalid permission 'NO_PERMISSIONS' for resource_type='{}'. Resource-level grants \
             accept only: ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').",
            thing.0.as_str()
        ))
        .into());
    }
    let user = message.user()?;
    engine.require_permission(&actor, thing.0, thing.1, Permission::Manage).await?;
    if engine.granted(&actor, user, thing).await.is_ok() {
        return Err(Error::already_exists(format!(
            "Permission for user={user} on resource_type={}, resource_id={} already exists.",
            thing.0.as_str(),
            thing.1
        ))
        .into());
    }
    engine.grant(&actor, user, thing, permission).await?;
    json(&value!({}))
}

async fn revoke(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.revoke(&actor, message.user()?, message.thing()?).await?;
    json(&value!({}))
}

async fn effective(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let (level, refused) =
        engine.effective_permission(&actor, message.user()?, message.thing()?).await?;
    let name = if refused { level.grant_str() } else { level.as_str() };
    json(&value!({ "allowed": level >= Permission::Use, "permission": name }))
}

async fn listed(engine: &Engine, actor: &Actor, email: &str) -> Answer {
    let user = engine.user_by_email(actor, email).await?;
    let grants = engine.grants_of_user(actor, email).await?;
    // What was given to them alone has the name that it has in MLflow, and no role.
    let own = format!("__user_{}__", user.id);
    let mut permissions: Vec<Value> = grants
        .iter()
        .map(|grant| {
            value!({
                "role_id": null,
                "role_name": own,
                "workspace": WORKSPACE,
                "resource_type": grant.resource.as_str(),
                "resource_pattern": grant.resource_id,
                "permission": grant.permission.grant_str(),
            })
        })
        .collect();
    for role in engine.roles_of_user(actor, email).await? {
        permissions.extend(role.permissions.iter().map(|one| {
            value!({
                "role_id": role.id,
                "role_name": role.name,
                "workspace": WORKSPACE,
                "resource_type": one.resource.as_str(),
                "resource_pattern": one.pattern,
                "permission": one.permission.grant_str(),
            })
        }));
    }
    json(&value!({ "is_admin": user.is_superuser, "permissions": permissions }))
}

async fn current_permissions(Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    listed(&engine, &actor, &actor.email).await
}

async fn list_permissions(Call { engine, actor, message }: Call<Asked>) -> Answer {
    listed(&engine, &actor, message.user()?).await
}
