//! What people, judges and code think of a trace.

use crate::Engine;
use branchline_core::{
    Actor, Assessment, AssessmentError, AssessmentId, AssessmentKind, Error, Result, Tag, TraceId,
    limits, name,
};
use branchline_store::TraceChange;

/// What to change of an assessment; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AssessmentUpdate {
    /// What was judged.
    pub name: Option<String>,
    /// A new value, of the kind that it already has.
    pub value: Option<AssessmentValue>,
    /// Why.
    pub rationale: Option<String>,
    /// Merged into what is there.
    pub metadata: Option<Vec<Tag>>,
}

/// What an assessment says.
#[derive(Debug, Clone, PartialEq)]
pub struct AssessmentValue {
    /// What kind.
    pub kind: AssessmentKind,
    /// Any JSON.
    pub value: String,
    /// The value as a number where it is one, or a yes or no.
    pub number: Option<f64>,
    /// Why there is no feedback.
    pub error: Option<AssessmentError>,
}

/// Checks the texts of an assessment.
pub(crate) fn check(assessment: &Assessment) -> Result<()> {
    if assessment.name.is_empty() {
        return Err(Error::invalid("Missing value for required parameter 'assessment_name'."));
    }
    name::check_length("assessment_name", &assessment.name, limits::ASSESSMENT_NAME)?;
    name::check_length("assessment_id", assessment.assessment_id.as_str(), limits::TRACE_ID)?;
    if let Some(source_id) = &assessment.source_id {
        name::check_length("source_id", source_id, limits::TRACE_ID)?;
    }
    Ok(())
}

/// Times that its maker did not say are now.
pub(crate) fn stamped(mut assessment: Assessment, now: i64) -> Assessment {
    for time in [&mut assessment.created_at, &mut assessment.updated_at] {
        if *time == 0 {
            *time = now;
        }
    }
    assessment
}

impl AssessmentUpdate {
    fn apply(self, assessment: &mut Assessment, now: i64) -> Result<()> {
        if let Some(new) = self.value {
            if new.kind != assessment.kind {
                let (new, old) = (new.kind.as_str(), called(assessment.kind));
                return Err(Error::invalid(format!(
                    "Cannot update {new} value on {old} assessment."
                )));
            }
            assessment.value = new.value;
            assessment.number = new.number;
            assessment.error = new.error;
        }
        if let Some(name) = self.name {
            assessment.name = name;
        }
        if let Some(rationale) = self.rationale {
            assessment.rationale = Some(rationale);
        }
        for entry in self.metadata.unwrap_or_default() {
            match assessment.metadata.iter_mut().find(|old| old.key == entry.key) {
                Some(old) => *old = entry,
                None => assessment.metadata.push(entry),
            }
        }
        assessment.updated_at = now;
        check(assessment)
    }
}

fn called(kind: AssessmentKind) -> &'static str {
    match kind {
        AssessmentKind::Feedback => "a Feedback",
        AssessmentKind::Expectation => "an Expectation",
        AssessmentKind::Issue => "an Issue",
    }
}

impl Engine {
    /// Adds an assessment to a trace. One that it overrides is not valid from then on.
    ///
    /// # Errors
    /// There is no such trace, or nothing to override; a text breaks a rule.
    pub async fn create_assessment(&self, actor: &Actor, new: Assessment) -> Result<Assessment> {
        check(&new)?;
        let new = stamped(new, self.now());
        self.track(actor, move |tx, actor| {
            let trace = tx.trace_row(&new.trace_id)?;
            if let Some(overridden) = &new.overrides
                && !tx.set_assessment_valid(trace.row, overridden, false)?
            {
                return Err(Error::not_found(format!(
                    "Assessment with ID '{overridden}' not found for trace '{}'",
                    new.trace_id
                ))
                .into());
            }
            tx.insert_assessment(trace.row, &new)?;
            tx.trace_changed(actor, &new.trace_id, &trace, TraceChange::Set("assessments"))?;
            Ok(new)
        })
        .await
    }

    /// An assessment of a trace.
    ///
    /// # Errors
    /// There is no such trace or assessment.
    pub async fn assessment(
        &self,
        actor: &Actor,
        trace_id: &TraceId,
        id: &AssessmentId,
    ) -> Result<Assessment> {
        let (trace_id, id) = (trace_id.clone(), id.clone());
        self.read(actor, move |view| {
            let trace = view.trace_row(&trace_id)?;
            view.assessment(trace.row, &trace_id, &id)
        })
        .await
    }

    /// Changes what is given of an assessment.
    ///
    /// # Errors
    /// There is no such trace or assessment; the value is of another kind.
    pub async fn update_assessment(
        &self,
        actor: &Actor,
        trace_id: &TraceId,
        id: &AssessmentId,
        update: AssessmentUpdate,
    ) -> Result<Assessment> {
        let (trace_id, id) = (trace_id.clone(), id.clone());
        self.track(actor, move |tx, actor| {
            let trace = tx.trace_row(&trace_id)?;
            let mut assessment = tx.assessment(trace.row, &trace_id, &id)?;
            update.apply(&mut assessment, tx.now())?;
            tx.update_assessment(&assessment)?;
            tx.trace_changed(actor, &trace_id, &trace, TraceChange::Set("assessments"))?;
            Ok(assessment)
        })
        .await
    }

    /// Removes an assessment; again is fine. What it overrode is valid again.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_assessment(
        &self,
        actor: &Actor,
        trace_id: &TraceId,
        id: &AssessmentId,
    ) -> Result<()> {
        let (trace_id, id) = (trace_id.clone(), id.clone());
        self.track(actor, move |tx, actor| {
            let Some(trace) = tx.find_trace(&trace_id)? else { return Ok(()) };
            let Some(gone) = tx.find_assessment(trace.row, &trace_id, &id)? else { return Ok(()) };
            if let Some(overridden) = &gone.overrides {
                tx.set_assessment_valid(trace.row, overridden, true)?;
            }
            tx.remove_assessment(&id)?;
            tx.trace_changed(actor, &trace_id, &trace, TraceChange::Unset("assessments"))
        })
        .await
    }
}
