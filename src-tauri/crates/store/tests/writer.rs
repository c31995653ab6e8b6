//! Who commits a write, and that nothing is lost or mixed up whoever it is.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use branchline_core::{Error, Result, SystemClock};
use branchline_store::{Class, Durability, Store, StoreError};
use std::sync::{Arc, mpsc};
use std::thread;

fn open(folder: &tempfile::TempDir, durability: Durability) -> Store {
    Store::open(&folder.path().join("a.db"), durability, Arc::new(SystemClock), |_| Ok(())).unwrap()
}

/// Counts one more for `name`, and answers the thread that did it.
async fn count(store: &Store, class: Class, name: &'static str) -> Result<thread::ThreadId> {
    store
        .write(class, move |tx| {
            tx.note_sign_in_failure(name, 0)?;
            Ok(thread::current().id())
        })
        .await
}

async fn counted(store: &Store, name: &'static str) -> u32 {
    let found = store.read(move |view| view.sign_in_failures(name)).await.unwrap();
    found.map_or(0, |(count, _)| count)
}

#[tokio::test]
async fn a_brief_write_runs_where_it_is_asked_while_nobody_else_writes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    let here = thread::current().id();
    for _ in 0..10 {
        assert_eq!(count(&store, Class::Brief, "a").await.unwrap(), here);
    }
    assert_ne!(count(&store, Class::Tracking, "a").await.unwrap(), here);
    assert_ne!(count(&store, Class::Durable, "a").await.unwrap(), here);
    assert_eq!(counted(&store, "a").await, 12);
}

#[tokio::test]
async fn what_follows_a_commit_is_done_before_its_answer_and_only_if_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    for class in [Class::Brief, Class::Tracking, Class::Durable] {
        let (word, mut words) = tokio::sync::mpsc::unbounded_channel();
        let refused = word.clone();
        let failed = store.write(class, move |tx| -> std::result::Result<(), StoreError> {
            tx.once_committed(move || refused.send("refused").unwrap());
            Err(Error::invalid("no").into())
        });
        assert!(failed.await.is_err());
        let kept = store.write(class, move |tx| {
            tx.once_committed(move || word.send("kept").unwrap());
            Ok(())
        });
        kept.await.unwrap();
        assert_eq!(words.try_recv(), Ok("kept"));
        assert!(words.try_recv().is_err());
    }
}

#[tokio::test]
async fn what_waits_for_the_disk_never_runs_on_the_callers_thread() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::PowerSafe);
    let here = thread::current().id();
    assert_ne!(count(&store, Class::Brief, "a").await.unwrap(), here);
}

#[tokio::test]
async fn a_brief_write_queues_behind_one_under_way_and_shares_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    let ((begun, begins), (go, wait)) = (mpsc::channel(), mpsc::channel());
    let slow = {
        let store = store.clone();
        tokio::spawn(async move {
            let write = store.write(Class::Tracking, move |_| {
                begun.send(()).unwrap();
                wait.recv().unwrap();
                Ok(thread::current().id())
            });
            write.await
        })
    };
    tokio::task::spawn_blocking(move || begins.recv().unwrap()).await.unwrap();
    let brief = {
        let store = store.clone();
        tokio::spawn(async move { count(&store, Class::Brief, "a").await })
    };
    tokio::task::yield_now().await;
    assert!(!brief.is_finished(), "it may not overtake");
    go.send(()).unwrap();
    let writer = slow.await.unwrap().unwrap();
    assert_eq!(brief.await.unwrap().unwrap(), writer);
    assert_eq!(counted(&store, "a").await, 1);
}

#[tokio::test]
async fn a_brief_write_that_fails_or_stops_keeps_nothing_and_hinders_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    let failed = store.write(Class::Brief, |tx| -> std::result::Result<(), StoreError> {
        tx.note_sign_in_failure("a", 0)?;
        Err(Error::invalid("no").into())
    });
    assert!(failed.await.is_err());
    let stopped = store.write(Class::Brief, |tx| -> std::result::Result<(), StoreError> {
        tx.note_sign_in_failure("a", 0)?;
        panic!("a fault of ours");
    });
    assert!(stopped.await.is_err());
    assert_eq!(counted(&store, "a").await, 0);
    count(&store, Class::Brief, "a").await.unwrap();
    assert_eq!(counted(&store, "a").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_all_count() {
    const EACH: u32 = 300;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..EACH {
                    let class = if turn % 7 == 0 { Class::Durable } else { Class::Brief };
                    count(&store, class, "a").await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(counted(&store, "a").await, 8 * EACH);
}

#[tokio::test]
async fn a_closed_store_refuses_a_brief_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Durability::Balanced);
    store.close().await;
    let refused = count(&store, Class::Brief, "a").await.unwrap_err();
    assert!(refused.message.contains("shutting down"), "{refused:?}");
}
