//! What the names in a folder are, remembered between uploads: to choose a name is then not
//! to read a folder of a thousand files for the thousand and first.

use super::disk::{self, Entry};
use branchline_core::artifact_path::{RESERVED_PREFIX, check, escape, escape_case, unescape};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names that are remembered in all. Past this, they are forgotten and read again.
const MOST: usize = 100_000;

/// Folders whose names are known.
#[derive(Debug, Default)]
pub(super) struct KnownNames {
    folders: HashMap<PathBuf, Names>,
    count: usize,
}

#[derive(Debug)]
struct Names {
    /// When the folder was last changed, so that another program's change is noticed. One in
    /// the very tick of ours is not: the names may then differ only in case.
    changed: SystemTime,
    /// What a client calls it, and how it stands on disk.
    by_name: HashMap<String, OsString>,
    /// As they stand on disk, in lower case.
    lower: HashSet<String>,
}

impl Names {
    fn read(folder: &Path, changed: SystemTime) -> Self {
        let mut names = Self { changed, by_name: HashMap::new(), lower: HashSet::new() };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let found = entry.file_name();
            names.add(found);
        }
        names
    }

    fn add(&mut self, on_disk: OsString) {
        let found = on_disk.to_string_lossy();
        if found.starts_with(RESERVED_PREFIX) {
            return;
        }
        self.lower.insert(found.to_lowercase());
        if let Ok(read) = check(&unescape(&found))
            && let [name] = read.segments()
        {
            self.by_name.insert(name.clone(), on_disk.clone());
        }
    }
}

impl KnownNames {
    /// Finds `name` in `folder` as [`disk::find`] does.
    pub(super) fn find(&mut self, folder: &Path, name: &str) -> Entry {
        // There a wrong guess would replace another file.
        if crate::platform::IGNORES_CASE {
            return disk::find(folder, name);
        }
        let (plain, cased) = (escape(name), escape_case(name));
        for on_disk in [plain.as_ref(), &cased] {
            let path = folder.join(on_disk);
            if path.symlink_metadata().is_ok() {
                return Entry { path, exists: true };
            }
        }
        let Some(names) = self.names(folder) else { return disk::find(folder, name) };
        if let Some(on_disk) = names.by_name.get(name).map(|on_disk| folder.join(on_disk))
            && on_disk.symlink_metadata().is_ok()
        {
            return Entry { path: on_disk, exists: true };
        }
        let clash = names.lower.contains(&plain.to_lowercase());
        let on_disk = if clash { cased.as_str() } else { plain.as_ref() };
        Entry { path: folder.join(on_disk), exists: false }
    }

    fn names(&mut self, folder: &Path) -> Option<&mut Names> {
        let changed = changed(folder)?;
        if self.folders.get(folder).is_none_or(|names| names.changed != changed) {
            if self.count > MOST {
                self.folders.clear();
                self.count = 0;
            }
            let names = Names::read(folder, changed);
            self.count += names.lower.len();
            self.folders.insert(folder.to_path_buf(), names);
        }
        self.folders.get_mut(folder)
    }

    /// Says that `place` was taken just now. What the folder was before is known.
    pub(super) fn took(&mut self, place: &Path) {
        let (Some(folder), Some(name)) = (place.parent(), place.file_name()) else { return };
        if let (Some(names), Some(changed)) = (self.folders.get_mut(folder), changed(folder)) {
            names.add(name.to_owned());
            names.changed = changed;
            self.count += 1;
        }
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|about| about.modified()).ok()
}
