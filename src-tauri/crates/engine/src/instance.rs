//! One process owns a data folder. It holds an OS lock for as long as it lives,
//! so a crash leaves nothing to clean up, and while it serves it says in
//! `instance.json` how others of the same OS user reach it.

use crate::home::DataDir;
use crate::platform;
use branchline_core::{Error, ErrorCode};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the lock of an owner that is gone is waited for. A process that it had just begun to
/// start when it was killed has the lock, too, until it has become another program.
const INHERITED: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How to reach the process that owns a data folder.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceInfo {
    /// Where it answers, without a slash at the end.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// Milliseconds UTC.
    pub started_at: i64,
    /// Its release.
    pub version: String,
    /// Bearer credential of the owner, for this OS user's own commands.
    pub secret: String,
}

impl InstanceInfo {
    /// What the owner wrote, if it serves. A file that a crash left behind is
    /// read too: ask [`OwnerLock::acquire`] whether an owner lives.
    pub fn read(data_dir: &DataDir) -> Option<Self> {
        let text = std::fs::read(data_dir.instance_file()).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

impl std::fmt::Debug for InstanceInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstanceInfo")
            .field("url", &self.url)
            .field("pid", &self.pid)
            .field("started_at", &self.started_at)
            .field("version", &self.version)
            .field("secret", &"…")
            .finish()
    }
}

/// Why a data folder could not be owned.
#[derive(Debug)]
pub enum LockError {
    /// Another process owns it.
    InUse {
        /// How to reach it; absent while it starts, and for a command that owns
        /// the folder without serving.
        info: Option<InstanceInfo>,
        /// Its process, where the platform lets us see it.
        pid: Option<u32>,
    },
    /// The folder or its lock file cannot be used.
    Io(PathBuf, io::Error),
}

impl std::fmt::Display for LockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InUse { info: Some(info), .. } => write!(
                f,
                "The data folder is in use by Branchline (process {}), which answers at {}.",
                info.pid, info.url
            ),
            Self::InUse { info: None, pid: Some(pid) } => {
                write!(
                    f,
                    "The data folder is in use by another Branchline command (process {pid})."
                )
            }
            Self::InUse { info: None, pid: None } => {
                f.write_str("The data folder is in use by another Branchline command.")
            }
            Self::Io(path, cause) => write!(f, "Cannot lock '{}': {cause}.", path.display()),
        }
    }
}

impl std::error::Error for LockError {}

impl From<LockError> for Error {
    fn from(error: LockError) -> Self {
        let message = error.to_string();
        match error {
            LockError::InUse { .. } => Self::new(ErrorCode::ResourceConflict, message)
                .hint("Stop that process, or name another folder with --data-dir."),
            LockError::Io(_, cause) => Self::internal(message).source(cause),
        }
    }
}

/// Ownership of a data folder; ends when it is dropped or the process dies.
#[derive(Debug)]
pub struct OwnerLock {
    // Dropping the file unlocks it, after `Drop` has removed instance.json.
    file: File,
    instance_file: PathBuf,
    published: bool,
}

impl OwnerLock {
    /// Takes the lock, or says who has it. Makes the folder if it is missing.
    pub fn acquire(data_dir: &DataDir) -> Result<Self, LockError> {
        let path = data_dir.lock_file();
        let failed = |cause| LockError::Io(path.clone(), cause);
        platform::create_private_dir(data_dir.root()).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    if !Self::owner_is_gone(data_dir) || begun.elapsed() > INHERITED {
                        return Err(Self::in_use(data_dir));
                    }
                    std::thread::sleep(LOOK_AGAIN);
                }
                Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            }
        }
        // Only for people and messages; the lock itself is what counts.
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        let instance_file = data_dir.instance_file();
        remove_if_there(&instance_file).map_err(failed)?;
        Ok(Self { file, instance_file, published: false })
    }

    /// The process that has or had the lock.
    fn holder(data_dir: &DataDir) -> Option<u32> {
        std::fs::read_to_string(data_dir.lock_file()).ok()?.trim().parse().ok()
    }

    fn owner_is_gone(data_dir: &DataDir) -> bool {
        Self::holder(data_dir).is_some_and(platform::is_gone)
    }

    fn in_use(data_dir: &DataDir) -> LockError {
        let info = InstanceInfo::read(data_dir);
        let pid = Self::holder(data_dir);
        // The file of an owner that crashed stays until the next one removes it.
        let info = info.filter(|info| pid.is_none_or(|pid| pid == info.pid));
        LockError::InUse { pid: pid.or(info.as_ref().map(|i| i.pid)), info }
    }

    /// Tells others of this OS user how to reach the owner. The file appears
    /// whole or not at all.
    pub fn publish(&mut self, info: &InstanceInfo) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(info)?;
        let temporary = self.instance_file.with_extension("json.new");
        remove_if_there(&temporary)?;
        let mut file = platform::create_private_file(&temporary)?;
        file.write_all(&text)?;
        file.write_all(b"\n")?;
        drop(file);
        std::fs::rename(&temporary, &self.instance_file)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for OwnerLock {
    fn drop(&mut self) {
        if self.published {
            // Nobody is told when this fails: the next owner removes the file.
            let _ = remove_if_there(&self.instance_file);
        }
        let _ = self.file.unlock();
    }
}

fn remove_if_there(path: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> InstanceInfo {
        InstanceInfo {
            url: "http://127.0.0.1:5005".into(),
            pid: std::process::id(),
            started_at: 1,
            version: "0.1.0".into(),
            secret: "s3cret".into(),
        }
    }

    fn folder() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::at(parent.path().join("data")).unwrap();
        (parent, data)
    }

    #[test]
    fn the_second_owner_is_told_who_the_first_is() {
        let (_parent, data) = folder();
        let mut first = OwnerLock::acquire(&data).unwrap();
        match OwnerLock::acquire(&data).unwrap_err() {
            LockError::InUse { info, pid } => {
                assert_eq!(info, None, "nothing is published yet");
                assert_eq!(pid, Some(std::process::id()));
            }
            other @ LockError::Io(..) => panic!("{other}"),
        }
        first.publish(&info()).unwrap();
        let second = OwnerLock::acquire(&data).unwrap_err();
        assert!(second.to_string().contains("http://127.0.0.1:5005"), "{second}");
        let error = Error::from(second);
        assert_eq!(error.code, ErrorCode::ResourceConflict);
        assert!(error.hint.unwrap().contains("--data-dir"));
    }

    #[test]
    fn dropping_the_owner_removes_the_file_and_frees_the_folder() {
        let (_parent, data) = folder();
        let mut first = OwnerLock::acquire(&data).unwrap();
        first.publish(&info()).unwrap();
        assert_eq!(InstanceInfo::read(&data), Some(info()));
        drop(first);
        assert_eq!(InstanceInfo::read(&data), None);
        OwnerLock::acquire(&data).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_outlives_its_owner_is_waited_for() {
        let (_parent, data) = folder();
        data.create().unwrap();
        let mut owner = std::process::Command::new("true").spawn().unwrap();
        owner.wait().unwrap();
        std::fs::write(data.lock_file(), owner.id().to_string()).unwrap();
        let inherited = File::open(data.lock_file()).unwrap();
        inherited.lock().unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| OwnerLock::acquire(&data).map(drop));
            std::thread::sleep(LOOK_AGAIN * 3);
            assert!(!waits.is_finished(), "its owner is gone");
            drop(inherited);
            waits.join().unwrap().unwrap();
        });
    }

    #[test]
    fn what_a_crash_left_behind_is_not_believed() {
        let (_parent, data) = folder();
        data.create().unwrap();
        let stale = InstanceInfo { pid: 1, ..info() };
        std::fs::write(data.instance_file(), serde_json::to_vec(&stale).unwrap()).unwrap();
        let owner = OwnerLock::acquire(&data).unwrap();
        assert!(!data.instance_file().exists(), "a new owner starts clean");
        std::fs::write(data.instance_file(), serde_json::to_vec(&stale).unwrap()).unwrap();
        match OwnerLock::acquire(&data).unwrap_err() {
            LockError::InUse { info, .. } => assert_eq!(info, None, "another process wrote it"),
            other @ LockError::Io(..) => panic!("{other}"),
        }
        drop(owner);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_readable_by_its_owner_only_and_debug_hides_the_secret() {
        use std::os::unix::fs::PermissionsExt;
        let (_parent, data) = folder();
        let mut owner = OwnerLock::acquire(&data).unwrap();
        owner.publish(&info()).unwrap();
        let mode = std::fs::metadata(data.instance_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{:?}", info()).contains("s3cret"));
    }
}
