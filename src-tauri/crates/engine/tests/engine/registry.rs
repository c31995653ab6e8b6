use crate::support::{fixture, tag};
use branchline_core::ErrorCode;
use branchline_engine::{NewModelVersion, NewRegisteredModel, RegistrySearch};

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
