//! What can be asked of experiments, the registry and logged models.

use super::tests::{cond, list, text};
use super::*;

#[test]
fn experiments() {
    let one = |filter: &str| parse_experiment_filter(filter).unwrap().unwrap();
    use ExperimentField::{CreationTime, ExperimentId, LastUpdateTime, Name, Tag};
    assert_eq!(one("name = 'a'"), cond(Name, Op::Eq, text("a")));
    assert_eq!(one("attribute.name LIKE \"a%\""), cond(Name, Op::Like, text("a%")));
    assert_eq!(one("\"name\" ilike 'a'"), cond(Name, Op::Ilike, text("a")));
    assert_eq!(one("attribute.`name` = 'a'"), cond(Name, Op::Eq, text("a")));
    assert_eq!(one("experiment_id = '1'"), cond(ExperimentId, Op::Eq, Literal::Integer(1)));
    assert_eq!(
        one("experiment_id NOT IN ('1', '2')"),
        cond(ExperimentId, Op::NotIn, list(&["1", "2"]))
    );
    assert_eq!(one("creation_time > 1"), cond(CreationTime, Op::Gt, Literal::Integer(1)));
    assert_eq!(one("last_update_time <= 5"), cond(LastUpdateTime, Op::Le, Literal::Integer(5)));
    assert_eq!(one("tag.x IS NULL"), cond(Tag("x".to_owned()), Op::IsNull, Literal::None));
    assert_eq!(one("tags.`a b` != 'x'"), cond(Tag("a b".to_owned()), Op::Ne, text("x")));
    for (filter, words) in [
        ("metrics.a > 1", "Invalid entity type 'metrics'"),
        ("experiment_id IN ('x')", "Invalid experiment ID 'x'"),
        ("experiment_id LIKE '1'", "Invalid comparator 'LIKE'"),
        ("creation_time > 1.5", "Invalid value for numeric attribute"),
        ("name > 'a'", "Invalid comparator '>'"),
        ("name = a", "not quoted"),
        ("last_updated_time > 1", "Invalid attribute key"),
    ] {
        let error = parse_experiment_filter(filter).unwrap_err();
        assert!(error.message.contains(words), "{filter}: {}", error.message);
    }
    let orders =
        ["experiment_id ASC", "`name` desc", "creation_time", "attribute.last_update_time DESC"];
    let orders = parse_experiment_order(&orders.map(str::to_owned)).unwrap();
    assert_eq!(
        orders.into_iter().map(|order| (order.field, order.ascending)).collect::<Vec<_>>(),
        [(ExperimentId, true), (Name, false), (CreationTime, true), (LastUpdateTime, false)]
    );
    assert!(parse_experiment_order(&["tags.a".to_owned()]).is_err());
}

#[test]
fn registered_models() {
    let one = |filter: &str| parse_registered_model_filter(filter).unwrap().unwrap();
    use RegisteredModelField::{CreationTime, LastUpdatedTime, Name, Tag};
    assert_eq!(one("name IN ('a', 'b')"), cond(Name, Op::In, list(&["a", "b"])));
    assert_eq!(one("attribute.name ILIKE 'a'"), cond(Name, Op::Ilike, text("a")));
    assert_eq!(
        one("tag.`mlflow.prompt.is_prompt` = 'true'"),
        cond(Tag("mlflow.prompt.is_prompt".to_owned()), Op::Eq, text("true"))
    );
    assert_eq!(one("creation_timestamp > 1"), cond(CreationTime, Op::Gt, Literal::Integer(1)));
    let fields = |clauses: &[&str]| {
        let clauses: Vec<String> = clauses.iter().map(|&clause| clause.to_owned()).collect();
        parse_registered_model_order(&clauses).map(|orders| {
            orders.into_iter().map(|order| (order.field, order.ascending)).collect::<Vec<_>>()
        })
    };
    assert_eq!(
        fields(&["timestamp DESC", "name"]).unwrap(),
        [(LastUpdatedTime, false), (Name, true)]
    );
    assert_eq!(
        fields(&["last_updated_timestamp", "creation_timestamp asc"]).unwrap(),
        [(LastUpdatedTime, true), (CreationTime, true)]
    );
    assert!(
        fields(&["timestamp", "last_updated_timestamp"])
            .unwrap_err()
            .message
            .contains("duplicate fields")
    );
    assert!(
        fields(&["foo"])
            .unwrap_err()
            .message
            .starts_with("Invalid order by key 'foo' specified. Valid keys are")
    );
    assert!(fields(&["tags.a"]).is_err());
}

#[test]
fn model_versions() {
    let one = |filter: &str| parse_model_version_filter(filter).unwrap().unwrap();
    use ModelVersionField::{Name, RunId, SourcePath, VersionNumber};
    assert_eq!(
        one("name='a' and run_id IN ('r')"),
        Expr::And(vec![cond(Name, Op::Eq, text("a")), cond(RunId, Op::In, list(&["r"]))])
    );
    assert_eq!(one("version_number >= 2"), cond(VersionNumber, Op::Ge, Literal::Integer(2)));
    assert_eq!(one("version_number = '2'"), cond(VersionNumber, Op::Eq, Literal::Integer(2)));
    assert_eq!(one("source_path LIKE 's3%'"), cond(SourcePath, Op::Like, text("s3%")));
    assert!(parse_model_version_filter("version_number = 1.5").is_err());
    assert!(parse_model_version_filter("version_number = 'x'").is_err());
    assert!(parse_model_version_filter("version_number IN ('1')").is_err());
    assert!(parse_model_version_filter("run_id > 'a'").is_err());
    let orders = parse_model_version_order(&["version_number DESC".to_owned()]).unwrap();
    assert_eq!(orders, [Order { field: VersionNumber, ascending: false }]);
}

#[test]
fn logged_models() {
    let one = |filter: &str| parse_logged_model_filter(filter).unwrap().unwrap();
    use LoggedModelField::{
        CreationTime, LastUpdatedTime, Metric, Name, Param, SourceRunId, Status, Tag,
    };
    assert_eq!(one("name = 'a'"), cond(Name, Op::Eq, text("a")));
    assert_eq!(one("name = a"), cond(Name, Op::Eq, text("a")));
    assert_eq!(one("params.lr = 0.010"), cond(Param("lr".to_owned()), Op::Eq, text("0.010")));
    assert_eq!(
        one("metrics.`a b` > 1e-3"),
        cond(Metric("a b".to_owned()), Op::Gt, Literal::Number(1e-3))
    );
    assert_eq!(one("tags.k IN ('a','b')"), cond(Tag("k".to_owned()), Op::In, list(&["a", "b"])));
    for name in
        ["creation_time", "creation_timestamp", "attributes.creation_time", "creation_timestamp_ms"]
    {
        assert_eq!(one(&format!("{name} >= 1")), cond(CreationTime, Op::Ge, Literal::Integer(1)));
    }
    assert_eq!(
        one("last_updated_timestamp > 1"),
        cond(LastUpdatedTime, Op::Gt, Literal::Integer(1))
    );
    assert_eq!(one("source_run_id = 'r'"), cond(SourceRunId, Op::Eq, text("r")));
    for status in ["'READY'", "'ready'", "'LOGGED_MODEL_READY'", "READY", "2"] {
        assert_eq!(
            one(&format!("status = {status}")),
            cond(Status, Op::Eq, text("LOGGED_MODEL_READY"))
        );
    }
    assert_eq!(one("status IN ('PENDING')"), cond(Status, Op::In, list(&["LOGGED_MODEL_PENDING"])));
    assert_eq!(one("status = 'other'"), cond(Status, Op::Eq, text("other")));
    assert!(parse_logged_model_filter("metrics.a > '1'").is_err());
    assert!(parse_logged_model_filter("tags.a > 'x'").is_err());
    assert!(parse_logged_model_filter("dataset.name = 'x'").is_err());
    assert_eq!(logged_model_order_field("metrics.a b/c.d").unwrap(), Metric("a b/c.d".to_owned()));
    assert_eq!(logged_model_order_field("metrics.`a b`").unwrap(), Metric("a b".to_owned()));
    assert_eq!(logged_model_order_field(" creation_timestamp ").unwrap(), CreationTime);
    assert_eq!(logged_model_order_field("last_updated_time").unwrap(), LastUpdatedTime);
    assert!(
        logged_model_order_field("params.a")
            .unwrap_err()
            .message
            .contains("only `metrics.<name>` is allowed")
    );
    assert!(logged_model_order_field("foo").is_err());
}
