//! Searching and summing up traces, on a small set that has some of everything.
#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use branchline_core::search::{parse_trace_filter, parse_trace_metric_filter, parse_trace_order};
use branchline_core::{
    ExperimentId, Result, SystemClock, TraceAggregation, TraceDimension, TraceMetric,
};
use branchline_store::{Durability, Store, TraceMetricQuery, TraceQuery};
use std::sync::Arc;

struct Fixture {
    _folder: tempfile::TempDir,
    store: Store,
}

/// Four traces in experiment 1 (`a` … `d`, started at 1000 … 4000) and one in 2 (`e`).
const TRACES: &str = r#"
INSERT INTO experiment (id, uid, name, artifact_location, created_at, updated_at)
VALUES (1, 'u1', 'one', '', 0, 0), (2, 'u2', 'two', '', 0, 0);
INSERT INTO trace (id, trace_id, experiment_id, client_request_id, state, request_time,
    execution_duration, name, session_id, total_tokens)
VALUES (1, 'a', 1, 'req-a', 1, 1000, 100, 'chat', 's1', 10),
       (2, 'b', 1, NULL,    2, 2000, 300, 'chat', 's1', 30),
       (3, 'c', 1, NULL,    3, 3000, NULL, 'tool', 's2', NULL),
       (4, 'd', 1, NULL,    1, 4000, 200, NULL,   NULL, 20),
       (5, 'e', 2, NULL,    1, 5000, 500, 'chat', 's1', 50);
INSERT INTO trace_tag (trace_id, key, value)
VALUES (1, 'env', 'prod'), (2, 'env', 'Dev'), (3, 'name', 'a tag');
INSERT INTO trace_metadata (trace_id, key, value)
VALUES (1, 'mlflow.sourceRun', 'r1'), (2, 'k', 'v'), (1, 'mlflow.trace.session', 's1');
INSERT INTO trace_run (trace_id, run_id) VALUES (2, 'r1'), (3, 'r2');
INSERT INTO trace_prompt (trace_id, name, version) VALUES (1, 'p', '1'), (4, 'p', '2');
INSERT INTO span (trace_id, span_id, name, type, status, start_ns, end_ns, model, total_cost, content)
VALUES (1, '1', 'root', 'CHAIN', 1, 1000000000, 1100000000, NULL, NULL,
            '{"name": "root", "attributes": {"model": "\"gpt\"", "n": "5"}}'),
       (1, '2', 'llm', 'LLM', 2, 1010000000, 1050999999, 'gpt', 0.5,
            '{"name": "llm", "attributes": {"model": "\"claude\"", "a b": "{\"x\": 1}"}}'),
       (2, '3', 'root', 'LLM', 1, 2000000000, 2300000000, 'gpt', 1.5,
            '{"name": "root", "attributes": {}}');
INSERT INTO assessment (assessment_id, trace_id, name, kind, value, number, source_type, metadata,
    valid, created_at, updated_at)
VALUES ('1', 1, 'ok', 'feedback', 'true', 1, 'HUMAN', NULL, 1, 0, 0),
       ('2', 2, 'ok', 'feedback', 'false', 0, 'HUMAN', NULL, 1, 0, 0),
       ('3', 3, 'ok', 'feedback', '"true"', NULL, 'HUMAN', NULL, 0, 0, 0),
       ('4', 3, 'score', 'feedback', '0.5', 0.5, 'HUMAN', NULL, 1, 0, 0),
       ('5', 4, 'score', 'feedback', '7', 7, 'HUMAN', NULL, 1, 0, 0),
       ('6', 4, 'answer', 'expectation', '"a \"b\""', NULL, 'HUMAN', NULL, 1, 0, 0),
       ('7', 2, 'calm', 'feedback', '"yes"', 1, 'HUMAN', '{"mlflow.trace.session":"s1"}', 1, 0, 0),
       ('8', 4, 'iss-1', 'issue', '{}', NULL, 'HUMAN', NULL, 1, 0, 0);
"#;

impl Fixture {
    fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let store =
            Store::open(&path, Durability::Balanced, Arc::new(SystemClock), |_| Ok(())).unwrap();
        Self { _folder: folder, store }
    }

    fn run(self, sql: &str) -> Self {
        rusqlite::Connection::open(self.store.path()).unwrap().execute_batch(sql).unwrap();
        self
    }

    async fn page(
        &self,
        query: TraceQuery,
        size: usize,
        token: Option<String>,
    ) -> Result<(Vec<String>, Option<String>)> {
        let page =
            self.store.read(move |view| view.search_traces(&query, size, token.as_deref())).await?;
        let ids = page.items.iter().map(|trace| trace.trace_id.as_str().to_owned());
        Ok((ids.collect(), page.next_page_token))
    }

    async fn found(&self, filter: &str) -> String {
        let (mut ids, _) = self.page(query(&[1], filter, &[]), 100, None).await.unwrap();
        ids.sort_unstable();
        ids.concat()
    }

    async fn plan(&self, query: TraceQuery) -> String {
        self.store.read(move |view| view.explain_traces(&query)).await.unwrap()
    }
}

fn query(experiments: &[i64], filter: &str, order: &[&str]) -> TraceQuery {
    let order: Vec<String> = order.iter().map(|&clause| clause.to_owned()).collect();
    TraceQuery {
        experiments: experiments.iter().copied().map(ExperimentId).collect(),
        filter: parse_trace_filter(filter).unwrap(),
        order: parse_trace_order(&order).unwrap(),
    }
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let fixture = Fixture::empty().run(TRACES);
    for (filter, expected) in [
        ("", "abcd"),
        ("request_id = 'b'", "b"),
        ("client_request_id = 'req-a'", "a"),
        ("client_request_id IS NULL", "bcd"),
        ("timestamp_ms > 2000", "cd"),
        ("timestamp >= '2000' AND timestamp < 4000", "bc"),
        ("execution_time_ms != 100", "bd"),
        ("end_time >= 3000", "cd"),
        ("status = 'OK'", "ad"),
        ("status != 'OK'", "bc"),
        ("status != 'other'", "abcd"),
        ("status LIKE 'IN%'", "c"),
        ("status IN ('OK', 'ERROR')", "abd"),
        ("name = 'chat'", "ab"),
        ("name != 'chat'", "c"),
        ("NOT name = 'chat'", "cd"),
        ("name IS NULL", "d"),
        ("name RLIKE '^ch.t$'", "ab"),
        ("tags.mlflow.traceName ILIKE 'CH%'", "ab"),
        ("run_id = 'r1'", "ab"),
        ("run_id IN ('r1', 'r2')", "abc"),
        ("run_id != 'x'", "a"),
        ("run_id IS NULL", "bcd"),
        ("prompt = 'p/1'", "a"),
        ("prompt IN ('p/1', 'p/2', 'q/1')", "ad"),
        ("prompt IS NULL", "bc"),
        ("tags.env = 'prod'", "a"),
        ("tags.env LIKE 'd%'", ""),
        ("tags.env ILIKE 'd%'", "b"),
        ("tags.env IS NULL", "cd"),
        ("tags.name = 'a tag'", "c"),
        ("metadata.k = 'v'", "b"),
        ("metadata.k IS NOT NULL", "b"),
        ("metadata.`mlflow.trace.session` = 's1'", "ab"),
        ("span.name = 'llm'", "a"),
        ("span.name = 'root' AND span.type = 'LLM'", "b"),
        ("(span.name = 'root') AND (span.type = 'LLM')", "b"),
        ("(span.name = 'root' AND timestamp > 0) AND (span.type = 'LLM' AND timestamp > 0)", "b"),
        ("NOT NOT span.name = 'root' AND span.type = 'LLM'", "ab"),
        ("NOT span.name = 'root'", "cd"),
        ("span.status = 'ERROR'", "a"),
        ("span.status IN ('OK')", "ab"),
        ("span.content LIKE '%claude%'", "a"),
        ("text ILIKE '%CLAUDE%'", "a"),
        ("span.attributes.model = 'gpt'", "a"),
        ("span.attributes.model != 'gpt'", "a"),
        ("span.attributes.model LIKE 'cl%' AND span.name = 'llm'", "a"),
        ("span.attributes.model LIKE 'cl%' AND span.name = 'root'", ""),
        ("span.attributes.`a b` RLIKE '\"x\": [0-9]'", "a"),
        ("span.attributes.n = '5'", "a"),
        ("span.attributes.n IS NULL", "ab"),
        ("feedback.ok = 'true'", "a"),
        ("feedback.ok != 'true'", "b"),
        ("feedback.ok > 0", ""),
        ("feedback.score > 0", "cd"),
        ("feedback.score = '7'", "d"),
        ("feedback.score = 7", "d"),
        ("feedback.score != 7", "c"),
        ("feedback.score <= 0.5", "c"),
        ("feedback.score LIKE '0%'", "c"),
        ("feedback.score IN ('7', '0.5')", "cd"),
        ("feedback.ok IS NULL", "cd"),
        ("feedback.ok IS NOT NULL", "ab"),
        // An assessment of a session counts for all its traces.
        ("feedback.calm = 'yes'", "ab"),
        ("feedback.calm = 'no'", ""),
        ("feedback.calm IS NULL", "cd"),
        ("expectation.answer = 'a \"b\"'", "d"),
        ("expectation.ok = 'true'", ""),
        ("issue.id = 'iss-1'", "d"),
        ("status = 'ERROR' OR tags.env = 'prod'", "ab"),
    ] {
        assert_eq!(fixture.found(filter).await, expected, "{filter}");
    }
    let (both, _) =
        fixture.page(query(&[1, 2], "feedback.calm = 'yes'", &[]), 10, None).await.unwrap();
    assert_eq!(both.concat(), "eba", "sessions reach over the experiments that are searched");
    assert_eq!(fixture.page(query(&[], "", &[]), 10, None).await.unwrap().0.len(), 0);
}

#[tokio::test]
async fn a_regular_expression_that_is_wrong_is_refused_before_anything_is_read() {
    let fixture = Fixture::empty();
    for filter in ["name RLIKE '('", "span.name RLIKE '('", "feedback.x RLIKE '(?=a)'"] {
        let error = fixture.page(query(&[1], filter, &[]), 10, None).await.unwrap_err();
        assert!(error.message.starts_with("Invalid regular expression"), "{}", error.message);
        assert_eq!(error.code, branchline_core::ErrorCode::InvalidParameterValue);
    }
}

#[tokio::test]
async fn orders_put_what_is_missing_last_and_pages_follow_each_other() {
    let fixture = Fixture::empty().run(TRACES);
    for (order, expected) in [
        (&[] as &[&str], "edcba"),
        (&["timestamp_ms ASC"], "abcde"),
        (&["request_id DESC"], "edcba"),
        (&["execution_time ASC"], "adbec"),
        (&["execution_time DESC"], "ebdac"),
        (&["end_time"], "abcde"),
        (&["name", "timestamp ASC"], "abecd"),
        (&["name DESC"], "cebad"),
        (&["status"], "bceda"),
        (&["tags.env"], "baedc"),
        (&["metadata.k DESC"], "bedca"),
        (&["experiment_id DESC", "timestamp ASC"], "eabcd"),
        (&["run_id"], "aedcb"),
    ] {
        let whole = fixture.page(query(&[1, 2], "", order), 100, None).await.unwrap();
        assert_eq!(whole.0.concat(), expected, "{order:?}");
        assert_eq!(whole.1, None);
        let (mut token, mut found) = (None, Vec::new());
        loop {
            let (ids, next) = fixture.page(query(&[1, 2], "", order), 2, token).await.unwrap();
            assert_eq!(next.is_some(), ids.len() == 2, "a full page has a token");
            found.extend(ids);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found.concat(), expected, "{order:?} in pages");
    }
    let (_, token) = fixture.page(query(&[1], "", &[]), 2, None).await.unwrap();
    let other = query(&[1], "name = 'x'", &[]);
    assert!(fixture.page(other, 2, token).await.unwrap_err().message.contains("page token"));
}

#[tokio::test]
async fn a_page_is_a_walk_of_one_index() {
    let fixture = Fixture::empty();
    let sorted = "USE TEMP B-TREE";
    let default = fixture.plan(query(&[1], "", &[])).await;
    assert!(default.contains("SEARCH t USING INDEX trace_by_time (experiment_id=?"), "{default}");
    assert!(default.contains("request_time<?"), "the next page starts in the index: {default}");
    assert!(!default.contains(sorted), "{default}");
    let filter = "tags.a = 'x' AND metadata.b LIKE 'y%' AND span.name = 'z' AND feedback.c > 1";
    let filtered = fixture.plan(query(&[1], filter, &["timestamp_ms DESC"])).await;
    assert!(filtered.contains("SEARCH t USING INDEX trace_by_time"), "{filtered}");
    assert!(!filtered.contains(sorted), "{filtered}");
    for scan in ["SCAN k", "SCAN s", "SCAN a"] {
        assert!(!filtered.contains(scan), "{filtered}");
    }
    assert!(filtered.contains("assessment_of_session"), "{filtered}");
}

#[tokio::test]
async fn what_names_few_traces_starts_from_them() {
    let fixture = Fixture::empty();
    for (filter, index) in [
        ("run_id = 'r'", "trace_run_by_run"),
        ("prompt = 'p/1'", "trace_prompt_by_version"),
        ("request_id = 'a'", "sqlite_autoindex_trace"),
        ("client_request_id = 'a'", "trace_by_client_request"),
        ("metadata.`mlflow.trace.session` = 's'", "trace_by_session"),
    ] {
        let plan = fixture.plan(query(&[1], filter, &[])).await;
        assert!(plan.contains(index), "{filter}: {plan}");
        assert!(!plan.contains("trace_by_time"), "{filter}: {plan}");
    }
}

fn metric(metric: TraceMetric, aggregations: &[TraceAggregation]) -> TraceMetricQuery {
    TraceMetricQuery {
        experiments: vec![ExperimentId(1)],
        metric,
        aggregations: aggregations.to_vec(),
        dimensions: Vec::new(),
        filters: Vec::new(),
        bucket: None,
        from: None,
        to: None,
    }
}

impl Fixture {
    /// Each row as `bucket|dimensions|values`.
    async fn numbers(&self, query: TraceMetricQuery) -> Result<Vec<String>> {
        let (mut token, mut lines) = (None::<String>, Vec::new());
        loop {
            let asked = query.clone();
            let page = self
                .store
                .read(move |view| view.trace_metrics(&asked, 2, token.as_deref()))
                .await?;
            lines.extend(page.items.iter().map(|point| {
                let dimensions: Vec<_> = point.dimensions.iter().map(|(_, text)| &**text).collect();
                let values: Vec<_> = point.values.iter().map(|(_, n)| n.to_string()).collect();
                let bucket = point.bucket.map(|ms| format!("{ms}|")).unwrap_or_default();
                format!("{bucket}{}|{}", dimensions.join(","), values.join(","))
            }));
            token = page.next_page_token;
            if token.is_none() {
                return Ok(lines);
            }
        }
    }
}

#[tokio::test]
async fn numbers_are_grouped_and_summed_up() {
    use TraceAggregation::{Avg, Count, Max, Min, Percentile, Sum};
    let fixture = Fixture::empty().run(TRACES);
    let by = |mut query: TraceMetricQuery, dimensions: &[TraceDimension]| {
        query.dimensions = dimensions.to_vec();
        query
    };
    let spanning = |mut query: TraceMetricQuery, bucket: Option<i64>, from: i64, to: i64| {
        (query.bucket, query.from, query.to) = (bucket, Some(from), Some(to));
        query
    };
    let when = |mut query: TraceMetricQuery, filter: &str| {
        query.filters = vec![parse_trace_metric_filter(filter).unwrap().unwrap()];
        query
    };
    let traces = || metric(TraceMetric::TraceCount, &[Count]);
    let spans = || metric(TraceMetric::SpanCount, &[Count]);
    let latency = metric(TraceMetric::TraceLatency, &[Avg, Min, Max, Percentile(50.0)]);
    let cost = || metric(TraceMetric::TotalCost, &[Sum]);
    let assessments = || metric(TraceMetric::AssessmentCount, &[Count]);
    for (query, expected) in [
        (traces(), vec!["|4"]),
        (by(traces(), &[TraceDimension::TraceStatus]), vec!["ERROR|1", "IN_PROGRESS|1", "OK|2"]),
        // A trace without a name is in no group.
        (by(traces(), &[TraceDimension::TraceName]), vec!["chat|2", "tool|1"]),
        (spanning(traces(), Some(2000), 0, 10_000), vec!["0||1", "2000||2", "4000||1"]),
        (spanning(traces(), None, 2000, 3000), vec!["|2"]),
        (spanning(traces(), None, 9000, 9000), vec!["|0"]),
        (when(traces(), "trace.tag.env = 'prod'"), vec!["|1"]),
        (when(traces(), "trace.metadata.mlflow.sourceRun = 'r1'"), vec!["|2"]),
        (when(traces(), "trace.metadata.`mlflow.trace.session` = 's1'"), vec!["|2"]),
        (when(traces(), "trace.status = 'OK'"), vec!["|2"]),
        (metric(TraceMetric::SessionCount, &[Count]), vec!["|2"]),
        (latency, vec!["|200,100,300,200"]),
        (metric(TraceMetric::TotalTokens, &[Sum, Percentile(25.0)]), vec!["|60,15"]),
        (metric(TraceMetric::InputTokens, &[Sum]), vec![]),
        (by(spans(), &[TraceDimension::SpanType]), vec!["CHAIN|1", "LLM|2"]),
        (by(spans(), &[TraceDimension::SpanStatus]), vec!["ERROR|1", "OK|2"]),
        (
            by(spans(), &[TraceDimension::SpanName, TraceDimension::SpanType]),
            vec!["llm,LLM|1", "root,CHAIN|1", "root,LLM|1"],
        ),
        (when(spans(), "span.name = 'root'"), vec!["|2"]),
        (metric(TraceMetric::SpanLatency, &[Min, Max]), vec!["|40,300"]),
        (by(cost(), &[TraceDimension::SpanModel]), vec!["gpt|2"]),
        (spanning(cost(), None, 1010, 1010), vec!["|0.5"]),
        (spanning(cost(), Some(1000), 0, 9000), vec!["1000||0.5", "2000||1.5"]),
        (
            by(assessments(), &[TraceDimension::AssessmentName]),
            vec!["answer|1", "calm|1", "iss-1|1", "ok|2", "score|2"],
        ),
        (when(assessments(), "assessment.type = 'expectation'"), vec!["|1"]),
        (
            by(metric(TraceMetric::AssessmentValue, &[Avg]), &[TraceDimension::AssessmentName]),
            vec!["calm|1", "ok|0.5", "score|3.75"],
        ),
        (
            by(when(assessments(), "assessment.name = 'ok'"), &[TraceDimension::AssessmentValue]),
            vec!["false|1", "true|1"],
        ),
    ] {
        assert_eq!(fixture.numbers(query.clone()).await.unwrap(), expected, "{query:?}");
    }
    let error = fixture.numbers(when(traces(), "span.name = 'x'")).await.unwrap_err();
    assert!(error.message.contains("only supported for SPANS view type"), "{}", error.message);
}

#[tokio::test]
async fn filters_are_counted_alone_and_together() {
    let fixture = Fixture::empty().run(TRACES);
    let counts = |base: &str, first: &str, second: &str| {
        let [base, first, second] =
            [base, first, second].map(|filter| parse_trace_filter(filter).unwrap());
        fixture.store.read(move |view| {
            let filters = [first.as_ref(), second.as_ref()];
            view.count_traces(&[ExperimentId(1)], base.as_ref(), filters)
        })
    };
    let all = counts("", "name = 'chat'", "status = 'OK'").await.unwrap();
    assert_eq!((all.first, all.second, all.both, all.total), (2, 2, 1, 4));
    let some = counts("timestamp > 1000", "name = 'chat'", "status = 'OK'").await.unwrap();
    assert_eq!((some.first, some.second, some.both, some.total), (1, 1, 0, 3));
    let none = counts("timestamp > 9000", "name = 'chat'", "status = 'OK'").await.unwrap();
    assert_eq!((none.first, none.second, none.both, none.total), (0, 0, 0, 0));
}
