//! Files over HTTP as MLflow's clients send and get them.

use crate::part::{Wanted, attachment, contents, entity_tag, wanted};
use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Actor, Error, ErrorCode, Result};
use branchline_engine::{Artifacts, Engine, OpenFile};
use futures_util::StreamExt;

/// Extensions (and names without one) that are shown as text.
const TEXT: [&str; 27] = [
    "txt",
    "log",
    "err",
    "cfg",
    "conf",
    "cnf",
    "cf",
    "ini",
    "properties",
    "prop",
    "hocon",
    "toml",
    "yaml",
    "yml",
    "xml",
    "json",
    "js",
    "py",
    "py3",
    "csv",
    "tsv",
    "md",
    "rst",
    "ipynb",
    "MLmodel",
    "mlproject",
    "MLproject",
];

/// Opens a file; for a folder says that it is one.
pub(crate) async fn open(artifacts: &Artifacts, uri: &str, path: &str) -> Result<OpenFile> {
    let error = match artifacts.open(uri, path).await {
        Err(error) if error.code == ErrorCode::ResourceDoesNotExist => error,
        opened => return opened,
    };
    if artifacts.is_folder(uri, path).await? {
        let what = format!("Artifact path refers to a directory, not a file: '{path}'");
        return Err(Error::invalid(what));
    }
    Err(error)
}

/// Answers with a file, or the part of it that the request's `Range` asks for. It is
/// always to be saved: shown, its scripts would run as ours.
pub(crate) async fn send(file: OpenFile, asked: &HeaderMap) -> Result<Response> {
    let tag = entity_tag(&file);
    let (status, part) = match wanted(asked, file.size, &tag) {
        Wanted::All => (StatusCode::OK, 0..file.size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let size = [(header::CONTENT_RANGE, format!("bytes */{}", file.size))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, size).into_response());
        }
    };
    let headers = [
        (header::CONTENT_TYPE, text(kind(&file.name))?),
        (header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start)),
        (header::CONTENT_DISPOSITION, text(attachment(&file.name))?),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::ETAG, text(tag)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    let place = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), file.size);
    let body = contents(file.content, part).await?;
    let mut response = (status, headers, body).into_response();
    if status == StatusCode::PARTIAL_CONTENT {
        response.headers_mut().insert(header::CONTENT_RANGE, text(place)?);
    }
    Ok(response)
}

/// Stores a request's body as a file. Nothing is left of a body that breaks off.
pub(crate) async fn receive(
    engine: &Engine,
    actor: &Actor,
    uri: &str,
    path: &str,
    body: Body,
) -> Result<()> {
    let mut upload = engine.artifacts().create(uri, path)?;
    if let Some(size) = body.size_hint().exact() {
        upload.announce(size);
    }
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Error::invalid("The upload broke off before its end.").source(error)
        })?;
        upload.push(piece).await?;
    }
    let stored = upload.finish().await?;
    if let Some(rest) = engine.artifact_stored(actor, uri, path, stored).await? {
        tokio::spawn(rest);
    }
    Ok(())
}

/// The media type that a file's name suggests.
fn kind(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or(name, |(_, extension)| extension);
    if TEXT.contains(&extension) {
        return "text/plain";
    }
    mime_guess::from_ext(extension).first_raw().unwrap_or("application/octet-stream")
}

fn text(value: impl AsRef<str>) -> Result<HeaderValue> {
    HeaderValue::from_str(value.as_ref())
        .map_err(|error| Error::internal("A header could not be written.").source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_the_name() {
        for (name, expected) in [
            ("a.txt", "text/plain"),
            ("MLmodel", "text/plain"),
            ("mlproject", "text/plain"),
            ("conda.yaml", "text/plain"),
            ("x.html", "text/html"),
            ("x.png", "image/png"),
            ("model.pkl", "application/octet-stream"),
            ("no-extension", "application/octet-stream"),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
