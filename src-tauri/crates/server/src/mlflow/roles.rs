//! MLflow's roles: what `AuthServiceClient` of 3.17 calls. There is one workspace.

use super::Table;
use super::accounts::given;
use super::answer::{Answer, json};
use super::call::Call;
use axum::routing::{delete, get, patch, post};
use branchline_core::role::{Role, RoleMember, RolePermission, RoleResource, WORKSPACE};
use branchline_core::{Error, Permission, Result};
use branchline_mlflow::scalar::{Int64, List};
use serde::Deserialize;
use serde_json::{Value, json as value};

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/roles/create", post(create)),
        ("/mlflow/roles/get", get(get_one)),
        ("/mlflow/roles/list", get(list)),
        ("/mlflow/roles/update", patch(update)),
        ("/mlflow/roles/delete", delete(delete_one)),
        ("/mlflow/roles/permissions/add", post(add_permission)),
        ("/mlflow/roles/permissions/remove", delete(remove_permission)),
        ("/mlflow/roles/permissions/list", get(permissions)),
        ("/mlflow/roles/permissions/update", patch(update_permission)),
        ("/mlflow/roles/assign", post(assign)),
        ("/mlflow/roles/unassign", delete(unassign)),
        ("/mlflow/roles/users/list", get(members)),
        ("/mlflow/users/roles/list", get(roles_of_user)),
    ]
}

/// Which fields have to be there is the handler's to say.
#[derive(Debug, Deserialize)]
struct Asked {
    role_id: Option<Int64>,
    role_permission_id: Option<Int64>,
    username: Option<String>,
    name: Option<String>,
    description: Option<String>,
    workspace: Option<String>,
    resource_type: Option<String>,
    resource_pattern: Option<String>,
    permission: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ListRoles {
    #[serde(default)]
    workspace: List<String>,
}

fn number(name: &str, field: Option<Int64>) -> Result<i64> {
    field
        .map(|number| number.0)
        .ok_or_else(|| Error::invalid(format!("Missing value for required parameter '{name}'.")))
}

impl Asked {
    fn role(&self) -> Result<i64> {
        number("role_id", self.role_id)
    }

    fn user(&self) -> Result<&str> {
        given("username", self.username.as_ref())
    }

    fn permission(&self) -> Result<Permission> {
        let text = given("permission", self.permission.as_ref())?;
        let known = [
            Permission::Read,
            Permission::Use,
            Permission::Edit,
            Permission::Manage,
            Permission::Nothing,
        ];
        known.into_iter().find(|permission| permission.grant_str() == text).ok_or_else(|| {
            Error::invalid(format!(
                "Invalid permission '{text}'. Resource-level grants accept only: ('DENY', 'EDIT', \
                 'MANAGE', 'READ', 'USE')."
            ))
        })
    }

    fn resource(&self) -> Result<RoleResource> {
        let text = given("resource_type", self.resource_type.as_ref())?;
        RoleResource::parse(text).ok_or_else(|| {
            let known = RoleResource::ALL.map(|one| format!("'{}'", one.as_str())).join(", ");
            Error::invalid(format!(
                "Invalid resource type '{text}'. Valid resource types are: ({known}); what is in \
                 an experiment or a model follows it."
            ))
        })
    }
}

pub(super) fn permission_body(one: &RolePermission) -> Value {
    value!({
        "id": one.id,
        "role_id": one.role_id,
        "resource_type": one.resource.as_str(),
        "resource_pattern": one.pattern,
        "permission": one.permission.grant_str(),
    })
}

pub(super) fn role_body(role: &Role) -> Value {
    value!({
        "id": role.id,
        "name": role.name,
        "workspace": WORKSPACE,
        "description": role.description,
        "permissions": role.permissions.iter().map(permission_body).collect::<Vec<_>>(),
    })
}

fn member_body(member: &RoleMember) -> Value {
    value!({ "id": member.id, "user_id": member.user_id, "role_id": member.role_id })
}

fn check_workspace(name: &str) -> Result<()> {
    if name == WORKSPACE {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "There is no workspace '{name}': this server has one, '{WORKSPACE}'."
    )))
}

async fn create(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let name = given("name", message.name.as_ref())?;
    check_workspace(given("workspace", message.workspace.as_ref())?)?;
    json(
        &value!({ "role": role_body(&engine.create_role(&actor, name, message.description.clone()).await?) }),
    )
}

async fn get_one(Call { engine, actor, message }: Call<Asked>) -> Answer {
    json(&value!({ "role": role_body(&engine.role(&actor, message.role()?).await?) }))
}

async fn list(Call { engine, actor, message }: Call<ListRoles>) -> Answer {
    let roles = engine.roles(&actor).await?;
    let asked = message.workspace.0;
    let here = asked.is_empty() || asked.iter().any(|name| name == WORKSPACE);
    let roles: Vec<Value> = roles.iter().filter(|_| here).map(role_body).collect();
    json(&value!({ "roles": roles }))
}

async fn update(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let role = message.role()?;
    if message.name.is_none() && message.description.is_none() {
        let words = "At least one of 'name' or 'description' must be provided to update a role.";
        return Err(Error::invalid(words).into());
    }
    let role = engine.update_role(&actor, role, message.name, message.description).await?;
    json(&value!({ "role": role_body(&role) }))
}

async fn delete_one(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.delete_role(&actor, message.role()?).await?;
    json(&value!({}))
}

async fn add_permission(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let pattern = given("resource_pattern", message.resource_pattern.as_ref())?;
    let about = (message.resource()?, pattern);
    let (role, permission) = (message.role()?, message.permission()?);
    let made = engine.add_role_permission(&actor, role, about, permission).await?;
    json(&value!({ "role_permission": permission_body(&made) }))
}

async fn remove_permission(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let id = number("role_permission_id", message.role_permission_id)?;
    engine.remove_role_permission(&actor, id).await?;
    json(&value!({}))
}

async fn permissions(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let role = engine.role(&actor, message.role()?).await?;
    let all: Vec<Value> = role.permissions.iter().map(permission_body).collect();
    json(&value!({ "role_permissions": all }))
}

async fn update_permission(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let id = number("role_permission_id", message.role_permission_id)?;
    let changed = engine.update_role_permission(&actor, id, message.permission()?).await?;
    json(&value!({ "role_permission": permission_body(&changed) }))
}

async fn assign(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let member = engine.assign_role(&actor, message.user()?, message.role()?).await?;
    json(&value!({ "assignment": member_body(&member) }))
}

async fn unassign(Call { engine, actor, message }: Call<Asked>) -> Answer {
    engine.unassign_role(&actor, message.user()?, message.role()?).await?;
    json(&value!({}))
}

async fn members(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let members = engine.role_members(&actor, message.role()?).await?;
    json(&value!({ "assignments": members.iter().map(member_body).collect::<Vec<_>>() }))
}

async fn roles_of_user(Call { engine, actor, message }: Call<Asked>) -> Answer {
    let roles = engine.roles_of_user(&actor, message.user()?).await?;
    json(&value!({ "roles": roles.iter().map(role_body).collect::<Vec<_>>() }))
}
