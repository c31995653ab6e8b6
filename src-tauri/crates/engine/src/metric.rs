//! Metrics, read: histories, curves and summaries.

use crate::Engine;
use crate::experiment::check_max_results;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use branchline_core::{Actor, Error, Metric, Page, Result, RunId, Scope, limits};
use branchline_store::{HistoryCursor, Keep, MetricPoint, MetricSummary, Series};
use tokio::sync::mpsc;

/// Points per chunk of a streamed history.
const CHUNK: usize = 2_000;
/// Chunks that may wait for a slow reader; the reading stops meanwhile.
const CHUNKS: usize = 4;

impl Engine {
    /// A history in MLflow's order (timestamp, step, value), whole or one page of it.
    ///
    /// # Errors
    /// There is no such run; the token is wrong. An unknown key has no points.
    pub async fn metric_history(
        &self,
        actor: &Actor,
        id: &RunId,
        key: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> Result<Page<Metric>> {
        if let Some(max) = max_results {
            check_max_results(max, limits::MAX_RESULTS)?;
        }
        let after = page_token.filter(|t| !t.is_empty()).map(decode).transpose()?;
        let (id, key) = (id.clone(), key.to_owned());
        self.read(actor, move |view| {
            let mut points = Vec::new();
            // One more than the page holds tells whether another page follows.
            let limit = max_results.map(|max| max + 1);
            view.metric_history(&id, &key, after, limit, &mut |point| {
                points.push(point);
                true
            })?;
            let more = max_results.is_some_and(|max| points.len() > max);
            points.truncate(max_results.unwrap_or(usize::MAX));
            let next = points.last().filter(|_| more).map(|point| encode(point.cursor()));
            let items = points.into_iter().map(|point| metric(&key, point)).collect();
            Ok(Page { items, next_page_token: next })
        })
        .await
    }

    /// A whole history in chunks, read as fast as they are taken, in constant memory.
    ///
    /// # Errors
    /// There is no such run: told before the first chunk.
    pub async fn metric_history_stream(
        &self,
        actor: &Actor,
        id: &RunId,
        key: &str,
    ) -> Result<mpsc::Receiver<Result<Vec<MetricPoint>>>> {
        crate::permit::require(actor, Scope::Read)?;
        let known = id.clone();
        self.read(actor, move |view| view.run_row(&known)).await?;
        let (send, chunks) = mpsc::channel(CHUNKS);
        let (engine, actor) = (self.clone(), actor.clone());
        let (id, key) = (id.clone(), key.to_owned());
        tokio::spawn(async move {
            let errors = send.clone();
            let read = engine.read(&actor, move |view| {
                let mut chunk = Vec::with_capacity(CHUNK);
                view.metric_history(&id, &key, None, None, &mut |point| {
                    chunk.push(point);
                    if chunk.len() < CHUNK {
                        return true;
                    }
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
                    send.blocking_send(Ok(full)).is_ok()
                })?;
                // The reader may have gone away.
                let _ = send.blocking_send(Ok(chunk));
                Ok(())
            });
            if let Err(error) = read.await {
                let _ = errors.send(Err(error)).await;
            }
        });
        Ok(chunks)
    }

    /// Curves of one metric in several runs, each at most about as many points as `sample` says,
    /// those that it wants to keep; runs without the metric are left out.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn metric_series(
        &self,
        actor: &Actor,
        run_ids: &[RunId],
        key: &str,
        sample: (usize, Keep),
        range: Option<(i64, i64)>,
    ) -> Result<Vec<Series>> {
        let (run_ids, key) = (run_ids.to_vec(), key.to_owned());
        self.read(actor, move |view| {
            let mut found = Vec::with_capacity(run_ids.len());
            for id in &run_ids {
                found.extend(view.series(id, &key, sample, range)?);
            }
            Ok(found)
        })
        .await
    }

    /// Each metric of a run summed up, sorted by key.
    ///
    /// # Errors
    /// There is no such run.
    pub async fn metric_summaries(&self, actor: &Actor, id: &RunId) -> Result<Vec<MetricSummary>> {
        let id = id.clone();
        self.read(actor, move |view| view.metric_summaries(&id)).await
    }

    /// The same of many runs, in their order; nothing for one that is not there.
    ///
    /// # Errors
    /// The database's.
    pub async fn metric_summaries_of(
        &self,
        actor: &Actor,
        ids: Vec<RunId>,
    ) -> Result<Vec<Vec<MetricSummary>>> {
        self.read(actor, move |view| {
            Ok(ids.iter().map(|id| view.metric_summaries(id).unwrap_or_default()).collect())
        })
        .await
    }
}

fn metric(key: &str, point: MetricPoint) -> Metric {
    Metric {
        key: key.to_owned(),
        value: point.value,
        timestamp: point.timestamp,
        step: point.step,
        model_id: None,
        dataset_name: None,
        dataset_digest: None,
        run_id: None,
    }
}

fn encode(at: HistoryCursor) -> String {
    let text = format!("{}:{}:{}:{}", at.timestamp, at.step, at.value.to_bits(), at.is_nan);
    URL_SAFE_NO_PAD.encode(text)
}

fn decode(token: &str) -> Result<HistoryCursor> {
    let parse = || -> Option<HistoryCursor> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let mut parts = text.split(':');
        Some(HistoryCursor {
            timestamp: parts.next()?.parse().ok()?,
            step: parts.next()?.parse().ok()?,
            value: f64::from_bits(parts.next()?.parse().ok()?),
            is_nan: parts.next()?.parse().ok()?,
        })
    };
    parse().ok_or_else(|| {
        Error::invalid(format!("Invalid page token '{token}'."))
            .hint("Leave page_token out to start again.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_the_very_point() {
        let at = HistoryCursor { timestamp: 5, step: -3, value: 0.1 + 0.2, is_nan: false };
        assert_eq!(decode(&encode(at)).unwrap(), at);
        assert!(decode("nonsense").is_err());
    }
}
