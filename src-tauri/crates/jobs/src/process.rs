//! A job's process, seen from the owner: orders it from a supervisor, listens to that, and turns
//! what it tells into the attempt's end.

use crate::control::Stop;
use crate::dispatch::{Hands, Options, stopped, when_stopped};
use crate::ledger::{JobLedger, Launch};
use crate::message::{Cause, Ended, Order, Orders, Report};
use crate::supervisors::Supervisor;
use branchline_core::{AttemptEnd, Job, Outcome};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// The file in the job's folder into which a job writes its result or its failure.
pub(crate) const RESULT_FILE: &str = "result.json";
/// The variable that names it.
pub(crate) const RESULT_VARIABLE: &str = "BRANCHLINE_RESULT_FILE";
/// The file to which a job adds lines of JSON about itself.
pub(crate) const PROGRESS_FILE: &str = "progress.jsonl";
/// The variable that names it.
const PROGRESS_VARIABLE: &str = "BRANCHLINE_PROGRESS_FILE";
/// A larger result is refused.
const RESULT_BYTES: u64 = 1024 * 1024;
/// Listeners are told of a growing log at most this often.
const TELL_EVERY: Duration = Duration::from_millis(100);

pub(crate) fn failure(exception: &str, message: &str) -> Outcome {
    Outcome::Failure {
        exception: exception.to_owned(),
        message: message.to_owned(),
        traceback: None,
    }
}

pub(crate) fn past_hard_limit() -> Outcome {
    failure("TimeLimitExceeded", "It went on past its hard time limit.")
}

pub(crate) fn past_soft_limit() -> Outcome {
    failure("SoftTimeLimitExceeded", "It went on past its soft time limit.")
}

/// Runs a job's process to its end.
pub(crate) async fn run<L: JobLedger>(
    hands: &Hands<L>,
    job: &Job,
    cord: &mut watch::Receiver<Stop>,
) -> AttemptEnd {
    let launch = match hands.ledger.prepare(job).await {
        Ok(launch) => launch,
        Err(error) => return failure("NotStarted", &error.to_string()).into(),
    };
    let result = launch.folder.join(RESULT_FILE);
    // What another attempt left is not this one's.
    let _ = std::fs::remove_file(&result);
    let _ = std::fs::remove_file(launch.folder.join(PROGRESS_FILE));
    let orders = orders(&hands.options, job, launch);
    let supervisor = match hands.supervisors.take(&Order::Run(Box::new(orders))).await {
        Ok(supervisor) => supervisor,
        Err(cause) => {
            let program = hands.options.supervisor.display();
            return failure("NotStarted", &format!("Cannot run '{program}': {cause}.")).into();
        }
    };
    let heard = listen(hands, supervisor, job, cord).await;
    let why = cord.borrow().clone();
    end_of(heard, &why, job, &result)
}

fn orders(options: &Options, job: &Job, launch: Launch) -> Orders {
    let ms = |limit: Option<i64>| limit.and_then(|ms| u64::try_from(ms).ok());
    let mut env = launch.env;
    let result = launch.folder.join(RESULT_FILE);
    env.push((RESULT_VARIABLE.to_owned(), result.to_string_lossy().into_owned()));
    let progress = launch.folder.join(PROGRESS_FILE);
    env.push((PROGRESS_VARIABLE.to_owned(), progress.to_string_lossy().into_owned()));
    Orders {
        command: launch.command,
        cwd: launch.cwd,
        env,
        folder: launch.folder,
        log_bytes: options.log_bytes,
        grace_ms: u64::try_from(options.grace.as_millis()).unwrap_or(u64::MAX),
        niceness: options.niceness,
        soft_limit_ms: ms(job.options.soft_limit_ms),
        hard_limit_ms: ms(job.options.hard_limit_ms),
        memory_limit: job.options.memory_limit,
    }
}

/// What came of listening to a supervisor.
enum Heard {
    Ended(Ended),
    NotStarted(String),
    /// The supervisor itself went away.
    Silence,
}

async fn listen<L: JobLedger>(
    hands: &Hands<L>,
    mut supervisor: Supervisor,
    job: &Job,
    cord: &mut watch::Receiver<Stop>,
) -> Heard {
    let ledger = &hands.ledger;
    let mut told: Option<Instant> = None;
    let mut tell_at: Option<Instant> = None;
    let mut stopping = false;
    let heard = loop {
        let tell = async {
            match tell_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            report = supervisor.report() => match report {
                None => break Heard::Silence,
                Some(Ok(Report::Started { pid })) => {
                    if !counts(ledger, job, pid).await {
                        stop(&mut supervisor).await;
                        stopping = true;
                    }
                }
                Some(Ok(Report::Wrote)) => {
                    let now = Instant::now();
                    tell_at.get_or_insert(told.map_or(now, |told| now.max(told + TELL_EVERY)));
                }
                Some(Ok(Report::Progress { line })) => ledger.reported(job, line).await,
                Some(Ok(Report::Ended(ended))) => break Heard::Ended(ended),
                Some(Ok(Report::NotStarted { message })) => break Heard::NotStarted(message),
                Some(Err(_)) => tracing::warn!(job.id = %job.task_id, "a report was not understood"),
            },
            () = tell => {
                (told, tell_at) = (Some(Instant::now()), None);
                ledger.wrote(job);
            }
            _ = stopped(cord), if !stopping => {
                stop(&mut supervisor).await;
                stopping = true;
            }
        }
    };
    // Everything below one that says so has ended. Of any other it is made sure.
    let left = match heard {
        Heard::Ended(_) => hands.supervisors.keep(supervisor),
        Heard::NotStarted(_) | Heard::Silence => Some(supervisor),
    };
    if let Some(supervisor) = left {
        supervisor.end().await;
    }
    ledger.wrote(job);
    heard
}

async fn stop(supervisor: &mut Supervisor) {
    // One that is gone has ended the job.
    let _ = supervisor.order(&Order::Stop).await;
}

async fn counts<L: JobLedger>(ledger: &L, job: &Job, pid: u32) -> bool {
    match ledger.started(job, pid).await {
        Ok(counts) => counts,
        Err(error) => {
            // It runs all the same, and its end will be noted.
            tracing::warn!(job.id = %job.task_id, "a start could not be noted: {error}");
            true
        }
    }
}

/// What a job writes into its result file.
#[derive(Debug, Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    exception: Option<String>,
    message: Option<String>,
    traceback: Option<String>,
}

fn read_result(path: &Path) -> Option<String> {
    let size = std::fs::metadata(path).ok()?.len();
    if size > RESULT_BYTES {
        let message = format!("The result has {size} bytes; at most {RESULT_BYTES} are kept.");
        return serde_json::to_string(&serde_json::json!({
            "exception": "ResultTooLarge",
            "message": message,
        }))
        .ok();
    }
    std::fs::read_to_string(path).ok()
}

fn end_of(heard: Heard, why: &Stop, job: &Job, result: &Path) -> AttemptEnd {
    let ended = match heard {
        Heard::Ended(ended) => ended,
        Heard::NotStarted(message) => return failure("NotStarted", &message).into(),
        Heard::Silence => {
            return Outcome::Lost("Worker lost: the job's supervisor was ended.".to_owned()).into();
        }
    };
    AttemptEnd {
        outcome: outcome_of(&ended, why, job, result),
        exit_code: ended.exit_code,
        signal: ended.signal,
        cpu_ms: ended.cpu_ms,
        peak_bytes: ended.peak_bytes,
    }
}

fn outcome_of(ended: &Ended, why: &Stop, job: &Job, result: &Path) -> Outcome {
    match (ended.cause, why) {
        (Cause::Stopped, stop) => return when_stopped(stop),
        (Cause::HardLimit, _) => return past_hard_limit(),
        (Cause::MemoryLimit, _) => {
            let bytes = |bytes: Option<i64>| bytes.unwrap_or_default() / (1024 * 1024);
            return failure(
                "MemoryLimitExceeded",
                &format!(
                    "It held {} MB; its limit is {} MB.",
                    bytes(ended.peak_bytes),
                    bytes(job.options.memory_limit)
                ),
            );
        }
        (Cause::SoftLimit, _) if ended.exit_code != Some(0) => return past_soft_limit(),
        _ => {}
    }
    let text = read_result(result).unwrap_or_default();
    let written: Option<Written<'_>> = serde_json::from_str(&text).ok();
    if let Some(Written { exception: Some(exception), message, traceback, .. }) = written {
        return Outcome::Failure { exception, message: message.unwrap_or_default(), traceback };
    }
    match (ended.exit_code, ended.signal) {
        (Some(0), _) => {
            let result = written.and_then(|written| written.result);
            Outcome::Success(result.map_or("null", RawValue::get).to_owned())
        }
        (Some(code), _) => failure("ExitCode", &format!("It ended with exit code {code}.")),
        (None, signal) => {
            let signal = signal.map_or("a signal".to_owned(), |n| format!("signal {n}"));
            failure("Signal", &format!("It was ended by {signal}."))
        }
    }
}
