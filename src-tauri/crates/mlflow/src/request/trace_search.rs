//! Requests that search traces and sum them up.

use super::TraceLocation;
use crate::explain::{required, required_text};
use crate::scalar::{Double, Int64, List, Named, WireEnum};
use branchline_core::{Error, ExperimentId, Result, TraceAggregation, TraceMetric, TraceView};
use serde::Deserialize;

/// `POST 3.0 traces/search`.
#[derive(Debug, Deserialize)]
pub struct SearchTraces {
    /// Where to look; none finds nothing.
    #[serde(default)]
    pub locations: List<TraceLocation>,
    /// MLflow's search language.
    pub filter: Option<String>,
    /// 100 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// Such as `timestamp_ms DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

impl SearchTraces {
    /// The experiments among the places; others hold no traces here.
    ///
    /// # Errors
    /// One has no number.
    pub fn experiments(&self) -> Result<Vec<ExperimentId>> {
        let places = self.locations.0.iter().filter_map(|place| place.mlflow_experiment.as_ref());
        let ids = places.map(|place| place.experiment_id.clone());
        ids.map(|id| required_text("locations.mlflow_experiment.experiment_id", id)?.parse())
            .collect()
    }
}

/// `GET 2.0 traces`.
#[derive(Debug, Deserialize)]
pub struct SearchTracesV2 {
    /// Required: where to look.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// MLflow's search language.
    pub filter: Option<String>,
    /// 100 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// Such as `timestamp_ms DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `POST 3.0 traces/calculate-filter-correlation`.
#[derive(Debug, Deserialize)]
pub struct FilterCorrelation {
    /// Required: where to look.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// Required.
    #[serde(alias = "filterString1")]
    pub filter_string1: Option<String>,
    /// Required.
    #[serde(alias = "filterString2")]
    pub filter_string2: Option<String>,
    /// All traces when absent.
    #[serde(alias = "baseFilter")]
    pub base_filter: Option<String>,
}

/// `POST 3.0 traces/metrics`.
#[derive(Debug, Deserialize)]
pub struct QueryTraceMetrics {
    /// Required: where to look.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// Required.
    #[serde(alias = "viewType")]
    pub view_type: Option<Named<TraceView>>,
    /// Required: what the view calls it.
    #[serde(alias = "metricName")]
    pub metric_name: Option<String>,
    /// Required.
    #[serde(default)]
    pub aggregations: List<Aggregation>,
    /// By what to tell it apart.
    #[serde(default)]
    pub dimensions: List<String>,
    /// All must hold.
    #[serde(default)]
    pub filters: List<String>,
    /// All time in one when absent.
    #[serde(alias = "timeIntervalSeconds")]
    pub time_interval_seconds: Option<Int64>,
    /// Milliseconds, included.
    #[serde(alias = "startTimeMs")]
    pub start_time_ms: Option<Int64>,
    /// Milliseconds, included.
    #[serde(alias = "endTimeMs")]
    pub end_time_ms: Option<Int64>,
    /// 1000 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

impl QueryTraceMetrics {
    /// What to measure.
    ///
    /// # Errors
    /// It is missing, or the view has no such metric.
    pub fn metric(&self) -> Result<TraceMetric> {
        let Named(view) = required("view_type", self.view_type)?;
        TraceMetric::parse(view, &required_text("metric_name", self.metric_name.clone())?)
    }
}

/// How to sum up.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Aggregation {
    /// Required.
    #[serde(alias = "aggregationType")]
    pub aggregation_type: Option<Named<AggregationKind>>,
    /// For a percentile only.
    #[serde(alias = "percentileValue")]
    pub percentile_value: Option<Double>,
}

/// The name of a way to sum up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggregationKind(&'static str);

impl WireEnum for AggregationKind {
    fn from_name(name: &str) -> Option<Self> {
        AGGREGATIONS.into_iter().find(|known| *known == name).map(Self)
    }
    fn from_number(number: i64) -> Option<Self> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        AGGREGATIONS.get(place).copied().map(Self)
    }
}

/// In the order of their numbers, from 1.
const AGGREGATIONS: [&str; 6] = ["COUNT", "SUM", "AVG", "PERCENTILE", "MIN", "MAX"];

impl WireEnum for TraceView {
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_str() == name)
    }
    fn from_number(number: i64) -> Option<Self> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        Self::ALL.get(place).copied()
    }
}

impl Aggregation {
    /// The way to sum up, with its percentile.
    ///
    /// # Errors
    /// The percentile is missing, out of range, or there for another kind.
    pub fn into_domain(self) -> Result<TraceAggregation> {
        let Named(AggregationKind(kind)) =
            required("aggregations.aggregation_type", self.aggregation_type)?;
        Ok(match (kind, self.percentile_value) {
            ("PERCENTILE", None) => {
                return Err(Error::invalid(
                    "Percentile value is required for PERCENTILE aggregation",
                ));
            }
            ("PERCENTILE", Some(Double(percent))) if (0.0..=100.0).contains(&percent) => {
                TraceAggregation::Percentile(percent)
            }
            ("PERCENTILE", Some(Double(percent))) => {
                return Err(Error::invalid(format!(
                    "Percentile value must be between 0 and 100, got {percent:?}"
                )));
            }
            (_, Some(_)) => {
                return Err(Error::invalid(format!(
                    "Percentile value is only allowed for PERCENTILE aggregation type, got {kind}"
                )));
            }
            ("COUNT", None) => TraceAggregation::Count,
            ("SUM", None) => TraceAggregation::Sum,
            ("AVG", None) => TraceAggregation::Avg,
            ("MIN", None) => TraceAggregation::Min,
            (_, None) => TraceAggregation::Max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_body;

    #[test]
    fn a_search_looks_in_experiments_only() {
        let read =
            |json: &str| from_body::<SearchTraces>(json.as_bytes()).unwrap().experiments().ok();
        let body = r#"{"locations": [
            {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "7"}},
            {"type": "INFERENCE_TABLE", "inference_table": {"full_table_name": "a.b.c"}},
            {"mlflowExperiment": {"experimentId": "8"}}]}"#;
        assert_eq!(read(body), Some(vec![ExperimentId(7), ExperimentId(8)]));
        assert_eq!(read("{}"), Some(vec![]));
        assert!(read(r#"{"locations": [{"mlflow_experiment": {}}]}"#).is_none());
        assert!(
            read(r#"{"locations": [{"mlflow_experiment": {"experiment_id": "x"}}]}"#).is_none()
        );
    }

    #[test]
    fn aggregations_go_by_name_or_number_and_percentiles_have_a_range() {
        let read = |json: &str| {
            from_body::<Aggregation>(json.as_bytes()).and_then(Aggregation::into_domain).ok()
        };
        assert_eq!(read(r#"{"aggregation_type": "MAX"}"#), Some(TraceAggregation::Max));
        assert_eq!(read(r#"{"aggregationType": 1}"#), Some(TraceAggregation::Count));
        assert_eq!(
            read(r#"{"aggregation_type": 4, "percentile_value": 99}"#),
            Some(TraceAggregation::Percentile(99.0))
        );
        for wrong in [
            "{}",
            r#"{"aggregation_type": "MEDIAN"}"#,
            r#"{"aggregation_type": 7}"#,
            r#"{"aggregation_type": 0}"#,
            r#"{"aggregation_type": "PERCENTILE"}"#,
            r#"{"aggregation_type": "PERCENTILE", "percentile_value": 101}"#,
            r#"{"aggregation_type": "PERCENTILE", "percentile_value": "NaN"}"#,
            r#"{"aggregation_type": "SUM", "percentile_value": 5}"#,
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_metric_is_one_of_its_view() {
        let read =
            |json: &str| from_body::<QueryTraceMetrics>(json.as_bytes()).unwrap().metric().ok();
        assert_eq!(
            read(r#"{"view_type": "SPANS", "metric_name": "latency"}"#),
            Some(TraceMetric::SpanLatency)
        );
        assert_eq!(
            read(r#"{"viewType": 3, "metricName": "assessment_count"}"#),
            Some(TraceMetric::AssessmentCount)
        );
        assert!(read(r#"{"view_type": "TRACES", "metric_name": "span_count"}"#).is_none());
        assert!(read(r#"{"metric_name": "latency"}"#).is_none());
    }
}
