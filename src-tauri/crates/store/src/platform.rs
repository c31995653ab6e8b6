//! What differs between operating systems, for the whole crate.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

/// Makes a file that only this OS user can read, or closes one that exists. SQLite gives
/// the files beside a database the mode of the database.
///
/// The file is not opened when it exists: closing it would drop SQLite's locks.
pub(crate) fn make_file_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // On Windows a file inherits the access list of its folder in the user's profile.
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close_to_others(path),
        made => made.map(drop),
    }
}

/// Takes away what others may do with a file.
fn close_to_others(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path)?.permissions().mode();
        if mode & 0o077 != 0 {
            let own = std::fs::Permissions::from_mode(mode & 0o700);
            std::fs::set_permissions(path, own)?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    {
        std::fs::metadata(path).map(drop)
    }
}
