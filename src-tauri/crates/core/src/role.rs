//! Roles: permissions under a name, given to many at once.

use crate::{Error, Permission, Result};

/// The one workspace, by its name.
pub const WORKSPACE: &str = "default";
/// Stands for everything of a kind.
pub const ANY: &str = "*";
/// Names that begin so are kept for what is given to one user.
const RESERVED: &str = "__user_";

/// What a permission of a role is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RoleResource {
    /// Everything: who manages it manages each thing in it, and the roles.
    Workspace,
    /// Experiments with all that is in them.
    Experiment,
    /// Registered models that are no prompts.
    RegisteredModel,
    /// Prompts.
    Prompt,
}

impl RoleResource {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Experiment, Self::Prompt, Self::RegisteredModel, Self::Workspace];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Experiment => "experiment",
            Self::RegisteredModel => "registered_model",
            Self::Prompt => "prompt",
        }
    }

    /// Reads MLflow's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.as_str() == text)
    }
}

/// A permission that everybody with a role has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePermission {
    /// Its number.
    pub id: i64,
    /// The role.
    pub role_id: i64,
    /// Of which kind the things are.
    pub resource: RoleResource,
    /// An experiment's number, a model's name, or [`ANY`].
    pub pattern: String,
    /// How much; nothing is an explicit refusal, which no other permission lifts.
    pub permission: Permission,
}

/// Permissions under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its number.
    pub id: i64,
    /// Unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// In the order in which they were added.
    pub permissions: Vec<RolePermission>,
}

/// Somebody with a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoleMember {
    /// Its number.
    pub id: i64,
    /// The user.
    pub user_id: i64,
    /// The role.
    pub role_id: i64,
}

/// Checks a role's name.
///
/// # Errors
/// It is blank, long, or kept for something else.
pub fn check_role_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("Role name cannot be empty."));
    }
    if name.chars().count() > 255 {
        return Err(Error::invalid("A role's name has at most 255 characters."));
    }
    if name.starts_with(RESERVED) {
        return Err(Error::invalid(format!(
            "Role name '{name}' uses the reserved '{RESERVED}' prefix, which is held for the \
             per-user permission representation. Choose a different name."
        )));
    }
    Ok(())
}

/// Checks that a permission can be given on such a thing.
///
/// # Errors
/// It cannot.
pub fn check_role_permission(resource: RoleResource, permission: Permission) -> Result<()> {
    let fits = match resource {
        RoleResource::Workspace => matches!(permission, Permission::Use | Permission::Manage),
        _ => true,
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid permission '{}' for resource_type='workspace'. Workspace-wide grants accept \
         only: ('MANAGE', 'USE').",
        permission.grant_str()
    )))
}

/// Checks what a permission is said to be about.
///
/// # Errors
/// The workspace is one thing; an experiment has a number.
pub fn check_role_pattern(resource: RoleResource, pattern: &str) -> Result<()> {
    let fits = match resource {
        _ if pattern == ANY => true,
        RoleResource::Workspace => false,
        RoleResource::Experiment => pattern.parse::<i64>().is_ok(),
        RoleResource::RegisteredModel | RoleResource::Prompt => !pattern.is_empty(),
    };
    if fits {
        return Ok(());
    }
    let what = match resource {
        RoleResource::Workspace => "This resource type supports only wildcard ('*') grants.",
        RoleResource::Experiment => "An experiment is named by its id, and all of them by '*'.",
        _ => "A model is named by its name, and all of them by '*'.",
    };
    Err(Error::invalid(format!(
        "Invalid resource_pattern '{pattern}' for resource_type='{}'. {what}",
        resource.as_str()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_a_name_of_its_own() {
        check_role_name("team a").unwrap();
        for odd in ["", "  ", "__user_7__", "__user_x"] {
            assert!(check_role_name(odd).is_err(), "{odd}");
        }
        assert!(check_role_name(&"x".repeat(256)).is_err());
    }

    #[test]
    fn what_can_be_given_depends_on_the_thing() {
        use Permission::{Edit, Manage, Nothing, Read, Use};
        for (resource, permission, fits) in [
            (RoleResource::Workspace, Use, true),
            (RoleResource::Workspace, Manage, true),
            (RoleResource::Workspace, Read, false),
            (RoleResource::Workspace, Nothing, false),
            (RoleResource::Experiment, Edit, true),
            (RoleResource::Prompt, Nothing, true),
        ] {
            assert_eq!(check_role_permission(resource, permission).is_ok(), fits, "{resource:?}");
        }
        for (resource, pattern, fits) in [
            (RoleResource::Workspace, "*", true),
            (RoleResource::Workspace, "default", false),
            (RoleResource::Experiment, "12", true),
            (RoleResource::Experiment, "twelve", false),
            (RoleResource::Experiment, "", false),
            (RoleResource::RegisteredModel, "diabetes", true),
            (RoleResource::Prompt, "", false),
        ] {
            assert_eq!(check_role_pattern(resource, pattern).is_ok(), fits, "{pattern}");
        }
        for resource in RoleResource::ALL {
            assert_eq!(RoleResource::parse(resource.as_str()), Some(resource));
        }
    }
}
