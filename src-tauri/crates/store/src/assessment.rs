//! Assessments of traces and spans.

use crate::error::StoreResult;
use crate::tx::{View, WriteTx};
use branchline_core::{
    Assessment, AssessmentError, AssessmentId, AssessmentKind, Error, Tag, TraceId,
};
use rusqlite::{OptionalExtension, Row, params};
use serde_json::{Map, Value};

const COLUMNS: &str = "assessment_id, span_id, run_id, name, kind, value, number, error,
    source_type, source_id, rationale, metadata, overrides, valid, created_at, updated_at";

fn read(row: &Row<'_>, trace_id: &TraceId) -> rusqlite::Result<Assessment> {
    let kind: String = row.get(4)?;
    Ok(Assessment {
        assessment_id: AssessmentId::new(row.get::<_, String>(0)?),
        trace_id: trace_id.clone(),
        span_id: row.get(1)?,
        run_id: row.get(2)?,
        name: row.get(3)?,
        kind: AssessmentKind::parse(&kind).unwrap_or(AssessmentKind::Feedback),
        value: row.get(5)?,
        number: row.get(6)?,
        error: row.get::<_, Option<String>>(7)?.map(|json| error_of(&json)),
        source_type: row.get(8)?,
        source_id: row.get(9)?,
        rationale: row.get(10)?,
        metadata: row.get::<_, Option<String>>(11)?.map(|json| tags_of(&json)).unwrap_or_default(),
        overrides: row.get(12)?,
        valid: row.get(13)?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
    })
}

fn object(json: &str) -> Map<String, Value> {
    serde_json::from_str(json).unwrap_or_default()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn error_of(json: &str) -> AssessmentError {
    let fields = object(json);
    let field = |key: &str| fields.get(key).and_then(text);
    AssessmentError {
        code: field("error_code"),
        message: field("error_message"),
        stack_trace: field("stack_trace"),
    }
}

fn tags_of(json: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = object(json)
        .into_iter()
        .map(|(key, value)| Tag { key, value: text(&value).unwrap_or_default() })
        .collect();
    tags.sort_by(|one, other| one.key.cmp(&other.key));
    tags
}

fn error_json(error: &AssessmentError) -> String {
    let parts = [
        ("error_code", &error.code),
        ("error_message", &error.message),
        ("stack_trace", &error.stack_trace),
    ];
    let fields = parts
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), Value::String(text.as_ref()?.clone()))));
    Value::Object(fields.collect()).to_string()
}

fn metadata_json(metadata: &[Tag]) -> Option<String> {
    let fields = metadata.iter().map(|t| (t.key.clone(), Value::String(t.value.clone())));
    (!metadata.is_empty()).then(|| Value::Object(fields.collect()).to_string())
}

impl View<'_> {
    /// The assessments of a trace, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub(crate) fn assessments_of(&self, row: i64, id: &TraceId) -> StoreResult<Vec<Assessment>> {
        let sql =
            format!("SELECT {COLUMNS} FROM assessment WHERE trace_id = ?1 ORDER BY created_at, id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map([row], |row| read(row, id))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// An assessment of a trace, if it is there.
    ///
    /// # Errors
    /// The database's.
    pub fn find_assessment(
        &self,
        row: i64,
        trace_id: &TraceId,
        id: &AssessmentId,
    ) -> StoreResult<Option<Assessment>> {
        let sql =
            format!("SELECT {COLUMNS} FROM assessment WHERE assessment_id = ?1 AND trace_id = ?2");
        let found = self
            .connection
            .prepare_cached(&sql)?
            .query_row(params![id.as_str(), row], |row| read(row, trace_id));
        Ok(found.optional()?)
    }

    /// An assessment of a trace.
    ///
    /// # Errors
    /// There is no such assessment.
    pub fn assessment(
        &self,
        row: i64,
        trace_id: &TraceId,
        id: &AssessmentId,
    ) -> StoreResult<Assessment> {
        self.find_assessment(row, trace_id, id)?.ok_or_else(|| {
            Error::not_found(format!("Assessment with ID '{id}' not found for trace '{trace_id}'"))
                .into()
        })
    }
}

impl WriteTx<'_> {
    /// Adds an assessment.
    ///
    /// # Errors
    /// Its id is taken.
    pub fn insert_assessment(&mut self, row: i64, new: &Assessment) -> StoreResult<()> {
        let id = &new.assessment_id;
        let taken = self
            .connection
            .prepare_cached("SELECT 1 FROM assessment WHERE assessment_id = ?1")?
            .exists([id.as_str()])?;
        if taken {
            return Err(Error::already_exists(format!(
                "Assessment with ID '{id}' already exists."
            ))
            .hint("Leave assessment_id out: the server makes one.")
            .into());
        }
        self.connection
            .prepare_cached(
                "INSERT INTO assessment (assessment_id, trace_id, span_id, run_id, name, kind, value,
                     number, error, source_type, source_id, rationale, metadata, overrides, valid,
                     created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(params![
                id.as_str(),
                row,
                new.span_id,
                new.run_id,
                new.name,
                new.kind.as_str(),
                new.value,
                new.number,
                new.error.as_ref().map(error_json),
                new.source_type,
                new.source_id,
                new.rationale,
                metadata_json(&new.metadata),
                new.overrides,
                new.valid,
                new.created_at,
                new.updated_at,
            ])?;
        Ok(())
    }

    /// Writes what may change of an assessment: name, value, error, rationale, metadata
    /// and the time.
    ///
    /// # Errors
    /// The database's.
    pub fn update_assessment(&mut self, assessment: &Assessment) -> StoreResult<()> {
        self.connection
            .prepare_cached(
                "UPDATE assessment SET name = ?2, value = ?3, number = ?4, error = ?5,
                     rationale = ?6, metadata = ?7, updated_at = ?8
                 WHERE assessment_id = ?1",
            )?
            .execute(params![
                assessment.assessment_id.as_str(),
                assessment.name,
                assessment.value,
                assessment.number,
                assessment.error.as_ref().map(error_json),
                assessment.rationale,
                metadata_json(&assessment.metadata),
                assessment.updated_at,
            ])?;
        Ok(())
    }

    /// Says whether an assessment of a trace counts; answers whether it is there.
    ///
    /// # Errors
    /// The database's.
    pub fn set_assessment_valid(&mut self, row: i64, id: &str, valid: bool) -> StoreResult<bool> {
        let set = self
            .connection
            .prepare_cached(
                "UPDATE assessment SET valid = ?3 WHERE assessment_id = ?1 AND trace_id = ?2",
            )?
            .execute(params![id, row, valid])?;
        Ok(set > 0)
    }

    /// Removes an assessment.
    ///
    /// # Errors
    /// The database's.
    pub fn remove_assessment(&mut self, id: &AssessmentId) -> StoreResult<()> {
        self.connection
            .prepare_cached("DELETE FROM assessment WHERE assessment_id = ?1")?
            .execute([id.as_str()])?;
        Ok(())
    }
}
