//! MLflow's users and permissions: what its `AuthServiceClient` calls, of 3.17 and, for the
//! permissions of single things, of 2.x. A user's name is their e-mail.

use super::Table;
use super::answer::{Answer, json};
use super::call::{Call, Nothing};
use axum::routing::{delete, get, patch, post};
use branchline_core::{Actor, Error, Grant, Permission, Resource, Result, User};
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
    is_admin: Option<bool>,
    experiment_id: Option<String>,
    name: Option<String>,
    resource_type: Option<String>,
    resource_id: Option<String>,
    permission: Option<String>,
}

fn given<'t>(name: &str, field: Option<&'t String>) -> Result<&'t str> {
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
    let users = engine.users(&actor, 0, i64::MAX).await?;
    json(&value!({ "users": users.iter().map(user_body).collect::<Vec<_>>() }))
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
    let password = Some(given("password", message.password.as_ref())?.to_owned());
    let update = UserUpdate { password, ..UserUpdate::default() };
    change(&engine, &actor, message.user()?, update).await
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
    engine.grant(&actor, message.user()?, message.thing()?, message.permission()?).await?;
    json(&value!({}))
}

async fn revoke(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.revoke(&actor, message.user()?, message.thing()?).await?;
    json(&value!({}))
}

async fn effective(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let level = engine.effective_permission(&actor, message.user()?, message.thing()?).await?;
    json(&value!({ "allowed": level >= Permission::Use, "permission": level.as_str() }))
}

async fn listed(engine: &Engine, actor: &Actor, email: &str) -> Answer {
    let user = engine.user_by_email(actor, email).await?;
    let grants = engine.grants_of_user(actor, email).await?;
    let permissions: Vec<Value> = grants
        .iter()
        .map(|grant| {
            value!({
                "resource_type": grant.resource.as_str(),
                "resource_pattern": grant.resource_id,
                "permission": grant.permission.as_str(),
            })
        })
        .collect();
    json(&value!({ "is_admin": user.is_superuser, "permissions": permissions }))
}

async fn current_permissions(Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    listed(&engine, &actor, &actor.email).await
}

async fn list_permissions(Call { engine, actor, message }: Call<Asked>) -> Answer {
    listed(&engine, &actor, message.user()?).await
}
