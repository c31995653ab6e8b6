//! Records: added, or merged into the one with the same inputs.

use super::json::{Fields, canonical, type_of};
use super::{USER_TAG, digest};
use crate::Engine;
use crate::experiment::{check_max_results, page};
use branchline_core::{
    Actor, EvaluationDatasetId, EvaluationRecord, NewEvaluationRecord, Page, Result, limits,
};
use branchline_store::{
    EvaluationDatasetRow, EvaluationRecordRow, RecordsChanged, StoreResult, WriteTx,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What became of records that were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpsertCounts {
    /// Inputs that were new.
    pub inserted: usize,
    /// Inputs that were there.
    pub updated: usize,
}

/// A record with what can be found out before the writer is asked.
struct Prepared {
    record: NewEvaluationRecord,
    input_hash: [u8; 32],
    user: Option<String>,
}

impl Prepared {
    fn new(record: NewEvaluationRecord) -> Result<Self> {
        let input_hash = Sha256::digest(canonical(&record.inputs)?).into();
        let user = match &record.tags {
            Some(tags) => Fields::read(tags)?.text(USER_TAG),
            None => None,
        };
        Ok(Self { record, input_hash, user })
    }

    fn upsert(&self, tx: &mut WriteTx<'_>, dataset: &EvaluationDatasetRow) -> StoreResult<bool> {
        let user = self.user.as_deref();
        let Some(mut there) = tx.evaluation_record_row(dataset, &self.input_hash)? else {
            tx.insert_evaluation_record(dataset, &self.input_hash, &self.record, user)?;
            return Ok(true);
        };
        self.merge_into(&mut there)?;
        tx.update_evaluation_record(&there, user)?;
        Ok(false)
    }

    fn merge_into(&self, there: &mut EvaluationRecordRow) -> Result<()> {
        if let Some(outputs) = &self.record.outputs {
            there.outputs.clone_from(outputs);
        }
        merge(&mut there.expectations, self.record.expectations.as_deref())?;
        merge(&mut there.tags, self.record.tags.as_deref())
    }
}

/// Takes over the fields of `newer`; an empty object changes nothing.
fn merge(there: &mut Option<String>, newer: Option<&str>) -> Result<()> {
    let Some(newer) = newer.map(Fields::read).transpose()?.filter(|fields| !fields.is_empty())
    else {
        return Ok(());
    };
    let mut fields = there.as_deref().map(Fields::read).transpose()?.unwrap_or_default();
    fields.update(newer);
    *there = Some(fields.to_json());
    Ok(())
}

/// Which fields the records of a dataset have, and of what type each first was.
struct Schema(Map<String, Value>);

impl Schema {
    fn read(json: Option<&str>) -> Self {
        match json.and_then(|json| serde_json::from_str(json).ok()) {
            Some(Value::Object(schema)) => Self(schema),
            _ => Self(Map::from_iter([
                ("inputs".to_owned(), json!({})),
                ("outputs".to_owned(), json!({})),
                ("expectations".to_owned(), json!({})),
                ("version".to_owned(), json!("1.0")),
            ])),
        }
    }

    fn add_fields(&mut self, part: &str, json: Option<&str>) -> Result<()> {
        let (Some(json), Some(Value::Object(known))) = (json, self.0.get_mut(part)) else {
            return Ok(());
        };
        for (key, kind) in Fields::read(json)?.types() {
            if !known.contains_key(key) {
                known.insert(key.to_owned(), kind.into());
            }
        }
        Ok(())
    }

    fn add(&mut self, record: &NewEvaluationRecord) -> Result<()> {
        self.add_fields("inputs", Some(&record.inputs))?;
        self.add_fields("expectations", record.expectations.as_deref())?;
        match record.outputs.as_ref().and_then(Option::as_deref) {
            Some(outputs) if type_of(outputs) == "object" => {
                self.add_fields("outputs", Some(outputs))
            }
            Some(outputs) => {
                if self.0.get("outputs").is_some_and(|known| *known == json!({})) {
                    self.0.insert("outputs".to_owned(), type_of(outputs).into());
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl Engine {
    /// One page of a dataset's records, in the order in which they came.
    ///
    /// # Errors
    /// There is no such dataset; a token that is wrong.
    pub async fn evaluation_records(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        max_results: usize,
        page_token: Option<String>,
    ) -> Result<Page<EvaluationRecord>> {
        check_max_results(max_results, limits::MAX_RESULTS)?;
        let id = id.clone();
        self.read(actor, move |view| {
            let dataset = view.evaluation_dataset_row(&id)?;
            Ok(page(view.evaluation_records(&dataset, max_results, page_token.as_deref())?))
        })
        .await
    }

    /// Adds records, or merges them into those with the same inputs: all or none.
    ///
    /// # Errors
    /// There is no such dataset.
    pub async fn upsert_evaluation_records(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        records: Vec<NewEvaluationRecord>,
    ) -> Result<UpsertCounts> {
        let records = records.into_iter().map(Prepared::new).collect::<Result<Vec<_>>>()?;
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let dataset = tx.evaluation_dataset_row(&id)?;
            let mut counts = UpsertCounts::default();
            let mut schema = Schema::read(dataset.schema.as_deref());
            for each in &records {
                schema.add(&each.record)?;
                if each.upsert(tx, &dataset)? {
                    counts.inserted += 1;
                } else {
                    counts.updated += 1;
                }
            }
            let schema = (!records.is_empty()).then(|| schema.to_json());
            let change = RecordsChanged {
                count: i64::try_from(counts.inserted).unwrap_or(i64::MAX),
                digest: Some(&digest(&dataset.name, tx.now())),
                schema: schema.as_deref(),
                user_id: records.iter().rev().find_map(|each| each.user.as_deref()),
            };
            tx.evaluation_records_changed(actor, &dataset, &change)?;
            Ok(counts)
        })
        .await
    }

    /// Removes records of a dataset; answers how many there were.
    ///
    /// # Errors
    /// There is no such dataset.
    pub async fn delete_evaluation_records(
        &self,
        actor: &Actor,
        id: &EvaluationDatasetId,
        record_ids: Vec<String>,
    ) -> Result<usize> {
        let id = id.clone();
        self.track(actor, move |tx, actor| {
            let dataset = tx.evaluation_dataset_row(&id)?;
            let gone = tx.delete_evaluation_records(&dataset, &record_ids)?;
            if gone > 0 {
                let count = -i64::try_from(gone).unwrap_or(i64::MAX);
                let change = RecordsChanged { count, digest: None, schema: None, user_id: None };
                tx.evaluation_records_changed(actor, &dataset, &change)?;
            }
            Ok(gone)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(inputs: &str, outputs: Option<&str>, expectations: &str) -> NewEvaluationRecord {
        NewEvaluationRecord {
            inputs: inputs.into(),
            outputs: outputs.map(|json| Some(json.into())),
            expectations: Some(expectations.into()),
            ..NewEvaluationRecord::default()
        }
    }

    #[test]
    fn the_first_type_of_a_field_stays() {
        let mut schema = Schema::read(None);
        schema.add(&record(r#"{"q":"x"}"#, Some(r#"{"a":1}"#), r#"{"e":null}"#)).unwrap();
        schema.add(&record(r#"{"q":1,"k":[ ]}"#, Some("\"text\""), "{}")).unwrap();
        let read: Value = serde_json::from_str(&schema.to_json()).unwrap();
        let expected = json!({
            "inputs": {"q": "string", "k": "array"},
            "outputs": {"a": "integer"},
            "expectations": {"e": "null"},
            "version": "1.0",
        });
        assert_eq!(read, expected);
        let mut again = Schema::read(Some(r#"{"inputs":{},"outputs":{},"expectations":{}}"#));
        again.add(&record("{}", Some("\"text\""), "{}")).unwrap();
        assert_eq!(again.0["outputs"], "string");
    }

    #[test]
    fn inputs_are_the_same_in_any_order() {
        let hash = |inputs: &str| Prepared::new(record(inputs, None, "{}")).unwrap().input_hash;
        assert_eq!(hash(r#"{"a":1,"b":2}"#), hash(r#"{"b":2,"a":1}"#));
        assert_ne!(hash(r#"{"a":1}"#), hash(r#"{"a":2}"#));
    }
}
