//! The artifact proxy, `mlflow-artifacts/…`: clients read and write files by their
//! paths below one root, wherever the server keeps that.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::{Call, PathOf};
use super::transfer;
use crate::auth::Caller;
use crate::state::AppState;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use branchline_core::event::EventKind;
use branchline_core::location::PROXIED_ROOT;
use branchline_core::{Actor, Error, ExperimentId, FileInfo, Permission, Result, RunId, Scope};
use branchline_engine::Engine;
use branchline_mlflow::Listed;
use branchline_mlflow::request::ListProxied;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow-artifacts/artifacts", get(list)),
        ("/mlflow-artifacts/artifacts/{*path}", get(download).put(upload).delete(delete)),
    ]
}

/// Fails unless the actor's credential allows as much as `scope`.
pub(super) fn require(actor: &Actor, scope: Scope) -> Result<()> {
    if actor.scope >= scope {
        return Ok(());
    }
    Err(Error::denied(format!("This needs a credential of scope `{}`.", scope.as_str())))
}

async fn list(Call { engine, actor, message }: Call<ListProxied>) -> Answer {
    let path = message.path.as_deref().filter(|path| !path.is_empty());
    engine.require_artifacts(&actor, path.unwrap_or_default(), Permission::Read).await?;
    let mut files = engine.artifacts().list(PROXIED_ROOT, path).await?;
    for file in &mut files {
        base_name(file);
    }
    json(&Listed("files", &files))
}

/// Here files are called by their last name only.
fn base_name(file: &mut FileInfo) {
    if let Some((_, name)) = file.path.rsplit_once('/') {
        file.path = name.to_owned();
    }
}

async fn download(
    State(state): State<AppState>,
    Caller(actor): Caller,
    PathOf(path): PathOf,
    headers: HeaderMap,
) -> Answer {
    state.engine.require_artifacts(&actor, &path, Permission::Read).await?;
    let file = transfer::open(state.engine.artifacts(), PROXIED_ROOT, &path).await?;
    Ok(transfer::send(file, &headers).await?)
}

async fn upload(
    State(state): State<AppState>,
    Caller(actor): Caller,
    PathOf(path): PathOf,
    body: Body,
) -> Answer {
    state.engine.require_artifacts(&actor, &path, Permission::Edit).await?;
    if path.ends_with('/') {
        let what = "Artifact path must include a filename (cannot end with '/').";
        return Err(Error::invalid(what).into());
    }
    transfer::receive(&state.engine, &actor, PROXIED_ROOT, &path, body).await?;
    notify(&state.engine, &actor, &path).await;
    Ok(StatusCode::OK.into_response())
}

async fn delete(
    State(state): State<AppState>,
    Caller(actor): Caller,
    PathOf(path): PathOf,
) -> Answer {
    state.engine.require_artifacts(&actor, &path, Permission::Edit).await?;
    state.engine.artifacts().delete(PROXIED_ROOT, &path).await?;
    state.engine.artifacts_gone(&actor, &[(PROXIED_ROOT, &path)]).await?;
    notify(&state.engine, &actor, &path).await;
    done()
}

/// Tells listeners that a run's files changed, if the path is within a run's root.
pub(super) async fn notify(engine: &Engine, actor: &Actor, path: &str) {
    let Some((run_id, experiment_id)) = run_of(path) else { return };
    let experiment_id = match experiment_id {
        Some(id) => id,
        None => match engine.run_infos(actor, vec![run_id.clone()]).await.as_deref() {
            Ok([info, ..]) => info.experiment_id,
            _ => return,
        },
    };
    engine.notify_artifacts(EventKind::Artifacts(run_id, experiment_id));
}

/// The run that `[<experiment>/]…<run>/artifacts/…` belongs to.
fn run_of(path: &str) -> Option<(RunId, Option<ExperimentId>)> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_run = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let at = segments.windows(2).position(|pair| is_run(pair[0]) && pair[1] == "artifacts")?;
    let experiment_id = if at == 1 { segments[0].parse().ok() } else { None };
    Some((RunId::new(segments[at]), experiment_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_read_off_the_path() {
        let run = "0123456789abcdef0123456789abcdef";
        let known = |path: String| run_of(&path).map(|(id, exp)| (id.as_str().to_owned(), exp));
        let found = |experiment| Some((run.to_owned(), experiment));
        assert_eq!(known(format!("7/{run}/artifacts/a/b.txt")), found(Some(ExperimentId(7))));
        assert_eq!(known(format!("my/place/{run}/artifacts/a")), found(None));
        assert_eq!(known(format!("7/{run}/other/a")), None);
        assert_eq!(known("7/models/m-0123/artifacts/MLmodel".into()), None);
        assert_eq!(known(String::new()), None);
    }

    #[test]
    fn a_reading_credential_does_not_write() {
        let actor = |scope| Actor { user_id: 1, email: String::new(), is_superuser: true, scope };
        require(&actor(Scope::Log), Scope::Log).unwrap();
        require(&actor(Scope::Read), Scope::Read).unwrap();
        let error = require(&actor(Scope::Read), Scope::Log).unwrap_err();
        assert_eq!(error.code, branchline_core::ErrorCode::PermissionDenied);
    }
}
