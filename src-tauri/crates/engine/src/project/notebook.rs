//! Notebooks in a project's folder.

use std::path::Path;

/// How deep notebooks are looked for.
const DEEPEST: usize = 6;
/// Notebooks that are listed.
const MOST: usize = 500;
/// Folders and files that are looked at.
const LOOKED_AT: usize = 20_000;
/// Folders in which nobody keeps notebooks.
const LEFT_OUT: [&str; 6] =
    ["node_modules", "venv", "env", "site-packages", "__pycache__", "mlruns"];

/// The notebooks under a folder, as paths from it, in order.
pub(super) fn list(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut looked = 0;
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((place, prefix, depth)) = open.pop() {
        for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
            looked += 1;
            if looked > LOOKED_AT || found.len() == MOST {
                found.sort();
                return found;
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            // A link could lead anywhere, and round in circles.
            let Ok(kind) = entry.file_type() else { continue };
            if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            if kind.is_dir() && depth < DEEPEST {
                open.push((entry.path(), format!("{prefix}{name}/"), depth + 1));
            } else if kind.is_file() && name.ends_with(".ipynb") {
                found.push(format!("{prefix}{name}"));
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn notebooks_are_found_where_people_keep_them() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b.ipynb", "notebooks/a.ipynb", ".venv/x.ipynb", "venv/x.ipynb", "c.txt"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(list(folder.path()), ["b.ipynb", "notebooks/a.ipynb"]);
    }
}
