//! What can be asked of traces, and of the numbers over them.

use super::tests::{cond, list, text};
use super::*;
use proptest::prelude::*;

fn one(filter: &str) -> Expr<TraceField> {
    match parse_trace_filter(filter) {
        Ok(Some(expr)) => expr,
        other => panic!("{filter}: {other:?}"),
    }
}

#[test]
fn attributes_and_their_aliases() {
    use TraceField::{
        ClientRequestId, EndTime, ExecutionTime, ExperimentId, Name, RunId, Status, Timestamp,
        TraceId,
    };
    for prefix in ["", "attribute.", "attributes.", "trace.", "`trace`."] {
        let is = |name: &str, field: TraceField| {
            assert_eq!(one(&format!("{prefix}{name} = 'x'")), cond(field, Op::Eq, text("x")));
        };
        is("request_id", TraceId);
        is("status", Status);
        is("client_request_id", ClientRequestId);
        is("name", Name);
        is("run_id", RunId);
        for (name, field) in [
            ("timestamp", Timestamp),
            ("timestamp_ms", Timestamp),
            ("execution_time", ExecutionTime),
            ("execution_time_ms", ExecutionTime),
            ("end_time", EndTime),
            ("end_time_ms", EndTime),
        ] {
            let value = || Literal::Integer(12);
            assert_eq!(one(&format!("{prefix}{name} >= 12")), cond(field.clone(), Op::Ge, value()));
            assert_eq!(one(&format!("{prefix}{name} < '12'")), cond(field, Op::Lt, value()));
        }
        assert_eq!(
            one(&format!("{prefix}experiment_id = '3'")),
            cond(ExperimentId, Op::Eq, Literal::Integer(3))
        );
    }
    assert_eq!(one("status IN ('OK', 'ERROR')"), cond(Status, Op::In, list(&["OK", "ERROR"])));
    assert_eq!(one("name RLIKE '^a'"), cond(Name, Op::Rlike, text("^a")));
    assert_eq!(one("name not rlike '^a'"), Expr::Not(Box::new(cond(Name, Op::Rlike, text("^a")))));
    assert_eq!(one("run_id IS NULL"), cond(RunId, Op::IsNull, Literal::None));
}

#[test]
fn tags_and_metadata() {
    let tag = |key: &str| TraceField::Tag(key.to_owned());
    let metadata = |key: &str| TraceField::Metadata(key.to_owned());
    for (filter, field) in [
        ("tag.a = 'x'", tag("a")),
        ("tags.`a b` = 'x'", tag("a b")),
        ("tags.name = 'x'", tag("name")),
        ("tags.mlflow.traceName = 'x'", TraceField::Name),
        ("metadata.a.b = 'x'", metadata("a.b")),
        ("request_metadata.\"a b\" = 'x'", metadata("a b")),
        ("metadata.`mlflow.trace.session` = 'x'", metadata("mlflow.trace.session")),
        ("metadata.mlflow.sourceRun = 'x'", TraceField::RunId),
    ] {
        assert_eq!(one(filter), cond(field, Op::Eq, text("x")), "{filter}");
    }
    assert_eq!(one("tag.a IS NOT NULL"), cond(tag("a"), Op::IsNotNull, Literal::None));
    assert_eq!(one("tag.a RLIKE '^x$'"), cond(tag("a"), Op::Rlike, text("^x$")));
}

#[test]
fn spans() {
    use SpanField::{Attribute, Content, Name, Status, Type};
    for (filter, field, op) in [
        ("span.name = 'x'", Name, Op::Eq),
        ("span.type != 'x'", Type, Op::Ne),
        ("span.status ILIKE 'x'", Status, Op::Ilike),
        ("span.content LIKE 'x'", Content, Op::Like),
        ("text LIKE 'x'", Content, Op::Like),
        ("trace.text ILIKE 'x'", Content, Op::Ilike),
        ("span.attributes.a.b RLIKE 'x'", Attribute("a.b".to_owned()), Op::Rlike),
        ("span.attributes.`a b` = 'x'", Attribute("a b".to_owned()), Op::Eq),
        ("span.`attributes.a b` = 'x'", Attribute("a b".to_owned()), Op::Eq),
        ("span.attributes.attributes. = 'x'", Attribute("attributes.".to_owned()), Op::Eq),
    ] {
        assert_eq!(one(filter), cond(TraceField::Span(field), op, text("x")), "{filter}");
    }
    for (filter, words) in [
        ("span.attributes. = 'x'", "cannot be empty"),
        ("span.kind = 'x'", "Invalid span attribute 'kind'"),
        ("span.`name` > 'x'", "Invalid comparator '>'"),
        ("tag.attributes.`x` = 'y'", "quote the whole key"),
    ] {
        let error = parse_trace_filter(filter).unwrap_err();
        assert!(error.message.contains(words), "{filter}: {}", error.message);
    }
}

#[test]
fn assessments_prompts_and_issues() {
    let feedback = |key: &str| TraceField::Feedback(key.to_owned());
    let expectation = |key: &str| TraceField::Expectation(key.to_owned());
    assert_eq!(one("feedback.ok = 'true'"), cond(feedback("ok"), Op::Eq, text("true")));
    assert_eq!(one("feedback.`a b` != 'x'"), cond(feedback("a b"), Op::Ne, text("x")));
    assert_eq!(one("feedback.s > 0.5"), cond(feedback("s"), Op::Gt, Literal::Number(0.5)));
    assert_eq!(one("feedback.s <= 2"), cond(feedback("s"), Op::Le, Literal::Number(2.0)));
    assert_eq!(one("feedback.s = 2"), cond(feedback("s"), Op::Eq, Literal::Number(2.0)));
    assert_eq!(one("feedback.s IS NULL"), cond(feedback("s"), Op::IsNull, Literal::None));
    assert_eq!(one("expectation.a LIKE '%x%'"), cond(expectation("a"), Op::Like, text("%x%")));
    assert_eq!(one("prompt = 'a/1'"), cond(TraceField::Prompt, Op::Eq, text("a/1")));
    assert_eq!(
        one("tags.mlflow.linkedPrompts IN ('a/1')"),
        cond(TraceField::Prompt, Op::In, list(&["a/1"]))
    );
    assert_eq!(one("issue.id = 'i'"), cond(TraceField::Issue, Op::Eq, text("i")));
    for (filter, words) in [
        ("feedback.s > '0.5'", "Expected a numeric value"),
        ("feedback.s LIKE 1", "Expected a quoted string value"),
        ("feedback.`` = 'x'", "Assessment field name cannot be empty"),
        ("prompt = 'a'", "Expected format: prompt = \"name/version\""),
        ("prompt IN ('a/1', 'b')", "Expected format: prompt = \"name/version\""),
        ("prompt LIKE 'a/1'", "Invalid comparator 'LIKE'"),
        ("issue.name = 'i'", "Invalid issue attribute 'name'"),
        ("issue.id LIKE 'i'", "Invalid comparator 'LIKE'"),
        ("metrics.a > 1", "Invalid entity type 'metrics'"),
        ("start_time > 1", "Invalid attribute key 'start_time'"),
        ("timestamp LIKE '1'", "Invalid comparator 'LIKE'"),
        ("timestamp > 'x'", "Expected numeric value type"),
        ("status > 'OK'", "Invalid comparator '>'"),
        ("status = OK", "not quoted"),
        ("max(tags.a) = 'x'", "can only be asked of the metrics of runs"),
    ] {
        let error = parse_trace_filter(filter).unwrap_err();
        assert!(error.message.contains(words), "{filter}: {}", error.message);
    }
    assert!(parse_run_filter("tags.a RLIKE 'x'").is_err(), "RLIKE is for traces");
}

#[test]
fn orders() {
    let fields = |clauses: &[&str]| {
        let clauses: Vec<String> = clauses.iter().map(|&clause| clause.to_owned()).collect();
        parse_trace_order(&clauses).map(|orders| {
            orders.into_iter().map(|order| (order.field, order.ascending)).collect::<Vec<_>>()
        })
    };
    assert_eq!(
        fields(&["timestamp_ms DESC", "name", "tag.`a b` desc", "metadata.k ASC", "experiment_id"])
            .unwrap(),
        [
            (TraceField::Timestamp, false),
            (TraceField::Name, true),
            (TraceField::Tag("a b".to_owned()), false),
            (TraceField::Metadata("k".to_owned()), true),
            (TraceField::ExperimentId, true),
        ]
    );
    assert!(fields(&["timestamp", "timestamp_ms"]).unwrap_err().message.contains("duplicate"));
    for field in ["span.name", "feedback.a", "expectation.a", "prompt", "issue.id", "text"] {
        assert!(
            fields(&[field]).unwrap_err().message.contains("Invalid identifier type"),
            "{field}"
        );
    }
    assert!(fields(&["state"]).is_err());
}

#[test]
fn metric_filters() {
    use TraceMetricField::{
        AssessmentName, AssessmentType, SpanName, SpanStatus, SpanType, TraceMetadata, TraceStatus,
        TraceTag,
    };
    for (filter, field) in [
        ("trace.status = 'x'", TraceStatus),
        ("trace.tag.a = 'x'", TraceTag("a".to_owned())),
        ("trace.tag.`a b` = 'x'", TraceTag("a b".to_owned())),
        ("trace.tag.a.b = 'x'", TraceTag("a.b".to_owned())),
        ("trace.metadata.`a b` = 'x'", TraceMetadata("a b".to_owned())),
        ("span.name = 'x'", SpanName),
        ("span.status = 'x'", SpanStatus),
        ("`span`.type = 'x'", SpanType),
        ("assessment.name = 'x'", AssessmentName),
        ("assessment.type = 'x'", AssessmentType),
    ] {
        let read = parse_trace_metric_filter(filter).unwrap().unwrap();
        assert_eq!(read, cond(field, Op::Eq, text("x")), "{filter}");
    }
    for (filter, words) in [
        ("status = 'x'", "Columns should be specified"),
        ("trace.name = 'x'", "Invalid entity 'name' specified for view type 'trace'"),
        ("tag.a = 'x'", "Invalid view type 'tag'"),
        ("trace.tag = 'x'", "Filtering by tag requires a key"),
        ("trace.tag. = 'x'", "Filtering by tag requires a key"),
        ("trace.status.a = 'x'", "Filtering by status does not require a key"),
        ("span.name = 1", "Expected a quoted string value"),
        ("span.name > 'x'", "Invalid comparator '>'"),
    ] {
        let error = parse_trace_metric_filter(filter).unwrap_err();
        assert!(error.message.contains(words), "{filter}: {}", error.message);
    }
}

fn key() -> impl Strategy<Value = String> {
    let own = |key: &String| {
        !["mlflow.traceName", "mlflow.linkedPrompts", "mlflow.sourceRun"].contains(&key.as_str())
    };
    prop_oneof!["[a-zA-Z_][a-zA-Z0-9_.]{0,8}", "[`\"'\\\\a-zé .]{1,6}", "\\PC{1,9}"]
        .prop_filter("an attribute's own name", own)
}

fn text_field() -> impl Strategy<Value = TraceField> {
    use TraceField::{ClientRequestId, Metadata, Name, RunId, Span, Status, Tag, TraceId};
    prop_oneof![
        prop::sample::select(vec![TraceId, Status, ClientRequestId, Name, RunId]),
        prop::sample::select(vec![
            Span(SpanField::Name),
            Span(SpanField::Type),
            Span(SpanField::Status),
            Span(SpanField::Content),
        ]),
        key().prop_map(Tag),
        key().prop_map(Metadata),
        key().prop_map(|key| Span(SpanField::Attribute(key))),
    ]
}

fn texts() -> impl Strategy<Value = (Op, Literal)> {
    let op = prop::sample::select(vec![Op::Eq, Op::Ne, Op::Like, Op::Ilike, Op::Rlike]);
    let list = prop::collection::vec(any::<String>(), 1..4).prop_map(Literal::List);
    prop_oneof![
        (op, any::<String>().prop_map(Literal::Text)),
        (prop::sample::select(vec![Op::In, Op::NotIn]), list),
        prop::sample::select(vec![Op::IsNull, Op::IsNotNull]).prop_map(|op| (op, Literal::None)),
    ]
}

fn numbers() -> impl Strategy<Value = (Op, Literal)> {
    let ops = vec![Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le];
    let number = any::<f64>().prop_filter("NaN cannot be written", |number| !number.is_nan());
    (prop::sample::select(ops), number.prop_map(Literal::Number))
}

fn condition() -> impl Strategy<Value = Expr<TraceField>> {
    use TraceField::{EndTime, ExecutionTime, Expectation, Feedback, Prompt, Timestamp};
    let times = prop::sample::select(vec![Timestamp, ExecutionTime, EndTime]);
    let whole = any::<i64>().prop_map(|n| (Op::Ge, Literal::Integer(n)));
    let prompt = "[a-z]{1,3}/[0-9]".prop_map(|text| (Op::Eq, Literal::Text(text)));
    prop_oneof![
        (text_field(), texts()),
        (times, whole),
        (key().prop_map(Feedback), prop_oneof![texts(), numbers()]),
        (key().prop_map(Expectation), prop_oneof![texts(), numbers()]),
        (Just(Prompt), prompt),
    ]
    .prop_map(|(field, (op, value))| Expr::Cond(Condition { field, op, value }))
}

fn tree() -> impl Strategy<Value = Expr<TraceField>> {
    condition().prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// Pieces of filters in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "timestamp",
        "status",
        "name",
        "text",
        "prompt",
        "run_id",
        "tag.a",
        "metadata.`b c`",
        "span.name",
        "span.attributes.",
        "span.attributes.x",
        "`y z`",
        "feedback.ok",
        "expectation.",
        "issue.id",
        "trace.tag.",
        "trace.metadata.k",
        "assessment.name",
        "'x'",
        "'a/1'",
        "\"y\"",
        "E'z'",
        "`",
        "'",
        "1",
        "-2.5",
        "=",
        "!=",
        ">",
        "LIKE",
        "RLIKE",
        "not",
        "IN",
        "('a')",
        "IS",
        "NULL",
        "AND",
        "or",
        "(",
        ")",
        ".",
        "é",
        "DESC",
    ]);
    (prop::collection::vec(piece, 0..20), prop::sample::select(vec!["", " "]))
        .prop_map(|(pieces, space)| pieces.join(space))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_soup_panics_and_what_is_read_prints_as_what_reads_the_same(text in soup()) {
        match parse_trace_filter(&text) {
            Ok(Some(tree)) => {
                prop_assert_eq!(parse_trace_filter(&tree.to_string()).unwrap(), Some(tree));
            }
            Ok(None) => {}
            Err(error) => {
                prop_assert!(error.position.is_some_and(|at| at <= text.chars().count()));
            }
        }
        if let Ok(Some(tree)) = parse_trace_metric_filter(&text) {
            prop_assert_eq!(parse_trace_metric_filter(&tree.to_string()).unwrap(), Some(tree));
        }
        let _ = parse_trace_order(&[text]);
    }

    #[test]
    fn what_is_printed_reads_the_same(tree in tree()) {
        let printed = tree.to_string();
        let read = parse_trace_filter(&printed);
        prop_assert!(read.is_ok(), "{}: {:?}", printed, read);
        prop_assert_eq!(read.unwrap(), Some(tree), "{}", printed);
    }
}
