//! Evaluation datasets, their records, and scorers.

use super::Wire;
use super::object::{Object, Text};
use branchline_core::{
    EvaluationDataset, EvaluationRecord, ExperimentId, OnlineScoringConfig, RecordSource,
    ScorerVersion, Tag,
};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

impl Serialize for Wire<'_, EvaluationDataset> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dataset = self.0;
        let profile = (dataset.record_count > 0)
            .then(|| format!("{{\"num_records\": {}}}", dataset.record_count));
        Object::new(serializer)?
            .set("dataset_id", dataset.dataset_id.as_str())?
            .set("name", &dataset.name)?
            .set("tags", &in_text::<S>(&ByKey(&dataset.tags))?)?
            .some("schema", dataset.schema.as_ref())?
            .some("profile", profile.as_ref())?
            .set("digest", &dataset.digest)?
            .set("created_time", &dataset.created_at)?
            .set("last_update_time", &dataset.updated_at)?
            .some("created_by", dataset.user_id.as_ref())?
            .some("last_updated_by", dataset.updated_user_id.as_ref())?
            .list("experiment_ids", &dataset.experiment_ids)?
            .end()
    }
}

/// A tree that MLflow's messages hold as text.
fn in_text<S: Serializer>(tree: &impl Serialize) -> Result<String, S::Error> {
    serde_json::to_string(tree).map_err(serde::ser::Error::custom)
}

/// Tags as an object.
struct ByKey<'a>(&'a [Tag]);

impl Serialize for ByKey<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for tag in self.0 {
            map.serialize_entry(&tag.key, &tag.value)?;
        }
        map.end()
    }
}

impl Serialize for Wire<'_, ExperimentId> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Text(self.0).serialize(serializer)
    }
}

/// A page of records: `{"records": "[…]", "next_page_token": …}`.
#[derive(Debug)]
pub struct RecordPage<'a>(pub &'a branchline_core::Page<EvaluationRecord>);

impl Serialize for RecordPage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let records: Vec<_> = self.0.items.iter().map(Wire).collect();
        Object::new(serializer)?
            .set("records", &in_text::<S>(&records)?)?
            .some("next_page_token", self.0.next_page_token.as_ref())?
            .end()
    }
}

impl Serialize for Wire<'_, EvaluationRecord> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let source = record.source.as_ref();
        Object::new(serializer)?
            .set("dataset_record_id", &record.record_id)?
            .set("dataset_id", record.dataset_id.as_str())?
            .set("inputs", raw::<S>(&record.inputs)?)?
            .some("outputs", maybe_raw::<S>(record.outputs.as_ref())?)?
            .some("expectations", maybe_raw::<S>(record.expectations.as_ref())?)?
            .set("tags", raw::<S>(record.tags.as_deref().unwrap_or("{}"))?)?
            .some("source", source.map(Wire).as_ref())?
            .some("source_id", source.and_then(|source| source.id.as_ref()))?
            .some("source_type", source.map(|source| source.kind.as_str()))?
            .set("created_time", &record.created_at)?
            .set("last_update_time", &record.updated_at)?
            .some("created_by", record.user_id.as_ref())?
            .some("last_updated_by", record.updated_user_id.as_ref())?
            .end()
    }
}

impl Serialize for Wire<'_, RecordSource> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Object::new(serializer)?
            .set("source_type", self.0.kind.as_str())?
            .set("source_data", raw::<S>(&self.0.data)?)?
            .end()
    }
}

/// JSON that was kept as text.
fn raw<S: Serializer>(json: &str) -> Result<&RawValue, S::Error> {
    serde_json::from_str(json).map_err(serde::ser::Error::custom)
}

fn maybe_raw<S: Serializer>(json: Option<&String>) -> Result<Option<&RawValue>, S::Error> {
    json.map(|json| raw::<S>(json)).transpose()
}

impl Serialize for Wire<'_, ScorerVersion> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scorer = self.0;
        Object::new(serializer)?
            .set("experiment_id", &scorer.experiment_id.0)?
            .set("scorer_name", &scorer.name)?
            .set("scorer_version", &scorer.version)?
            .set("serialized_scorer", &scorer.serialized)?
            .set("creation_time", &scorer.created_at)?
            .set("scorer_id", &scorer.scorer_id)?
            .end()
    }
}

/// What registering a scorer answers.
#[derive(Debug)]
pub struct RegisteredScorer<'a>(pub &'a ScorerVersion);

impl Serialize for RegisteredScorer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scorer = self.0;
        Object::new(serializer)?
            .set("version", &scorer.version)?
            .set("scorer_id", &scorer.scorer_id)?
            .set("experiment_id", &Text(scorer.experiment_id))?
            .set("name", &scorer.name)?
            .set("serialized_scorer", &scorer.serialized)?
            .set("creation_time", &scorer.created_at)?
            .end()
    }
}

impl Serialize for Wire<'_, OnlineScoringConfig> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let config = self.0;
        Object::new(serializer)?
            .set("online_scoring_config_id", &config.config_id)?
            .set("scorer_id", &config.scorer_id)?
            .set("sample_rate", &config.sample_rate)?
            .set("experiment_id", &Text(config.experiment_id))?
            .some("filter_string", config.filter.as_ref())?
            .end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_core::{EvaluationDatasetId, Page, RecordSourceKind};

    #[test]
    fn records_are_a_text_that_holds_json_as_it_was_sent() {
        let record = EvaluationRecord {
            record_id: "dr-1".into(),
            dataset_id: EvaluationDatasetId::new("d-1"),
            inputs: r#"{"b": 1.50, "a": "é"}"#.into(),
            outputs: None,
            expectations: Some(r#"{"e": [1]}"#.into()),
            tags: None,
            source: Some(RecordSource {
                kind: RecordSourceKind::Trace,
                data: r#"{"trace_id": "tr-1"}"#.into(),
                id: Some("tr-1".into()),
            }),
            user_id: Some("me".into()),
            updated_user_id: None,
            created_at: 1,
            updated_at: 2,
        };
        let page = Page { items: vec![record], next_page_token: None };
        let answer = serde_json::to_value(RecordPage(&page)).unwrap();
        let expected = concat!(
            r#"[{"dataset_record_id":"dr-1","dataset_id":"d-1","inputs":{"b": 1.50, "a": "é"},"#,
            r#""expectations":{"e": [1]},"tags":{},"#,
            r#""source":{"source_type":"TRACE","source_data":{"trace_id": "tr-1"}},"#,
            r#""source_id":"tr-1","source_type":"TRACE","created_time":1,"last_update_time":2,"#,
            r#""created_by":"me"}]"#
        );
        assert_eq!(answer, serde_json::json!({ "records": expected }));
    }
}
