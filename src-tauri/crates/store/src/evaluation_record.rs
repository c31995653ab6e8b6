//! The records of evaluation datasets.

use crate::error::StoreResult;
use crate::evaluation::EvaluationDatasetRow;
use crate::query::{self, SearchPage};
use crate::tx::{View, WriteTx};
use branchline_core::{
    EvaluationDatasetId, EvaluationRecord, NewEvaluationRecord, RecordSource, RecordSourceKind,
    new_record_id,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// What a merge needs to know of a record that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationRecordRow {
    /// The row.
    pub row: i64,
    /// JSON of any kind.
    pub outputs: Option<String>,
    /// A JSON object.
    pub expectations: Option<String>,
    /// A JSON object.
    pub tags: Option<String>,
}

/// A page ends early once its records have this many bytes together.
const PAGE_BYTES: usize = 16 << 20;

const COLUMNS: &str = "record_id, inputs, outputs, expectations, tags, source, source_id,
    source_type, user_id, updated_user_id, created_at, updated_at, id";

fn read(row: &Row<'_>, dataset: &EvaluationDatasetId) -> rusqlite::Result<EvaluationRecord> {
    let kind: Option<String> = row.get(7)?;
    let source = match (row.get(5)?, kind.map(|kind| RecordSourceKind::parse(&kind))) {
        (Some(data), Some(Ok(kind))) => Some(RecordSource { kind, data, id: row.get(6)? }),
        _ => None,
    };
    Ok(EvaluationRecord {
        record_id: row.get(0)?,
        dataset_id: dataset.clone(),
        inputs: row.get(1)?,
        outputs: row.get(2)?,
        expectations: row.get(3)?,
        tags: row.get(4)?,
        source,
        user_id: row.get(8)?,
        updated_user_id: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
    })
}

fn size(record: &EvaluationRecord) -> usize {
    [&record.outputs, &record.expectations, &record.tags]
        .into_iter()
        .flatten()
        .map(String::len)
        .sum::<usize>()
        + record.inputs.len()
        + record.source.as_ref().map_or(0, |source| source.data.len())
}

impl View<'_> {
    /// One page of a dataset's records, in the order in which they came. It may hold fewer
    /// than were asked for, so that no page is too large to hold.
    ///
    /// # Errors
    /// A page token that does not belong to this dataset.
    pub fn evaluation_records(
        &self,
        dataset: &EvaluationDatasetRow,
        max_results: usize,
        token: Option<&str>,
    ) -> StoreResult<SearchPage<EvaluationRecord>> {
        let question = query::fingerprint(&format!("records {}", dataset.row));
        let after = match query::decode_token(token, question)?.after.as_deref() {
            Some([Value::Integer(after)]) => *after,
            _ => 0,
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM evaluation_record
             WHERE evaluation_dataset_id = ?1 AND id > ?2 ORDER BY id"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([dataset.row, after])?;
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, after);
        while let Some(row) = rows.next()? {
            if items.len() == max_results || bytes > PAGE_BYTES {
                let next_page_token =
                    Some(query::encode_token(question, 0, &[Value::Integer(last)]));
                return Ok(SearchPage { items, next_page_token });
            }
            let record = read(row, &dataset.id)?;
            (bytes, last) = (bytes + size(&record), row.get(12)?);
            items.push(record);
        }
        Ok(SearchPage { items, next_page_token: None })
    }

    /// The record with these inputs, if there is one.
    ///
    /// # Errors
    /// The database's.
    pub fn evaluation_record_row(
        &self,
        dataset: &EvaluationDatasetRow,
        input_hash: &[u8; 32],
    ) -> StoreResult<Option<EvaluationRecordRow>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT id, outputs, expectations, tags FROM evaluation_record
                 WHERE evaluation_dataset_id = ?1 AND input_hash = ?2",
            )?
            .query_row(params![dataset.row, input_hash.as_slice()], |row| {
                Ok(EvaluationRecordRow {
                    row: row.get(0)?,
                    outputs: row.get(1)?,
                    expectations: row.get(2)?,
                    tags: row.get(3)?,
                })
            })
            .optional()?)
    }
}

impl WriteTx<'_> {
    /// Adds a record.
    ///
    /// # Errors
    /// The database's.
    pub fn insert_evaluation_record(
        &mut self,
        dataset: &EvaluationDatasetRow,
        input_hash: &[u8; 32],
        new: &NewEvaluationRecord,
        user_id: Option<&str>,
    ) -> StoreResult<()> {
        let source = new.source.as_ref();
        // As in MLflow, a record that says nothing of outputs has empty ones.
        let outputs = new.outputs.as_ref().map_or(Some("{}"), Option::as_deref);
        self.connection
            .prepare_cached(
                "INSERT INTO evaluation_record (record_id, evaluation_dataset_id, input_hash, inputs,
                     outputs, expectations, tags, source, source_id, source_type, user_id,
                     updated_user_id, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12, ?12)",
            )?
            .execute(params![
                new_record_id(),
                dataset.row,
                input_hash.as_slice(),
                new.inputs,
                outputs,
                new.expectations,
                new.tags,
                source.map(|source| &source.data),
                source.and_then(|source| source.id.as_ref()),
                source.map(|source| source.kind.as_str()),
                user_id,
                self.now(),
            ])?;
        Ok(())
    }

    /// Writes a merged record back; `user_id` stays as it is when nobody is to be noted.
    ///
    /// # Errors
    /// The database's.
    pub fn update_evaluation_record(
        &mut self,
        merged: &EvaluationRecordRow,
        user_id: Option<&str>,
    ) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE evaluation_record SET outputs = ?2, expectations = ?3, tags = ?4,
                     updated_user_id = coalesce(?5, updated_user_id), updated_at = ?6
                 WHERE id = ?1",
            )?
            .execute(params![
                merged.row,
                merged.outputs,
                merged.expectations,
                merged.tags,
                user_id,
                self.now(),
            ])?;
        Ok(())
    }

    /// Removes records of a dataset; answers how many there were.
    ///
    /// # Errors
    /// The database's.
    pub fn delete_evaluation_records(
        &mut self,
        dataset: &EvaluationDatasetRow,
        record_ids: &[String],
    ) -> StoreResult<usize> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM evaluation_record WHERE record_id = ?1 AND evaluation_dataset_id = ?2",
        )?;
        let mut gone = 0;
        for id in record_ids {
            gone += statement.execute(params![id, dataset.row])?;
        }
        Ok(gone)
    }
}
