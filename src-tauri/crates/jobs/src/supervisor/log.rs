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
    buffer: Vec<u8>,
}

/// What came of one look at a job's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    /// The log is longer.
    Kept,
    /// It was past the bound.
    Dropped,
    /// The last writer is gone.
    End,
}

impl Log {
    /// Goes on where an attempt before left off.
    pub(super) fn open(path: &Path, most: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size, most, full: size >= most, buffer: vec![0; BUFFER] })
    }

    /// Copies what there is, and waits where there is nothing. What is past the bound is read and
    /// dropped, so that the job never waits for us.
    pub(super) fn take_from(&mut self, output: &mut impl Read) -> Took {
        loop {
            return match output.read(&mut self.buffer) {
                Ok(0) => Took::End,
                Ok(_) if self.full => Took::Dropped,
                Ok(read) => match self.keep(read) {
                    true => Took::Kept,
                    false => Took::Dropped,
                },
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Took::End,
            };
        }
    }

    /// Keeps of what was read what there is room for; answers whether anything was kept.
    fn keep(&mut self, read: usize) -> bool {
        let room = usize::try_from(self.most - self.size).unwrap_or(usize::MAX);
        let kept = &self.buffer[..read.min(room)];
        // A disk that is full ends the log, not the job.
        if self.file.write_all(kept).is_err() {
            self.full = true;
            return false;
        }
        self.size += kept.len() as u64;
        if kept.len() < read {
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

    fn written(most: u64, mut output: &[u8]) -> (String, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::open(&path, most).unwrap();
        let looks = std::iter::repeat_with(|| log.take_from(&mut output));
        let told = looks.take_while(|took| *took != Took::End).filter(|took| *took == Took::Kept);
        let told = told.count();
        (std::fs::read_to_string(&path).unwrap(), told)
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
