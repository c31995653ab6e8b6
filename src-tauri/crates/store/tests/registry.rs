//! The registry's rows and what the change log knows of them.

use branchline_core::{Actor, Scope, SystemClock};
use branchline_store::{Class, Durability, NewVersionRow, Store, StoreResult, WriteTx};
use std::sync::Arc;

const STAGE: &str = "Production";

fn put_in_stage(tx: &mut WriteTx<'_>, actor: &Actor, version: i64) -> StoreResult<()> {
    let row = tx.version_row("diabetes", version)?;
    tx.set_stage(actor, &row, STAGE, true)
}

#[tokio::test]
async fn a_version_that_is_archived_for_another_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let store = Store::open(&path, Durability::Fast, Arc::new(SystemClock), |tx| {
        tx.insert_user("ada@localhost", None, true).map(drop)
    })
    .unwrap();
    let user = store.read(|view| view.owner()).await.unwrap().unwrap();
    let ada =
        Actor { user_id: user.id, email: user.email, is_superuser: true, scope: Scope::Admin };
    let actor = ada.clone();
    let write = store.write(Class::Durable, move |tx| {
        let model = tx.insert_registered_model(&actor, "diabetes", None, &[])?;
        for _ in 0..3 {
            tx.insert_model_version(&actor, &model, &NewVersionRow::default())?;
        }
        put_in_stage(tx, &actor, 1)
    });
    write.await.unwrap();
    let revisions =
        || store.read(|view| (1..=3).map(|v| view.model_version("diabetes", v)).collect());
    let before: Vec<branchline_core::ModelVersion> = revisions().await.unwrap();
    store.write(Class::Durable, move |tx| put_in_stage(tx, &ada, 2)).await.unwrap();
    let after = revisions().await.unwrap();
    let stages: Vec<_> = after.iter().map(|version| version.stage.as_str()).collect();
    assert_eq!(stages, ["Archived", STAGE, "None"]);
    let changed: Vec<_> = before.iter().zip(&after).map(|(old, new)| new.rev > old.rev).collect();
    assert_eq!(changed, [true, true, false], "who reads what is new after a cursor must see it");
}
