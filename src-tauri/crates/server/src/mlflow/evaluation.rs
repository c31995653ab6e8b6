//! `datasets/…`: evaluation datasets and their records.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::{Call, Nothing, PathOf};
use super::experiments::experiment_ids;
use axum::routing::{delete as delete_route, get, patch, post};
use branchline_core::{EvaluationDatasetId, limits};
use branchline_engine::{EvaluationDatasetSearch, NewEvaluationDataset};
use branchline_mlflow::explain::required_text;
use branchline_mlflow::request::{
    CreateEvaluationDataset, DeleteRecords, ExperimentsOfDataset, GetRecords,
    SearchEvaluationDatasets, SetEvaluationDatasetTags, UpsertRecords, dataset_tags, max_results,
    page_token, records,
};
use branchline_mlflow::{Listed, One, Paged, RecordPage};

/// What a search and a page of records answer with unless they are told.
const DEFAULT_RESULTS: i64 = 1000;
/// Records come in one text, so a body may be larger than others.
const MAX_RECORDS_BYTES: usize = 64 * 1024 * 1024;

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/datasets/create", post(create)),
        ("/mlflow/datasets/search", post(search).get(search)),
        ("/mlflow/datasets/{dataset_id}", get(get_one).delete(delete)),
        ("/mlflow/datasets/{dataset_id}/tags", patch(set_tags)),
        ("/mlflow/datasets/{dataset_id}/tags/{key}", delete_route(delete_tag)),
        (
            "/mlflow/datasets/{dataset_id}/records",
            post(upsert_records).get(get_records).delete(delete_records),
        ),
        ("/mlflow/datasets/{dataset_id}/experiment-ids", get(get_experiments)),
        ("/mlflow/datasets/{dataset_id}/add-experiments", post(add_experiments)),
        ("/mlflow/datasets/{dataset_id}/remove-experiments", post(remove_experiments)),
    ]
}

async fn create(Call { engine, actor, message }: Call<CreateEvaluationDataset>) -> Answer {
    let new = NewEvaluationDataset {
        name: required_text("name", message.name)?,
        tags: dataset_tags(message.tags.as_deref())?,
        experiment_ids: experiment_ids(&message.experiment_ids.0)?,
    };
    json(&One("dataset", &engine.create_evaluation_dataset(&actor, new).await?))
}

async fn get_one(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let id = EvaluationDatasetId::new(id);
    json(&One("dataset", &engine.evaluation_dataset(&actor, &id).await?))
}

async fn delete(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    engine.delete_evaluation_dataset(&actor, &EvaluationDatasetId::new(id)).await?;
    done()
}

async fn search(Call { engine, actor, message }: Call<SearchEvaluationDatasets>) -> Answer {
    let search = EvaluationDatasetSearch {
        experiment_ids: experiment_ids(&message.experiment_ids.0)?,
        filter: message.filter_string.unwrap_or_default(),
        order_by: message.order_by.0,
        max_results: max_results(message.max_results, DEFAULT_RESULTS, limits::MAX_RESULTS)?,
        page_token: page_token(message.page_token),
    };
    json(&Paged("datasets", &engine.search_evaluation_datasets(&actor, search).await?))
}

async fn set_tags(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<SetEvaluationDatasetTags>,
) -> Answer {
    let tags = dataset_tags(Some(&required_text("tags", message.tags)?))?;
    engine.set_evaluation_dataset_tags(&actor, &EvaluationDatasetId::new(id), tags).await?;
    done()
}

async fn delete_tag(
    PathOf((id, key)): PathOf<(String, String)>,
    Call { engine, actor, .. }: Call<Nothing>,
) -> Answer {
    engine.delete_evaluation_dataset_tag(&actor, &EvaluationDatasetId::new(id), &key).await?;
    done()
}

async fn upsert_records(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<UpsertRecords, MAX_RECORDS_BYTES>,
) -> Answer {
    let records = records(&required_text("records", message.records)?)?;
    let id = EvaluationDatasetId::new(id);
    let counts = engine.upsert_evaluation_records(&actor, &id, records).await?;
    json(&serde_json::json!({
        "inserted_count": counts.inserted,
        "updated_count": counts.updated,
    }))
}

async fn get_records(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<GetRecords>,
) -> Answer {
    let wanted = max_results(message.max_results, DEFAULT_RESULTS, limits::MAX_RESULTS)?;
    let token = page_token(message.page_token);
    let id = EvaluationDatasetId::new(id);
    json(&RecordPage(&engine.evaluation_records(&actor, &id, wanted, token).await?))
}

async fn delete_records(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<DeleteRecords>,
) -> Answer {
    let id = EvaluationDatasetId::new(id);
    let records = message.dataset_record_ids.0;
    let gone = engine.delete_evaluation_records(&actor, &id, records).await?;
    json(&serde_json::json!({ "deleted_count": gone }))
}

async fn get_experiments(PathOf(id): PathOf, Call { engine, actor, .. }: Call<Nothing>) -> Answer {
    let id = EvaluationDatasetId::new(id);
    let ids = engine.evaluation_dataset_experiments(&actor, &id).await?;
    json(&Listed("experiment_ids", &ids))
}

async fn add_experiments(id: PathOf, call: Call<ExperimentsOfDataset>) -> Answer {
    set_in(id, call, true).await
}

async fn remove_experiments(id: PathOf, call: Call<ExperimentsOfDataset>) -> Answer {
    set_in(id, call, false).await
}

async fn set_in(
    PathOf(id): PathOf,
    Call { engine, actor, message }: Call<ExperimentsOfDataset>,
    belongs: bool,
) -> Answer {
    let id = EvaluationDatasetId::new(id);
    let ids = experiment_ids(&message.experiment_ids.0)?;
    let dataset = engine.set_evaluation_dataset_in(&actor, &id, ids, belongs).await?;
    json(&One("dataset", &dataset))
}
