//! Storing, on real folders.

use super::tests::{ROOT, get, listed, on_disk, put, read, store};
use super::*;
use branchline_core::{ErrorCode, artifact_path};
use proptest::prelude::*;
use std::fs;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn what_is_stored_is_measured() {
    let (_dir, artifacts) = store();
    let stored = put(&artifacts, ROOT, "abc", b"abc").await;
    // Of the standard.
    assert_eq!((stored.size, &stored.sha256.unwrap()[..4]), (3, &[0xba, 0x78, 0x16, 0xbf][..]));
    let empty = artifacts.create(ROOT, "empty").unwrap().finish().await.unwrap();
    assert_eq!(empty.size, 0);
    assert_eq!(empty.sha256.unwrap()[..4], [0xe3, 0xb0, 0xc4, 0x42]);
    assert!(empty.stamp > stored.stamp);
    assert_eq!(get(&artifacts, ROOT, "empty").await.unwrap(), b"");
}

#[tokio::test]
async fn a_large_file_arrives_whole_from_pieces_of_any_size() {
    let (_dir, artifacts) = store();
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let mut upload = artifacts.create(ROOT, "large").unwrap();
    let mut at = 0;
    for size in [1, 10, 600_000, 0, 524_288, 524_287, 100, 1_000_000].into_iter().cycle() {
        let end = data.len().min(at + size);
        upload.write(&data[at..end]).await.unwrap();
        at = end;
        if at == data.len() {
            break;
        }
    }
    let stored = upload.finish().await.unwrap();
    assert_eq!(stored.size, data.len() as u64);
    assert_eq!(get(&artifacts, ROOT, "large").await.unwrap(), data);
    assert_eq!(stored.sha256, put(&artifacts, ROOT, "again", &data).await.sha256);
    assert_eq!(artifacts.total_size().await.unwrap(), 6_000_000);
}

#[tokio::test]
async fn a_large_file_is_hashed_when_it_was_answered() {
    let (_dir, artifacts) = store();
    let mut data: Vec<u8> = (0..4 << 20).map(|n: u32| (n * 7 % 251) as u8).collect();
    let largest = put(&artifacts, ROOT, "largest of the small", &data).await;
    assert_eq!(largest.sha256, Some(artifacts.sha256("largest of the small").await.unwrap()));
    data.push(0);
    assert_eq!(put(&artifacts, ROOT, "large", &data).await.sha256, None);
    assert_ne!(artifacts.sha256("large").await.unwrap(), largest.sha256.unwrap());
    artifacts.delete(ROOT, "large").await.unwrap();
    assert!(artifacts.sha256("large").await.is_err());
}

#[tokio::test]
async fn nobody_sees_a_part_of_a_file() {
    let (_dir, artifacts) = store();
    let long = vec![b'o'; 200_000];
    put(&artifacts, ROOT, "a/f", &long).await;
    let reader = artifacts.open(ROOT, "a/f").await.unwrap();
    let mut upload = artifacts.create(ROOT, "a/f").unwrap();
    upload.write(&vec![b'n'; 2_000_000]).await.unwrap();
    assert_eq!(get(&artifacts, ROOT, "a/f").await.unwrap(), long);
    assert_eq!(listed(&artifacts, ROOT, None).await, ["a"]);
    assert_eq!(listed(&artifacts, ROOT, Some("a")).await, ["a/f"]);
    upload.finish().await.unwrap();
    assert_eq!(get(&artifacts, ROOT, "a/f").await.unwrap().len(), 2_000_000);
    assert_eq!(read(reader), long);
}

#[test]
fn a_cut_upload_leaves_nothing_behind() {
    let (dir, artifacts) = store();
    let allowed = dir.path().join("allowed");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for uri in [ROOT, allowed.to_str().unwrap()] {
            let mut upload = artifacts.create(uri, "new/folder/file").unwrap();
            upload.write(&vec![1; 2_000_000]).await.unwrap();
            upload.write(&vec![1; 2_000_000]).await.unwrap();
            drop(upload);
        }
    });
    // Waits for what the disk was doing.
    drop(runtime);
    assert_eq!(on_disk(&allowed), Vec::<String>::new());
    assert_eq!(on_disk(&dir.path().join("artifacts")), Vec::<String>::new());
    assert_eq!(waiting(&dir), 0);
}

#[test]
fn an_upload_that_is_aborted_while_the_disk_works_leaves_nothing_behind() {
    let (dir, artifacts) = store();
    for _ in 0..20 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut upload = artifacts.create(ROOT, "f").unwrap();
            // Answered when the disk has begun, not when it has done.
            upload.push(vec![1; 8_000_000].into()).await.unwrap();
            drop(upload);
        });
        // Waits for what the disk was doing.
        drop(runtime);
        assert_eq!(waiting(&dir), 0);
    }
    assert_eq!(on_disk(&dir.path().join("artifacts")), Vec::<String>::new());
}

#[test]
fn a_caller_that_goes_away_while_it_waits_loses_nothing() {
    let (_dir, artifacts) = store();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut upload = artifacts.create(ROOT, "f").unwrap();
        for _ in 0..20 {
            // Polled once and dropped, whether or not the disk was done by then.
            let _ = futures_util::FutureExt::now_or_never(upload.push(vec![7; 2_000_000].into()));
        }
        assert_eq!(upload.finish().await.unwrap().size, 40_000_000);
        assert_eq!(get(&artifacts, ROOT, "f").await.unwrap(), vec![7; 40_000_000]);
    });
}

/// How many files wait in the room of uploads.
fn waiting(dir: &tempfile::TempDir) -> usize {
    fs::read_dir(dir.path().join("artifacts/.branchline-uploads")).unwrap().count()
}

#[tokio::test]
async fn what_a_crash_left_behind_is_swept_up() {
    let (dir, artifacts) = store();
    let room = dir.path().join("artifacts/.branchline-uploads");
    let mut running = artifacts.create(ROOT, "f").unwrap();
    running.write(&vec![b'x'; 2_000_000]).await.unwrap();
    fs::create_dir_all(&room).unwrap();
    let old = room.join(".branchline-upload-old");
    let file = fs::File::create(&old).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(2 * 60 * 60)).unwrap();
    let root = dir.path().join("artifacts");
    Artifacts::new(ArtifactOptions::in_folder(root, Durability::Fast));
    assert!(!old.exists());
    running.finish().await.unwrap();
    assert_eq!(get(&artifacts, ROOT, "f").await.unwrap().len(), 2_000_000);
}

#[tokio::test]
async fn files_and_folders_are_not_mixed_up() {
    let (dir, artifacts) = store();
    put(&artifacts, ROOT, "folder/file", b"x").await;
    let long = "x".repeat(300);
    for path in ["folder", "folder/file/below", "", ".", &long] {
        let answer = match artifacts.create(ROOT, path) {
            Ok(upload) => upload.finish().await.err(),
            Err(error) => Some(error),
        };
        assert_eq!(answer.unwrap().code, ErrorCode::InvalidParameterValue, "{path}");
    }
    assert_eq!(on_disk(&dir.path().join("artifacts")), ["folder", "folder/file"]);
}

#[tokio::test]
async fn every_level_stores_the_same() {
    for durability in [Durability::Balanced, Durability::PowerSafe, Durability::Fast] {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("artifacts");
        let artifacts = Artifacts::new(ArtifactOptions::in_folder(root.clone(), durability));
        // Many small ones at once are put on the disk together; a large one by itself.
        let mut uploads = tokio::task::JoinSet::new();
        for number in 0..50 {
            let artifacts = artifacts.clone();
            uploads.spawn(async move {
                put(&artifacts, ROOT, &format!("d{}/{number}", number % 5), b"small").await
            });
        }
        assert_eq!(uploads.join_all().await.len(), 50);
        let large = vec![3; 40 << 20];
        put(&artifacts, ROOT, "large", &large).await;
        artifacts.close().await;
        // What comes after the end waits for the disk itself.
        put(&artifacts, ROOT, "late", b"late").await;
        assert_eq!(get(&artifacts, ROOT, "large").await.unwrap(), large);
        assert_eq!(artifacts.total_size().await.unwrap(), 50 * 5 + (40 << 20) + 4);
        assert_eq!(waiting(&dir), 0);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_told_apart() {
    let (dir, artifacts) = store();
    let mut upload = artifacts.create(ROOT, "f").unwrap();
    // The kernel's own full disk.
    upload.write_to(fs::File::options().write(true).open("/dev/full").unwrap());
    upload.write(&vec![1; 2_000_000]).await.unwrap();
    let error = upload.write(&vec![1; 2_000_000]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::StorageFull);
    assert!(error.hint.is_some());
    drop(upload);
    let mut upload = artifacts.create(ROOT, "f").unwrap();
    upload.write_to(fs::File::options().write(true).open("/dev/full").unwrap());
    upload.write(b"small").await.unwrap();
    assert_eq!(upload.finish().await.unwrap_err().code, ErrorCode::StorageFull);
    assert_eq!(on_disk(&dir.path().join("artifacts")), Vec::<String>::new());
    assert_eq!(waiting(&dir), 0);
}

#[tokio::test]
async fn names_that_some_system_refuses_are_kept_escaped() {
    let (dir, artifacts) = store();
    let names = [
        "aux",
        "what?.txt",
        "a|b",
        "dot.",
        "space ",
        "50%",
        "lpt1.log",
        "new\nline",
        ".branchline-uploads",
    ];
    for name in names {
        put(&artifacts, "mlflow-artifacts:/r", name, name.as_bytes()).await;
        put(&artifacts, "mlflow-artifacts:/r", &format!("deep/{name}/{name}"), b"x").await;
    }
    let mut shown = listed(&artifacts, "mlflow-artifacts:/r", None).await;
    shown.retain(|name| name != "deep");
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(shown, sorted);
    for name in names {
        assert_eq!(get(&artifacts, "mlflow-artifacts:/r", name).await.unwrap(), name.as_bytes());
        assert_eq!(
            listed(&artifacts, "mlflow-artifacts:/r", Some(&format!("deep/{name}"))).await,
            [format!("deep/{name}/{name}")]
        );
    }
    for path in on_disk(&dir.path().join("artifacts/r")) {
        for name in path.split('/') {
            assert!(
                !name.contains(['?', '|', '\n']) && !name.ends_with(['.', ' ']) && name != "aux",
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn names_that_differ_only_in_case_do_not_meet() {
    let (dir, artifacts) = store();
    for path in ["Model/a", "model/a", "MODEL/a", "f.TXT", "F.txt", "f.txt", "É", "é"] {
        put(&artifacts, ROOT, path, path.as_bytes()).await;
        put(&artifacts, ROOT, path, path.as_bytes()).await;
    }
    for path in ["Model/a", "model/a", "MODEL/a", "f.TXT", "F.txt", "f.txt", "É", "é"] {
        assert_eq!(get(&artifacts, ROOT, path).await.unwrap(), path.as_bytes());
    }
    assert_eq!(
        listed(&artifacts, ROOT, None).await,
        ["F.txt", "MODEL", "Model", "f.TXT", "f.txt", "model", "É", "é"]
    );
    assert!(get(&artifacts, ROOT, "mOdel/a").await.is_err());
    let names = on_disk(&dir.path().join("artifacts"));
    let folded: std::collections::HashSet<String> =
        names.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), names.len(), "{names:?}");
    assert!(names.contains(&"Model/a".to_owned()), "the first keeps its name: {names:?}");
    artifacts.delete(ROOT, "model").await.unwrap();
    assert_eq!(get(&artifacts, ROOT, "Model/a").await.unwrap(), b"Model/a");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn names_that_another_program_takes_meanwhile_are_noticed() {
    let (dir, artifacts) = store();
    let folder = dir.path().join("artifacts/f");
    for name in ["a", "b", "c"] {
        put(&artifacts, ROOT, &format!("f/{name}"), name.as_bytes()).await;
    }
    fs::write(folder.join("Other.txt"), "theirs").unwrap();
    // Not in the tick of our own last change.
    let folder_itself = fs::File::open(&folder).unwrap();
    folder_itself.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    put(&artifacts, ROOT, "f/other.txt", b"ours").await;
    assert_eq!(fs::read(folder.join("Other.txt")).unwrap(), b"theirs");
    assert!(!folder.join("other.txt").exists(), "it would be the same name elsewhere");
    assert_eq!(get(&artifacts, ROOT, "f/other.txt").await.unwrap(), b"ours");
    // A name that went is free again.
    fs::remove_file(folder.join("a")).unwrap();
    put(&artifacts, ROOT, "f/a", b"again").await;
    assert_eq!(get(&artifacts, ROOT, "f/a").await.unwrap(), b"again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_at_once_do_not_take_names_that_differ_only_in_case() {
    let (dir, artifacts) = store();
    let names: Vec<String> = (0..32_u32)
        .map(|bits| {
            "abcde"
                .chars()
                .enumerate()
                .map(|(at, c)| if bits >> at & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect()
        })
        .collect();
    let mut uploads = tokio::task::JoinSet::new();
    for name in names.clone() {
        let artifacts = artifacts.clone();
        uploads.spawn(async move {
            put(&artifacts, ROOT, &format!("{name}/{name}"), name.as_bytes()).await
        });
    }
    assert_eq!(uploads.join_all().await.len(), 32);
    for name in &names {
        assert_eq!(
            get(&artifacts, ROOT, &format!("{name}/{name}")).await.unwrap(),
            name.as_bytes()
        );
    }
    let folded: std::collections::HashSet<String> =
        on_disk(&dir.path().join("artifacts")).iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(folded.len(), 64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_path_what_is_stored_is_inside_and_is_found_again(path in "[aA./%25:? e~]{1,10}|.{1,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (dir, artifacts) = store();
            let checked = artifact_path::check(&path);
            let Ok(upload) = artifacts.create("mlflow-artifacts:/r", &path) else {
                assert!(checked.is_err() || checked.unwrap().is_root());
                return;
            };
            upload.finish().await.unwrap();
            assert_eq!(on_disk(dir.path()).iter().filter(|name| !name.starts_with("artifacts")).count(), 1);
            assert_eq!(get(&artifacts, "mlflow-artifacts:/r", &path).await.unwrap(), b"");
            let checked = checked.unwrap();
            let parent = checked.segments()[..checked.segments().len() - 1].join("/");
            assert_eq!(listed(&artifacts, "mlflow-artifacts:/r", Some(&parent)).await, [checked.to_string()]);
            artifacts.delete("mlflow-artifacts:/r", &path).await.unwrap();
            assert_eq!(listed(&artifacts, "mlflow-artifacts:/r", Some(&parent)).await, Vec::<String>::new());
        });
    }
}
