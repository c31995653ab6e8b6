//! What is accepted, what it means, and what is refused where.

use super::*;

fn run(filter: &str) -> Expr<RunField> {
    match parse_run_filter(filter) {
        Ok(Some(expr)) => expr,
        other => panic!("{filter}: {other:?}"),
    }
}

pub(super) fn cond<F>(field: F, op: Op, value: Literal) -> Expr<F> {
    Expr::Cond(Condition { field, op, value })
}

pub(super) fn text(text: &str) -> Literal {
    Literal::Text(text.to_owned())
}

pub(super) fn list(items: &[&str]) -> Literal {
    Literal::List(items.iter().map(|&item| item.to_owned()).collect())
}

fn metric(key: &str) -> RunField {
    RunField::Metric(key.to_owned())
}

fn param(key: &str) -> RunField {
    RunField::Param(key.to_owned())
}

fn tag(key: &str) -> RunField {
    RunField::Tag(key.to_owned())
}

#[test]
fn blank_filters_ask_nothing() {
    for filter in ["", "  ", "\n\t", "AND", "and AND"] {
        assert_eq!(parse_run_filter(filter).unwrap(), None, "{filter:?}");
    }
}

#[test]
fn numbers_are_compared_as_mlflow_does() {
    for (filter, op, value) in [
        ("metrics.loss > -1", Op::Gt, -1.0),
        ("metrics.loss>-1.5e-3", Op::Gt, -1.5e-3),
        ("metric.loss >= .5", Op::Ge, 0.5),
        ("metrics.loss = 1.", Op::Eq, 1.0),
        ("metrics.loss != 1E5", Op::Ne, 1e5),
        ("`metrics`.loss < 1e-5", Op::Lt, 1e-5),
        ("metrics.\"loss\" <= 0", Op::Le, 0.0),
        ("metrics.'loss' <= +2", Op::Le, 2.0),
        ("metrics.loss\t=\n2", Op::Eq, 2.0),
    ] {
        assert_eq!(run(filter), cond(metric("loss"), op, Literal::Number(value)), "{filter}");
    }
    assert_eq!(run("metrics.a.b.c > 1"), cond(metric("a.b.c"), Op::Gt, Literal::Number(1.0)));
    assert_eq!(run("metrics.count > 1"), cond(metric("count"), Op::Gt, Literal::Number(1.0)));
    assert_eq!(run("metrics.a < 1e999"), cond(metric("a"), Op::Lt, Literal::Number(f64::INFINITY)));
}

#[test]
fn keys_are_quoted_in_every_way_that_mlflow_knows() {
    let value = || text("x");
    for (filter, field) in [
        ("params.`a b` = 'x'", param("a b")),
        ("params.\"a b\" = \"x\"", param("a b")),
        ("params.'a b' = 'x'", param("a b")),
        ("param.`a.b` = 'x'", param("a.b")),
        ("parameter.`a``b` = 'x'", param("a``b")),
        ("parameters.`a\"b` = 'x'", param("a\"b")),
        ("params.\"a`b\" = 'x'", param("a`b")),
        ("tags.`val/loss` = 'x'", tag("val/loss")),
        ("tag.mlflow.source.name = 'x'", tag("mlflow.source.name")),
        ("tags.`mlflow.source.name` = 'x'", tag("mlflow.source.name")),
        ("tags.end = 'x'", tag("end")),
        ("params.select='x'", param("select")),
        ("params.été = 'x'", param("été")),
        ("params.日本 = 'x'", param("日本")),
        ("params._a = 'x'", param("_a")),
        ("params.1a = 'x'", param("1a")),
        // Ours: MLflow wants these quoted.
        ("params.val/loss-2:b = 'x'", param("val/loss-2:b")),
        ("params.1 = 'x'", param("1")),
    ] {
        assert_eq!(run(filter), cond(field, Op::Eq, value()), "{filter}");
    }
}

#[test]
fn attributes_and_their_aliases() {
    use RunAttribute::{
        ArtifactUri, EndTime, ExperimentId, RunId, RunName, StartTime, Status, UserId,
    };
    let is = |attribute, value| cond(RunField::Attribute(attribute), Op::Eq, value);
    for prefix in ["", "attribute.", "attributes.", "attr.", "run.", "`attribute`."] {
        let whole = |name: &str, value: &str| run(&format!("{prefix}{name} = {value}"));
        assert_eq!(whole("run_id", "'x'"), is(RunId, text("x")));
        assert_eq!(whole("user_id", "'x'"), is(UserId, text("x")));
        assert_eq!(whole("artifact_uri", "'x'"), is(ArtifactUri, text("x")));
        assert_eq!(whole("start_time", "12"), is(StartTime, Literal::Integer(12)));
        assert_eq!(whole("end_time", "1.5"), is(EndTime, Literal::Number(1.5)));
        for name in ["run_name", "`Run name`", "`Run Name`", "`run name`", "\"Run name\""] {
            assert_eq!(whole(name, "'x'"), is(RunName, text("x")));
        }
        for name in ["created", "Created", "`Created`", "\"Created\""] {
            assert_eq!(whole(name, "5"), is(StartTime, Literal::Integer(5)));
        }
        // MLflow compares a status exactly, so this equals none.
        assert_eq!(whole("status", "'running'"), is(Status, text("running")));
        assert_eq!(whole("experiment_id", "'7'"), is(ExperimentId, Literal::Integer(7)));
        assert_eq!(whole("experiment_id", "7"), is(ExperimentId, Literal::Integer(7)));
    }
    assert_eq!(
        run("start_time > 99999999999999999999"),
        cond(RunField::Attribute(StartTime), Op::Gt, Literal::Number(1e20))
    );
}

#[test]
fn texts_are_read_as_mlflow_reads_them() {
    for (filter, value) in [
        ("params.x = ''", ""),
        ("params.x = 'it''s'", "it''s"),
        (r"params.x = 'it\'s'", r"it\'s"),
        ("params.x = \"it's\"", "it's"),
        (r#"params.x = "a\"b""#, r#"a\"b"#),
        (r#"params.x = "a""b""#, r#"a""b"#),
        (r"params.x = 'C:\'", r"C:\"),
        (r"params.x = 'a\nb'", r"a\nb"),
        ("params.x = 'a\nb'", "a\nb"),
        ("params.x = 'a;b -- c'", "a;b -- c"),
        ("params.x = 'AND'", "AND"),
        ("params.x = '日本'", "日本"),
        (r"params.x = E'it\'s \\ \n'", "it's \\ \n"),
    ] {
        assert_eq!(run(filter), cond(param("x"), Op::Eq, text(value)), "{filter}");
    }
}

#[test]
fn lists_are_read_as_python_reads_them() {
    let run_id = || RunField::Attribute(RunAttribute::RunId);
    for (items, read) in [
        ("('a','b')", &["a", "b"][..]),
        ("('a')", &["a"]),
        ("('a',)", &["a"]),
        ("(\"a\", 'b')", &["a", "b"]),
        (r"('it\'s')", &["it's"]),
        ("('a' 'b')", &["ab"]),
        ("('it''s')", &["its"]),
        (r"('\x41\u00e9\t\q')", &["Aé\t\\q"]),
        (r"('\xzz')", &[r"\xzz"]),
    ] {
        assert_eq!(
            run(&format!("run_id IN {items}")),
            cond(run_id(), Op::In, list(read)),
            "{items}"
        );
        assert_eq!(
            run(&format!("run_id not in{items}")),
            cond(run_id(), Op::NotIn, list(read)),
            "{items}"
        );
    }
    assert_eq!(
        run("dataset.digest IN ('a')"),
        cond(RunField::Dataset(DatasetAttribute::Digest), Op::In, list(&["a"]))
    );
    assert_eq!(
        run("datasets.context = 'x'"),
        cond(RunField::Dataset(DatasetAttribute::Context), Op::Eq, text("x"))
    );
    // Ours: on every text.
    assert_eq!(run("params.x IN ('a')"), cond(param("x"), Op::In, list(&["a"])));
    assert_eq!(
        run("experiment_id IN (1, '02')"),
        cond(RunField::Attribute(RunAttribute::ExperimentId), Op::In, list(&["1", "2"]))
    );
}

#[test]
fn other_operators() {
    for (filter, op, value) in [
        ("params.x LIKE 'a%'", Op::Like, text("a%")),
        ("params.x ilike 'A_'", Op::Ilike, text("A_")),
        ("params.x IS NULL", Op::IsNull, Literal::None),
        ("params.x is not null", Op::IsNotNull, Literal::None),
        ("params.x IS  NOT\nNULL", Op::IsNotNull, Literal::None),
        ("params.x != 'y'", Op::Ne, text("y")),
    ] {
        assert_eq!(run(filter), cond(param("x"), op, value), "{filter}");
    }
    let like = cond(param("x"), Op::Like, text("a"));
    assert_eq!(run("params.x NOT LIKE 'a'"), Expr::Not(Box::new(like.clone())));
    assert_eq!(run("NOT params.x LIKE 'a'"), Expr::Not(Box::new(like)));
    assert_eq!(run("metrics.x IS NULL"), cond(metric("x"), Op::IsNull, Literal::None));
    assert_eq!(
        run("end_time IS NOT NULL"),
        cond(RunField::Attribute(RunAttribute::EndTime), Op::IsNotNull, Literal::None)
    );
}

#[test]
fn aggregates_of_a_metric() {
    let of =
        |agg| cond(RunField::MetricAgg(agg, "val/loss".to_owned()), Op::Lt, Literal::Number(1.0));
    for (name, agg) in [
        ("min", MetricAgg::Min),
        ("MAX", MetricAgg::Max),
        ("mean", MetricAgg::Mean),
        ("avg", MetricAgg::Mean),
        ("count", MetricAgg::Count),
    ] {
        assert_eq!(run(&format!("{name}(metrics.`val/loss`) < 1")), of(agg));
        assert_eq!(run(&format!("{name} ( metric.val/loss ) < 1")), of(agg));
    }
    assert!(
        parse_run_filter("min(params.x) = 'a'")
            .unwrap_err()
            .message
            .contains("only be asked of metrics")
    );
    assert!(parse_logged_model_filter("min(metrics.x) > 1").is_err());
}

#[test]
fn conditions_are_joined() {
    let a = || cond(metric("a"), Op::Gt, Literal::Number(1.0));
    let b = || cond(metric("b"), Op::Gt, Literal::Number(2.0));
    let c = || cond(param("c"), Op::Eq, text("x"));
    let (ta, tb, tc) = ("metrics.a > 1", "metrics.b>2", "params.c='x'");
    let both = Expr::And(vec![a(), b()]);
    for filter in [
        format!("{ta} AND {tb}"),
        format!("{ta} and\n{tb} "),
        format!("AND {ta} AND AND {tb} AND"),
        format!("{ta} {tb}"),
        format!("({ta}) AND (({tb}))"),
    ] {
        assert_eq!(run(&filter), both, "{filter}");
    }
    assert_eq!(run(&format!("{ta} AND {tb} AND {tc}")), Expr::And(vec![a(), b(), c()]));
    assert_eq!(
        run(&format!("{ta} OR {tb} AND {tc}")),
        Expr::Or(vec![a(), Expr::And(vec![b(), c()])])
    );
    assert_eq!(
        run(&format!("({ta} or {tb}) AND {tc}")),
        Expr::And(vec![Expr::Or(vec![a(), b()]), c()])
    );
    assert_eq!(run(&format!("NOT {ta} AND {tb}")), Expr::And(vec![Expr::Not(Box::new(a())), b()]));
    assert_eq!(
        run(&format!("NOT ({ta} AND {tb})")),
        Expr::Not(Box::new(Expr::And(vec![a(), b()])))
    );
    assert_eq!(run(&format!("not not {ta}")), Expr::Not(Box::new(Expr::Not(Box::new(a())))));
    assert_eq!(Expr::both(Some(a()), Some(b())), Some(both.clone()));
    assert_eq!(Expr::both(None, Some(b())), Some(b()));
    let fields: Vec<_> = run(&format!("{ta} OR NOT ({tb} AND {tc})"))
        .conditions()
        .iter()
        .map(|c| c.field.to_string())
        .collect();
    assert_eq!(fields, ["metrics.a", "metrics.b", "params.c"]);
}

#[test]
fn refusals_say_what_and_where() {
    for (filter, words, position) in [
        ("metrics.loss > 'x'", "Expected numeric value type for metric. Found 'x'", 15),
        (
            "metrics.loss > 1and metrics.b > 1",
            "Expected numeric value type for metric. Found 1and",
            15,
        ),
        ("metrics.loss > 1_000", "Found 1_000", 15),
        ("metrics.loss > NaN", "Found NaN", 15),
        ("metrics.loss > 0x10", "Found 0x10", 15),
        ("start_time > '1'", "Expected numeric value type for numeric attribute", 13),
        (
            "params.x = 1",
            "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 1",
            11,
        ),
        (
            "params.x = abc",
            "Parameter value is either not quoted or unidentified quote types used for string value abc",
            11,
        ),
        ("params.x = `a`", "is either not quoted", 11),
        ("status = 1", "Expected a quoted string value for attributes. Got value 1", 9),
        ("foo = 'x'", "Invalid attribute key 'foo' specified. Valid keys are", 0),
        ("metrics > 1", "Invalid attribute key 'metrics'", 0),
        ("lifecycle_stage = 'active'", "Invalid attribute key 'lifecycle_stage'", 0),
        (
            "Metrics.x > 1",
            "Invalid entity type 'Metrics'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']",
            0,
        ),
        ("params.a = 'x' and p.model = 'LR'", "Invalid entity type 'p'", 19),
        ("dataset.foo = 'x'", "Invalid dataset key 'foo' specified", 0),
        ("metrics.a == 1", "Invalid comparator '==' not one of", 10),
        ("metrics.a <> 1", "Invalid comparator '<>' not one of", 10),
        ("metrics.a LIKE 'x'", "Invalid comparator 'LIKE' not one of", 10),
        ("params.x > 'a'", "Invalid comparator '>' not one of", 9),
        ("1 < metrics.a", "Invalid comparison clause. Expected 'Identifier' found '1'", 0),
        ("'x' = params.x", "Expected 'Identifier' found ''x''", 0),
        ("metrics.a > 1;", "Invalid clause(s) in filter string: ';'", 13),
        ("metrics.a > 1; metrics.b > 1", "Search filter contained multiple expression", 13),
        ("metrics.a > 1 -- c", "Invalid clause(s) in filter string: '--'", 14),
        ("metrics.a > 1 OR", "it ends too early", 16),
        ("metrics.a >", "it ends too early", 11),
        ("metrics.a", "'a' is not compared with anything", 0),
        ("metrics.a AND metrics.b > 1", "not compared", 0),
        ("metrics. > 1", "names no key", 8),
        ("metrics. x > 1", "names no key", 8),
        ("tags.mlflow.`source name` = 'x'", "quote the whole key", 12),
        ("params.x = 'abc", "never closed", 11),
        ("params.`x = 'a'", "never closed", 7),
        ("été.x = 1 AND", "Invalid entity type 'été'", 0),
        ("params.é = 'é' AND params.x ! 'a'", "Invalid comparator '!'", 28),
        ("run_id IN 'a'", "needs a list of quoted string values", 10),
        ("run_id IN ()", "expected a non-empty list of string values, but got empty list", 12),
        (
            "run_id IN (1)",
            "expected string value, punctuation, or whitespace, but got different type in list: 1",
            11,
        ),
        ("run_id IN ('a' , , 'b')", "ill-formed list", 17),
        ("run_id IN ('a'", "ill-formed list", 14),
        ("run_id IN (,)", "ill-formed list", 11),
        ("run_id = ('a')", "A list needs IN", 9),
        (
            "experiment_id = 'x'",
            "Invalid experiment ID 'x'. Experiment ID must be a valid integer.",
            16,
        ),
        ("(metrics.a > 1", "a parenthesis is never closed", 14),
        ("metrics.a > 1)", "Invalid clause(s) in filter string: ')'", 13),
        ("()", "Invalid clause(s) in filter string: ')'", 1),
        ("NOT", "it ends too early", 3),
        ("params.x IS 'a'", "Invalid clause(s) in filter string: 'IS'", 9),
        ("params.x RLIKE 'a'", "Invalid comparator 'RLIKE'", 9),
        ("params.x = 'a' params", "'params' is not compared", 15),
    ] {
        let error = parse_run_filter(filter).unwrap_err();
        assert!(error.message.contains(words), "{filter}: {}", error.message);
        assert_eq!(error.position, Some(position), "{filter}: {}", error.message);
        assert_eq!(error.code, crate::ErrorCode::InvalidParameterValue);
    }
}

#[test]
fn hostile_input_is_bounded() {
    let condition = "metrics.a>1";
    let nested = |depth: usize| format!("{}{condition}{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse_run_filter(&nested(100)).is_ok());
    assert!(parse_run_filter(&nested(101)).unwrap_err().message.contains("nests deeper than 100"));
    assert!(parse_run_filter(&nested(40_000)).is_err());
    assert!(parse_run_filter(&format!("{}{condition}", "NOT ".repeat(20_000))).is_err());
    assert!(parse_run_filter(&format!("{condition} AND {}", "NOT(".repeat(20_000))).is_err());
    assert!(parse_run_filter(&vec![condition; 500].join(" AND ")).is_ok());
    assert!(
        parse_run_filter(&vec![condition; 501].join(" OR ")).unwrap_err().message.contains("500")
    );
    let long = format!("params.x = '{}'", "é".repeat(50_000));
    let error = parse_run_filter(&long).unwrap_err();
    assert!(error.message.contains("at most 100000"));
    assert!(error.message.len() < 200);
    assert!(parse_run_filter(&format!("foo{} = 1", "o".repeat(90_000))).is_err());
    let order = vec!["metrics.a".to_owned(); 101];
    assert!(parse_run_order(&order).unwrap_err().message.contains("at most 100"));
}

fn order(clause: &str) -> Order<RunField> {
    match parse_run_order(&[clause.to_owned()]) {
        Ok(mut orders) if orders.len() == 1 => orders.remove(0),
        other => panic!("{clause}: {other:?}"),
    }
}

#[test]
fn orderings_of_runs() {
    for (clause, field, ascending) in [
        ("metrics.a", metric("a"), true),
        ("metrics.a DESC", metric("a"), false),
        ("metric.a desc", metric("a"), false),
        ("metrics.a aSc", metric("a"), true),
        ("  metrics.a   DESC ", metric("a"), false),
        ("metrics.`a b` DESC", metric("a b"), false),
        ("metrics.\"a b\" ASC", metric("a b"), true),
        ("metrics.'a b'", metric("a b"), true),
        ("metrics.val/loss DESC", metric("val/loss"), false),
        ("metrics.end desc", metric("end"), false),
        ("params.été", param("été"), true),
        ("tags.mlflow.source.name DESC", tag("mlflow.source.name"), false),
        ("start_time DESC", RunField::Attribute(RunAttribute::StartTime), false),
        ("created", RunField::Attribute(RunAttribute::StartTime), true),
        ("`Created` DESC", RunField::Attribute(RunAttribute::StartTime), false),
        ("attribute.run_name", RunField::Attribute(RunAttribute::RunName), true),
        ("attributes.status", RunField::Attribute(RunAttribute::Status), true),
        ("run.run_id", RunField::Attribute(RunAttribute::RunId), true),
        ("min(metrics.loss) DESC", RunField::MetricAgg(MetricAgg::Min, "loss".to_owned()), false),
    ] {
        assert_eq!(order(clause), Order { field, ascending }, "{clause}");
    }
    assert_eq!(parse_run_order(&[]).unwrap(), []);
}

#[test]
fn refused_orderings() {
    for (clause, words) in [
        ("", "Invalid order_by clause ''. Could not be parsed."),
        ("  ", "Could not be parsed."),
        ("metrics.a b DESC", "Invalid order_by clause 'metrics.a b DESC'. Could not be parsed."),
        ("metrics.a,metrics.b", "Could not be parsed."),
        ("metrics.a DESC, metrics.b", "Could not be parsed."),
        ("metrics.a DES", "Invalid ordering key in order_by clause 'metrics.a DES'."),
        ("metrics.a DESC ASC", "Could not be parsed."),
        ("metrics.a NULLS LAST", "Could not be parsed."),
        ("metrics.a;", "Could not be parsed."),
        ("metrics.a > 1", "Could not be parsed."),
        ("'metrics.a'", "Could not be parsed."),
        ("metrics.`a", "Could not be parsed."),
        ("min(metrics.a", "Could not be parsed."),
        ("foo", "Invalid attribute key 'foo' specified"),
        ("acc.a", "Invalid entity type 'acc'"),
        ("dataset.name", "Invalid identifier type 'dataset'"),
    ] {
        let error = parse_run_order(&[clause.to_owned()]).unwrap_err();
        assert!(error.message.contains(words), "{clause}: {}", error.message);
    }
    let twice = ["start_time DESC".to_owned(), "attribute.created".to_owned()];
    assert!(
        parse_run_order(&twice)
            .unwrap_err()
            .message
            .starts_with("`order_by` contains duplicate fields")
    );
}
