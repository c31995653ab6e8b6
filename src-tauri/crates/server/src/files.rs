//! A stored file as an answer: ranges, types that a browser may show, and the walls
//! around what could run.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use branchline_core::{Error, Result};
use branchline_engine::OpenFile;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::io::SeekFrom;
use std::time::UNIX_EPOCH;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Bytes read at once; larger than the default so that big files stream fast.
const CHUNK: usize = 256 * 1024;

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
    let range = match requested_range(headers, &tag, file.size) {
        Ok(range) => range,
        Err(Unsatisfiable) => {
            let all = format!("bytes */{}", file.size);
            return Ok(
                (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, all)]).into_response()
            );
        }
    };
    let name = file.name.clone();
    let mut response = body(file, range).await?;
    let answer = response.headers_mut();
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

async fn body(mut file: OpenFile, range: Option<(u64, u64)>) -> Result<Response> {
    let failed = |e: std::io::Error| Error::internal("The file could not be read.").source(e);
    let Some((first, last)) = range else {
        let size = file.size;
        // Taken, so that a file that grows meanwhile does not break the announced length.
        let stream = ReaderStream::with_capacity(file.file.take(size), CHUNK);
        let length = (header::CONTENT_LENGTH, size.to_string());
        return Ok((StatusCode::OK, [length], Body::from_stream(stream)).into_response());
    };
    file.file.seek(SeekFrom::Start(first)).await.map_err(failed)?;
    let length = last - first + 1;
    let stream = ReaderStream::with_capacity(file.file.take(length), CHUNK);
    let headers = [
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", file.size)),
    ];
    Ok((StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(stream)).into_response())
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn entity_tag(file: &OpenFile) -> String {
    let modified = file.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("\"{:x}-{:x}\"", modified.as_nanos(), file.size)
}

#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The one range that was asked for, first and last byte. Several ranges, other units
/// and ranges of an older version are answered with the whole file, as HTTP allows.
fn requested_range(
    headers: &HeaderMap,
    tag: &str,
    size: u64,
) -> Result<Option<(u64, u64)>, Unsatisfiable> {
    let fresh = headers.get(header::IF_RANGE).is_none_or(|sent| sent.as_bytes() == tag.as_bytes());
    let asked = headers
        .get(header::RANGE)
        .filter(|_| fresh)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().strip_prefix("bytes="))
        .and_then(|spec| spec.split_once('-'));
    let Some((first, last)) = asked else { return Ok(None) };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last && first < size => {
            Ok(Some((first, last.min(size - 1))))
        }
        (Ok(first), Err(_)) if last.trim().is_empty() && first < size => {
            Ok(Some((first, size - 1)))
        }
        (Err(_), Ok(count)) if first.trim().is_empty() && count > 0 && size > 0 => {
            Ok(Some((size.saturating_sub(count), size - 1)))
        }
        (Ok(first), Ok(last)) if first > last => Ok(None),
        (Err(_), Err(_)) => Ok(None),
        (Err(_), Ok(_)) if !first.trim().is_empty() => Ok(None),
        (Ok(_), Err(_)) if !last.trim().is_empty() => Ok(None),
        _ => Err(Unsatisfiable),
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

/// What RFC 5987 lets stand in a name that is not plain.
const NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'%')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b',')
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'{')
    .add(b'}');

fn attachment(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ' { c } else { '_' })
        .collect();
    format!(
        "attachment; filename=\"{plain}\"; filename*=UTF-8''{}",
        utf8_percent_encode(name, NAME)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(range).unwrap())])
    }

    #[test]
    fn ranges_are_read_as_http_says() {
        for (range, answer) in [
            ("bytes=0-9", Ok(Some((0, 9)))),
            ("bytes=90-", Ok(Some((90, 99)))),
            ("bytes=-10", Ok(Some((90, 99)))),
            ("bytes=-1000", Ok(Some((0, 99)))),
            ("bytes=50-1000", Ok(Some((50, 99)))),
            ("bytes=100-", Err(Unsatisfiable)),
            ("bytes=100-200", Err(Unsatisfiable)),
            ("bytes=-0", Err(Unsatisfiable)),
            ("bytes=9-0", Ok(None)),
            ("bytes=0-1,5-6", Ok(None)),
            ("bytes=a-b", Ok(None)),
            ("lines=0-9", Ok(None)),
        ] {
            assert_eq!(requested_range(&asked(range), "\"t\"", 100), answer, "{range}");
        }
        let mut old = asked("bytes=0-9");
        old.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
        assert_eq!(requested_range(&old, "\"t\"", 100), Ok(None), "the file is another by now");
        assert_eq!(requested_range(&asked("bytes=0-"), "\"t\"", 0), Err(Unsatisfiable));
    }

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

    #[test]
    fn names_survive_the_header() {
        assert_eq!(
            attachment("übung \"1\".csv"),
            "attachment; filename=\"_bung _1_.csv\"; filename*=UTF-8''%C3%BCbung%20%221%22.csv"
        );
    }
}
