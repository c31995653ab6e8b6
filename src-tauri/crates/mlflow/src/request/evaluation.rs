//! Requests about evaluation datasets. What would be a tree of its own (tags, records)
//! comes as a text that holds JSON.

use crate::nonfinite;
use crate::scalar::{Int64, List};
use branchline_core::{Error, NewEvaluationRecord, RecordSource, RecordSourceKind, Result, Tag};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// `POST datasets/create`.
#[derive(Debug, Deserialize)]
pub struct CreateEvaluationDataset {
    /// Required.
    pub name: Option<String>,
    /// Where it belongs.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// A JSON object.
    pub tags: Option<String>,
}

/// `datasets/search`.
#[derive(Debug, Deserialize)]
pub struct SearchEvaluationDatasets {
    /// All when empty.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
    /// MLflow's search language.
    #[serde(alias = "filterString")]
    pub filter_string: Option<String>,
    /// 1000 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// Such as `name DESC`.
    #[serde(default, alias = "orderBy")]
    pub order_by: List<String>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `PATCH datasets/{id}/tags`.
#[derive(Debug, Deserialize)]
pub struct SetEvaluationDatasetTags {
    /// Required; a JSON object.
    pub tags: Option<String>,
}

/// `POST datasets/{id}/records`.
#[derive(Debug, Deserialize)]
pub struct UpsertRecords {
    /// Required; a JSON list of objects.
    pub records: Option<String>,
}

/// `GET datasets/{id}/records`.
#[derive(Debug, Deserialize)]
pub struct GetRecords {
    /// 1000 when absent.
    #[serde(alias = "maxResults")]
    pub max_results: Option<Int64>,
    /// From the page before.
    #[serde(alias = "pageToken")]
    pub page_token: Option<String>,
}

/// `DELETE datasets/{id}/records`.
#[derive(Debug, Deserialize)]
pub struct DeleteRecords {
    /// Which.
    #[serde(default, alias = "datasetRecordIds")]
    pub dataset_record_ids: List<String>,
}

/// `POST datasets/{id}/add-experiments` and `remove-experiments`.
#[derive(Debug, Deserialize)]
pub struct ExperimentsOfDataset {
    /// Which.
    #[serde(default, alias = "experimentIds")]
    pub experiment_ids: List<String>,
}

/// Reads tags from the JSON that holds them. As in MLflow a tag without a value is passed
/// over, and one that is no text becomes one.
///
/// # Errors
/// It is no JSON object.
pub fn dataset_tags(json: Option<&str>) -> Result<Vec<Tag>> {
    let Some(json) = json.filter(|json| !json.is_empty()) else { return Ok(Vec::new()) };
    let tags: serde_json::Map<String, Value> = serde_json::from_str(json).map_err(|error| {
        Error::invalid(format!("Parameter 'tags' must hold a JSON object: {error}.")).source(error)
    })?;
    let text = |value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        Value::Bool(true) => Some("True".to_owned()),
        Value::Bool(false) => Some("False".to_owned()),
        other => Some(other.to_string()),
    };
    Ok(tags.into_iter().filter_map(|(key, v)| Some(Tag { key, value: text(v)? })).collect())
}

/// A record as it is sent; the values stay as they are written.
#[derive(Deserialize)]
struct SentRecord<'a> {
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
    // Absent and null are two things here.
    #[serde(borrow, default, deserialize_with = "present")]
    outputs: Option<&'a RawValue>,
    #[serde(borrow)]
    expectations: Option<&'a RawValue>,
    #[serde(borrow)]
    tags: Option<&'a RawValue>,
    #[serde(borrow)]
    source: Option<SentSource<'a>>,
}

#[derive(Deserialize)]
struct SentSource<'a> {
    source_type: Option<String>,
    #[serde(borrow)]
    source_data: Option<&'a RawValue>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads records from the JSON that holds them. The bare `NaN` of Python becomes `null`.
///
/// # Errors
/// It is no JSON list of records; a field is no object.
pub fn records(json: &str) -> Result<Vec<NewEvaluationRecord>> {
    let blanked = nonfinite::blank(json.as_bytes());
    let bytes = blanked.as_deref().unwrap_or(json.as_bytes());
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let sent: Vec<SentRecord<'_>> =
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let place = match error.path().to_string() {
                path if path == "." => "records".to_owned(),
                path => format!("records{path}"),
            };
            Error::invalid(format!(
                "Parameter 'records' must hold a JSON list of records; at {place}: {}.",
                error.inner()
            ))
        })?;
    sent.into_iter().enumerate().map(|(place, record)| record.read(place)).collect()
}

impl SentRecord<'_> {
    fn read(self, place: usize) -> Result<NewEvaluationRecord> {
        let object = |field: &str, json: Option<&RawValue>| match json.map(RawValue::get) {
            None => Ok(None),
            Some(json) if json.starts_with('{') => Ok(Some(json.to_owned())),
            Some(_) => Err(Error::invalid(format!("records[{place}].{field} must be an object."))),
        };
        let outputs = match self.outputs.map(RawValue::get) {
            None => None,
            Some("null") => Some(None),
            Some(json) => Some(Some(json.to_owned())),
        };
        Ok(NewEvaluationRecord {
            inputs: object("inputs", self.inputs)?.unwrap_or_else(|| "{}".to_owned()),
            outputs,
            expectations: object("expectations", self.expectations)?,
            tags: object("tags", self.tags)?,
            source: self.source.map(|source| source.read(place)).transpose()?,
        })
    }
}

impl SentSource<'_> {
    fn read(self, place: usize) -> Result<RecordSource> {
        let kind = self.source_type.ok_or_else(|| {
            Error::invalid(format!("records[{place}].source.source_type is missing."))
        })?;
        let kind = RecordSourceKind::parse(&kind)?;
        let data = self.source_data.map_or("{}", RawValue::get);
        let fields: serde_json::Map<String, Value> =
            serde_json::from_str(data).map_err(|error| {
                let field = format!("records[{place}].source.source_data");
                Error::invalid(format!("{field} must be an object.")).source(error)
            })?;
        let key = if kind == RecordSourceKind::Trace { "trace_id" } else { "source_id" };
        let id = fields.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(RecordSource { kind, data: data.to_owned(), id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_as_they_were_written() {
        let read = records(
            r#"[{"inputs": {"b": 1.50, "a": NaN}, "outputs": null, "tags": {},
                 "source": {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}},
                {"inputs": {}, "outputs": "text", "expectations": null}]"#,
        )
        .unwrap();
        assert_eq!(read[0].inputs, r#"{"b": 1.50, "a": null}"#);
        assert_eq!((&read[0].outputs, &read[1].expectations), (&Some(None), &None));
        assert_eq!(read[1].outputs, Some(Some("\"text\"".into())));
        let source = read[0].source.as_ref().unwrap();
        assert_eq!((source.kind, source.id.as_deref()), (RecordSourceKind::Trace, Some("tr-1")));
        assert_eq!(records(r#"[{"inputs":{}}]"#).unwrap()[0].outputs, None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, words) in [
            ("{", "must hold a JSON list"),
            ("{}", "must hold a JSON list"),
            (r#"[{"inputs":{}},{"inputs":[]}]"#, "records[1].inputs must be an object"),
            (r#"[{"inputs":{},"tags":"x"}]"#, "records[0].tags"),
            (r#"[{"inputs":{},"source":{}}]"#, "records[0].source.source_type"),
            (r#"[{"inputs":{},"source":{"source_type":"x"}}]"#, "Invalid dataset record source"),
            (r#"[5]"#, "records[0]"),
        ] {
            let error = records(json).unwrap_err();
            assert!(error.message.contains(words), "{json}: {}", error.message);
        }
    }

    #[test]
    fn tags_become_texts() {
        let tags = dataset_tags(Some(r#"{"a":"x","b":1,"c":true,"d":null}"#)).unwrap();
        let pairs: Vec<_> = tags.iter().map(|t| (t.key.as_str(), t.value.as_str())).collect();
        assert_eq!(pairs, [("a", "x"), ("b", "1"), ("c", "True")]);
        assert!(dataset_tags(Some("[]")).is_err());
        assert!(dataset_tags(None).unwrap().is_empty());
    }
}
