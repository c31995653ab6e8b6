//! `traces/{trace_id}/assessments/…`.

use super::Table;
use super::answer::{Answer, done, json};
use super::call::{Call, Nothing, PathOf};
use axum::routing::{get, post};
use branchline_core::{AssessmentId, Error, TraceId};
use branchline_engine::{AssessmentUpdate, AssessmentValue};
use branchline_mlflow::One;
use branchline_mlflow::explain::{required, required_text};
use branchline_mlflow::request::{AssessmentMessage, CreateAssessment, UpdateAssessment, mask};

pub(super) fn table_v3() -> Table {
    vec![
        ("/mlflow/traces/{trace_id}/assessments", post(create)),
        (
            "/mlflow/traces/{trace_id}/assessments/{assessment_id}",
            get(get_one).patch(update).delete(delete),
        ),
    ]
}

async fn create(
    PathOf(trace_id): PathOf,
    Call { engine, actor, message }: Call<CreateAssessment>,
) -> Answer {
    let new = required("assessment", message.assessment)?.into_domain(&TraceId::new(trace_id))?;
    json(&One("assessment", &engine.create_assessment(&actor, new).await?))
}

async fn get_one(
    PathOf((trace_id, id)): PathOf<(String, String)>,
    Call { engine, actor, .. }: Call<Nothing>,
) -> Answer {
    let (trace_id, id) = (TraceId::new(trace_id), AssessmentId::new(id));
    json(&One("assessment", &engine.assessment(&actor, &trace_id, &id).await?))
}

async fn update(
    PathOf((trace_id, id)): PathOf<(String, String)>,
    Call { engine, actor, message }: Call<UpdateAssessment>,
) -> Answer {
    let assessment = required("assessment", message.assessment)?;
    let paths = mask(&required_text("update_mask", message.update_mask)?);
    let (trace_id, id) = (TraceId::new(trace_id), AssessmentId::new(id));
    let update = masked(assessment, &paths)?;
    json(&One("assessment", &engine.update_assessment(&actor, &trace_id, &id, update).await?))
}

/// The fields of a message that a mask names.
fn masked(
    mut message: AssessmentMessage,
    paths: &[String],
) -> branchline_core::Result<AssessmentUpdate> {
    let mut update = AssessmentUpdate::default();
    let (feedback, expectation) = (message.feedback.take(), message.expectation.take());
    for path in paths {
        match path.as_str() {
            "assessment_name" => {
                let name = message.assessment_name.take();
                update.name = Some(required_text("assessment.assessment_name", name)?);
            }
            "rationale" => update.rationale = Some(message.rationale.take().unwrap_or_default()),
            "metadata" => update.metadata = Some(std::mem::take(&mut message.metadata.0)),
            "feedback" | "expectation" => {}
            other => {
                return Err(Error::invalid(format!(
                    "The field '{other}' of an assessment cannot be updated."
                ))
                .hint("Name fields of assessment_name, feedback, expectation, rationale and metadata."));
            }
        }
    }
    let named = |path: &str| paths.iter().any(|named| named == path);
    if named("feedback") || named("expectation") {
        message.feedback = feedback.filter(|_| named("feedback"));
        message.expectation = expectation.filter(|_| named("expectation"));
        let judgement = message.judgement()?;
        update.value = Some(AssessmentValue {
            kind: judgement.kind,
            number: judgement.number(),
            value: judgement.value.dump(),
            error: judgement.error,
        });
    }
    Ok(update)
}

async fn delete(
    PathOf((trace_id, id)): PathOf<(String, String)>,
    Call { engine, actor, .. }: Call<Nothing>,
) -> Answer {
    engine.delete_assessment(&actor, &TraceId::new(trace_id), &AssessmentId::new(id)).await?;
    done()
}
