//! A job's log: what its process writes, cut at a stated size. However much is written and
//! however long a line is, one buffer is held.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// Bytes that are read at once.
pub(super) const BUFFER: usize = 64 * 1024;

pub(super) struct Log {
    path: PathBuf,
    most: u64,
    /// From the first byte on, and its size: a job that says nothing has no log.
    file: Option<(File, u64)>,
    full: bool,
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
    /// A log of at most so many bytes, which goes on where an attempt before left off.
    pub(super) fn new(path: PathBuf, most: u64) -> Self {
        Self { path, most, file: None, full: false }
    }

    /// Copies what there is, and waits where there is nothing. What is past the bound is read and
    /// dropped, so that the job never waits for us.
    pub(super) fn take_from(&mut self, output: &mut impl Read, buffer: &mut [u8]) -> Took {
        loop {
            return match output.read(buffer) {
                Ok(0) => Took::End,
                Ok(_) if self.full => Took::Dropped,
                Ok(read) => match self.keep(&buffer[..read]) {
                    Ok(true) => Took::Kept,
                    Ok(false) => Took::Dropped,
                    // A disk that is full ends the log, not the job.
                    Err(_) => {
                        self.full = true;
                        Took::Dropped
                    }
                },
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Took::End,
            };
        }
    }

    /// Keeps what there is room for; answers whether anything was kept.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let (file, size) = match &mut self.file {
            Some(open) => open,
            none => {
                let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
                let size = file.metadata()?.len();
                // An attempt before has filled it, and said so.
                self.full = size >= self.most;
                none.insert((file, size))
            }
        };
        if self.full {
            return Ok(false);
        }
        let room = usize::try_from(self.most - *size).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        file.write_all(kept)?;
        *size += kept.len() as u64;
        if kept.len() < bytes.len() {
            self.full = true;
            let note = format!("\n[branchline: the log is cut here, at {} bytes]\n", self.most);
            let _ = file.write_all(note.as_bytes());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(most: u64, mut output: &[u8]) -> (String, usize) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut log, mut buffer) = (Log::new(path.clone(), most), vec![0; BUFFER]);
        let looks = std::iter::repeat_with(|| log.take_from(&mut output, &mut buffer));
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

    #[test]
    fn what_fills_it_to_the_last_byte_is_cut_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut buffer) = (folder.path().join("log"), vec![0; BUFFER]);
        let mut write =
            |log: &mut Log, bytes: &str| log.take_from(&mut bytes.as_bytes(), &mut buffer);
        let mut log = Log::new(path.clone(), 4);
        assert_eq!(write(&mut log, "four"), Took::Kept);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four");
        write(&mut log, "more");
        assert_eq!(write(&mut log, "more"), Took::Dropped);
        let note = "four\n[branchline: the log is cut here, at 4 bytes]\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), note);
        assert_eq!(write(&mut Log::new(path.clone(), 4), "next"), Took::Dropped);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), note, "it was said once");
    }
}
