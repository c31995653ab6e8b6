//! What signing in costs, and tells.

use crate::{Credential, Durability, Engine, EngineOptions, NewUser, UserUpdate};
use branchline_core::Actor;
use std::path::Path;

const PASSWORD: &str = "a-long-password";

async fn open(folder: &Path) -> (Engine, Actor) {
    let engine =
        Engine::open(EngineOptions { durability: Durability::Fast, ..EngineOptions::new(folder) })
            .unwrap();
    let owner = engine.owner_actor().await.unwrap();
    (engine, owner)
}

async fn user(engine: &Engine, owner: &Actor, email: &str, password: Option<&str>) -> i64 {
    let new = NewUser {
        email: email.to_owned(),
        password: password.map(str::to_owned),
        ..NewUser::default()
    };
    engine.create_user(owner, new).await.unwrap().id
}

#[tokio::test]
async fn whoever_tries_to_sign_in_costs_one_hash_and_hears_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, owner) = open(folder.path()).await;
    user(&engine, &owner, "known@example.org", Some(PASSWORD)).await;
    user(&engine, &owner, "bare@example.org", None).await;
    let off = user(&engine, &owner, "off@example.org", Some(PASSWORD)).await;
    let update = UserUpdate { is_active: Some(false), ..UserUpdate::default() };
    engine.update_user(&owner, off, update).await.unwrap();
    let mut told = Vec::new();
    for email in ["known@example.org", "bare@example.org", "off@example.org", "nobody@example.org"]
    {
        for basic in [false, true] {
            let before = engine.inner.credentials.hashed();
            let error = if basic {
                let shown = Credential::Basic { user: email, password: "wrong-password" };
                engine.authenticate(shown).await.unwrap_err()
            } else {
                engine.sign_in(email, "wrong-password", "test").await.unwrap_err()
            };
            let hashes = engine.inner.credentials.hashed() - before;
            assert_eq!(hashes, 1, "{email}, basic: {basic}");
            told.push((error.code, error.message.clone(), error.hint.clone()));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn a_credential_that_was_checked_costs_no_hash_again() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, owner) = open(folder.path()).await;
    user(&engine, &owner, "ada@example.org", Some(PASSWORD)).await;
    let shown = Credential::Basic { user: "ada@example.org", password: PASSWORD };
    engine.authenticate(shown).await.unwrap();
    let signed = engine.sign_in_signed("ada@example.org", PASSWORD, "test").await.unwrap();
    let before = engine.inner.credentials.hashed();
    for _ in 0..20 {
        engine.authenticate(shown).await.unwrap();
        engine.authenticate(Credential::Token(&signed)).await.unwrap();
    }
    assert_eq!(engine.inner.credentials.hashed(), before);
}
