//! What the process tells about itself: on stderr, and in one text file a day in
//! the data folder. The owner of the folder writes there; anybody may read.

use crate::config::LogFormat;
use branchline_core::{Error, Result};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

const PREFIX: &str = "branchline";
const SUFFIX: &str = "log";
/// Lines that may wait for the disk. The library's own default reserves megabytes.
const WAITING_LINES: usize = 4096;

/// Where and how much to log.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// The folder of the files; none are written without one.
    pub dir: Option<PathBuf>,
    /// How much.
    pub level: Level,
    /// How stderr looks; files are always text.
    pub format: LogFormat,
    /// Whether stderr is written to.
    pub stderr: bool,
    /// How many daily files are kept.
    pub max_files: usize,
}

/// Writes what still waits when it is dropped; keep it for as long as the program runs.
#[derive(Debug)]
#[must_use]
pub struct LogGuard {
    _file: Option<WorkerGuard>,
}

/// Begins to log, once for the process.
///
/// # Errors
/// A folder that cannot be written; a second call.
pub fn init(options: &LogOptions) -> Result<LogGuard> {
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    if options.stderr {
        let stderr = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
        layers.push(match options.format {
            LogFormat::Text => stderr.with_filter(targets(options.level)).boxed(),
            LogFormat::Json => stderr
                .with_ansi(false)
                .json()
                .flatten_event(true)
                .with_filter(targets(options.level))
                .boxed(),
        });
    }
    let mut guard = None;
    if let Some(dir) = &options.dir {
        let files = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(PREFIX)
            .filename_suffix(SUFFIX)
            .max_log_files(options.max_files.max(1))
            .build(dir)
            .map_err(|cause| {
                Error::internal(format!("Cannot write log files in '{}'.", dir.display()))
                    .source(cause)
            })?;
        let (writer, worker) =
            NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).finish(files);
        guard = Some(worker);
        let file = fmt::layer().with_writer(writer).with_ansi(false);
        layers.push(file.with_filter(targets(options.level)).boxed());
    }
    tracing_subscriber::registry()
        .with(layers)
        .try_init()
        .map_err(|cause| Error::internal("The log was begun before.").source(cause))?;
    Ok(LogGuard { _file: guard })
}

/// Libraries that, asked for everything, tell the messages that they carry: tokens of a socket's
/// first message, the talk with a mail server, and with the keyring.
const TELLTALES: [&str; 6] =
    ["tungstenite", "tokio_tungstenite", "lettre", "zbus", "secret_service", "keyring_core"];

/// Our own crates at `level`; libraries only when they warn, unless everything is
/// asked for.
fn targets(level: Level) -> Targets {
    let quiet = level.min(Level::WARN);
    let libraries = if level == Level::TRACE { level } else { quiet };
    let telltales = TELLTALES.map(|name| (name, quiet));
    // The alarm clock answers its failures to us, and warns of what is none.
    Targets::new()
        .with_default(libraries)
        .with_targets(telltales)
        .with_target("tokio_cron_scheduler", LevelFilter::OFF)
        .with_target(PREFIX, level)
}

/// The log files, oldest first. None where there is no folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            files.push(path);
        }
    }
    // Their names end in the date.
    files.sort();
    Ok(files)
}

/// The last `count` lines that are at least as severe as `level`, oldest first. A
/// line that says no level goes on from the one before it.
///
/// # Errors
/// When a file cannot be read.
pub fn tail(dir: &Path, count: usize, level: Option<Level>) -> io::Result<Vec<String>> {
    let mut lines: VecDeque<String> = VecDeque::new();
    for path in files(dir)?.into_iter().rev() {
        let wanted = count - lines.len();
        if wanted == 0 {
            break;
        }
        let mut filter = Filter::new(level);
        let mut of_file = VecDeque::new();
        let mut reader = BufReader::new(File::open(&path)?);
        while let Some(line) = next_line(&mut reader)? {
            if filter.admits(&line) {
                if of_file.len() == wanted {
                    of_file.pop_front();
                }
                of_file.push_back(line);
            }
        }
        while let Some(line) = of_file.pop_back() {
            lines.push_front(line);
        }
    }
    Ok(lines.into())
}

fn next_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Lets lines through by their level.
#[derive(Debug)]
struct Filter {
    level: Option<Level>,
    open: bool,
}

impl Filter {
    fn new(level: Option<Level>) -> Self {
        Self { level, open: level.is_none() }
    }

    fn admits(&mut self, line: &str) -> bool {
        let Some(level) = self.level else { return true };
        if let Some(of_line) = Parts::of(line).map(|parts| parts.level) {
            self.open = of_line <= level;
        }
        self.open
    }
}

/// A line of a log file, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts<'a> {
    /// RFC 3339, UTC.
    pub time: &'a str,
    /// How severe.
    pub level: Level,
    /// The module that said it.
    pub target: &'a str,
    /// What it said.
    pub message: &'a str,
}

impl<'a> Parts<'a> {
    /// The parts of a line that begins an entry.
    pub fn of(line: &'a str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        let (level, rest) = rest.trim_start().split_once(' ')?;
        let level = match level {
            "ERROR" => Level::ERROR,
            "WARN" => Level::WARN,
            "INFO" => Level::INFO,
            "DEBUG" => Level::DEBUG,
            "TRACE" => Level::TRACE,
            _ => return None,
        };
        let (target, message) = rest.split_once(": ")?;
        Some(Self { time, level, target, message })
    }
}

/// Reads what is added to the files after it was made.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    filter: Filter,
    current: Option<(PathBuf, u64)>,
    partial: Vec<u8>,
}

impl Follower {
    /// Begins at the end of what is there.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn new(dir: &Path, level: Option<Level>) -> io::Result<Self> {
        let current = match files(dir)?.pop() {
            Some(path) => {
                let length = path.metadata()?.len();
                Some((path, length))
            }
            None => None,
        };
        Ok(Self { dir: dir.to_owned(), filter: Filter::new(level), current, partial: Vec::new() })
    }

    /// The whole lines that were added since the last call.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn poll(&mut self) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        let current = self.current.as_ref().map(|(path, _)| path.clone());
        for path in files(&self.dir)?.into_iter().filter(|path| Some(path) >= current.as_ref()) {
            let from = match &self.current {
                Some((known, offset)) if *known == path => *offset,
                _ => 0,
            };
            let to = self.read_from(&path, from, &mut lines)?;
            self.current = Some((path, to));
        }
        Ok(lines)
    }

    fn read_from(&mut self, path: &Path, from: u64, lines: &mut Vec<String>) -> io::Result<u64> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut added = Vec::new();
        let read = file.read_to_end(&mut added)?;
        self.partial.extend(added);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if self.filter.admits(&line) {
                lines.push(line);
            }
        }
        Ok(from + u64::try_from(read).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const OLD: &str = "2026-11-22T10:00:00.0Z  INFO branchline_server: one\n\
                       2026-11-22T10:00:01.0Z  WARN branchline_store: two: of=2\n  more of two\n";
    const NEW: &str = "2026-11-23T10:00:00.0Z DEBUG branchline: three\n\
                       2026-11-23T10:00:01.0Z ERROR branchline: four\n";

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("branchline.2026-11-22.log"), OLD).unwrap();
        std::fs::write(folder.path().join("branchline.2026-11-23.log"), NEW).unwrap();
        std::fs::write(folder.path().join("other.txt"), "no log\n").unwrap();
        folder
    }

    #[test]
    fn the_tail_goes_over_files_and_filters() {
        let folder = folder();
        let all = tail(folder.path(), 100, None).unwrap();
        assert_eq!(all.len(), 5);
        assert!(all[0].ends_with("one") && all[4].ends_with("four"));
        assert_eq!(tail(folder.path(), 3, None).unwrap(), all[2..]);
        assert_eq!(tail(folder.path(), 0, None).unwrap(), Vec::<String>::new());
        let severe = tail(folder.path(), 100, Some(Level::WARN)).unwrap();
        assert_eq!(severe, [&*all[1], &*all[2], &*all[4]], "a line goes on from the one before");
        assert!(tail(&folder.path().join("none"), 9, None).unwrap().is_empty());
    }

    #[test]
    fn a_line_comes_apart() {
        let parts = Parts::of(OLD.lines().nth(1).unwrap()).unwrap();
        assert_eq!(parts.level, Level::WARN);
        assert_eq!((parts.target, parts.message), ("branchline_store", "two: of=2"));
        assert_eq!(Parts::of("  more of two"), None);
    }

    #[test]
    fn a_follower_sees_whole_new_lines_and_the_next_day() {
        let folder = folder();
        let mut follower = Follower::new(folder.path(), Some(Level::INFO)).unwrap();
        assert!(follower.poll().unwrap().is_empty());
        let today = folder.path().join("branchline.2026-11-23.log");
        let mut file = File::options().append(true).open(today).unwrap();
        file.write_all(b"t INFO branchline: fi").unwrap();
        assert!(follower.poll().unwrap().is_empty(), "half a line waits for its end");
        file.write_all(b"ve\nt DEBUG branchline: hidden\n").unwrap();
        assert_eq!(follower.poll().unwrap(), ["t INFO branchline: five"]);
        let tomorrow = folder.path().join("branchline.2026-11-24.log");
        std::fs::write(tomorrow, "t INFO branchline: six\n").unwrap();
        assert_eq!(follower.poll().unwrap(), ["t INFO branchline: six"]);
        assert!(follower.poll().unwrap().is_empty());
    }

    #[test]
    fn the_files_are_written_in_the_form_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(PREFIX)
            .filename_suffix(SUFFIX)
            .build(folder.path())
            .unwrap();
        let layer = fmt::layer().with_writer(appender).with_ansi(false);
        let subscriber =
            tracing_subscriber::registry().with(layer.with_filter(targets(Level::INFO)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "branchline_server", runs = 3, "it is so");
            tracing::info!(target: "hyper", "not shown");
        });
        let lines = tail(folder.path(), 10, None).unwrap();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let parts = Parts::of(&lines[0]).unwrap();
        assert_eq!(parts.level, Level::INFO);
        assert_eq!((parts.target, parts.message), ("branchline_server", "it is so runs=3"));
    }
}
