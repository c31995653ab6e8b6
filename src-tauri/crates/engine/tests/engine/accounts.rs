//! Tokens and sessions: how long they hold, and for whom.

use crate::support::{Hand, fixture, open_at};
use branchline_core::{Actor, ErrorCode, Scope};
use branchline_engine::{Credential, NewRegisteredModel, NewUser};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// 2026-11-28, noon in UTC.
const NOON: i64 = 1_795_867_200_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn tokens_hold_until_they_are_revoked() {
    let f = fixture().await;
    let (token, secret) =
        f.engine.create_token(&f.owner, "laptop", Scope::Log, None).await.unwrap();
    let actor = f.engine.authenticate(Credential::Token(&secret)).await.unwrap();
    assert_eq!((actor.user_id, actor.scope), (f.owner.user_id, Scope::Log));
    let basic = Credential::Basic { user: &f.owner.email, password: &secret };
    assert_eq!(f.engine.authenticate(basic).await.unwrap().scope, Scope::Log);
    let wider = f.engine.create_token(&actor, "wider", Scope::Admin, None).await.unwrap_err();
    assert_eq!(wider.code, ErrorCode::PermissionDenied, "a token cannot make a stronger one");
    f.engine.revoke_token(&f.owner, token.id).await.unwrap();
    let error = f.engine.authenticate(Credential::Token(&secret)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
}

#[tokio::test]
async fn a_read_token_reads_and_nothing_else() {
    let f = fixture().await;
    let (_, secret) = f.engine.create_token(&f.owner, "reader", Scope::Read, None).await.unwrap();
    let reader: Actor = f.engine.authenticate(Credential::Token(&secret)).await.unwrap();
    f.engine.experiment_by_name(&reader, "Default").await.unwrap();
    let new = NewRegisteredModel { name: "m".into(), ..Default::default() };
    let error = f.engine.create_registered_model(&reader, new).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PermissionDenied);
}

#[tokio::test]
async fn signing_in_works_once_by_link_and_then_by_password() {
    let f = fixture().await;
    let link = f.engine.issue_sign_in_secret();
    let session = f.engine.redeem_sign_in_secret(&link, "test").await.unwrap();
    f.engine.redeem_sign_in_secret(&link, "test").await.expect_err("a link works once");
    let actor = f.engine.authenticate(Credential::Session(&session)).await.unwrap();
    f.engine.update_profile(&actor, Some("ada@example.org".into()), None).await.unwrap();
    f.engine.set_password(&actor, None, "correct horse", Some(&session)).await.unwrap();
    f.engine.sign_in("ada@example.org", "wrong horse", "test").await.expect_err("a wrong password");
    let other = f.engine.sign_in("Ada@Example.org", "correct horse", "test").await.unwrap();
    f.engine
        .set_password(&actor, Some("nonsense"), "another horse", None)
        .await
        .expect_err("the current one is asked for");
    f.engine
        .set_password(&actor, Some("correct horse"), "another horse", Some(&session))
        .await
        .unwrap();
    f.engine.authenticate(Credential::Session(&session)).await.expect("this session was kept");
    f.engine.authenticate(Credential::Session(&other)).await.expect_err("the others ended");
}

#[tokio::test]
async fn a_token_that_ended_is_told_of_for_a_while_and_then_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand(AtomicI64::new(NOON)));
    let engine = open_at(folder.path(), clock.clone());
    let owner = engine.owner_actor().await.unwrap();
    let end = Some(NOON + DAY);
    let (token, secret) = engine.create_token(&owner, "short", Scope::Log, end).await.unwrap();
    assert_eq!(engine.token_with(&owner, &secret).await.unwrap(), Some(token));
    let told = async || engine.authenticate(Credential::Token(&secret)).await.unwrap_err().message;

    clock.0.store(NOON + DAY, Ordering::SeqCst);
    assert_eq!(told().await, "The token has expired.");
    assert_eq!(engine.token_with(&owner, &secret).await.unwrap(), None);
    engine.create_token(&owner, "next", Scope::Log, None).await.unwrap();
    assert_eq!(told().await, "The token has expired.");

    clock.0.store(NOON + 32 * DAY, Ordering::SeqCst);
    engine.create_token(&owner, "last", Scope::Log, None).await.unwrap();
    assert_eq!(told().await, "The token is not valid.");
    let names = engine.tokens(&owner).await.unwrap().into_iter().map(|token| token.name);
    assert_eq!(names.collect::<Vec<_>>(), ["last", "next"]);
}

#[tokio::test]
async fn a_token_is_known_to_its_user_and_says_when_it_was_used() {
    let f = fixture().await;
    let (token, secret) =
        f.engine.create_token(&f.owner, "laptop", Scope::Log, None).await.unwrap();
    let new = NewUser { email: "ada@example.org".into(), ..NewUser::default() };
    let ada = f.engine.create_user(&f.owner, new).await.unwrap();
    let ada = Actor { user_id: ada.id, ..f.owner.clone() };
    assert_eq!(f.engine.token_with(&ada, &secret).await.unwrap(), None);
    assert_eq!(f.engine.token_with(&f.owner, &secret).await.unwrap(), Some(token.clone()));

    assert_eq!(token.last_used_at, None);
    let actor = f.engine.authenticate(Credential::Token(&secret)).await.unwrap();
    let refused = f.engine.token_with(&actor, &secret).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::PermissionDenied, "it may not look into accounts");
    // It is noted after the answer.
    let used = async {
        while f.engine.tokens(&f.owner).await.unwrap()[0].last_used_at.is_none() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), used).await.unwrap();
}
