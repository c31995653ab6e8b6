//! From a URI to a place on disk, and what can be done there.

use super::Inner;
use super::disk::{self, Entry, existing_part, failure, find};
use super::open::OpenFile;
use branchline_core::artifact_path::{self, RESERVED_PREFIX, RelativePath};
use branchline_core::location::{self, after_host, split_scheme, strip_scheme};
use branchline_core::{Error, ErrorCode, FileInfo, Result};
use percent_encoding::percent_decode_str;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What a URI and a path name.
#[derive(Debug)]
pub(super) struct Target {
    /// Nothing outside of it may be reached: the artifact root or an allowed root.
    pub(super) root: PathBuf,
    /// From the root to the folder that the URI names.
    base: Base,
    /// From there on.
    pub(super) path: RelativePath,
}

#[derive(Debug)]
enum Base {
    /// Names that are escaped on disk.
    Names(RelativePath),
    /// A folder of this machine as it is called.
    Folder(PathBuf),
}

impl Inner {
    /// Checks what `uri` and `path` name.
    pub(super) fn target(&self, uri: &str, path: Option<&str>) -> Result<Target> {
        let path = artifact_path::check(path.unwrap_or_default())?;
        if let Some(rest) = location::proxied(uri) {
            let base = Base::Names(artifact_path::check(rest)?);
            return Ok(Target { root: self.root.clone(), base, path });
        }
        let folder = local_folder(uri)?;
        let real = existing_part(&folder).map_err(|error| failure(error, uri))?;
        let within =
            |root: &&PathBuf| root.canonicalize().is_ok_and(|root| real.starts_with(&root));
        // The longest says best what must not be left.
        let root =
            self.allowed_roots.iter().filter(within).max_by_key(|root| root.as_os_str().len());
        match root {
            Some(root) => Ok(Target { root: root.clone(), base: Base::Folder(folder), path }),
            None => Err(outside(uri)),
        }
    }
}

pub(super) fn whole_root() -> Error {
    Error::invalid("Invalid path: a whole artifact root is not deleted.")
}

fn outside(uri: &str) -> Error {
    Error::invalid(format!(
        "Invalid path: '{uri}' is outside of the folders that artifacts may be served from."
    ))
    .hint("Add the folder to `artifacts.allowed_roots`.")
}

fn escapes() -> Error {
    Error::invalid("Invalid path: resolved path is outside the artifact directory")
}

/// The folder that a `file:` URI or an absolute path names.
fn local_folder(uri: &str) -> Result<PathBuf> {
    let path = match strip_scheme(uri, "file") {
        Some(rest) => {
            let host = rest
                .strip_prefix("//")
                .map_or("", |rest| rest.split('/').next().unwrap_or_default());
            if !matches!(host, "" | "localhost") {
                return Err(outside(uri));
            }
            let decoded = percent_decode_str(after_host(rest)).decode_utf8();
            let decoded = decoded.map_err(|_| Error::invalid("Invalid path"))?;
            crate::platform::path_of_file_uri(&decoded)
        }
        None => PathBuf::from(uri),
    };
    match split_scheme(uri) {
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("file") => Err(Error::new(
            ErrorCode::NotImplemented,
            format!(
                "Artifacts in '{scheme}:' locations are read and written by the client itself, not by this server."
            ),
        )),
        _ if !path.is_absolute()
            || path.components().any(|part| part == Component::ParentDir)
            || path.as_os_str().to_string_lossy().contains('\0') =>
        {
            Err(Error::invalid("Invalid path"))
        }
        _ => Ok(path),
    }
}

impl Target {
    /// What the path is called in answers.
    pub(super) fn name(&self) -> String {
        self.path.to_string()
    }

    /// The folder that the URI names.
    pub(super) fn base(&self) -> PathBuf {
        match &self.base {
            Base::Names(names) => descend(&self.root, names.segments()),
            Base::Folder(folder) => folder.clone(),
        }
    }

    /// Where it is, or would be, having checked that this is inside.
    pub(super) fn locate(&self) -> Result<PathBuf> {
        let base = self.base();
        let found = descend(&base, self.path.segments());
        self.confine(&base, &found)?;
        Ok(found)
    }

    /// Refuses what leaves the root or the base through symbolic links. Whoever can
    /// swap a folder for a link at this very moment can write to the folders anyway.
    pub(super) fn confine(&self, base: &Path, found: &Path) -> Result<()> {
        let real = |path: &Path| existing_part(path).map_err(|error| failure(error, &self.name()));
        // A root that is not there yet holds no links.
        let Ok(root) = self.root.canonicalize() else { return Ok(()) };
        if !real(base)?.starts_with(&root) {
            return Err(escapes());
        }
        match base.canonicalize() {
            Ok(base) if !real(found)?.starts_with(&base) => Err(escapes()),
            _ => Ok(()),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<FileInfo>> {
        let folder = self.locate()?;
        let entries = match fs::read_dir(&folder) {
            Err(error) if disk::is_missing(&error) => return Ok(Vec::new()),
            entries => entries.map_err(|error| failure(error, &self.name()))?,
        };
        let base = self.base().canonicalize().map_err(|error| failure(error, &self.name()))?;
        let prefix = if self.path.is_root() { String::new() } else { format!("{}/", self.path) };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failure(error, &self.name()))?;
            let on_disk = entry.file_name();
            let on_disk = on_disk.to_string_lossy();
            // Links that lead out or nowhere are not part of the artifacts.
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let leaves = || !entry.path().canonicalize().is_ok_and(|real| real.starts_with(&base));
            if on_disk.starts_with(RESERVED_PREFIX) || (is_link && leaves()) {
                continue;
            }
            // What vanishes meanwhile is not there.
            let Ok(about) = fs::metadata(entry.path()) else { continue };
            files.push(FileInfo {
                path: format!("{prefix}{}", artifact_path::unescape(&on_disk)),
                is_dir: about.is_dir(),
                size: (!about.is_dir()).then_some(about.len()),
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    pub(super) fn open(&self) -> Result<OpenFile> {
        let found = self.locate()?;
        let name = self.path.file_name().unwrap_or_default().to_owned();
        OpenFile::on_disk(&found, &self.name(), name)
    }

    pub(super) fn delete(&self) -> Result<()> {
        let base = self.base();
        let found = descend(&base, self.path.segments());
        // A link itself is removed, not what it points to, so that its place counts.
        let place = if self.path.is_root() { Some(found.as_path()) } else { found.parent() };
        self.confine(&base, place.unwrap_or(&found))?;
        if self.is_a_root(&found) {
            return Err(whole_root());
        }
        let removed = match found.symlink_metadata() {
            Ok(about) if about.is_dir() => fs::remove_dir_all(&found),
            Ok(_) => fs::remove_file(&found),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if !disk::is_missing(&error) => Err(failure(error, &self.name())),
            _ => Ok(()),
        }
    }

    /// Deletes the base, and the folders up to the root that are empty without it.
    pub(super) fn delete_with_empty_parents(&self) -> Result<()> {
        let base = self.base();
        self.delete()?;
        let mut above = base.parent();
        while let Some(folder) = above {
            // A folder with something in it refuses, and a root stays.
            if self.is_a_root(folder) || fs::remove_dir(folder).is_err() {
                break;
            }
            above = folder.parent();
        }
        Ok(())
    }

    fn is_a_root(&self, found: &Path) -> bool {
        match (found.canonicalize(), self.root.canonicalize()) {
            (Ok(found), Ok(root)) => root.starts_with(found),
            _ => false,
        }
    }
}

/// Goes down from `folder`, name by name, as far as the names exist; what does not is
/// called as it would be on a new upload.
pub(super) fn descend(folder: &Path, names: &[String]) -> PathBuf {
    let mut at = folder.to_path_buf();
    let mut exists = true;
    for name in names {
        if exists {
            Entry { path: at, exists } = find(&at, name);
        } else {
            at.push(artifact_path::escape(name).as_ref());
        }
    }
    at
}
