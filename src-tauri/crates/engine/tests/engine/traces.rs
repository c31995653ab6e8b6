#![expect(clippy::unwrap_used, reason = "a fixture that cannot be made fails its test")]

use crate::support::{Fixture, fixture, tag};
use branchline_core::event::EventKind;
use branchline_core::{ErrorCode, ExperimentId, Span, SpanStatus, TraceId, TraceState};
use branchline_engine::{NewTrace, SpanBatch, TraceSelection};

fn info(id: &str, spans: usize) -> NewTrace {
    NewTrace {
        trace_id: TraceId::new(id),
        experiment_id: ExperimentId(0),
        client_request_id: None,
        state: TraceState::Ok,
        request_time: 5000,
        execution_duration: Some(10),
        request_preview: None,
        response_preview: None,
        metadata: vec![tag("mlflow.trace.sizeStats", &format!("{{\"num_spans\": {spans}}}"))],
        tags: Vec::new(),
        assessments: Vec::new(),
    }
}

fn batch(id: &str, span_id: &str, parent_id: Option<&str>) -> SpanBatch {
    let span = Span {
        span_id: span_id.into(),
        parent_id: parent_id.map(Into::into),
        name: span_id.into(),
        status: SpanStatus::Ok,
        start_ns: 1_000_000_000,
        end_ns: Some(2_000_000_000),
        content: format!("\"{span_id}\""),
        ..Span::default()
    };
    SpanBatch { trace_id: TraceId::new(id), spans: vec![span], resource: Vec::new() }
}

async fn log(f: &Fixture, batches: Vec<SpanBatch>) {
    f.engine.log_spans(&f.owner, ExperimentId(0), batches, None).await.unwrap();
}

/// What a query says, as rows of one column.
async fn ask(f: &Fixture, sql: &str) -> Vec<serde_json::Value> {
    let found = f.engine.query(&f.owner, sql, 10).await.unwrap();
    found.rows.into_iter().map(|mut row| row.remove(0)).collect()
}

#[tokio::test]
async fn the_client_has_the_last_word_whichever_comes_first() {
    let f = fixture().await;
    f.engine.start_trace(&f.owner, info("info-first", 1)).await.unwrap();
    log(&f, vec![batch("info-first", "a", None)]).await;
    log(&f, vec![batch("spans-first", "a", None)]).await;
    let grown = f.engine.trace_info(&f.owner, &TraceId::new("spans-first")).await.unwrap();
    assert_eq!((grown.request_time, grown.execution_duration), (1000, Some(1000)));
    f.engine.start_trace(&f.owner, info("spans-first", 1)).await.unwrap();
    for id in ["info-first", "spans-first"] {
        let trace = f.engine.trace(&f.owner, &TraceId::new(id), false).await.unwrap();
        assert_eq!(
            (trace.info.request_time, trace.info.execution_duration),
            (5000, Some(10)),
            "{id}"
        );
        assert_eq!(trace.spans, ["\"a\""], "{id}");
    }
}

#[tokio::test]
async fn who_asks_too_early_gets_the_trace_when_its_last_span_comes() {
    let f = fixture().await;
    let id = TraceId::new("tr-late");
    log(&f, vec![batch("tr-late", "root", None)]).await;
    f.engine.start_trace(&f.owner, info("tr-late", 2)).await.unwrap();
    let partial = f.engine.trace(&f.owner, &id, true).await.unwrap();
    assert_eq!(partial.spans.len(), 1);
    let (asked, ()) = tokio::join!(
        f.engine.trace(&f.owner, &id, false),
        log(&f, vec![batch("tr-late", "child", Some("root"))])
    );
    assert_eq!(asked.unwrap().spans, ["\"root\"", "\"child\""]);
}

#[tokio::test]
async fn a_refused_batch_leaves_nothing() {
    let f = fixture().await;
    let batches = vec![batch("tr-good", "a", None), batch("../bad", "a", None)];
    let refused = f.engine.log_spans(&f.owner, ExperimentId(0), batches, None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InvalidParameterValue);
    let elsewhere = f
        .engine
        .log_spans(&f.owner, ExperimentId(7), vec![batch("tr-good", "a", None)], None)
        .await
        .unwrap_err();
    assert_eq!(elsewhere.code, ErrorCode::ResourceDoesNotExist);
    assert_eq!(ask(&f, "SELECT count(*) FROM trace").await, [0]);
}

#[tokio::test]
async fn deletion_takes_everything_and_leaves_a_tombstone() {
    let f = fixture().await;
    let ids: Vec<String> = (0..450).map(|n| format!("tr-{n}")).collect();
    log(&f, ids.iter().map(|id| batch(id, "a", None)).collect()).await;
    let doomed = TraceId::new("tr-7");
    let info = f.engine.trace_info(&f.owner, &doomed).await.unwrap();
    let location = info.tag("mlflow.artifactLocation").unwrap().to_owned();
    let upload = f.engine.artifacts().create(&location, "traces.json").unwrap();
    upload.finish().await.unwrap();
    let mut events = f.engine.subscribe();
    let one = TraceSelection::Ids(vec![doomed.clone()]);
    assert_eq!(f.engine.delete_traces(&f.owner, ExperimentId(0), one).await.unwrap(), 1);
    assert_eq!(events.recv().await.unwrap().kind, EventKind::Trace(doomed, ExperimentId(0)));
    assert!(f.engine.artifacts().list(&location, None).await.unwrap().is_empty());
    let rest = TraceSelection::Until { time: 1000, most: None };
    assert_eq!(f.engine.delete_traces(&f.owner, ExperimentId(0), rest).await.unwrap(), 449);
    for table in ["trace", "span", "trace_tag", "trace_metadata"] {
        assert_eq!(ask(&f, &format!("SELECT count(*) FROM {table}")).await, [0], "{table}");
    }
    let tombstones = "SELECT count(*) FROM change WHERE kind = 8 AND op = 6 AND field LIKE 'tr-%'";
    assert_eq!(ask(&f, tombstones).await, [450]);
}
