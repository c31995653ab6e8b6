//! Reads a `.env` file as Docker Compose does, without expanding variables.

use branchline_core::{Error, Result};
use std::path::Path;

/// The variables of a file, in its order; a later one of the same name wins.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path).map_err(|cause| {
        Error::invalid(format!("Cannot read '{}': {cause}.", path.display())).source(cause)
    })?;
    parse(&text).map_err(|line| {
        Error::invalid(format!("'{}', line {line}: expected NAME=VALUE.", path.display()))
    })
}

/// The variables of a text, or the number of the line that is none.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut variables = Vec::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line.split_once('=').ok_or(n + 1)?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(n + 1);
        }
        variables.push((name.to_owned(), value_of(value.trim()).ok_or(n + 1)?));
    }
    Ok(variables)
}

/// A value without its quotes and the comment behind it; nothing when a quote
/// does not end.
fn value_of(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix('\'') {
        return rest.split_once('\'').map(|(value, _comment)| value.to_owned());
    }
    if let Some(rest) = text.strip_prefix('"') {
        return double_quoted(rest);
    }
    let end = text
        .char_indices()
        .find(|&(at, c)| c == '#' && (at == 0 || text[..at].ends_with([' ', '\t'])))
        .map_or(text.len(), |(at, _)| at);
    Some(text[..end].trim_end().to_owned())
}

fn double_quoted(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                c @ ('"' | '\\' | '$') => value.push(c),
                other => value.extend(['\\', other]),
            },
            c => value.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> =
            expected.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn values_as_compose_reads_them() {
        check(
            "\u{feff}# a comment\n\nDOMAIN=localhost\nexport PORT = 5006 # why\n",
            &[("DOMAIN", "localhost"), ("PORT", "5006")],
        );
        check(
            "A='it # is'\nB=\"two\\nlines\" # c\nC=a#b\nD=\nE=x=y",
            &[("A", "it # is"), ("B", "two\nlines"), ("C", "a#b"), ("D", ""), ("E", "x=y")],
        );
        check(
            r#"ORIGINS=["http://localhost", "https://a.b"]"#,
            &[("ORIGINS", r#"["http://localhost", "https://a.b"]"#)],
        );
    }

    #[test]
    fn what_is_no_variable_is_named_by_its_line() {
        assert_eq!(parse("A=1\nnonsense\n"), Err(2));
        assert_eq!(parse("A=\"open\n"), Err(1));
        assert_eq!(parse("A B=1\n"), Err(1));
    }
}
