//! Finding things by parts of their words. The index gives candidates, newest first; each
//! is checked against its rows, so that nothing is answered that is not there.

use crate::error::StoreResult;
use crate::registry_search::PROMPT_MODELS;
use crate::text_index::{Doc, DocKind};
use crate::tx::View;
use branchline_core::ExperimentId;
use rusqlite::{OptionalExtension, params};
use std::collections::HashSet;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// Runs.
    Run,
    /// Experiments.
    Experiment,
    /// Registered models.
    Model,
    /// Prompts, which only share the models' table.
    Prompt,
}

impl TextKind {
    fn docs(self) -> DocKind {
        match self {
            Self::Run => DocKind::Run,
            Self::Experiment => DocKind::Experiment,
            Self::Model | Self::Prompt => DocKind::Model,
        }
    }
}

/// Something that holds every term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextHit {
    /// What it is.
    pub kind: TextKind,
    /// The run's or experiment's id, or the model's or prompt's name.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where a run lies: the experiment and its name.
    pub experiment: Option<(ExperimentId, String)>,
    /// The newest version of a model or prompt.
    pub version: Option<i64>,
    /// All terms are in its name.
    pub by_name: bool,
    /// What holds a term beside the name: `param`, `tag`, `note` …, and the whole text.
    pub fields: Vec<(String, String)>,
}

/// Candidates looked at for one answer. More are there only for words that are everywhere.
const CANDIDATES: usize = 400;
/// Runs whose names are looked through for one or two characters, newest first.
const NAMES: i64 = 5_000;
/// Characters of a token.
const GRAM: usize = 3;
/// Tokens asked for; a longer text is checked against the rows anyway.
const GRAMS: usize = 48;
/// Fields told of one hit.
const FIELDS: usize = 3;

impl View<'_> {
    /// Things of `kind` that hold all of `terms`, which are in lower case: those with the
    /// words in their name first, best fit and newest first, then the others, newest first.
    ///
    /// # Errors
    /// The database's.
    pub fn find_text(
        &self,
        kind: TextKind,
        terms: &[String],
        limit: usize,
    ) -> StoreResult<Vec<TextHit>> {
        let Some(grams) = grams(terms) else { return self.find_short(kind, terms, limit) };
        let mut hits = Vec::new();
        let mut seen = HashSet::new();
        self.each_candidate("search_name", kind.docs(), &grams, |row| {
            hits.extend(self.hit(kind, row, terms)?.filter(|hit| hit.by_name));
            seen.insert(row);
            Ok(true)
        })?;
        rank(&mut hits, terms);
        hits.truncate(limit);
        if hits.len() < limit {
            self.each_candidate("search_text", kind.docs(), &grams, |row| {
                if seen.insert(row) {
                    hits.extend(self.hit(kind, row, terms)?);
                }
                Ok(hits.len() < limit)
            })?;
        }
        Ok(hits)
    }

    /// Hands on candidates while more are wanted. One by one: to find the next in an index of
    /// many documents costs more than to look at it.
    fn each_candidate(
        &self,
        index: &str,
        kind: DocKind,
        grams: &str,
        mut wants_more: impl FnMut(i64) -> StoreResult<bool>,
    ) -> StoreResult<()> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT rowid FROM {index} WHERE {index} MATCH ?1 AND rowid BETWEEN ?2 AND ?3
             ORDER BY rowid DESC LIMIT {CANDIDATES}"
        ))?;
        let (from, to) = (kind.doc(0), kind.doc((1 << 48) - 1));
        let mut rows = statement.query(params![grams, from, to])?;
        while let Some(found) = rows.next()? {
            let row = DocKind::of(found.get(0)?).map(|(_, row)| row);
            if let Some(row) = row
                && !wants_more(row)?
            {
                break;
            }
        }
        Ok(())
    }

    /// One or two characters are in no index: the newest names are looked through.
    fn find_short(
        &self,
        kind: TextKind,
        terms: &[String],
        limit: usize,
    ) -> StoreResult<Vec<TextHit>> {
        let Some(first) = terms.iter().max_by_key(|term| term.len()) else {
            return Ok(Vec::new());
        };
        let table = kind.docs().table();
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT id FROM (SELECT id, name FROM {table} ORDER BY id DESC LIMIT {NAMES})
             WHERE instr(lower(name), ?1) > 0 LIMIT {CANDIDATES}"
        ))?;
        let rows = statement.query_map([first], |row| row.get(0))?;
        let mut hits = Vec::new();
        for row in rows.collect::<rusqlite::Result<Vec<i64>>>()? {
            hits.extend(self.hit(kind, row, terms)?.filter(|hit| hit.by_name));
        }
        rank(&mut hits, terms);
        hits.truncate(limit);
        Ok(hits)
    }

    /// The hit, when the thing is active and really holds every term.
    fn hit(&self, kind: TextKind, row: i64, terms: &[String]) -> StoreResult<Option<TextHit>> {
        let Some(doc) = self.doc(kind.docs(), row)? else { return Ok(None) };
        let Some(Matching { name, by_name, fields }) = matching(doc, terms) else {
            return Ok(None);
        };
        let (id, experiment, version) = match kind {
            TextKind::Run => match self.place_of_run(row)? {
                Some((id, experiment)) => (id, Some(experiment), None),
                None => return Ok(None),
            },
            TextKind::Experiment if self.is_active_experiment(row)? => {
                (row.to_string(), None, None)
            }
            TextKind::Experiment => return Ok(None),
            TextKind::Model | TextKind::Prompt => {
                let (prompt, version) = self.newest_version(row)?;
                if prompt != (kind == TextKind::Prompt) {
                    return Ok(None);
                }
                (name.clone(), None, version)
            }
        };
        Ok(Some(TextHit { kind, id, name, experiment, version, by_name, fields }))
    }

    fn place_of_run(&self, row: i64) -> StoreResult<Option<(String, (ExperimentId, String))>> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT r.run_id, e.id, e.name FROM run r JOIN experiment e ON e.id = r.experiment_id
                 WHERE r.id = ?1 AND r.deleted = 0 AND e.deleted = 0",
            )?
            .query_row([row], |row| Ok((row.get(0)?, (ExperimentId(row.get(1)?), row.get(2)?))))
            .optional()?)
    }

    fn is_active_experiment(&self, row: i64) -> StoreResult<bool> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT 1 FROM experiment WHERE id = ?1 AND deleted = 0")?;
        Ok(statement.exists([row])?)
    }

    /// Whether a model is a prompt, and its newest version, if it has any.
    fn newest_version(&self, model: i64) -> StoreResult<(bool, Option<i64>)> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {PROMPT_MODELS},
                        (SELECT max(version) FROM model_version WHERE registered_model_id = m.id)
                 FROM registered_model m WHERE m.id = ?1"
            ))?
            .query_row([model], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }
}

struct Matching {
    name: String,
    /// All terms are in the name.
    by_name: bool,
    /// Those that hold a term.
    fields: Vec<(String, String)>,
}

/// Where the terms are; nothing when one is nowhere.
fn matching(doc: Doc, terms: &[String]) -> Option<Matching> {
    let name = doc.name.to_lowercase();
    let mut open: Vec<&String> = terms.iter().filter(|term| !name.contains(*term)).collect();
    let by_name = open.is_empty();
    let mut fields = Vec::new();
    for (what, text) in doc.fields {
        let lower = text.to_lowercase();
        if !terms.iter().any(|term| lower.contains(term)) {
            continue;
        }
        let closes = open.len();
        open.retain(|term| !lower.contains(*term));
        // One that brings a new term is told before one that repeats.
        match open.len() < closes {
            true => fields.insert(0, (what, text)),
            false => fields.push((what, text)),
        }
    }
    fields.truncate(FIELDS);
    open.is_empty().then_some(Matching { name: doc.name, by_name, fields })
}

/// Best fit of the name first: the whole, its beginning, the beginning of a word; else as
/// they come, newest first.
fn rank(hits: &mut [TextHit], terms: &[String]) {
    let whole = terms.join(" ");
    let fit = |hit: &TextHit| {
        let name = hit.name.to_lowercase();
        let at = name.find(&whole);
        let starts_word = |at: usize| {
            name.get(..at)
                .and_then(|before| before.chars().last())
                .is_none_or(|c| !c.is_alphanumeric())
        };
        match at {
            _ if name == whole => 0,
            Some(0) => 1,
            Some(at) if starts_word(at) => 2,
            Some(_) => 3,
            None => 4,
        }
    };
    hits.sort_by_cached_key(fit);
}

/// The tokens of the terms, all of which must be there; nothing when no term is as long as
/// a token.
fn grams(terms: &[String]) -> Option<String> {
    let mut tokens: Vec<String> = Vec::new();
    for term in terms {
        let chars: Vec<char> = term.chars().collect();
        for window in chars.windows(GRAM) {
            let token: String = window.iter().collect();
            let token = format!("\"{}\"", token.replace('"', "\"\""));
            if tokens.len() < GRAMS && !tokens.contains(&token) {
                tokens.push(token);
            }
        }
    }
    (!tokens.is_empty()).then(|| tokens.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc() -> Doc {
        let field = |what: &str, text: &str| (what.to_owned(), text.to_owned());
        Doc {
            name: "Bold-Cat-7".into(),
            fields: vec![
                field("param", "lr=0.01"),
                field("tag", "team=Vision"),
                field("note", "a cat"),
            ],
        }
    }

    fn found(terms: &[&str]) -> Option<(bool, Vec<String>)> {
        let terms: Vec<String> = terms.iter().map(|t| (*t).to_owned()).collect();
        let matching = matching(doc(), &terms)?;
        Some((matching.by_name, matching.fields.into_iter().map(|(what, _)| what).collect()))
    }

    #[test]
    fn every_term_must_be_somewhere() {
        assert_eq!(found(&["cat-7"]), Some((true, vec![])));
        assert_eq!(found(&["cat"]), Some((true, vec!["note".into()])));
        assert_eq!(found(&["bold", "0.01"]), Some((false, vec!["param".into()])));
        assert_eq!(found(&["vision", "0.02"]), None);
    }

    #[test]
    fn terms_become_quoted_tokens_of_three() {
        let grams = |text: &str| grams(&[text.to_owned()]);
        assert_eq!(grams("ab"), None);
        assert_eq!(grams("abcd").as_deref(), Some("\"abc\" \"bcd\""));
        assert_eq!(grams("a\"b").as_deref(), Some("\"a\"\"b\""));
        assert_eq!(grams("日本語").as_deref(), Some("\"日本語\""));
    }
}
