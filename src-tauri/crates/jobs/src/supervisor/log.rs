//! A job's log: what its process writes, cut at a stated size. However much is written and
//! however long a line is, one buffer is held.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

const BUFFER: usize = 64 * 1024;

pub(super) struct Log {
    file: File,
    size: u64,
    most: u64,
    full: bool,
}

impl Log {
    /// Goes on where an attempt before left off.
    pub(super) fn open(path: &Path, most: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size, most, full: size >= most })
    }

    /// Copies until the last writer is gone. What is past the bound is read and dropped,
    /// so that the job never waits for us.
    pub(super) fn follow(mut self, mut output: impl Read, wrote: impl Fn()) {
        let mut buffer = vec![0; BUFFER];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => {
                    if !self.full && self.take(&buffer[..n]) {
                        wrote();
                    }
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Keeps what there is room for; answers whether anything was kept.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let room = usize::try_from(self.most - self.size).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        // A disk that is full ends the log, not the job.
        if self.file.write_all(kept).is_err() {
            self.full = true;
            return false;
        }
        self.size += kept.len() as u64;
        if kept.len() < bytes.len() {
            self.full = true;
            let note = format!("\n[branchline: the log is cut here, at {} bytes]\n", self.most);
            let _ = self.file.write_all(note.as_bytes());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(most: u64, output: &[u8]) -> (String, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let told = std::cell::Cell::new(0);
        Log::open(&path, most).unwrap().follow(output, || told.set(told.get() + 1));
        (std::fs::read_to_string(&path).unwrap(), told.get())
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let (text, told) = written(100, b"one\ntwo\n");
        assert_eq!((text.as_str(), told), ("one\ntwo\n", 1));
    }

    #[test]
    fn what_does_not_fit_is_cut_at_the_bound_and_says_so() {
        let (text, told) = written(10, &b"x".repeat(300_000));
        assert!(text.starts_with("xxxxxxxxxx\n[branchline: the log is cut here"), "{text}");
        assert!(text.len() < 100, "{}", text.len());
        assert_eq!(told, 1, "nobody is told of what is dropped");
    }
}
