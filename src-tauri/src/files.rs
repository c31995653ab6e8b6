//! Files that the native commands write or show.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

/// A file being written beside its final name, so that a broken download never
/// stands where a whole file is expected. Dropped unfinished, it goes away.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Partial {
    /// Starts the file that will be `path`.
    pub(crate) async fn create(path: &Path) -> io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let partial = path.with_file_name(name);
        let file = File::create(&partial).await?;
        Ok(Self { file, partial, path: path.to_owned(), finished: false })
    }

    /// Appends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await
    }

    /// Brings the bytes to disk and gives the file its name.
    pub(crate) async fn finish(mut self) -> io::Result<()> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        fs::rename(&self.partial, &self.path).await?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.finished {
            // It may be gone already; there is nobody left to tell.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

/// The last part of a name that a page proposes, for the save dialog to start
/// with. The person chooses the folder, never the page.
pub(crate) fn plain_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let last: String = last.chars().filter(|c| !c.is_control()).collect();
    match last.as_str() {
        "" | "." | ".." => "download".to_owned(),
        _ => last,
    }
}

/// An existing path, if it lies in a folder once links are followed.
pub(crate) fn inside(folder: &Path, path: &Path) -> Result<PathBuf, String> {
    let missing = |error: io::Error| format!("{} cannot be shown: {error}", path.display());
    let folder = folder.canonicalize().map_err(missing)?;
    let found = path.canonicalize().map_err(missing)?;
    if found.starts_with(&folder) {
        return Ok(found);
    }
    Err(format!("{} is not in the data folder", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_finished_file_stands_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        let mut file = Partial::create(&path).await.unwrap();
        file.write(b"one").await.unwrap();
        assert!(!path.exists(), "an unfinished file must not be taken for the whole");
        file.write(b"two").await.unwrap();
        file.finish().await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"onetwo");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn an_unfinished_file_leaves_nothing_and_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");
        std::fs::write(&path, "before").unwrap();
        let mut file = Partial::create(&path).await.unwrap();
        file.write(b"half").await.unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_proposed_name_has_no_folders() {
        assert_eq!(plain_name("plots/loss.png"), "loss.png");
        assert_eq!(plain_name("..\\..\\autorun.inf"), "autorun.inf");
        assert_eq!(plain_name("a\nb.txt"), "ab.txt");
        assert_eq!(plain_name("plots/.."), "download");
        assert_eq!(plain_name(""), "download");
    }

    #[test]
    fn only_what_lies_in_the_folder_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let file = folder.path().join("artifact");
        std::fs::write(&file, "").unwrap();
        assert_eq!(inside(folder.path(), &file), Ok(file.canonicalize().unwrap()));
        assert!(inside(folder.path(), other.path()).is_err());
        assert!(inside(folder.path(), &folder.path().join("..")).is_err());
        assert!(inside(folder.path(), &folder.path().join("missing")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leaves_the_folder_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(other.path(), &link).unwrap();
        assert!(inside(folder.path(), &link).is_err());
    }
}
