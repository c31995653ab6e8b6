//! Requests about what people, judges and code think of traces.

use crate::explain::{missing, required_text};
use crate::json::Json;
use crate::scalar::Texts;
use crate::time::Timestamp;
use branchline_core::{
    Assessment, AssessmentError, AssessmentId, AssessmentKind, Error, Result, TraceId,
    trace::value_of,
};
use serde::Deserialize;

/// `POST …/assessments`.
#[derive(Debug, Deserialize)]
pub struct CreateAssessment {
    /// Required.
    pub assessment: Option<AssessmentMessage>,
}

/// `PATCH …/assessments/{assessment_id}`.
#[derive(Debug, Deserialize)]
pub struct UpdateAssessment {
    /// Required.
    pub assessment: Option<AssessmentMessage>,
    /// Required: which fields count, with commas between them.
    #[serde(alias = "updateMask")]
    pub update_mask: Option<String>,
}

/// An assessment as it is sent.
#[derive(Debug, Deserialize)]
pub struct AssessmentMessage {
    /// The server makes one when absent.
    #[serde(alias = "assessmentId")]
    pub assessment_id: Option<String>,
    /// Required.
    #[serde(alias = "assessmentName")]
    pub assessment_name: Option<String>,
    /// The span, if it is about one.
    #[serde(alias = "spanId")]
    pub span_id: Option<String>,
    /// Who judged.
    pub source: Option<SourceMessage>,
    /// Now when absent.
    #[serde(alias = "createTime")]
    pub create_time: Option<Timestamp>,
    /// Now when absent.
    #[serde(alias = "lastUpdateTime")]
    pub last_update_time: Option<Timestamp>,
    /// How good it was.
    pub feedback: Option<FeedbackMessage>,
    /// What would have been right.
    pub expectation: Option<ExpectationMessage>,
    /// Which issue shows.
    pub issue: Option<IssueMessage>,
    /// Why.
    pub rationale: Option<String>,
    /// Old clients send the feedback's error here.
    pub error: Option<ErrorMessage>,
    /// Free texts.
    #[serde(default)]
    pub metadata: Texts,
    /// What it stands in for.
    pub overrides: Option<String>,
}

/// Who or what judged.
#[derive(Debug, Deserialize)]
pub struct SourceMessage {
    /// `HUMAN`, `LLM_JUDGE` or `CODE`.
    #[serde(alias = "sourceType")]
    pub source_type: Option<String>,
    /// Such as an e-mail.
    #[serde(alias = "sourceId")]
    pub source_id: Option<String>,
}

/// How good something was.
#[derive(Debug, Deserialize)]
pub struct FeedbackMessage {
    /// Any JSON.
    pub value: Option<Json>,
    /// Why there is none.
    pub error: Option<ErrorMessage>,
}

/// What would have been right.
#[derive(Debug, Deserialize)]
pub struct ExpectationMessage {
    /// A text, a number, a yes or no.
    pub value: Option<Json>,
    /// Anything else, as JSON text.
    #[serde(alias = "serializedValue")]
    pub serialized_value: Option<SerializedValue>,
}

/// JSON within JSON.
#[derive(Debug, Deserialize)]
pub struct SerializedValue {
    /// `JSON_FORMAT`.
    #[serde(alias = "serializationFormat")]
    pub serialization_format: Option<String>,
    /// The text.
    pub value: Option<String>,
}

/// A reference to an issue.
#[derive(Debug, Deserialize)]
pub struct IssueMessage {
    /// Its name.
    #[serde(alias = "issueName")]
    pub issue_name: Option<String>,
}

/// Why there is no feedback.
#[derive(Debug, Deserialize)]
pub struct ErrorMessage {
    /// What kind.
    #[serde(alias = "errorCode")]
    pub error_code: Option<String>,
    /// In words.
    #[serde(alias = "errorMessage")]
    pub error_message: Option<String>,
    /// Where.
    #[serde(alias = "stackTrace")]
    pub stack_trace: Option<String>,
}

impl From<ErrorMessage> for AssessmentError {
    fn from(message: ErrorMessage) -> Self {
        Self {
            code: message.error_code,
            message: message.error_message,
            stack_trace: message.stack_trace,
        }
    }
}

/// What an assessment says, of one of three kinds.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Which kind.
    pub kind: AssessmentKind,
    /// Any JSON.
    pub value: Json,
    /// Why there is no feedback.
    pub error: Option<AssessmentError>,
}

impl Judgement {
    /// The value as a number where it is one, or a yes or no.
    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Json::Bool(yes) => Some(f64::from(u8::from(*yes))),
            Json::Text(text) => match text.trim().to_lowercase().as_str() {
                "yes" => Some(1.0),
                "no" => Some(0.0),
                _ => None,
            },
            value => value.number(),
        }
    }
}

impl AssessmentMessage {
    /// What it says.
    ///
    /// # Errors
    /// It says nothing, or two things.
    pub fn judgement(&mut self) -> Result<Judgement> {
        let error = self.error.take().map(AssessmentError::from);
        match (self.feedback.take(), self.expectation.take(), self.issue.take()) {
            (Some(feedback), None, None) => Ok(Judgement {
                kind: AssessmentKind::Feedback,
                value: feedback.value.unwrap_or_default(),
                error: feedback.error.map(AssessmentError::from).or(error),
            }),
            (None, Some(expectation), None) => Ok(Judgement {
                kind: AssessmentKind::Expectation,
                value: expectation.value()?,
                error: None,
            }),
            (None, None, Some(issue)) => {
                let name =
                    Json::Text(required_text("assessment.issue.issue_name", issue.issue_name)?);
                Ok(Judgement {
                    kind: AssessmentKind::Issue,
                    value: Json::Map(vec![("issue_name".to_owned(), name)]),
                    error: None,
                })
            }
            _ => Err(Error::invalid(
                "Exactly one of `expectation`, `feedback`, or `issue` should be specified.",
            )),
        }
    }

    /// The domain's assessment, of a trace. Times that were not sent are 0.
    ///
    /// # Errors
    /// A field is missing or of no known kind.
    pub fn into_domain(mut self, trace_id: &TraceId) -> Result<Assessment> {
        let judgement = self.judgement()?;
        let (source_type, source_id) = match self.source {
            Some(source) => (source_type(source.source_type)?, some(source.source_id)),
            None => (UNSPECIFIED.to_owned(), None),
        };
        let metadata = self.metadata.0;
        Ok(Assessment {
            assessment_id: some(self.assessment_id)
                .map_or_else(AssessmentId::random, AssessmentId::new),
            trace_id: trace_id.clone(),
            span_id: some(self.span_id),
            run_id: value_of(&metadata, "mlflow.assessment.sourceRunId").map(str::to_owned),
            name: required_text("assessment.assessment_name", self.assessment_name)?,
            kind: judgement.kind,
            number: judgement.number(),
            value: judgement.value.dump(),
            error: judgement.error,
            source_type,
            source_id,
            rationale: some(self.rationale),
            metadata,
            overrides: some(self.overrides),
            valid: true,
            created_at: self.create_time.map_or(0, |time| time.0),
            updated_at: self.last_update_time.map_or(0, |time| time.0),
        })
    }
}

const UNSPECIFIED: &str = "SOURCE_TYPE_UNSPECIFIED";

fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn source_type(name: Option<String>) -> Result<String> {
    let name = name.unwrap_or_else(|| UNSPECIFIED.to_owned());
    match name.as_str() {
        UNSPECIFIED | "HUMAN" | "LLM_JUDGE" | "CODE" => Ok(name),
        "AI_JUDGE" => Ok("LLM_JUDGE".to_owned()),
        _ => Err(Error::invalid(format!("Invalid assessment source type: '{name}'."))
            .hint("It is one of HUMAN, LLM_JUDGE and CODE.")),
    }
}

impl ExpectationMessage {
    fn value(self) -> Result<Json> {
        let value = match self.serialized_value {
            Some(serialized) => serialized.parse()?,
            None => self.value.unwrap_or_default(),
        };
        if value == Json::Null {
            return Err(missing("assessment.expectation.value"));
        }
        Ok(value)
    }
}

impl SerializedValue {
    fn parse(self) -> Result<Json> {
        let format = self.serialization_format.unwrap_or_default();
        if format != "JSON_FORMAT" {
            return Err(Error::invalid(format!(
                "Unknown serialization format: {format}. Only JSON_FORMAT is supported."
            )));
        }
        Json::parse(&self.value.unwrap_or_default()).ok_or_else(|| {
            Error::invalid("The serialized value of an expectation is not valid JSON.")
        })
    }
}

/// The fields of a mask, in snake_case.
pub fn mask(text: &str) -> Vec<String> {
    let snake = |path: &str| {
        path.trim().chars().fold(String::new(), |mut snake, letter| {
            if letter.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(letter.to_ascii_lowercase());
            snake
        })
    };
    text.split(',').map(snake).filter(|path| !path.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Assessment> {
        let message: AssessmentMessage = crate::from_body(json.as_bytes())?;
        message.into_domain(&TraceId::new("tr-1"))
    }

    #[test]
    fn each_kind_has_its_value() {
        let given = read(r#"{"assessment_name":"a","feedback":{"value":{"x":[1,"y"]}}}"#).unwrap();
        assert_eq!(given.value, r#"{"x": [1, "y"]}"#);
        assert_eq!((given.kind, given.number), (AssessmentKind::Feedback, None));
        assert!(given.assessment_id.as_str().starts_with("a-"));
        let yes = read(r#"{"assessmentName":"a","feedback":{"value":"Yes"}}"#).unwrap();
        assert_eq!(yes.number, Some(1.0));
        let serialized = r#"{"assessment_name":"a","expectation":{"serialized_value":
            {"serialization_format":"JSON_FORMAT","value":"[1, 2]"}}}"#;
        let expected = read(serialized).unwrap();
        assert_eq!(
            (expected.kind, expected.value.as_str()),
            (AssessmentKind::Expectation, "[1, 2]")
        );
        let issue = read(r#"{"assessment_name":"iss-1","issue":{"issue_name":"slow"}}"#).unwrap();
        assert_eq!(issue.value, r#"{"issue_name": "slow"}"#);
    }

    #[test]
    fn neither_nothing_nor_two_things() {
        for json in [
            r#"{"assessment_name":"a"}"#,
            r#"{"assessment_name":"a","feedback":{},"expectation":{"value":1}}"#,
            r#"{"assessment_name":"a","expectation":{}}"#,
            r#"{"feedback":{"value":1}}"#,
            r#"{"assessment_name":"a","feedback":{"value":1},"source":{"source_type":"CAT"}}"#,
        ] {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_mask_is_read_in_both_spellings() {
        assert_eq!(mask("assessmentName, feedback,"), ["assessment_name", "feedback"]);
        assert_eq!(mask("assessment_name"), ["assessment_name"]);
    }
}
