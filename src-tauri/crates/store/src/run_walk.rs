//! What a search of runs goes through row by row, and what its filter says of that.

use crate::query::{self, Sql};
use branchline_core::search::{Condition, Literal, MetricAgg, Op, RunField};

/// What a select goes through, row by row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Walk<'q> {
    /// Runs.
    Runs,
    /// The index of a metric, numbers or NaN, as `m`: what the filter says of that metric
    /// is answered by the entry at hand, and bounds the walk.
    Metric { key: &'q str, is_nan: bool },
    /// Runs that do not have the metric.
    Without { key: &'q str },
}

impl Walk<'_> {
    /// The row of the run.
    pub(crate) fn run(self) -> &'static str {
        match self {
            Self::Metric { .. } => "m.run_id",
            Self::Runs | Self::Without { .. } => "r.id",
        }
    }

    /// How a row is probed for. The plus keeps SQLite from making a join of it, which would
    /// come after the run's own row; so few entries of the index get that far.
    pub(crate) fn exists(self) -> &'static str {
        match self {
            Self::Metric { .. } => "+EXISTS",
            Self::Runs | Self::Without { .. } => "EXISTS",
        }
    }

    pub(crate) fn is_along(self, metric: &str) -> bool {
        match self {
            Self::Runs => false,
            Self::Metric { key, .. } | Self::Without { key } => key == metric,
        }
    }

    /// A condition on the metric that is walked along, or absent.
    pub(crate) fn test(self, condition: &Condition<RunField>) -> Sql {
        let truth = |holds: bool| Sql::new(if holds { "1" } else { "0" });
        match (self, condition.op, &condition.field) {
            (Self::Metric { .. }, Op::IsNull | Op::IsNotNull, _) => {
                truth(condition.op == Op::IsNotNull)
            }
            (Self::Metric { .. }, op, RunField::MetricAgg(agg, _)) => {
                query::compare(&aggregate(*agg, "m"), op, &condition.value)
            }
            (Self::Metric { is_nan: true, .. }, op, _) => truth(op == Op::Ne),
            (Self::Metric { .. }, op, _) => query::compare("m.value", op, &condition.value),
            (_, op, _) => truth(op == Op::IsNull),
        }
    }
}

/// NaN differs from every number, and compares with none.
pub(crate) fn metric_test(op: Op, value: &Literal) -> Sql {
    let mut sql = Sql::new(if op == Op::Ne { "(k.is_nan = 1 OR " } else { "(k.is_nan = 0 AND " });
    sql.push(query::compare("k.value", op, value));
    sql.push_str(")");
    sql
}

pub(crate) fn aggregate(agg: MetricAgg, alias: &str) -> String {
    match agg {
        MetricAgg::Min => format!("{alias}.min_value"),
        MetricAgg::Max => format!("{alias}.max_value"),
        MetricAgg::Mean => {
            format!("{alias}.sum_value / nullif({alias}.count - {alias}.nan_count, 0)")
        }
        MetricAgg::Count => format!("{alias}.count"),
    }
}
