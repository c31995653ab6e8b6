//! What a person types to find jobs: words, and `field:text` as in Flower.

use crate::error::{Error, Result};
use crate::job::JobState;

/// Where a text is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobField {
    /// In its name, command or id.
    Any,
    /// It is this state.
    State,
    /// In its task's name.
    Name,
    /// In its arguments, or its command.
    Args,
    /// In its named arguments.
    Kwargs,
    /// In its result, or in why it failed.
    Result,
    /// It is in this queue.
    Queue,
    /// In its id.
    Id,
}

const FIELDS: [(&str, JobField); 8] = [
    ("state", JobField::State),
    ("name", JobField::Name),
    ("args", JobField::Args),
    ("kwargs", JobField::Kwargs),
    ("result", JobField::Result),
    ("queue", JobField::Queue),
    ("id", JobField::Id),
    ("uuid", JobField::Id),
];

/// A text and where it has to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobTerm {
    /// Where.
    pub field: JobField,
    /// What; states are written as they are kept.
    pub text: String,
}

/// Splits at spaces outside of double quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            letter if letter.is_whitespace() && !quoted => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
            }
            letter => word.push(letter),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// Reads what a person typed; all of the terms have to hold.
///
/// # Errors
/// A state that there is not.
pub fn parse(text: &str) -> Result<Vec<JobTerm>> {
    words(text)
        .into_iter()
        .map(|word| {
            let named = word.split_once(':').and_then(|(name, rest)| {
                let (_, field) = FIELDS.iter().find(|(known, _)| *known == name)?;
                Some((*field, rest.to_owned()))
            });
            // An address has a colon, too: what is no field is a word.
            let (field, text) = named.unwrap_or((JobField::Any, word));
            if field != JobField::State {
                return Ok(JobTerm { field, text });
            }
            let state = JobState::parse(&text.to_uppercase()).ok_or_else(|| {
                let names = JobState::ALL.map(JobState::as_str).join(", ");
                Error::invalid(format!("'{text}' is no state of a job: {names}."))
            })?;
            Ok(JobTerm { field, text: state.as_str().to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f2_words_and_fields_are_read() {
        let read = |text: &str| -> Vec<(JobField, String)> {
            parse(text).unwrap().into_iter().map(|term| (term.field, term.text)).collect()
        };
        assert_eq!(
            read("state:failure args:\"lr 0.1\"  train http://x"),
            [
                (JobField::State, "FAILURE".to_owned()),
                (JobField::Args, "lr 0.1".to_owned()),
                (JobField::Any, "train".to_owned()),
                (JobField::Any, "http://x".to_owned()),
            ]
        );
        assert_eq!(read(" "), []);
        assert!(parse("state:odd").unwrap_err().message.contains("PENDING"));
    }
}
