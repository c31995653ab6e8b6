//! `traces/…` in both versions, but for searching and for spans as they arrive.

use super::Table;
use super::answer::{Answer, JSON, done, json};
use super::call::{Call, Nothing, PathOf};
use super::experiments::{experiment_id, experiment_ids};
use super::transfer;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::{get, patch, post};
use branchline_core::trace::tag;
use branchline_core::{Error, ErrorCode, ExperimentId, Result, RunId, Tag, TraceId, TraceState};
use branchline_engine::{NewTrace, TraceEnd, TraceSelection};
use branchline_mlflow::explain::{missing, out_of_range, required, required_text};
use branchline_mlflow::request::{
    BatchGetTraces, DeleteTraces, EndTrace, GetTrace, LinkPrompts, LinkTracesToRun, OpenTrace,
    PromptVersion, StartTrace, TraceFile, TraceInfoMessage, TraceTag, trace_ids,
};
use branchline_mlflow::response::{InfoOnly, InfoV2};
use branchline_mlflow::{Listed, One};

/// Where a trace's file has its spans.
const SPANS_FILE: &str = "traces.json";
/// The most traces that are read at once, with their spans and without.
const MOST_TRACES: usize = 1000;
const MOST_INFOS: usize = 10_000;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/traces", post(open)),
        ("/mlflow/traces/{request_id}", patch(end)),
        ("/mlflow/traces/{request_id}/info", get(info_v2)),
        ("/mlflow/traces/{request_id}/tags", patch(set_tag).delete(delete_tag)),
        ("/mlflow/traces/delete-traces", post(delete)),
        ("/mlflow/traces/link-to-run", post(link_to_run)),
        ("/mlflow/traces/link-prompts", post(link_prompts)),
        ("/mlflow/get-trace-artifact", get(file)),
    ]
}

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/traces", post(start)),
        ("/mlflow/traces/get", get(get_one)),
        ("/mlflow/traces/batchGet", get(get_many)),
        ("/mlflow/traces/batchGetInfos", post(get_infos)),
        ("/mlflow/traces/{trace_id}", get(info)),
        ("/mlflow/traces/{trace_id}/tags", patch(set_tag).delete(delete_tag)),
        ("/mlflow/traces/delete-traces", post(delete)),
        ("/mlflow/get-trace-artifact", get(file)),
    ]
}

async fn start(Call { engine, actor, message }: Call<StartTrace>) -> Answer {
    let info = message.info()?;
    let trace_id = TraceId::new(required_text("trace.trace_info.trace_id", info.trace_id)?);
    let place = info.trace_location.ok_or_else(|| missing("trace.trace_info.trace_location"))?;
    let new = NewTrace {
        experiment_id: place.experiment()?,
        client_request_id: info.client_request_id,
        state: info.state.map(|state| state.0).unwrap_or_default(),
        request_time: info.request_time.map_or(0, |time| time.0),
        execution_duration: info.execution_duration.map(|duration| duration.0),
        request_preview: info.request_preview,
        response_preview: info.response_preview,
        metadata: info.trace_metadata.0,
        tags: info.tags.0,
        assessments: TraceInfoMessage::assessments(info.assessments, &trace_id)?,
        trace_id,
    };
    json(&One("trace", &InfoOnly(&engine.start_trace(&actor, new).await?)))
}

async fn open(Call { engine, actor, message }: Call<OpenTrace>) -> Answer {
    let new = NewTrace {
        trace_id: TraceId::random(),
        experiment_id: experiment_id(message.experiment_id)?,
        client_request_id: None,
        state: TraceState::InProgress,
        request_time: message.timestamp_ms.map_or(0, |time| time.0),
        execution_duration: None,
        request_preview: None,
        response_preview: None,
        metadata: message.request_metadata.into_tags(),
        tags: message.tags.into_tags(),
        assessments: Vec::new(),
    };
    json(&One("trace_info", &InfoV2(&engine.open_trace(&actor, new).await?)))
}

async fn end(PathOf(id): PathOf, Call { engine, actor, message }: Call<EndTrace>) -> Answer {
    let end = TraceEnd {
        end_time: message.timestamp_ms.map_or(0, |time| time.0),
        state: message.status.map(|status| status.0).unwrap_or_default(),
        metadata: message.request_metadata.into_tags(),
        tags: message.tags.into_tags(),
    };
    let info = engine.end_trace(&actor, &TraceId::new(id), end).await?;
    json(&One("trace_info", &InfoV2(&info)))
}

async fn info_v2(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let info = engine.trace_info(&actor, &TraceId::new(id)).await?;
    json(&One("trace_info", &InfoV2(&info)))
}

async fn info(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let info = engine.trace_info(&actor, &TraceId::new(id)).await?;
    json(&One("trace", &InfoOnly(&info)))
}

async fn get_one(Call { engine, actor, message }: Call<GetTrace>) -> Answer {
    let id = TraceId::new(required_text("trace_id", message.trace_id)?);
    let partial = message.allow_partial.is_some_and(|flag| flag.0);
    json(&One("trace", &engine.trace(&actor, &id, partial).await?))
}

/// Which traces a message asks for: not too many.
fn asked(
    message: BatchGetTraces,
    most: usize,
) -> Result<(Vec<TraceId>, Option<Vec<ExperimentId>>)> {
    let ids = trace_ids(required("trace_ids", message.trace_ids)?);
    if ids.len() > most {
        return Err(Error::invalid(format!("At most {most} traces are read at once."))
            .hint("Ask for fewer `trace_ids` at a time."));
    }
    let experiments = message.experiment_ids.map(|ids| experiment_ids(&ids.0)).transpose()?;
    Ok((ids, experiments))
}

async fn get_many(Call { engine, actor, message }: Call<BatchGetTraces>) -> Answer {
    let (ids, experiments) = asked(message, MOST_TRACES)?;
    json(&Listed("traces", &engine.traces(&actor, ids, experiments).await?))
}

async fn get_infos(Call { engine, actor, message }: Call<BatchGetTraces>) -> Answer {
    let (ids, experiments) = asked(message, MOST_INFOS)?;
    json(&Listed("trace_infos", &engine.trace_infos(&actor, ids, experiments).await?))
}

async fn set_tag(PathOf(id): PathOf, Call { engine, actor, message }: Call<TraceTag>) -> Answer {
    let key = required_text("key", message.key)?;
    let entry = Tag { key, value: message.value.unwrap_or_default() };
    engine.set_trace_tag(&actor, &TraceId::new(id), entry).await?;
    done()
}

async fn delete_tag(PathOf(id): PathOf, Call { engine, actor, message }: Call<TraceTag>) -> Answer {
    let key = required_text("key", message.key)?;
    engine.delete_trace_tag(&actor, &TraceId::new(id), &key).await?;
    done()
}

/// Which traces are to go; exactly one way to say it.
fn selection(message: DeleteTraces) -> Result<TraceSelection> {
    let ids = trace_ids(message.request_ids);
    let most = message.max_traces.map(|most| most.0);
    match (message.max_timestamp_millis, ids.is_empty()) {
        (None, true) => {
            Err(Error::invalid("Either `max_timestamp_millis` or `trace_ids` must be specified."))
        }
        (Some(_), false) => Err(Error::invalid(
            "Only one of `max_timestamp_millis` and `trace_ids` can be specified.",
        )),
        (None, false) if most.is_some() => {
            Err(Error::invalid("`max_traces` can't be specified if `trace_ids` is specified."))
        }
        (None, false) => Ok(TraceSelection::Ids(ids)),
        (Some(time), true) => {
            let most = most.map(|most| match usize::try_from(most) {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(out_of_range("max_traces", most, "It must be a positive integer.")),
            });
            Ok(TraceSelection::Until { time: time.0, most: most.transpose()? })
        }
    }
}

async fn delete(Call { engine, actor, mut message }: Call<DeleteTraces>) -> Answer {
    let experiment = experiment_id(message.experiment_id.take())?;
    let deleted = engine.delete_traces(&actor, experiment, selection(message)?).await?;
    json(&serde_json::json!({ "traces_deleted": deleted }))
}

async fn link_to_run(Call { engine, actor, message }: Call<LinkTracesToRun>) -> Answer {
    let ids = trace_ids(message.trace_ids);
    if ids.is_empty() {
        return Err(missing("trace_ids").into());
    }
    let run = RunId::new(required_text("run_id", message.run_id)?);
    engine.link_traces_to_run(&actor, ids, &run).await?;
    done()
}

async fn link_prompts(Call { engine, actor, message }: Call<LinkPrompts>) -> Answer {
    let id = TraceId::new(required_text("trace_id", message.trace_id)?);
    if message.prompt_versions.0.is_empty() {
        return Err(missing("prompt_versions").into());
    }
    let prompts = message.prompt_versions.0.into_iter().map(PromptVersion::into_domain);
    engine.link_prompts_to_trace(&actor, &id, prompts.collect::<Result<_>>()?).await?;
    done()
}

/// The spans of a trace, from the database or its file, or one of its attachments.
async fn file(headers: HeaderMap, Call { engine, actor, message }: Call<TraceFile>) -> Answer {
    let Some(id) = message.request_id.filter(|id| !id.is_empty()) else {
        let what = "Request must include the \"request_id\" query parameter.";
        return Err(Error::new(ErrorCode::BadRequest, what).into());
    };
    let id = TraceId::new(id);
    let path = match message.path.filter(|path| !path.is_empty()) {
        Some(name) => attachment(&name)?,
        None => match engine.trace(&actor, &id, true).await {
            Ok(trace) => {
                let body = format!("{{\"spans\":[{}]}}", trace.spans.join(","));
                let name = format!("attachment; filename={SPANS_FILE}");
                return Ok(([JSON], [(header::CONTENT_DISPOSITION, name)], body).into_response());
            }
            Err(error) if error.code == ErrorCode::SpansElsewhere => SPANS_FILE.to_owned(),
            Err(error) => return Err(error.into()),
        },
    };
    let info = engine.trace_info(&actor, &id).await?;
    let location = info.tag(tag::ARTIFACT_LOCATION).unwrap_or_default();
    let file = transfer::open(engine.artifacts(), location, &path).await?;
    Ok(transfer::send(file, &headers).await?)
}

/// An attachment's place among a trace's files; its name is a UUID.
fn attachment(name: &str) -> Result<String> {
    let fits = |(at, c): (usize, char)| match at {
        8 | 13 | 18 | 23 => c == '-',
        _ => matches!(c, '0'..='9' | 'a'..='f'),
    };
    if name.len() == 36 && name.chars().enumerate().all(fits) {
        return Ok(format!("attachments/{name}"));
    }
    Err(Error::invalid(format!(
        "Invalid attachment path: '{}'. Attachment path must be a valid UUID.",
        name.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_named_by_a_uuid() {
        let name = "0b54a2c6-2f1d-4a5e-9d2b-0123456789ab";
        assert_eq!(attachment(name).unwrap(), format!("attachments/{name}"));
        let upper = name.to_uppercase();
        for wrong in ["", "../traces.json", upper.as_str(), "0b54a2c62f1d4a5e9d2b0123456789ab"] {
            assert!(attachment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_way_to_say_what_goes() {
        let select = |json: &str| selection(branchline_mlflow::from_body(json.as_bytes()).unwrap());
        assert!(matches!(
            select(r#"{"max_timestamp_millis":"5","max_traces":2}"#),
            Ok(TraceSelection::Until { time: 5, most: Some(2) })
        ));
        assert!(matches!(select(r#"{"request_ids":["a"]}"#), Ok(TraceSelection::Ids(_))));
        for wrong in [
            "{}",
            r#"{"request_ids":["a"],"max_timestamp_millis":5}"#,
            r#"{"request_ids":["a"],"max_traces":5}"#,
            r#"{"max_timestamp_millis":5,"max_traces":0}"#,
        ] {
            assert!(select(wrong).is_err(), "{wrong}");
        }
    }
}
