//! What a job says of itself without speaking HTTP: it adds lines of JSON to a file that its
//! environment names, and the newest whole one is told. Looked at when memory is.

use super::tell;
use crate::message::Report;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Of one look; a line that is longer is not told.
const MOST: u64 = 64 * 1024;

pub(super) struct Progress {
    path: PathBuf,
    seen: u64,
}

impl Progress {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, seen: 0 }
    }

    /// Tells the newest line, if there is one that was not told.
    pub(super) fn look(&mut self) {
        if let Some(line) = self.newest() {
            tell(&Report::Progress { line });
        }
    }

    fn newest(&mut self) -> Option<String> {
        let size = std::fs::metadata(&self.path).ok()?.len();
        if size == self.seen {
            return None;
        }
        let from = size.saturating_sub(MOST);
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(from)).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        // What has no end yet is told when it has.
        let end = bytes.iter().rposition(|byte| *byte == b'\n')?;
        let start = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let told = from + end as u64 + 1;
        if told == self.seen {
            return None;
        }
        self.seen = told;
        let line = String::from_utf8_lossy(&bytes[start..end]).trim().to_owned();
        line.starts_with('{').then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn q25_the_newest_whole_line_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.jsonl");
        let mut progress = Progress::new(path.clone());
        assert_eq!(progress.newest(), None);
        let mut file = File::create(&path).unwrap();
        file.write_all(b"{\"progress\": 0.1}\n{\"progress\": 0.2}\n{\"prog").unwrap();
        assert_eq!(progress.newest().as_deref(), Some("{\"progress\": 0.2}"));
        assert_eq!(progress.newest(), None);
        file.write_all(b"ress\": 0.3}\r\n").unwrap();
        assert_eq!(progress.newest().as_deref(), Some("{\"progress\": 0.3}"));
        file.write_all(b"no json\n").unwrap();
        assert_eq!(progress.newest(), None);
    }
}
