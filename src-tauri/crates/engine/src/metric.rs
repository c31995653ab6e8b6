//! Metrics, read: histories, curves and summaries.

use crate::Engine;
use crate::experiment::check_max_results;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use branchline_core::{Actor, Error, Metric, Page, Result, RunId, Scope, limits};
use branchline_store::{HistoryCursor, Keep, MetricPoint, MetricSummary, Series};
use tokio::sync::mpsc;

/// Points per part of a streamed history.
const PART: usize = 2_000;
/// Parts that may wait for a slow reader; the reading stops meanwhile.
const PARTS: usize = 4;

/// A part of a history that is streamed.
#[derive(Debug, Clone, PartialEq)]
pub enum HistoryPart {
    /// The next points.
    Points(Vec<MetricPoint>),
    /// There are no more, or no more were asked for; then, where to go on.
    End(Option<String>),
}

/// Sends the points of a history on while they are read.
struct Sending {
    to: mpsc::Sender<Result<HistoryPart>>,
    part: Vec<MetricPoint>,
    /// How many may follow, and whether one more was there.
    left: usize,
    more: bool,
    last: Option<MetricPoint>,
}

impl Sending {
    fn new(to: mpsc::Sender<Result<HistoryPart>>, left: usize) -> Self {
        Self { to, part: Vec::with_capacity(PART), left, more: false, last: None }
    }

    /// Whether to read on; not when the other end has gone away.
    fn take(&mut self, point: MetricPoint) -> bool {
        self.more = self.left == 0;
        if self.more {
            return false;
        }
        self.left -= 1;
        self.last = Some(point);
        self.part.push(point);
        if self.part.len() < PART {
            return true;
        }
        let full = std::mem::replace(&mut self.part, Vec::with_capacity(PART));
        self.to.blocking_send(Ok(HistoryPart::Points(full))).is_ok()
    }

    fn end(self) {
        let next = self.last.filter(|_| self.more).map(|point| encode(point.cursor()));
        let rest = [HistoryPart::Points(self.part), HistoryPart::End(next)];
        // The other end may have gone away.
        let _ = rest.into_iter().try_for_each(|part| self.to.blocking_send(Ok(part)));
    }
}

impl Engine {
    /// A page of a history in MLflow's order: timestamp, step, value.
    ///
    /// # Errors
    /// There is no such run; the token is wrong. An unknown key has no points.
    pub async fn metric_history(
        &self,
        actor: &Actor,
        id: &RunId,
        key: &str,
        max_results: usize,
        page_token: Option<&str>,
    ) -> Result<Page<Metric>> {
        check_max_results(max_results, limits::MAX_RESULTS)?;
        let after = page_token.filter(|t| !t.is_empty()).map(decode).transpose()?;
        let (id, key) = (id.clone(), key.to_owned());
        self.read(actor, move |view| {
            let mut points = Vec::new();
            // One more than the page holds tells whether another page follows.
            view.metric_history(&id, &key, after, Some(max_results + 1), &mut |point| {
                points.push(point);
                true
            })?;
            let more = points.len() > max_results;
            points.truncate(max_results);
            let next = points.last().filter(|_| more).map(|point| encode(point.cursor()));
            let items = points.into_iter().map(|point| metric(&key, point)).collect();
            Ok(Page { items, next_page_token: next })
        })
        .await
    }

    /// A history of any length from the token on, in parts that are read as fast as they are
    /// taken, in constant memory.
    ///
    /// # Errors
    /// There is no such run, or the token is wrong: told before the first part. A part may be an
    /// error, and is the last one then.
    pub async fn metric_history_stream(
        &self,
        actor: &Actor,
        id: &RunId,
        key: &str,
        max_results: Option<usize>,
        page_token: Option<&str>,
    ) -> Result<mpsc::Receiver<Result<HistoryPart>>> {
        crate::permit::require(actor, Scope::Read)?;
        let after = page_token.filter(|t| !t.is_empty()).map(decode).transpose()?;
        let known = id.clone();
        self.read(actor, move |view| view.run_row(&known)).await?;
        let (send, parts) = mpsc::channel(PARTS);
        let (engine, actor) = (self.clone(), actor.clone());
        let (id, key) = (id.clone(), key.to_owned());
        tokio::spawn(async move {
            let errors = send.clone();
            let read = engine.read(&actor, move |view| {
                let limit = max_results.map(|max| max.saturating_add(1));
                let mut sending = Sending::new(send, max_results.unwrap_or(usize::MAX));
                view.metric_history(&id, &key, after, limit, &mut |point| sending.take(point))?;
                sending.end();
                Ok(())
            });
            if let Err(error) = read.await {
                let _ = errors.send(Err(error)).await;
            }
        });
        Ok(parts)
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
