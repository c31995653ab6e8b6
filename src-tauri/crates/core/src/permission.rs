//! What a user may do with an experiment or a registered model, in MLflow's words.

/// How much is allowed; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Not even seen.
    Nothing,
    /// Seen.
    Read,
    /// Seen, and used by what serves models.
    Use,
    /// Changed.
    Edit,
    /// Deleted, restored, and given to others.
    Manage,
}

impl Permission {
    /// All, the least first.
    pub const ALL: [Self; 5] = [Self::Nothing, Self::Read, Self::Use, Self::Edit, Self::Manage];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "NO_PERMISSIONS",
            Self::Read => "READ",
            Self::Use => "USE",
            Self::Edit => "EDIT",
            Self::Manage => "MANAGE",
        }
    }

    /// MLflow's name where it is given: nothing that is given is a refusal.
    pub fn grant_str(self) -> &'static str {
        match self {
            Self::Nothing => "DENY",
            other => other.as_str(),
        }
    }

    /// Reads MLflow's name; `DENY`, its newer word, is the same as no permission.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "DENY" {
            return Some(Self::Nothing);
        }
        Self::ALL.into_iter().find(|permission| permission.as_str() == text)
    }
}

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An experiment with all that is in it.
    Experiment,
    /// A registered model (or prompt) with its versions.
    RegisteredModel,
}

impl Resource {
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::RegisteredModel => "registered_model",
        }
    }

    /// Reads MLflow's name; a prompt is a registered model.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "experiment" => Some(Self::Experiment),
            "registered_model" | "prompt" => Some(Self::RegisteredModel),
            _ => None,
        }
    }
}

/// What a user was given of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The user.
    pub user_id: i64,
    /// Their e-mail.
    pub email: String,
    /// Of which kind it is.
    pub resource: Resource,
    /// The experiment's number, or the model's name.
    pub resource_id: String,
    /// How much.
    pub permission: Permission,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_include_those_before_them_and_have_mlflows_names() {
        assert!(Permission::Manage > Permission::Edit && Permission::Read > Permission::Nothing);
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.as_str()), Some(permission));
        }
        assert_eq!(Permission::parse("DENY"), Some(Permission::Nothing));
        assert_eq!(Permission::parse("read"), None);
        assert_eq!(Resource::parse("prompt"), Some(Resource::RegisteredModel));
    }
}
