//! Requests that log, which are the ones that come by the thousand.

use super::{KeyValue, run_id};
use crate::explain::{missing, required, required_text};
use crate::scalar::{Double, Int64, List};
use branchline_core::{Error, Metric, Param, Result, RunId, Tag, limits};
use serde::Deserialize;

/// What a run is told at once.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The run.
    pub run_id: RunId,
    /// Points.
    pub metrics: Vec<Metric>,
    /// Parameters.
    pub params: Vec<Param>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// `POST runs/log-batch`.
#[derive(Debug, Deserialize)]
pub struct LogBatch {
    #[serde(alias = "runId")]
    run_id: Option<String>,
    #[serde(default)]
    metrics: List<MetricPoint>,
    #[serde(default)]
    params: List<KeyValue>,
    #[serde(default)]
    tags: List<KeyValue>,
}

/// `POST runs/log-metric`.
#[derive(Debug, Deserialize)]
pub struct LogMetric {
    #[serde(alias = "runId")]
    run_id: Option<String>,
    #[serde(alias = "runUuid")]
    run_uuid: Option<String>,
    key: Option<String>,
    value: Option<Double>,
    timestamp: Option<Int64>,
    step: Option<Int64>,
    #[serde(alias = "modelId")]
    model_id: Option<String>,
    #[serde(alias = "datasetName")]
    dataset_name: Option<String>,
    #[serde(alias = "datasetDigest")]
    dataset_digest: Option<String>,
}

/// `POST runs/log-parameter`.
#[derive(Debug, Deserialize)]
pub struct LogParam {
    /// Required.
    #[serde(alias = "runId")]
    pub run_id: Option<String>,
    /// What old clients send instead.
    #[serde(alias = "runUuid")]
    pub run_uuid: Option<String>,
    /// Required.
    pub key: Option<String>,
    /// Absent is empty.
    pub value: Option<String>,
}

/// One measurement within a batch.
#[derive(Debug, Deserialize)]
struct MetricPoint {
    key: Option<String>,
    value: Option<Double>,
    timestamp: Option<Int64>,
    step: Option<Int64>,
    #[serde(alias = "modelId")]
    model_id: Option<String>,
    #[serde(alias = "datasetName")]
    dataset_name: Option<String>,
    #[serde(alias = "datasetDigest")]
    dataset_digest: Option<String>,
}

impl LogMetric {
    /// The run and the point.
    pub fn into_domain(self) -> Result<(RunId, Metric)> {
        let run_id = run_id(self.run_id, self.run_uuid)?;
        let metric = Metric {
            key: required_text("key", self.key)?,
            value: required("value", self.value)?.0,
            timestamp: required("timestamp", self.timestamp)?.0,
            step: self.step.map_or(0, |step| step.0),
            model_id: non_empty(self.model_id),
            dataset_name: non_empty(self.dataset_name),
            dataset_digest: non_empty(self.dataset_digest),
            run_id: None,
        };
        check_timestamp(&metric, || "timestamp".to_owned())?;
        Ok((run_id, metric))
    }
}

impl LogParam {
    /// The run and the parameter.
    pub fn into_domain(self) -> Result<(RunId, Param)> {
        let run_id = run_id(self.run_id, self.run_uuid)?;
        let key = required_text("key", self.key)?;
        Ok((run_id, Param { key, value: self.value.unwrap_or_default() }))
    }
}

impl LogBatch {
    /// The batch, once its shape and size are right.
    pub fn into_domain(self) -> Result<Batch> {
        let run_id = run_id(self.run_id, None)?;
        let (metrics, params, tags) = (self.metrics.0, self.params.0, self.tags.0);
        check_size("metrics", metrics.len(), limits::MAX_METRICS_PER_BATCH)?;
        check_size("params", params.len(), limits::MAX_PARAMS_TAGS_PER_BATCH)?;
        check_size("tags", tags.len(), limits::MAX_PARAMS_TAGS_PER_BATCH)?;
        let together = metrics.len() + params.len() + tags.len();
        check_size("metrics, params, and tags", together, limits::MAX_ENTITIES_PER_BATCH)?;
        let points = metrics.into_iter().enumerate();
        Ok(Batch {
            run_id,
            metrics: points
                .map(|(index, point)| point.into_metric(index))
                .collect::<Result<_>>()?,
            params: keyed("params", params, |key, value| Param { key, value })?,
            tags: keyed("tags", tags, |key, value| Tag { key, value })?,
        })
    }
}

impl MetricPoint {
    fn into_metric(self, index: usize) -> Result<Metric> {
        let at = |field: &str| format!("metrics[{index}].{field}");
        let metric = Metric {
            key: self.key.filter(|key| !key.is_empty()).ok_or_else(|| missing(&at("key")))?,
            value: self.value.ok_or_else(|| missing(&at("value")))?.0,
            timestamp: self.timestamp.ok_or_else(|| missing(&at("timestamp")))?.0,
            step: self.step.map_or(0, |step| step.0),
            model_id: non_empty(self.model_id),
            dataset_name: non_empty(self.dataset_name),
            dataset_digest: non_empty(self.dataset_digest),
            run_id: None,
        };
        check_timestamp(&metric, || at("timestamp"))?;
        Ok(metric)
    }
}

fn non_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn keyed<T>(
    list: &str,
    pairs: Vec<KeyValue>,
    make: impl Fn(String, String) -> T,
) -> Result<Vec<T>> {
    let convert = |(index, pair): (usize, KeyValue)| {
        let key = pair.key.filter(|key| !key.is_empty());
        let key = key.ok_or_else(|| missing(&format!("{list}[{index}].key")))?;
        Ok(make(key, pair.value.unwrap_or_default()))
    };
    pairs.into_iter().enumerate().map(convert).collect()
}

fn check_size(kind: &str, size: usize, limit: usize) -> Result<()> {
    if size <= limit {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "A batch logging request can contain at most {limit} {kind}. Got {size} {kind}. \
         Please split up {kind} across multiple requests and try again."
    )))
}

fn check_timestamp(metric: &Metric, field: impl Fn() -> String) -> Result<()> {
    if metric.timestamp >= 0 {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Invalid value {} for parameter '{}' supplied: metric '{}' (value={:?}). \
         Timestamp must be a nonnegative long (64-bit integer) ",
        metric.timestamp,
        field(),
        metric.key,
        metric.value,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_body;
    use serde_json::{Value, json};

    fn batch(body: &Value) -> Result<Batch> {
        from_body::<LogBatch>(body.to_string().as_bytes())?.into_domain()
    }

    #[track_caller]
    fn refused(body: &Value) -> String {
        batch(body).unwrap_err().message
    }

    #[test]
    fn a_point_as_the_client_sends_it() {
        let body = br#"{"run_uuid": "r", "key": "loss", "value": "NaN", "timestamp": "1700000000002", "step": "2", "run_id": "r", "model_id": "", "dataset_name": "d"}"#;
        let (run, metric) = from_body::<LogMetric>(body).unwrap().into_domain().unwrap();
        assert_eq!(run.as_str(), "r");
        assert!(metric.value.is_nan());
        assert_eq!((metric.timestamp, metric.step), (1_700_000_000_002, 2));
        assert_eq!((metric.model_id, metric.dataset_name.as_deref()), (None, Some("d")));
    }

    #[test]
    fn a_point_needs_key_value_and_time() {
        let refused =
            |body: &[u8]| from_body::<LogMetric>(body).unwrap().into_domain().unwrap_err().message;
        assert!(refused(br#"{"run_id":"r","value":1,"timestamp":1}"#).contains("'key'"));
        assert!(refused(br#"{"run_id":"r","key":"","value":1,"timestamp":1}"#).contains("'key'"));
        assert!(refused(br#"{"run_id":"r","key":"k","timestamp":1}"#).contains("'value'"));
        assert!(refused(br#"{"run_id":"r","key":"k","value":0}"#).contains("'timestamp'"));
        assert!(refused(br#"{"key":"k","value":0,"timestamp":1}"#).contains("'run_id'"));
        assert_eq!(
            refused(br#"{"run_id":"r","key":"x","value":1,"timestamp":-1}"#),
            "Invalid value -1 for parameter 'timestamp' supplied: metric 'x' (value=1.0). \
             Timestamp must be a nonnegative long (64-bit integer) "
        );
    }

    #[test]
    fn a_batch_of_all_kinds() {
        let read = batch(&json!({
            "run_id": "r",
            "metrics": [{"key": "b", "value": 1, "timestamp": 10, "step": 3}],
            "params": [{"key": "p", "value": "x"}, {"key": "empty"}],
            "tags": [{"key": "t", "value": "y"}],
        }))
        .unwrap();
        assert_eq!(read.metrics[0].step, 3);
        assert_eq!(read.params[1], Param { key: "empty".into(), value: String::new() });
        assert_eq!(read.tags, [Tag { key: "t".into(), value: "y".into() }]);
        let empty = batch(&json!({"run_id": "r"})).unwrap();
        assert!(empty.metrics.is_empty() && empty.params.is_empty() && empty.tags.is_empty());
    }

    #[test]
    fn what_is_missing_in_a_batch_is_named_with_its_place() {
        let ok = json!({"key": "a", "value": 1, "timestamp": 1});
        for (body, field) in [
            (json!({"metrics": [ok]}), "run_id"),
            (
                json!({"run_id": "r", "metrics": [ok, {"key": "b", "value": 1}]}),
                "metrics[1].timestamp",
            ),
            (json!({"run_id": "r", "metrics": [{"value": 1, "timestamp": 1}]}), "metrics[0].key"),
            (json!({"run_id": "r", "metrics": [{"key": "b", "timestamp": 1}]}), "metrics[0].value"),
            (json!({"run_id": "r", "params": [{"value": "x"}]}), "params[0].key"),
            (json!({"run_id": "r", "tags": [{"value": "x"}]}), "tags[0].key"),
        ] {
            let message = refused(&body);
            assert!(
                message.starts_with(&format!("Missing value for required parameter '{field}'.")),
                "{message}"
            );
        }
    }

    #[test]
    fn a_batch_is_limited() {
        let point = |step| json!({"key": "a", "value": 1, "timestamp": 1, "step": step});
        let pair = |n| json!({"key": format!("k{n}"), "value": "v"});
        let points = |n: i32| (0..n).map(point).collect::<Vec<_>>();
        let pairs = |n: i32| (0..n).map(pair).collect::<Vec<_>>();
        assert!(batch(&json!({"run_id": "r", "metrics": points(1000)})).is_ok());
        assert!(batch(&json!({"run_id": "r", "params": pairs(100), "tags": pairs(100)})).is_ok());
        assert_eq!(
            refused(&json!({"run_id": "r", "metrics": points(1001)})),
            "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. \
             Please split up metrics across multiple requests and try again."
        );
        assert!(
            refused(&json!({"run_id": "r", "params": pairs(101)})).contains("at most 100 params")
        );
        assert!(refused(&json!({"run_id": "r", "tags": pairs(101)})).contains("at most 100 tags"));
        assert!(
            refused(&json!({"run_id": "r", "metrics": points(950), "params": pairs(51)}))
                .contains("at most 1000 metrics, params, and tags. Got 1001")
        );
    }
}
