//! `metrics/…`: histories, whole and sampled.

use super::Table;
use super::answer::{Answer, JSON};
use super::call::Call;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::get;
use branchline_core::{Error, Metric, Page, Result, RunId, limits};
use branchline_engine::{HistoryPart, Keep};
use branchline_mlflow::explain::{missing, out_of_range, required_text};
use branchline_mlflow::request::{
    GetMetricHistory, GetMetricHistoryBulk, GetMetricHistoryBulkInterval, page_token, run_id,
};
use branchline_mlflow::response::PointWriter;
use branchline_mlflow::scalar::Int64;
use futures_util::stream;
use tokio::sync::mpsc::Receiver;

const MAX_RUNS: usize = 100;
const MAX_BULK_RESULTS: usize = 25_000;
const MAX_INTERVAL_RESULTS: usize = 2500;
/// About what a point takes in JSON.
const POINT_BYTES: usize = 128;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/metrics/get-history", get(history)),
        ("/mlflow/metrics/get-history-bulk", get(history_bulk)),
        ("/mlflow/metrics/get-history-bulk-interval", get(history_bulk_interval)),
    ]
}

async fn history(Call { engine, actor, message }: Call<GetMetricHistory>) -> Answer {
    let id = run_id(message.run_id, message.run_uuid)?;
    let key = required_text("metric_key", message.metric_key)?;
    let token = page_token(message.page_token);
    let (limit, token) = (message.max_results.map(positive).transpose()?, token.as_deref());
    match limit {
        Some(limit) if limit <= limits::MAX_RESULTS => {
            let page = engine.metric_history(&actor, &id, &key, limit, token).await?;
            let mut out = Vec::with_capacity(page.items.len() * POINT_BYTES);
            let mut writer = PointWriter::new(&key, None);
            write_page(&mut writer, &mut out, &page);
            writer.finish(&mut out, page.next_page_token.as_deref());
            Ok(([JSON], out).into_response())
        }
        limit => {
            let parts = engine.metric_history_stream(&actor, &id, &key, limit, token).await?;
            streamed(&key, parts).await
        }
    }
}

fn positive(wanted: Int64) -> Result<usize> {
    match usize::try_from(wanted.0) {
        Ok(count @ 1..) => Ok(count),
        _ => Err(out_of_range("max_results", wanted.0, "It must be a positive integer.")),
    }
}

/// A history that is sent as it is read, so that its length costs no memory. The first part is
/// awaited, so that what is wrong with the request is told with a proper status.
async fn streamed(key: &str, mut parts: Receiver<Result<HistoryPart>>) -> Answer {
    let first = parts.recv().await.transpose()?;
    let start = Streaming { writer: PointWriter::new(key, None), first, parts };
    let body = stream::try_unfold(Some(start), |state| async move {
        let Some(mut state) = state else { return Ok::<_, Error>(None) };
        let part = match state.first.take() {
            Some(first) => Some(first),
            None => state.parts.recv().await.transpose()?,
        };
        let cut_off = || Error::internal("The history broke off before its end.");
        match part.ok_or_else(cut_off)? {
            HistoryPart::Points(points) => {
                let mut out = Vec::with_capacity(points.len() * POINT_BYTES);
                for point in points {
                    state.writer.point(&mut out, point.value, point.timestamp, point.step);
                }
                Ok(Some((out, Some(state))))
            }
            HistoryPart::End(next) => {
                let mut out = Vec::new();
                state.writer.finish(&mut out, next.as_deref());
                Ok(Some((out, None)))
            }
        }
    });
    Ok(([JSON], Body::from_stream(body)).into_response())
}

struct Streaming {
    writer: PointWriter,
    first: Option<HistoryPart>,
    parts: Receiver<Result<HistoryPart>>,
}

fn write_page(writer: &mut PointWriter, out: &mut Vec<u8>, page: &Page<Metric>) {
    for point in &page.items {
        writer.point(out, point.value, point.timestamp, point.step);
    }
}

async fn history_bulk(Call { engine, actor, message }: Call<GetMetricHistoryBulk>) -> Answer {
    let mut ids = message.run_id.0;
    let says = |what: &str| Error::invalid(format!("GetMetricHistoryBulk request {what}"));
    if ids.is_empty() {
        return Err(says("must specify at least one run_id.").into());
    }
    if ids.len() > MAX_RUNS {
        let count = ids.len();
        let what =
            format!("cannot specify more than {MAX_RUNS} run_ids. Received {count} run_ids.");
        return Err(says(&what).into());
    }
    let key = message.metric_key.ok_or_else(|| says("must specify a metric_key."))?;
    let wanted = message.max_results.map(positive).transpose()?;
    let mut left = wanted.unwrap_or(MAX_BULK_RESULTS).min(MAX_BULK_RESULTS);
    ids.sort_unstable();
    let (mut writer, mut out) = (PointWriter::default(), Vec::new());
    for id in ids {
        if left == 0 {
            break;
        }
        writer.switch(&key, Some(&id));
        let page = engine.metric_history(&actor, &RunId::new(id), &key, left, None).await?;
        write_page(&mut writer, &mut out, &page);
        left -= page.items.len().min(left);
    }
    writer.finish_list(&mut out);
    Ok(([JSON], out).into_response())
}

async fn history_bulk_interval(
    Call { engine, actor, message }: Call<GetMetricHistoryBulkInterval>,
) -> Answer {
    let ids: Vec<RunId> = message.run_ids.0.into_iter().map(RunId::new).collect();
    if ids.is_empty() {
        return Err(missing("run_ids").into());
    }
    if ids.len() > MAX_RUNS {
        let count = ids.len();
        return Err(Error::invalid(format!(
            "GetMetricHistoryBulkInterval request must specify at most {MAX_RUNS} run_ids. \
             Received {count} run_ids."
        ))
        .into());
    }
    let key = required_text("metric_key", message.metric_key)?;
    let range = interval(message.start_step, message.end_step)?;
    let points = match message.max_results.map(|wanted| usize::try_from(wanted.0)) {
        None => MAX_INTERVAL_RESULTS,
        Some(Ok(wanted @ 1..=MAX_INTERVAL_RESULTS)) => wanted,
        Some(_) => {
            let rule = format!("max_results must be between 1 and {MAX_INTERVAL_RESULTS}.");
            return Err(Error::invalid(rule).into());
        }
    };
    let series = engine.metric_series(&actor, &ids, &key, (points, Keep::Even), range).await?;
    let (mut writer, mut out) = (PointWriter::default(), Vec::new());
    for run in &series {
        writer.switch(&key, Some(run.run_id.as_str()));
        for (index, value) in run.values.iter().enumerate() {
            writer.point(&mut out, *value, run.timestamps[index], run.steps[index]);
        }
    }
    writer.finish(&mut out, None);
    Ok(([JSON], out).into_response())
}

/// Both ends of a range of steps, or none.
fn interval(start: Option<Int64>, end: Option<Int64>) -> Result<Option<(i64, i64)>> {
    match (start, end) {
        (None, None) => Ok(None),
        (Some(Int64(start)), Some(Int64(end))) if start <= end => Ok(Some((start, end))),
        (Some(Int64(start)), Some(Int64(end))) => Err(Error::invalid(format!(
            "end_step must be greater than start_step. Found start_step={start} and end_step={end}."
        ))),
        _ => Err(Error::invalid(
            "If either start step or end step are specified, both must be specified.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_has_both_ends_or_none() {
        assert_eq!(interval(None, None).unwrap(), None);
        assert_eq!(interval(Some(Int64(1)), Some(Int64(1))).unwrap(), Some((1, 1)));
        assert!(interval(Some(Int64(1)), None).is_err());
        assert!(interval(None, Some(Int64(1))).is_err());
        assert!(
            interval(Some(Int64(3)), Some(Int64(1))).unwrap_err().message.contains("end_step=1")
        );
    }
}
