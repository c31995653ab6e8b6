//! What differs between operating systems, for the whole crate.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder that only this OS user can enter; one that exists stays as it is.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    // On Windows a folder inside the user's profile inherits the profile's
    // access list, which names the user, administrators and the system only.
    builder.create(path)
}

/// Takes away what others may do with a folder that exists already.
pub(crate) fn make_dir_private(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    {
        std::fs::metadata(path).map(drop)
    }
}

/// Makes a new file that only this OS user can read; fails when it exists.
pub(crate) fn create_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether a process is known to have ended.
pub(crate) fn is_gone(pid: u32) -> bool {
    #[cfg(unix)]
    {
        let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
        let found = pid.map(rustix::process::test_kill_process);
        found == Some(Err(rustix::io::Errno::SRCH))
    }
    #[cfg(not(unix))]
    {
        let _ = pid;
        false
    }
}

/// Whether files answer to their names in any case.
pub(crate) const IGNORES_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// Makes renames and new names in a folder outlive a power cut.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        File::open(path)?.sync_all()
    }
    #[cfg(not(unix))]
    {
        // Windows opens no folders as files; NTFS keeps its own journal of names.
        std::fs::metadata(path).map(drop)
    }
}

/// Puts everything on the disk that holds `file`, where the system can do that at once;
/// answers whether it did.
pub(crate) fn sync_disk(file: &File) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::syncfs(file)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        file.metadata().map(|_| false)
    }
}

/// Lets whatever else wants the processor go before this thread, which is there for one thing.
pub(crate) fn step_back() {
    // Elsewhere it would be the whole process that steps back.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(19) {
        tracing::debug!(%error, "a thread in the background runs like any other");
    }
}

/// The path that the decoded path part of a `file:` URI means: `/C:/x` is `C:/x`
/// where there are drives.
pub(crate) fn path_of_file_uri(path: &str) -> std::path::PathBuf {
    let drive = path.strip_prefix('/').filter(|rest| rest.as_bytes().get(1) == Some(&b':'));
    match drive {
        Some(rest) if cfg!(windows) => rest.into(),
        _ => path.into(),
    }
}
