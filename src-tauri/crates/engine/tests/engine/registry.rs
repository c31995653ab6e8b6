use crate::support::{fixture, tag};
use branchline_core::{Actor, ErrorCode, Scope};
use branchline_engine::{Credential, NewModelVersion, NewRegisteredModel, RegistrySearch};

#[tokio::test]
async fn versions_count_up_and_are_never_reused() {
    let f = fixture().await;
    let new = NewRegisteredModel {
        name: "diabetes".into(),
        tags: vec![tag("a", "1"), tag("a", "2")],
        ..Default::default()
    };
    let model = f.engine.create_registered_model(&f.owner, new.clone()).await.unwrap();
    assert_eq!(model.tags, vec![tag("a", "2")], "of a key that comes twice the last wins");
    let taken = f.engine.create_registered_model(&f.owner, new).await.unwrap_err();
    assert_eq!(taken.code, ErrorCode::ResourceAlreadyExists);
    let version = || NewModelVersion {
        name: "diabetes".into(),
        source: "s3://b/m".into(),
        ..Default::default()
    };
    for expected in 1..=3 {
        assert_eq!(
            f.engine.create_model_version(&f.owner, version()).await.unwrap().version,
            expected
        );
    }
    f.engine.set_alias(&f.owner, "diabetes", "champion", 3).await.unwrap();
    f.engine.delete_model_version(&f.owner, "diabetes", 3).await.unwrap();
    assert_eq!(f.engine.create_model_version(&f.owner, version()).await.unwrap().version, 4);
    let gone = f.engine.version_by_alias(&f.owner, "diabetes", "champion").await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::InvalidParameterValue, "an alias goes with its version");
    f.engine.set_alias(&f.owner, "diabetes", "champion", 4).await.unwrap();
    f.engine.rename_registered_model(&f.owner, "diabetes", "sugar").await.unwrap();
    let found = f.engine.version_by_alias(&f.owner, "sugar", "champion").await.unwrap();
    assert_eq!(
        (found.name.as_str(), found.version, found.aliases),
        ("sugar", 4, vec!["champion".to_owned()])
    );
}

#[tokio::test]
async fn prompts_are_left_out_unless_asked_for() {
    let f = fixture().await;
    let prompt = NewRegisteredModel {
        name: "p".into(),
        tags: vec![tag("mlflow.prompt.is_prompt", "true")],
        ..Default::default()
    };
    f.engine.create_registered_model(&f.owner, prompt).await.unwrap();
    let model = NewRegisteredModel { name: "m".into(), ..Default::default() };
    f.engine.create_registered_model(&f.owner, model).await.unwrap();
    let find = async |filter: &str| {
        let search =
            RegistrySearch { filter: filter.into(), max_results: 10, ..Default::default() };
        let page = f.engine.search_registered_models(&f.owner, search).await.unwrap();
        page.items.into_iter().map(|m| m.name).collect::<Vec<_>>()
    };
    assert_eq!(find("").await, ["m"]);
    assert_eq!(find("tags.`mlflow.prompt.is_prompt` = 'true'").await, ["p"]);
    assert_eq!(find("name LIKE '%' AND tags.`mlflow.prompt.is_prompt` != 'true'").await, ["m"]);
}

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
