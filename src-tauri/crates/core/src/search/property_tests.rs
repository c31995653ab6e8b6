//! Whatever comes in, reading does not panic; whatever is read prints as what reads the same.

use super::*;
use proptest::prelude::*;

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z_][a-zA-Z0-9_.]{0,8}",
        "[a-z/. :\\-]{1,8}",
        "[`\"'\\\\a-zé ]{0,6}",
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z0-9 %_]{0,8}", "['\"\\\\a-zE()]{0,8}", any::<String>()]
}

fn metric_number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("NaN cannot be written", |number| !number.is_nan())
}

fn number_op() -> impl Strategy<Value = Op> {
    prop::sample::select(vec![Op::Eq, Op::Ne, Op::Gt, Op::Ge, Op::Lt, Op::Le])
}

fn text_comparison() -> impl Strategy<Value = (Op, Literal)> {
    let op = prop::sample::select(vec![Op::Eq, Op::Ne, Op::Like, Op::Ilike]);
    let list = prop::collection::vec(value(), 1..4).prop_map(Literal::List);
    prop_oneof![
        (op, value().prop_map(Literal::Text)),
        (prop::sample::select(vec![Op::In, Op::NotIn]), list),
        prop::sample::select(vec![Op::IsNull, Op::IsNotNull]).prop_map(|op| (op, Literal::None)),
    ]
}

fn number_comparison() -> impl Strategy<Value = (Op, Literal)> {
    prop_oneof![
        (number_op(), metric_number().prop_map(Literal::Number)),
        Just((Op::IsNull, Literal::None)),
    ]
}

fn time_comparison() -> impl Strategy<Value = (Op, Literal)> {
    (number_op(), any::<i64>().prop_map(Literal::Integer))
}

fn text_field() -> impl Strategy<Value = RunField> {
    use RunAttribute::{ArtifactUri, RunId, RunName, Status, UserId};
    let attribute = prop::sample::select(vec![ArtifactUri, RunId, RunName, Status, UserId]);
    let dataset = prop::sample::select(vec![
        DatasetAttribute::Name,
        DatasetAttribute::Digest,
        DatasetAttribute::Context,
    ]);
    prop_oneof![
        key().prop_map(RunField::Param),
        key().prop_map(RunField::Tag),
        attribute.prop_map(RunField::Attribute),
        dataset.prop_map(RunField::Dataset),
    ]
}

fn number_field() -> impl Strategy<Value = RunField> {
    use MetricAgg::{Count, Max, Mean, Min};
    prop_oneof![
        key().prop_map(RunField::Metric),
        (prop::sample::select(vec![Min, Max, Mean, Count]), key())
            .prop_map(|(agg, key)| RunField::MetricAgg(agg, key)),
    ]
}

fn condition() -> impl Strategy<Value = Expr<RunField>> {
    let time = prop::sample::select(vec![RunAttribute::StartTime, RunAttribute::EndTime]);
    prop_oneof![
        (text_field(), text_comparison()),
        (number_field(), number_comparison()),
        (time.prop_map(RunField::Attribute), time_comparison()),
    ]
    .prop_map(|(field, (op, value))| Expr::Cond(Condition { field, op, value }))
}

fn tree() -> impl Strategy<Value = Expr<RunField>> {
    condition().prop_recursive(5, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// Pieces of filters in any order, which reach further into the reader than random text.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "metrics.a",
        "params.`b c`",
        "tags.\"x\"",
        "status",
        "run_id",
        "start_time",
        "dataset.name",
        "`",
        "'",
        "\"",
        "'x'",
        "\"y\"",
        "E'z'",
        "1",
        "-2.5e3",
        ".",
        "-",
        ">",
        "=",
        "!=",
        "<=",
        "LIKE",
        "not",
        "IN",
        "IS",
        "NULL",
        "AND",
        "or",
        "(",
        ")",
        ",",
        ";",
        "min",
        "é",
        "\\",
        "('a','b')",
        "metrics.",
        "ASC",
        "desc",
    ]);
    (prop::collection::vec(piece, 0..25), prop::sample::select(vec!["", " "]))
        .prop_map(|(pieces, space)| pieces.join(space))
}

fn read_all(text: &str) {
    let positions = [
        parse_run_filter(text).err(),
        parse_experiment_filter(text).err(),
        parse_registered_model_filter(text).err(),
        parse_model_version_filter(text).err(),
        parse_logged_model_filter(text).err(),
    ];
    for error in positions.into_iter().flatten() {
        let position = error.position.expect("every refused filter says where");
        assert!(position <= text.chars().count(), "{text:?}: {position}");
    }
    let clause = [text.to_owned()];
    let _ = parse_run_order(&clause);
    let _ = parse_experiment_order(&clause);
    let _ = parse_registered_model_order(&clause);
    let _ = parse_model_version_order(&clause);
    let _ = logged_model_order_field(text);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_panics(text in any::<String>()) {
        read_all(&text);
    }

    #[test]
    fn no_soup_panics(text in soup()) {
        read_all(&text);
    }

    #[test]
    fn what_is_printed_reads_the_same(tree in tree()) {
        let printed = tree.to_string();
        let read = parse_run_filter(&printed);
        prop_assert!(read.is_ok(), "{}: {:?}", printed, read);
        prop_assert_eq!(read.unwrap(), Some(tree), "{}", printed);
    }

    #[test]
    fn what_is_read_prints_as_what_reads_the_same(text in soup()) {
        if let Ok(Some(tree)) = parse_run_filter(&text) {
            prop_assert_eq!(parse_run_filter(&tree.to_string()).unwrap(), Some(tree));
        }
        if let Ok(Some(tree)) = parse_logged_model_filter(&text) {
            prop_assert_eq!(parse_logged_model_filter(&tree.to_string()).unwrap(), Some(tree));
        }
    }

    #[test]
    fn an_ordering_that_is_printed_reads_the_same(field in prop_oneof![text_field(), number_field()], ascending in any::<bool>()) {
        if !matches!(field, RunField::Dataset(_)) {
            let order = Order { field, ascending };
            prop_assert_eq!(parse_run_order(&[order.to_string()]).unwrap(), vec![order]);
        }
    }
}
