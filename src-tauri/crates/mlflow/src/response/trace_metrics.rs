//! Numbers over traces, and which filters go together.

use super::Wire;
use super::object::Object;
use crate::time::iso_utc;
use branchline_core::TraceMetricPoint;
use branchline_core::correlation::Cooccurrence;
use serde::{Serialize, Serializer};

type Written<S> = Result<<S as Serializer>::Ok, <S as Serializer>::Error>;

impl Serialize for Wire<'_, TraceMetricPoint> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let point = self.0;
        let dimensions = Some(Dimensions(point))
            .filter(|_| point.bucket.is_some() || !point.dimensions.is_empty());
        Object::new(serializer)?
            .set("metric_name", point.metric.as_str())?
            .some("dimensions", dimensions.as_ref())?
            .set("values", &Values(point))?
            .end()
    }
}

struct Dimensions<'a>(&'a TraceMetricPoint);

impl Serialize for Dimensions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let bucket = self.0.bucket.map(|ms| ("time_bucket", iso_utc(ms)));
        let named = self.0.dimensions.iter().map(|(name, text)| (name.as_str(), text.clone()));
        serializer.collect_map(bucket.into_iter().chain(named))
    }
}

struct Values<'a>(&'a TraceMetricPoint);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        serializer.collect_map(self.0.values.iter().map(|(how, value)| (how.label(), value)))
    }
}

impl Serialize for Wire<'_, Cooccurrence> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Written<S> {
        let counts = self.0;
        Object::new(serializer)?
            .some("npmi", counts.npmi().as_ref())?
            .some("npmi_smoothed", counts.npmi_smoothed().as_ref())?
            .set("filter1_count", &counts.first)?
            .set("filter2_count", &counts.second)?
            .set("joint_count", &counts.both)?
            .set("total_count", &counts.total)?
            .end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_core::{TraceAggregation, TraceDimension, TraceMetric};
    use serde_json::{json, to_value};

    #[test]
    fn a_point_has_its_time_among_the_dimensions() {
        let mut point = TraceMetricPoint {
            metric: TraceMetric::TraceLatency,
            bucket: Some(1_700_000_000_000),
            dimensions: vec![(TraceDimension::TraceName, "chat".to_owned())],
            values: vec![(TraceAggregation::Percentile(99.0), 1.5), (TraceAggregation::Avg, 2.0)],
        };
        assert_eq!(
            to_value(Wire(&point)).unwrap(),
            json!({
                "metric_name": "latency",
                "dimensions": {"time_bucket": "2023-11-14T22:13:20+00:00", "trace_name": "chat"},
                "values": {"P99.0": 1.5, "AVG": 2.0},
            })
        );
        point.bucket = None;
        point.dimensions.clear();
        assert_eq!(
            to_value(Wire(&point)).unwrap(),
            json!({"metric_name": "latency", "values": {"P99.0": 1.5, "AVG": 2.0}})
        );
    }

    #[test]
    fn what_is_not_defined_is_left_out() {
        let never = Cooccurrence { first: 0, second: 1, both: 0, total: 5 };
        assert_eq!(
            to_value(Wire(&never)).unwrap(),
            json!({"filter1_count": 0, "filter2_count": 1, "joint_count": 0, "total_count": 5})
        );
    }
}
