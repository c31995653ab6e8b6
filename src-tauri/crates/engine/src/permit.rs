//! What a credential allows.

use branchline_core::{Actor, Error, Result, Scope};

/// The actor's credential must allow `scope`.
pub(crate) fn require(actor: &Actor, scope: Scope) -> Result<()> {
    if actor.scope >= scope {
        return Ok(());
    }
    Err(Error::denied(format!(
        "This needs a credential with scope '{}'; yours has '{}'.",
        scope.as_str(),
        actor.scope.as_str()
    ))
    .hint("Make a token with that scope in Settings, or with `branchline tokens create`."))
}

/// The actor must be a superuser with an unrestricted credential.
pub(crate) fn require_superuser(actor: &Actor) -> Result<()> {
    require(actor, Scope::Admin)?;
    if actor.is_superuser {
        return Ok(());
    }
    Err(Error::denied("The user doesn't have enough privileges."))
}
