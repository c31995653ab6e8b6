//! A stored file as an answer: ranges, types that a browser may show, and the walls
//! around what could run.

use crate::part::{Wanted, attachment, contents, entity_tag, wanted};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use branchline_core::Result;
use branchline_engine::OpenFile;

/// A file's scripts run in an origin of their own, without our cookies.
const SANDBOX: &str = "sandbox allow-scripts; frame-ancestors 'self'";

/// How a browser may use a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Shown as it is.
    Passive,
    /// Text, shown as such whatever it says it is.
    Text,
    /// May run scripts: only in the sandbox.
    Active,
    /// For saving.
    Other,
}

/// Answers with a file, or the part of it that was asked for.
pub(crate) async fn answer(
    file: OpenFile,
    headers: &HeaderMap,
    download: bool,
) -> Result<Response> {
    let tag = entity_tag(&file);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let (status, part) = match wanted(headers, file.size, &tag) {
        Wanted::All => (StatusCode::OK, 0..file.size),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Nothing => {
            let all = format!("bytes */{}", file.size);
            return Ok(
                (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, all)]).into_response()
            );
        }
    };
    let name = file.name.clone();
    let length = part.end - part.start;
    let place = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), file.size);
    let body = contents(file.content, part).await?;
    let mut response = (status, body).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if status == StatusCode::PARTIAL_CONTENT {
        set(answer, header::CONTENT_RANGE, &place);
    }
    set(answer, header::ETAG, &tag);
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let (kind, content_type) = classify(&name);
    set(answer, header::CONTENT_TYPE, &content_type);
    if kind == Kind::Active {
        answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    }
    if download || kind == Kind::Other {
        set(answer, header::CONTENT_DISPOSITION, &attachment(&name));
    }
    Ok(response)
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Files that people keep beside models and that have no type of their own.
const TEXT_NAMES: [&str; 8] = [
    "mlmodel",
    "mlproject",
    "dockerfile",
    "makefile",
    "license",
    "readme",
    ".gitignore",
    "procfile",
];
const TEXT_ENDINGS: [&str; 40] = [
    "txt", "log", "out", "err", "md", "rst", "py", "pyi", "r", "jl", "rs", "go", "java", "kt", "c",
    "h", "cc", "cpp", "hpp", "cu", "sh", "bash", "ps1", "bat", "sql", "js", "mjs", "cjs", "ts",
    "tsx", "jsx", "vue", "css", "toml", "ini", "cfg", "conf", "yaml", "yml", "lock",
];

fn classify(name: &str) -> (Kind, String) {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = || (Kind::Text, "text/plain; charset=utf-8".to_owned());
    if TEXT_NAMES.contains(&lower.as_str()) || TEXT_ENDINGS.contains(&ending) {
        return text();
    }
    let guess = mime_guess::from_path(&lower).first_or_octet_stream();
    let essence = guess.essence_str();
    match (guess.type_().as_str(), essence) {
        (
            _,
            "text/html"
            | "image/svg+xml"
            | "application/xhtml+xml"
            | "text/xml"
            | "application/xml",
        ) => (Kind::Active, format!("{essence}; charset=utf-8")),
        // Other dialects of XML (RSS, XSLT, MathML …) can carry scripts, too.
        (_, other) if other.ends_with("+xml") => text(),
        ("text", "text/csv" | "text/tab-separated-values") => {
            (Kind::Text, format!("{essence}; charset=utf-8"))
        }
        ("text", _) => text(),
        ("image" | "audio" | "video" | "font", _) | (_, "application/pdf") => {
            (Kind::Passive, essence.to_owned())
        }
        (_, "application/json") => (Kind::Passive, essence.to_owned()),
        _ if matches!(ending, "ipynb" | "jsonl" | "ndjson" | "geojson") => {
            (Kind::Passive, "application/json".to_owned())
        }
        _ => (Kind::Other, "application/octet-stream".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_could_run_is_shown_outside_the_sandbox() {
        for name in ["a.html", "a.HTM", "plot.svg", "a.xhtml", "a.xml"] {
            assert_eq!(classify(name).0, Kind::Active, "{name}");
        }
        for name in ["a.py", "MLmodel", "conda.yaml", "a.js", "a.css", "x.rss", "a.mml", "x.atom"] {
            assert_eq!(classify(name), (Kind::Text, "text/plain; charset=utf-8".into()), "{name}");
        }
        for name in ["a.png", "a.pdf", "a.json", "a.ipynb", "a.mp4"] {
            assert_eq!(classify(name).0, Kind::Passive, "{name}");
        }
        for name in ["model.pkl", "weights", "a.onnx", "x.swf", "a.zip"] {
            assert_eq!(classify(name).0, Kind::Other, "{name}");
        }
        assert_eq!(classify("data.csv").1, "text/csv; charset=utf-8");
    }
}
