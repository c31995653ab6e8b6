//! A stored file on the wire, in constant memory: which part is asked for, its bytes,
//! and the name to save it under.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use branchline_core::{Error, Result};
use branchline_engine::{Content, OpenFile};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::UNIX_EPOCH;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Up to this size a part of a file is sent in one piece.
const ONE_PIECE: u64 = 128 * 1024;
/// Size of the pieces of larger parts.
const PIECE: usize = 1 << 20;
/// Pieces that are read ahead of the network.
const AHEAD: usize = 2;

/// Letters of a header's extended value that need no escape (RFC 5987).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The bytes of a part of a file, wherever it lies.
pub(crate) async fn contents(content: Content, part: Range<u64>) -> Result<Body> {
    match content {
        Content::Whole(bytes) => {
            let end = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            Ok(Body::from(bytes.slice(end(part.start)..end(part.end))))
        }
        Content::File(file) => of_file(file, part).await,
        Content::Object(object) => Ok(Body::from_stream(object.read(part).await?)),
    }
}

async fn of_file(mut file: File, part: Range<u64>) -> Result<Body> {
    let unreadable =
        |error: io::Error| Error::internal("The file could not be read.").source(error);
    let size = part.end - part.start;
    if size <= ONE_PIECE {
        let bytes = spawn_blocking(move || {
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
            file.seek(SeekFrom::Start(part.start))?;
            file.take(size).read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        let bytes = bytes.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        return Ok(Body::from(bytes.map_err(unreadable)?));
    }
    let (sender, receiver) = mpsc::channel(AHEAD);
    spawn_blocking(move || {
        if let Err(error) = read_ahead(&mut file, part, &sender) {
            // Nobody listens any more when the client is gone.
            drop(sender.blocking_send(Err(error)));
        }
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok(Body::from_stream(pieces))
}

/// Reads piece by piece until the part ends or the client is gone.
fn read_ahead(
    file: &mut File,
    part: Range<u64>,
    sender: &mpsc::Sender<io::Result<Bytes>>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(part.start))?;
    let mut left = part.end - part.start;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        // Not filled with zeros first.
        let mut piece = Vec::with_capacity(size);
        file.by_ref().take(size as u64).read_to_end(&mut piece)?;
        if piece.len() < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= size as u64;
        if sender.blocking_send(Ok(piece.into())).is_err() {
            break;
        }
    }
    Ok(())
}

/// What of a file a request asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Wanted {
    /// The whole.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// A range that begins after the end.
    Nothing,
}

/// Reads `Range`. What is not understood, and more than one range, means everything.
pub(crate) fn wanted(asked: &HeaderMap, size: u64, tag: &str) -> Wanted {
    let header = |name| asked.get(name).and_then(|value| value.to_str().ok());
    let stale = header(header::IF_RANGE).is_some_and(|known| known != tag);
    let range = header(header::RANGE).and_then(|range| range.trim().strip_prefix("bytes="));
    let Some((first, last)) = range.filter(|_| !stale).and_then(|range| range.split_once('-'))
    else {
        return Wanted::All;
    };
    let part = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(count)) if first.trim().is_empty() => size.saturating_sub(count)..size,
        _ => return Wanted::All,
    };
    if part.is_empty() { Wanted::Nothing } else { Wanted::Part(part) }
}

/// Changes whenever the file does.
pub(crate) fn entity_tag(file: &OpenFile) -> String {
    let age = file.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("\"{:x}-{:x}\"", age.as_nanos(), file.size)
}

/// The header that makes a browser save a file under its name (RFC 6266).
pub(crate) fn attachment(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(c);
    let shown = match plain.as_str() {
        "" => "download".to_owned(),
        token if token.chars().all(is_token) => token.to_owned(),
        other => format!("\"{}\"", other.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    if plain == name {
        return format!("attachment; filename={shown}");
    }
    let escaped = utf8_percent_encode(name, PLAIN);
    format!("attachment; filename={shown}; filename*=UTF-8''{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn range(value: &str) -> Wanted {
        let headers = HeaderMap::from_iter([(header::RANGE, value.parse().unwrap())]);
        wanted(&headers, 14, "\"tag\"")
    }

    #[test]
    fn one_range_is_understood() {
        assert_eq!(range("bytes=6-"), Wanted::Part(6..14));
        assert_eq!(range("bytes=0-0"), Wanted::Part(0..1));
        assert_eq!(range("bytes=2-100"), Wanted::Part(2..14));
        assert_eq!(range("bytes=-4"), Wanted::Part(10..14));
        assert_eq!(range("bytes=-100"), Wanted::Part(0..14));
    }

    #[test]
    fn a_range_after_the_end_is_refused_and_nonsense_ignored() {
        assert_eq!(range("bytes=14-"), Wanted::Nothing);
        assert_eq!(range("bytes=600-700"), Wanted::Nothing);
        assert_eq!(range("bytes=-0"), Wanted::Nothing);
        for ignored in ["bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=-", ""] {
            assert_eq!(range(ignored), Wanted::All, "{ignored}");
        }
        assert_eq!(wanted(&HeaderMap::new(), 14, ""), Wanted::All);
    }

    #[test]
    fn a_range_of_another_state_of_the_file_is_ignored() {
        let ask = |tag: &str| {
            let headers = [(header::RANGE, "bytes=6-"), (header::IF_RANGE, tag)];
            let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
            wanted(&HeaderMap::from_iter(headers), 14, "\"new\"")
        };
        assert_eq!(ask("\"new\""), Wanted::Part(6..14));
        assert_eq!(ask("\"old\""), Wanted::All);
    }

    #[test]
    fn names_survive_the_header() {
        assert_eq!(attachment("a.txt"), "attachment; filename=a.txt");
        assert_eq!(attachment("a b\".txt"), "attachment; filename=\"a b\\\".txt\"");
        assert_eq!(
            attachment("grüß e.html"),
            "attachment; filename=\"gr e.html\"; filename*=UTF-8''gr%C3%BC%C3%9F%20e.html"
        );
        assert_eq!(
            attachment("日本"),
            "attachment; filename=download; filename*=UTF-8''%E6%97%A5%E6%9C%AC"
        );
        assert!(HeaderValue::from_str(&attachment("a\r\nX: y")).is_ok());
    }
}
