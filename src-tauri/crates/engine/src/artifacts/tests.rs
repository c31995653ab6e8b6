//! Finding, listing, reading and deleting, on real folders.

use super::*;
use branchline_core::ErrorCode;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use tempfile::TempDir;

pub(super) const ROOT: &str = "mlflow-artifacts:/";

/// A store in `<dir>/artifacts`, with `<dir>/allowed` allowed.
pub(super) fn store() -> (TempDir, Artifacts) {
    let dir = tempfile::tempdir().unwrap();
    let allowed = dir.path().join("allowed");
    fs::create_dir(&allowed).unwrap();
    let options = ArtifactOptions {
        allowed_roots: vec![allowed],
        ..ArtifactOptions::in_folder(dir.path().join("artifacts"), Durability::Balanced)
    };
    let artifacts = Artifacts::new(options);
    (dir, artifacts)
}

pub(super) async fn put(artifacts: &Artifacts, uri: &str, path: &str, data: &[u8]) -> Stored {
    let mut upload = artifacts.create(uri, path).unwrap();
    upload.write(data).await.unwrap();
    upload.finish().await.unwrap()
}

pub(super) async fn get(artifacts: &Artifacts, uri: &str, path: &str) -> Result<Vec<u8>> {
    let open = artifacts.open(uri, path).await?;
    let size = open.size;
    let data = read(open);
    assert_eq!(size, data.len() as u64);
    Ok(data)
}

/// All bytes of a file of this machine.
pub(super) fn read(open: OpenFile) -> Vec<u8> {
    match open.content {
        Content::Whole(bytes) => bytes.into(),
        Content::File(mut file) => {
            let mut data = Vec::new();
            file.read_to_end(&mut data).unwrap();
            data
        }
        Content::Object(_) => panic!("a bucket"),
    }
}

pub(super) async fn listed(artifacts: &Artifacts, uri: &str, path: Option<&str>) -> Vec<String> {
    let files = artifacts.list(uri, path).await.unwrap();
    files.into_iter().map(|file| file.path).collect()
}

/// All that is below a folder, as it is called on disk.
pub(super) fn on_disk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            }
        }
    }
    found.retain(|path| path != ".branchline-uploads");
    found.sort();
    found
}

#[tokio::test]
async fn a_folder_is_listed_as_mlflow_lists_it() {
    let (_dir, artifacts) = store();
    let uri = "mlflow-artifacts:/1/r/artifacts";
    for path in ["model/MLmodel", "model/data/model.pkl", "b.txt", "a.txt", "Z.txt", "é.txt"] {
        put(&artifacts, uri, path, path.as_bytes()).await;
    }
    let file =
        |path: &str, size| FileInfo { path: path.to_owned(), is_dir: false, size: Some(size) };
    let folder = |path: &str| FileInfo { path: path.to_owned(), is_dir: true, size: None };
    assert_eq!(
        artifacts.list(uri, None).await.unwrap(),
        [file("Z.txt", 5), file("a.txt", 5), file("b.txt", 5), folder("model"), file("é.txt", 6)]
    );
    let inside = [file("model/MLmodel", 13), folder("model/data")];
    for path in ["model", "model/", "./model", "model%2F"] {
        assert_eq!(artifacts.list(uri, Some(path)).await.unwrap(), inside, "{path}");
    }
    assert_eq!(artifacts.list(uri, Some("")).await.unwrap().len(), 5);
    for path in ["a.txt", "a.txt/b", "none", "model/none"] {
        assert_eq!(artifacts.list(uri, Some(path)).await.unwrap(), [], "{path}");
    }
    assert_eq!(artifacts.list("mlflow-artifacts:/none", None).await.unwrap(), []);
    assert_eq!(listed(&artifacts, ROOT, None).await, ["1"]);
    assert_eq!(listed(&artifacts, "mlflow-artifacts://host:5000/1/r", None).await, ["artifacts"]);
    assert_eq!(listed(&artifacts, ROOT, Some("1/r/artifacts/model")).await.len(), 2);
}

#[tokio::test]
async fn a_file_is_opened() {
    let (dir, artifacts) = store();
    put(&artifacts, "mlflow-artifacts:/1", "a/b c.txt", b"hello").await;
    let open = artifacts.open("mlflow-artifacts:/1", "a/b%20c.txt").await.unwrap();
    assert_eq!((open.size, open.name.as_str()), (5, "b c.txt"));
    assert!(open.modified.elapsed().is_ok_and(|age| age.as_secs() < 3600));
    assert_eq!(get(&artifacts, ROOT, "1/a/b c.txt").await.unwrap(), b"hello");
    let place = artifacts.resolve_uri("mlflow-artifacts:/1", Some("a/b c.txt")).unwrap();
    assert_eq!(place, dir.path().join("artifacts/1/a/b c.txt"));
    for path in ["none", "a", "", "a/b c.txt/x", "A/b c.txt"] {
        let error = artifacts.open("mlflow-artifacts:/1", path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceDoesNotExist, "{path}: {error}");
    }
}

#[tokio::test]
async fn unsafe_paths_are_refused_everywhere() {
    let (dir, artifacts) = store();
    fs::write(dir.path().join("secret"), "x").unwrap();
    put(&artifacts, "mlflow-artifacts:/1", "a", b"x").await;
    for path in [
        "../secret",
        "..%2fsecret",
        "%252e%252e/secret",
        "/etc/passwd",
        "a/../../secret",
        "C:/x",
        "a\\b",
        "a#b",
        "a\0b",
    ] {
        let uri = format!("mlflow-artifacts:/1/{path}");
        let answers = [
            artifacts.list("mlflow-artifacts:/1", Some(path)).await.err(),
            artifacts.open("mlflow-artifacts:/1", path).await.err(),
            artifacts.create("mlflow-artifacts:/1", path).err(),
            artifacts.delete("mlflow-artifacts:/1", path).await.err(),
            artifacts.resolve_uri("mlflow-artifacts:/1", Some(path)).err(),
            if path.starts_with(['/', 'C']) {
                None
            } else {
                artifacts.list(&uri, None).await.err()
            },
        ];
        for error in answers.into_iter().flatten() {
            assert_eq!(
                (error.code, error.message.as_str()),
                (ErrorCode::InvalidParameterValue, "Invalid path"),
                "{path}"
            );
        }
    }
    assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "x");
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_leave_are_refused() {
    use std::os::unix::fs::symlink;
    let (dir, artifacts) = store();
    let root = dir.path().join("artifacts");
    fs::create_dir_all(root.join("1/in")).unwrap();
    fs::create_dir_all(root.join("2")).unwrap();
    fs::write(root.join("1/in/file"), "in").unwrap();
    fs::write(root.join("2/other"), "other").unwrap();
    fs::create_dir(dir.path().join("out")).unwrap();
    fs::write(dir.path().join("out/secret"), "secret").unwrap();
    symlink(dir.path().join("out"), root.join("1/out")).unwrap();
    symlink(dir.path().join("out/secret"), root.join("1/secret")).unwrap();
    symlink("../2/other", root.join("1/other")).unwrap();
    symlink("in", root.join("1/inside")).unwrap();
    symlink(dir.path().join("gone"), root.join("1/gone")).unwrap();
    let uri = "mlflow-artifacts:/1";
    assert_eq!(listed(&artifacts, uri, None).await, ["in", "inside"]);
    assert_eq!(get(&artifacts, uri, "inside/file").await.unwrap(), b"in");
    for path in ["out/secret", "secret", "other", "out"] {
        let error = artifacts.open(uri, path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidParameterValue, "{path}: {error}");
        assert!(artifacts.resolve_uri(uri, Some(path)).is_err());
    }
    assert!(artifacts.list(uri, Some("out")).await.is_err());
    assert!(artifacts.list("mlflow-artifacts:/1/out", None).await.is_err());
    assert!(artifacts.open("mlflow-artifacts:/1/out", "secret").await.is_err());
    for path in ["out/new", "out/deep/new", "secret"] {
        assert!(artifacts.create(uri, path).unwrap().finish().await.is_err(), "{path}");
    }
    assert!(artifacts.delete(uri, "out/secret").await.is_err());
    // A link is removed, and what it points to stays.
    artifacts.delete(uri, "out").await.unwrap();
    artifacts.delete(uri, "secret").await.unwrap();
    assert_eq!(on_disk(&dir.path().join("out")), ["secret"]);
    assert!(!root.join("1/out").exists());
    // From the whole root, the other run's file is inside.
    assert_eq!(get(&artifacts, ROOT, "1/other").await.unwrap(), b"other");
}

#[cfg(unix)]
#[tokio::test]
async fn the_root_itself_may_be_a_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("big-disk")).unwrap();
    std::os::unix::fs::symlink("big-disk", dir.path().join("artifacts")).unwrap();
    let root = dir.path().join("artifacts");
    let artifacts = Artifacts::new(ArtifactOptions::in_folder(root, Durability::Fast));
    put(&artifacts, ROOT, "a/b", b"x").await;
    assert_eq!(get(&artifacts, ROOT, "a/b").await.unwrap(), b"x");
    assert_eq!(on_disk(&dir.path().join("big-disk")), ["a", "a/b"]);
}

#[tokio::test]
async fn file_locations_are_served_below_allowed_roots_only() {
    let (dir, artifacts) = store();
    let allowed = dir.path().join("allowed/my runs");
    fs::create_dir(&allowed).unwrap();
    fs::write(allowed.join("f.txt"), "hi").unwrap();
    let plain = allowed.to_str().unwrap();
    let encoded = plain.replace(' ', "%20");
    for uri in [
        plain.to_owned(),
        format!("file:{encoded}"),
        format!("file://{encoded}"),
        format!("file://localhost{encoded}"),
    ] {
        assert_eq!(get(&artifacts, &uri, "f.txt").await.unwrap(), b"hi", "{uri}");
        assert_eq!(listed(&artifacts, &uri, None).await, ["f.txt"]);
    }
    put(&artifacts, plain, "new/deep.txt", b"x").await;
    assert_eq!(on_disk(&allowed), ["f.txt", "new", "new/deep.txt"]);
    let fresh = format!("file://{encoded}/not/yet");
    assert_eq!(listed(&artifacts, &fresh, None).await, Vec::<String>::new());
    put(&artifacts, &fresh, "a", b"x").await;
    assert_eq!(get(&artifacts, plain, "not/yet/a").await.unwrap(), b"x");

    fs::write(dir.path().join("allowed2"), "no").unwrap();
    let outside = dir.path().to_str().unwrap();
    for uri in [
        outside,
        "/",
        "/etc",
        &format!("file://{outside}"),
        &format!("{outside}/allowed2"),
        &format!("file://{outside}/allowed/%2e%2e"),
    ] {
        for answer in
            [artifacts.open(uri, "allowed2").await.err(), artifacts.list(uri, None).await.err()]
        {
            assert_eq!(answer.unwrap().code, ErrorCode::InvalidParameterValue, "{uri}");
        }
    }
    for uri in ["relative/path", "file:relative", "file://other-host/share", "", "C:relative"] {
        assert_eq!(
            artifacts.list(uri, None).await.unwrap_err().code,
            ErrorCode::InvalidParameterValue,
            "{uri}"
        );
    }
    for uri in ["gs://bucket/a", "http://x/y", "dbfs:/a", "runs:/a"] {
        assert_eq!(
            artifacts.list(uri, None).await.unwrap_err().code,
            ErrorCode::NotImplemented,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn files_of_other_programs_are_found() {
    let (dir, artifacts) = store();
    let folder = dir.path().join("allowed/run");
    fs::create_dir(&folder).unwrap();
    let uri = folder.to_str().unwrap();
    let names: &[&str] = if cfg!(windows) {
        &["a%20b", "%61%78"]
    } else {
        &["a%20b", "%61%78", "what?", "aux", "dot."]
    };
    for name in names {
        fs::write(folder.join(name), name).unwrap();
    }
    for path in listed(&artifacts, uri, None).await {
        assert!(names.contains(&path.as_str()), "{path}");
        assert_eq!(get(&artifacts, uri, &path).await.unwrap(), path.as_bytes());
        put(&artifacts, uri, &path, b"again").await;
        assert_eq!(get(&artifacts, uri, &path).await.unwrap(), b"again");
    }
    assert_eq!(on_disk(&folder).len(), names.len());
}

#[tokio::test]
async fn deleting() {
    let (dir, artifacts) = store();
    let uri = "mlflow-artifacts:/1/r/artifacts";
    for path in ["a", "d/b", "d/c/e"] {
        put(&artifacts, uri, path, b"x").await;
    }
    artifacts.delete(uri, "d/b").await.unwrap();
    assert_eq!(listed(&artifacts, uri, Some("d")).await, ["d/c"]);
    artifacts.delete(uri, "d").await.unwrap();
    assert_eq!(listed(&artifacts, uri, None).await, ["a"]);
    for path in ["none", "none/deep", "a/b", "d"] {
        artifacts.delete(uri, path).await.unwrap();
    }
    artifacts.delete(uri, "").await.unwrap();
    assert_eq!(on_disk(&dir.path().join("artifacts")), ["1", "1/r"]);
    for (uri, path) in [(ROOT, ""), (ROOT, "."), (dir.path().join("allowed").to_str().unwrap(), "")]
    {
        assert_eq!(
            artifacts.delete(uri, path).await.unwrap_err().code,
            ErrorCode::InvalidParameterValue
        );
    }
    assert!(dir.path().join("artifacts").exists() && dir.path().join("allowed").exists());
}
