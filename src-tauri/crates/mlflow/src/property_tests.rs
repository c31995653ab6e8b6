//! Whatever comes in, reading does not panic and a refusal stays short; what a client logs is
//! read as what it meant, in each of the ways in which clients spell it.

use crate::request::*;
use crate::{from_body, from_query};
use branchline_core::{ErrorCode, Metric};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Longest message of a refusal, in bytes; it names a field and shows what was sent, cut.
const LONGEST_REFUSAL: usize = 4000;

/// Names that some message has, and a few that none has.
fn field() -> impl Strategy<Value = String> {
    let known = vec![
        "run_id",
        "runId",
        "run_uuid",
        "key",
        "value",
        "timestamp",
        "step",
        "metrics",
        "params",
        "tags",
        "model_id",
        "datasets",
        "dataset",
        "digest",
        "name",
        "source",
        "experiment_ids",
        "experiment_id",
        "filter",
        "order_by",
        "max_results",
        "page_token",
        "run_view_type",
        "start_time",
        "status",
        "models",
        "version",
        "stage",
        "alias",
        "trace_id",
        "assessment",
        "feedback",
        "expectation",
        "valid",
        "rationale",
        "records",
        "parts",
        "path",
        "events",
        "url",
        "secret",
        "aggregations",
        "dimensions",
        "locations",
    ];
    prop_oneof![4 => prop::sample::select(known).prop_map(str::to_owned), 1 => any::<String>()]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["NaN", "-Infinity", "RUNNING", "ACTIVE_ONLY", "0", "-1", ""])
            .prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            object(inner).prop_map(Value::from),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((field(), value), 0..8).prop_map(|fields| fields.into_iter().collect())
}

/// Reads the body as each of the messages, and turns it into the domain's where that is done here.
macro_rules! read_as {
    ($body:expr; $($message:ty $(: $convert:expr)?),+ $(,)?) => {$(
        match from_body::<$message>($body) {
            Ok(_message) => {
                $(if let Err(error) = ($convert)(_message) { is_a_refusal(&error)?; })?
            }
            Err(error) => is_a_refusal(&error)?,
        }
    )+};
}

fn is_a_refusal(error: &branchline_core::Error) -> Result<(), TestCaseError> {
    let of_the_client =
        matches!(error.code, ErrorCode::InvalidParameterValue | ErrorCode::BadRequest);
    prop_assert!(of_the_client, "{error:?}");
    prop_assert!(error.message.len() <= LONGEST_REFUSAL, "{} bytes", error.message.len());
    Ok(())
}

fn read_as_everything(body: &[u8]) -> Result<(), TestCaseError> {
    read_as!(body;
        LogBatch: LogBatch::into_domain,
        LogMetric: LogMetric::into_domain,
        LogParam: LogParam::into_domain,
        CreateExperiment, SearchExperiments, SearchRuns, SearchDatasets, LogOutputs, LogModel,
        CreateLoggedModel, SearchLoggedModels, CreateRegisteredModel, SearchRegistry,
        CreateAssessment, UpdateAssessment, UpsertRecords, GetMetricHistoryBulk, EndParts, LogInputs,
    );
    Ok(())
}

/// A metric's number as one of the ways in which clients write it.
fn spelled(value: f64, as_text: bool) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        value if value.is_infinite() => if value > 0.0 { "Infinity" } else { "-Infinity" }.into(),
        value if as_text => format!("{value:?}").into(),
        value => value.into(),
    }
}

fn whole(value: i64, as_text: bool) -> Value {
    if as_text { value.to_string().into() } else { value.into() }
}

fn metric() -> impl Strategy<Value = (Metric, Value)> {
    let number = prop_oneof![
        any::<f64>(),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(-0.0),
        Just(f64::MIN_POSITIVE / 2.0),
    ];
    let dataset = prop::option::of(("[a-z]{1,8}", "[0-9a-f]{8}"));
    let model = prop::option::of("m-[0-9a-f]{8}");
    ("[a-zA-Z_/ .]{1,20}", number, 0..=i64::MAX, any::<i64>(), dataset, model, any::<[bool; 4]>())
        .prop_map(|(key, value, timestamp, step, dataset, model_id, spelling)| {
            let [number, time, camel, unknown] = spelling;
            let (dataset_name, dataset_digest) = dataset.unzip();
            let mut sent = json!({
                "key": key, "value": spelled(value, number),
                "timestamp": whole(timestamp, time), "step": whole(step, time),
            });
            let name = |snake: &'static str, other: &'static str| if camel { other } else { snake };
            if let Some(model) = &model_id {
                sent[name("model_id", "modelId")] = model.as_str().into();
            }
            if let Some((dataset, digest)) = dataset_name.as_ref().zip(dataset_digest.as_ref()) {
                sent[name("dataset_name", "datasetName")] = dataset.as_str().into();
                sent[name("dataset_digest", "datasetDigest")] = digest.as_str().into();
            }
            if unknown {
                sent["of_a_later_client"] = json!({"any": ["thing"]});
            }
            let meant = Metric {
                key,
                value,
                timestamp,
                step,
                model_id,
                dataset_name,
                dataset_digest,
                run_id: None,
            };
            (meant, sent)
        })
}

/// The same number, NaN and the sign of zero included.
fn same(one: &Metric, other: &Metric) -> bool {
    let bits = |metric: &Metric| if metric.value.is_nan() { 0 } else { metric.value.to_bits() };
    let rest = |metric: &Metric| Metric { value: 0.0, ..metric.clone() };
    bits(one) == bits(other)
        && one.value.is_nan() == other.value.is_nan()
        && rest(one) == rest(other)
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_as_everything(&bytes)?;
    }

    #[test]
    fn any_json_is_read_or_refused(body in object(tree())) {
        read_as_everything(Value::from(body).to_string().as_bytes())?;
    }

    #[test]
    fn any_query_is_read_or_refused(pairs in prop::collection::vec((field(), any::<String>()), 0..6)) {
        let query = serde_html_form::to_string(&pairs).unwrap_or_default();
        for refusal in [
            from_query::<GetMetricHistory>(&query).err(),
            from_query::<SearchRegistry>(&query).err(),
            from_query::<ExperimentRef>(&query).err(),
        ].into_iter().flatten() {
            is_a_refusal(&refusal)?;
        }
    }

    #[test]
    fn what_was_logged_is_read_as_it_was_meant(points in prop::collection::vec(metric(), 0..20)) {
        let (meant, sent): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        let body = json!({"run_id": "r", "metrics": sent}).to_string();
        let read = from_body::<LogBatch>(body.as_bytes()).and_then(LogBatch::into_domain).unwrap();
        prop_assert_eq!(read.metrics.len(), meant.len());
        for (read, meant) in read.metrics.iter().zip(&meant) {
            prop_assert!(same(read, meant), "{read:?} is not {meant:?}");
        }
    }
}
