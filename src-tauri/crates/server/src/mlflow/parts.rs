//! Bytes that do not pass through us: a client stores a large file part by part in the
//! bucket itself, or reads it there, at addresses that we sign.

use super::Table;
use super::answer::{Answer, done, json};
use super::artifacts::{notify, require};
use super::call::{Call, Nothing, PathOf};
use super::files::{check_path, run_info};
use axum::routing::{get, post};
use branchline_core::location::{PROXIED_ROOT, split_scheme};
use branchline_core::{Error, ModelId, Permission, Resource, Result, RunId, Scope};
use branchline_engine::{Engine, Presigned};
use branchline_mlflow::explain::{missing, required_text};
use branchline_mlflow::request::{CreateParts, EndParts, PresignedFile, UploadedPart};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long a signed address holds when nobody says, as MLflow's.
const DOWNLOAD_HOLDS: i64 = 300;
const UPLOAD_HOLDS: i64 = 900;
/// The longest that storage services accept.
const LONGEST: i64 = 604_800;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow-artifacts/mpu/create/{*path}", post(create)),
        ("/mlflow-artifacts/mpu/complete/{*path}", post(complete)),
        ("/mlflow-artifacts/mpu/abort/{*path}", post(abort)),
        ("/mlflow-artifacts/presigned/{*path}", get(download)),
        ("/mlflow/artifacts/presigned-upload-url", post(upload_url)),
        ("/mlflow/artifacts/presigned-download-url", post(download_url)),
    ]
}

/// The artifact's path: the folder of the address, and the last part of the file's name.
fn place(folder: &str, file: Option<String>) -> Result<String> {
    check_path(Some(folder))?;
    let file = required_text("path", file)?;
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        return Err(Error::invalid("Invalid path: an artifact needs a name."));
    }
    Ok(format!("{}/{name}", folder.trim_end_matches('/')))
}

/// Said after what is missing in the request, as MLflow does.
fn check_offered(engine: &Engine, what: &str) -> Result<()> {
    if engine.artifacts().is_direct() {
        return Ok(());
    }
    let words = format!("{what} is not supported for the current artifact repository");
    Err(Error::new(branchline_core::ErrorCode::NotImplemented, words))
}

async fn create(
    PathOf(folder): PathOf,
    Call { engine, actor, message }: Call<CreateParts>,
) -> Answer {
    require(&actor, Scope::Log)?;
    let path = place(&folder, message.path)?;
    check_offered(&engine, "Multipart upload")?;
    engine.require_artifacts(&actor, &path, Permission::Edit).await?;
    let count = message.num_parts.map_or(0, |count| count.0);
    let count = usize::try_from(count).unwrap_or_default();
    let started = engine.artifacts().start_parts(PROXIED_ROOT, &path, count).await?;
    let credential =
        |(at, url): (usize, &String)| json!({ "url": url, "part_number": at + 1, "headers": {} });
    let credentials: Vec<Value> = started.urls.iter().enumerate().map(credential).collect();
    json(&json!({ "upload_id": started.upload_id, "credentials": credentials }))
}

async fn complete(
    PathOf(folder): PathOf,
    Call { engine, actor, message }: Call<EndParts>,
) -> Answer {
    require(&actor, Scope::Log)?;
    let path = place(&folder, message.path)?;
    let etags = etags(message.parts.0)?;
    check_offered(&engine, "Multipart upload")?;
    engine.require_artifacts(&actor, &path, Permission::Edit).await?;
    let upload_id = required_text("upload_id", message.upload_id)?;
    engine.artifacts().complete_parts(PROXIED_ROOT, &path, upload_id, etags).await?;
    notify(&engine, &actor, &path).await;
    done()
}

/// The storage's answers in the order of the parts, none left out.
fn etags(parts: Vec<UploadedPart>) -> Result<Vec<String>> {
    if parts.is_empty() {
        return Err(missing("parts"));
    }
    let mut numbered = Vec::with_capacity(parts.len());
    for part in parts {
        let number = part.part_number.ok_or_else(|| missing("part_number"))?;
        numbered.push((number.0, required_text("etag", part.etag)?));
    }
    numbered.sort_by_key(|(number, _)| *number);
    if numbered.iter().zip(1..).any(|((number, _), expected)| *number != expected) {
        return Err(Error::invalid(
            "Invalid value for parameter 'parts': parts are numbered from 1, and none is left out.",
        ));
    }
    Ok(numbered.into_iter().map(|(_, etag)| etag).collect())
}

async fn abort(PathOf(folder): PathOf, Call { engine, actor, message }: Call<EndParts>) -> Answer {
    require(&actor, Scope::Log)?;
    let path = place(&folder, message.path)?;
    check_offered(&engine, "Multipart upload")?;
    engine.require_artifacts(&actor, &path, Permission::Edit).await?;
    let upload_id = required_text("upload_id", message.upload_id)?;
    engine.artifacts().abort_parts(PROXIED_ROOT, &path, upload_id).await?;
    done()
}

async fn download(PathOf(path): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    require(&actor, Scope::Read)?;
    check_path(Some(&path))?;
    check_offered(&engine, "Multipart download")?;
    engine.require_artifacts(&actor, &path, Permission::Read).await?;
    let found =
        engine.artifacts().presigned_download(PROXIED_ROOT, &path, holds(DOWNLOAD_HOLDS)).await?;
    json(&answer("url", found))
}

fn answer(name: &str, found: Presigned) -> Value {
    let mut fields = Map::new();
    fields.insert(name.to_owned(), found.url.into());
    fields.insert("headers".to_owned(), json!({}));
    if let Some(size) = found.size {
        fields.insert("file_size".to_owned(), size.into());
    }
    Value::Object(fields)
}

fn holds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

fn check_expiration(seconds: i64) -> Result<Duration> {
    if (1..=LONGEST).contains(&seconds) {
        return Ok(holds(seconds));
    }
    Err(Error::invalid(format!(
        "expiration must be between 1 and {LONGEST} seconds (got {seconds})."
    )))
}

/// Files that pass through us have no address of their own.
fn check_direct(uri: &str, what: &str) -> Result<()> {
    let scheme = split_scheme(uri).map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https" | "mlflow-artifacts") {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Presigned {what} is not supported for proxied artifact storage (artifact URI scheme: \
         {scheme}). This endpoint requires a direct cloud storage artifact URI."
    )))
}

/// What a file is uploaded to.
enum Owner {
    Run(RunId),
    Model(ModelId),
}

async fn upload_url(Call { engine, actor, message }: Call<PresignedFile>) -> Answer {
    require(&actor, Scope::Log)?;
    let path = required_text("path", message.path)?;
    let given = |id: Option<String>| id.filter(|id| !id.is_empty());
    let owner = match (given(message.run_id), given(message.model_id)) {
        (Some(run), None) => Owner::Run(RunId::new(run)),
        (None, Some(model)) => Owner::Model(ModelId::new(model)),
        _ => {
            let words = "Exactly one of run_id and model_id must be provided.";
            return Err(Error::invalid(words).into());
        }
    };
    check_path(Some(&path))?;
    let (uri, experiment) = match owner {
        Owner::Run(id) => {
            let run = run_info(&engine, &actor, id).await?;
            (run.artifact_uri, run.experiment_id)
        }
        Owner::Model(id) => {
            let model = engine.logged_model(&actor, &id).await?;
            (model.artifact_uri, model.experiment_id)
        }
    };
    let (kind, id) = (Resource::Experiment, experiment.to_string());
    engine.require_permission(&actor, kind, &id, Permission::Edit).await?;
    check_direct(&uri, "upload")?;
    let holds = check_expiration(message.expiration.map_or(UPLOAD_HOLDS, |seconds| seconds.0))?;
    let found = engine.artifacts().presigned_upload(&uri, &path, holds).await?;
    json(&answer("presigned_url", found))
}

async fn download_url(Call { engine, actor, message }: Call<PresignedFile>) -> Answer {
    require(&actor, Scope::Read)?;
    let run = required_text("run_id", message.run_id)?;
    let path = required_text("path", message.path)?;
    check_path(Some(&path))?;
    let holds = check_expiration(message.expiration.map_or(DOWNLOAD_HOLDS, |seconds| seconds.0))?;
    let uri = run_info(&engine, &actor, RunId::new(run)).await?.artifact_uri;
    check_direct(&uri, "download")?;
    let found = engine.artifacts().presigned_download(&uri, &path, holds).await?;
    json(&answer("presigned_url", found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_mlflow::from_body;

    #[test]
    fn a_file_lies_in_the_folder_under_its_last_name() {
        let at = |folder: &str, file: &str| place(folder, Some(file.to_owned())).unwrap();
        assert_eq!(at("1/r/artifacts", "/home/ada/model.bin"), "1/r/artifacts/model.bin");
        assert_eq!(at("1/r/artifacts/", "C:\\x\\model.bin"), "1/r/artifacts/model.bin");
        assert!(place("1", Some("folder/".to_owned())).is_err());
        assert!(place("1", None).is_err());
    }

    #[test]
    fn parts_come_in_any_order_and_none_is_left_out() {
        let read = |body: &str| etags(from_body::<EndParts>(body.as_bytes()).unwrap().parts.0);
        let two =
            r#"{"parts": [{"part_number": 2, "etag": "b"}, {"part_number": "1", "etag": "a"}]}"#;
        assert_eq!(read(two).unwrap(), ["a", "b"]);
        for wrong in [
            "{}",
            r#"{"parts": [{"part_number": 2, "etag": "b"}]}"#,
            r#"{"parts": [{"part_number": 1, "etag": "a"}, {"part_number": 1, "etag": "a"}]}"#,
            r#"{"parts": [{"part_number": 1}]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
