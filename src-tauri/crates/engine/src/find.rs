//! Finding things by their words.

use crate::{Engine, permit};
use branchline_core::{Actor, Error, Result, Scope};
use branchline_store::{Class, TextHit, TextKind};

/// A question for words.
#[derive(Debug, Clone)]
pub struct TextSearch {
    /// Words, or parts of them, all of which must be there; in any case.
    pub text: String,
    /// What to look for, in the order of the answer.
    pub kinds: Vec<TextKind>,
    /// Most of each kind.
    pub each: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// By kind, best first.
    pub hits: Vec<TextHit>,
    /// The words as they were looked for: in lower case.
    pub terms: Vec<String>,
    /// The index still takes in what it does not know.
    pub indexing: bool,
}

/// Words of one question; the rest would make no answer better.
const TERMS: usize = 12;
/// Characters of a question.
const CHARS: usize = 400;
/// Documents taken into the index in one write: a few milliseconds of the writer's.
pub(crate) const INDEX_STEP: usize = 48;
/// Writes that a question waits for, so that it finds what was just logged.
const STEPS_PER_QUESTION: usize = 12;

/// The words of `text`, in lower case and without repeats.
fn terms(text: &str) -> Result<Vec<String>> {
    if text.chars().count() > CHARS {
        return Err(Error::invalid(format!(
            "The text to look for is longer than {CHARS} characters."
        ))
        .hint("A few words find more."));
    }
    let mut terms: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let word = word.to_lowercase().replace('\0', "");
        if !word.is_empty() && !terms.contains(&word) {
            terms.push(word);
        }
    }
    terms.truncate(TERMS);
    Ok(terms)
}

impl Engine {
    /// Finds runs, experiments, registered models and prompts that hold all words in their
    /// names, tags, params and notes.
    ///
    /// # Errors
    /// A text that is too long.
    pub async fn find(&self, actor: &Actor, search: TextSearch) -> Result<Found> {
        permit::require(actor, Scope::Read)?;
        let terms = terms(&search.text)?;
        if terms.is_empty() {
            return Ok(Found::default());
        }
        let indexing = self.catch_up_index(STEPS_PER_QUESTION).await?;
        let words = terms.clone();
        let hits = self
            .read(actor, move |view| {
                let mut hits = Vec::new();
                for kind in search.kinds {
                    hits.extend(view.find_text(kind, &words, search.each)?);
                }
                Ok(hits)
            })
            .await?;
        Ok(Found { hits, terms, indexing })
    }

    /// Takes what is new into the index of words, in at most so many writes; answers
    /// whether more waits.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn catch_up_index(&self, steps: usize) -> Result<bool> {
        if !self.inner.store.read(|view| view.index_is_behind()).await? {
            return Ok(false);
        }
        for _ in 0..steps {
            let step = self.inner.store.write(Class::Tracking, |tx| tx.index_some(INDEX_STEP));
            if !step.await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the index of words anew.
    ///
    /// # Errors
    /// The actor may not; the database's.
    pub async fn rebuild_index(&self, actor: &Actor) -> Result<()> {
        permit::require_superuser(actor)?;
        self.inner.store.write(Class::Durable, |tx| tx.forget_index()).await?;
        while self.catch_up_index(STEPS_PER_QUESTION).await? {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_words() {
        assert_eq!(terms("  Bold cat BOLD ").unwrap(), ["bold", "cat"]);
        assert!(terms("\0 \t").unwrap().is_empty());
        assert!(terms(&"x".repeat(401)).is_err());
    }
}
