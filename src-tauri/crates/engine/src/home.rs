//! The data folder: where everything that Branchline keeps has its place.

use crate::platform;
use branchline_core::{Error, ErrorCode, Result};
use directories::ProjectDirs;
use std::path::{Path, PathBuf};

/// Environment variable that names the data folder.
pub const DATA_DIR_VARIABLE: &str = "BRANCHLINE_DATA_DIR";

/// A data folder and the paths of what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The folder named by a flag, else by `BRANCHLINE_DATA_DIR`, else the
    /// platform's folder for application data. Nothing is created.
    pub fn locate(flag: Option<PathBuf>) -> Result<Self> {
        let named = flag.or_else(|| std::env::var_os(DATA_DIR_VARIABLE).map(PathBuf::from));
        match named.filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Self::at(path),
            None => Self::platform_default(),
        }
    }

    /// The platform's folder for application data.
    pub fn platform_default() -> Result<Self> {
        let dirs = ProjectDirs::from("", "", "branchline").ok_or_else(|| {
            Error::new(ErrorCode::Internal, "There is no home folder to keep data in.")
                .hint(format!("Name a folder with --data-dir or {DATA_DIR_VARIABLE}."))
        })?;
        Self::at(dirs.data_dir())
    }

    /// The folder at `path`, made absolute so that a later change of the working
    /// directory cannot move it.
    pub fn at(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let root = std::path::absolute(path).map_err(|cause| {
            Error::invalid(format!("The data folder '{}' is no path.", path.display()))
                .source(cause)
        })?;
        Ok(Self { root })
    }

    /// Makes the folder and those inside it that are not there yet. A new folder
    /// is closed to other users of the machine; `secrets` always is.
    pub fn create(&self) -> Result<()> {
        platform::create_private_dir(&self.root).map_err(|e| self.cannot("make", &self.root, e))?;
        for folder in [self.artifacts(), self.jobs(), self.logs(), self.backups(), self.secrets()] {
            platform::create_private_dir(&folder).map_err(|e| self.cannot("make", &folder, e))?;
        }
        let secrets = self.secrets();
        platform::make_dir_private(&secrets).map_err(|e| self.cannot("protect", &secrets, e))
    }

    fn cannot(&self, verb: &str, path: &Path, cause: std::io::Error) -> Error {
        let code = match cause.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                ErrorCode::PermissionDenied
            }
            std::io::ErrorKind::StorageFull => ErrorCode::StorageFull,
            _ => ErrorCode::Internal,
        };
        Error::new(code, format!("Cannot {verb} the folder '{}': {cause}.", path.display()))
            .hint(format!(
                "Give yourself write access to '{}', or name another folder with --data-dir.",
                self.root.display()
            ))
            .source(cause)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("branchline.db")
    }

    /// Files of runs and models.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// One folder per job.
    pub fn jobs(&self) -> PathBuf {
        self.root.join("jobs")
    }

    /// Log files.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Copies of the database.
    pub fn backups(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// Keys, readable by the owner of the folder only.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    /// Held locked by the one process that owns the folder.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("instance.lock")
    }

    /// Says how to reach the owner while it serves.
    pub fn instance_file(&self) -> PathBuf {
        self.root.join("instance.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_and_becomes_absolute() {
        let data = DataDir::locate(Some(PathBuf::from("some/folder"))).unwrap();
        assert!(data.root().is_absolute(), "a later chdir must not move the folder");
        assert!(data.root().ends_with("some/folder"));
        assert_eq!(data.database(), data.root().join("branchline.db"));
    }

    #[test]
    fn create_makes_every_folder_and_closes_the_secrets() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDir::at(parent.path().join("deep/er")).unwrap();
        data.create().unwrap();
        data.create().unwrap();
        for folder in [data.artifacts(), data.jobs(), data.logs(), data.backups(), data.secrets()] {
            assert!(folder.is_dir(), "{} is missing", folder.display());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            for folder in [data.secrets(), data.root().to_owned()] {
                let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
                assert_eq!(mode & 0o077, 0, "{} is open to others", folder.display());
            }
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_so_with_a_remedy() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let error = DataDir::at(file.join("data")).unwrap().create().unwrap_err();
        assert!(error.message.contains("file"), "{}", error.message);
        assert!(error.hint.unwrap().contains("--data-dir"));
    }
}
