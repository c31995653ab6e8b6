//! Data on stdout, words on stderr.

use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// How to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether data is wanted as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Writes data: as JSON, or as the lines that `text` makes of it.
    pub(crate) fn data<T: Serialize>(
        self,
        data: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(data)
                .map_err(|cause| Failure::failed(format!("The answer is no JSON: {cause}.")))?;
            return self.line(&json);
        }
        let text = text(data);
        if text.is_empty() { Ok(()) } else { self.line(text.trim_end_matches('\n')) }
    }

    /// Writes one line of data at once.
    #[expect(clippy::unused_self, reason = "who may write has an output")]
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Says something to the person.
    pub(crate) fn say(self, words: impl AsRef<str>) {
        // Nobody is left to be told when stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{}", words.as_ref());
    }

    /// Says something to the person, unless a script is listening.
    pub(crate) fn remark(self, words: impl AsRef<str>) {
        if !self.json {
            self.say(words);
        }
    }

    /// Says what went wrong.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.silent {
            return;
        }
        if self.json
            && let Ok(json) = serde_json::to_string(failure)
        {
            return self.say(json);
        }
        self.say(format!("error: {}", failure.message));
        if let Some(hint) = &failure.hint {
            self.say(format!("hint: {hint}"));
        }
    }
}

/// The command did what it was asked to.
pub(crate) const OK: ExitCode = ExitCode::SUCCESS;

/// The command found what it should not have; it has been told.
pub(crate) fn failed() -> ExitCode {
    ExitCode::from(Exit::Failed as u8)
}

/// Rows in columns: padded for a person, with tabs for a program.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let clean = |cell: &str| cell.replace(['\t', '\n', '\r'], " ");
    let rows: Vec<Vec<String>> = std::iter::once(header.iter().map(|h| clean(h)).collect())
        .chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()))
        .collect();
    if !io::stdout().is_terminal() {
        return rows.iter().map(|row| row.join("\t") + "\n").collect();
    }
    padded(&rows)
}

fn padded(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(padded(&[row("id", "name"), row("100", "ä")]), "id   name\n100  ä\n");
    }
}
