//! `runs/…`, but for what goes in and out of them.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::Call;
use super::experiments::{experiment_id, experiment_ids};
use axum::routing::{get, post};
use branchline_core::{Tag, limits};
use branchline_engine::{LogBatch, NewRun, RunSearch, RunUpdate};
use branchline_mlflow::explain::required_text;
use branchline_mlflow::request::{
    self, CreateRun, LogMetric, LogParam, RunRef, RunTag, SearchRuns, UpdateRun, max_results,
    page_token, run_id,
};
use branchline_mlflow::response::CreatedRun;
use branchline_mlflow::{One, Paged};

/// What `runs/search` answers with unless it is told.
const DEFAULT_RESULTS: i64 = 1000;

pub(super) fn table() -> Table {
    vec![
        ("/mlflow/runs/create", post(create)),
        ("/mlflow/runs/get", get(get_one)),
        ("/mlflow/runs/update", post(update)),
        ("/mlflow/runs/delete", post(delete)),
        ("/mlflow/runs/restore", post(restore)),
        ("/mlflow/runs/search", post(search)),
        ("/mlflow/runs/log-metric", post(log_metric)),
        ("/mlflow/runs/log-parameter", post(log_parameter)),
        ("/mlflow/runs/log-batch", post(log_batch)),
        ("/mlflow/runs/set-tag", post(set_tag)),
        ("/mlflow/runs/delete-tag", post(delete_tag)),
    ]
}

async fn create(Call { engine, actor, message }: Call<CreateRun>) -> Answer {
    let new = NewRun {
        experiment_id: experiment_id(message.experiment_id)?,
        user_id: message.user_id.unwrap_or_default(),
        name: message.run_name.filter(|name| !name.is_empty()),
        start_time: message.start_time.map_or(0, |time| time.0),
        tags: message.tags.into_tags(),
    };
    json(&CreatedRun(&engine.create_run(&actor, new).await?))
}

async fn get_one(Call { engine, actor, message }: Call<RunRef>) -> Answer {
    let id = run_id(message.run_id, message.run_uuid)?;
    json(&One("run", &engine.run(&actor, &id).await?))
}

async fn update(Call { engine, actor, message }: Call<UpdateRun>) -> Answer {
    let id = run_id(message.run_id, message.run_uuid)?;
    let update = RunUpdate {
        status: message.status.map(|status| status.0),
        end_time: message.end_time.map(|time| time.0),
        name: message.run_name,
    };
    json(&One("run_info", &engine.update_run(&actor, &id, update).await?))
}

async fn delete(Call { engine, actor, message }: Call<RunRef>) -> Answer {
    engine.delete_run(&actor, &run_id(message.run_id, message.run_uuid)?).await?;
    done()
}

async fn restore(Call { engine, actor, message }: Call<RunRef>) -> Answer {
    engine.restore_run(&actor, &run_id(message.run_id, message.run_uuid)?).await?;
    done()
}

async fn search(Call { engine, actor, message }: Call<SearchRuns>) -> Answer {
    let search = RunSearch {
        experiment_ids: experiment_ids(&message.experiment_ids.0)?,
        everywhere: false,
        filter: message.filter.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_RESULTS, limits::MAX_RESULTS)?,
        page_token: page_token(message.page_token),
        view: message.run_view_type.map(|view| view.0).unwrap_or_default(),
    };
    json(&Paged("runs", &engine.search_runs(&actor, search).await?))
}

async fn log_metric(Call { engine, actor, message }: Call<LogMetric>) -> Answer {
    let (id, metric) = message.into_domain()?;
    let batch = LogBatch { metrics: vec![metric], ..LogBatch::default() };
    engine.log_batch(&actor, &id, batch).await?;
    done()
}

async fn log_parameter(Call { engine, actor, message }: Call<LogParam>) -> Answer {
    let (id, param) = message.into_domain()?;
    let batch = LogBatch { params: vec![param], ..LogBatch::default() };
    engine.log_batch(&actor, &id, batch).await?;
    done()
}

async fn log_batch(Call { engine, actor, message }: Call<request::LogBatch>) -> Answer {
    let request::Batch { run_id, metrics, params, tags } = message.into_domain()?;
    engine.log_batch(&actor, &run_id, LogBatch { metrics, params, tags, listed: true }).await?;
    done()
}

async fn set_tag(Call { engine, actor, message }: Call<RunTag>) -> Answer {
    let id = run_id(message.run_id, message.run_uuid)?;
    let key = required_text("key", message.key)?;
    let tag = Tag { key, value: message.value.unwrap_or_default() };
    let batch = LogBatch { tags: vec![tag], ..LogBatch::default() };
    engine.log_batch(&actor, &id, batch).await?;
    done()
}

async fn delete_tag(Call { engine, actor, message }: Call<RunTag>) -> Answer {
    let id = run_id(message.run_id, message.run_uuid)?;
    let key = required_text("key", message.key)?;
    engine.delete_run_tag(&actor, &id, &key).await?;
    done()
}
