//! The text around words that were looked for, cut so that they can be marked.

use serde::Serialize;
use utoipa::ToSchema;

/// A piece of a text.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SearchPart)]
pub(super) struct Part {
    /// As it stands there.
    pub(super) text: String,
    /// It is one of the words.
    pub(super) hit: bool,
}

/// Characters shown of a text.
const SHOWN: usize = 120;
/// Of them before the first word.
const BEFORE: usize = 30;

/// `text` around the first of `terms` (in lower case), cut at every word.
pub(super) fn parts(text: &str, terms: &[String]) -> Vec<Part> {
    let chars: Vec<char> = text.chars().collect();
    // One for one, so that places in both are the same.
    let lower: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let terms: Vec<Vec<char>> = terms.iter().map(|term| term.chars().collect()).collect();
    let at = |place: usize| {
        let rest = lower.get(place..).unwrap_or_default();
        terms.iter().filter(|term| rest.starts_with(term)).map(Vec::len).max()
    };
    let first = (0..chars.len()).find(|place| at(*place).is_some()).unwrap_or(0);
    let start = first.saturating_sub(BEFORE);
    let end = chars.len().min(start + SHOWN);
    let mut parts = Vec::new();
    let mut plain = String::from(if start > 0 { "…" } else { "" });
    let mut place = start;
    while place < end {
        match at(place).filter(|length| *length > 0) {
            Some(length) => {
                push(&mut parts, &mut plain);
                let word = chars.get(place..place + length).unwrap_or_default();
                parts.push(Part { text: word.iter().collect(), hit: true });
                place += length;
            }
            None => {
                let c = chars.get(place).copied().unwrap_or(' ');
                plain.push(if c.is_whitespace() { ' ' } else { c });
                place += 1;
            }
        }
    }
    if end < chars.len() && place < chars.len() {
        plain.push('…');
    }
    push(&mut parts, &mut plain);
    parts
}

fn push(parts: &mut Vec<Part>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(Part { text: std::mem::take(plain), hit: false });
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    /// Words in brackets.
    fn shown(text: &str, terms: &[&str]) -> String {
        let terms: Vec<String> = terms.iter().map(|term| (*term).to_owned()).collect();
        let show = |part: super::Part| match part.hit {
            true => format!("[{}]", part.text),
            false => part.text,
        };
        parts(text, &terms).into_iter().map(show).collect()
    }

    #[test]
    fn words_are_marked_as_they_stand() {
        assert_eq!(shown("Bold-Cat-7", &["cat"]), "Bold-[Cat]-7");
        assert_eq!(shown("lr=0.01", &["lr", "0.01"]), "[lr]=[0.01]");
        assert_eq!(shown("aaaa", &["aa"]), "[aa][aa]");
        assert_eq!(shown("ÄRGER", &["ärg"]), "[ÄRG]ER");
        assert_eq!(shown("nothing", &["cat"]), "nothing");
        assert_eq!(shown("two\nlines", &["lines"]), "two [lines]");
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_word() {
        let long = format!("{} needle {}", "x".repeat(300), "y".repeat(300));
        let shown = shown(&long, &["needle"]);
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert!(shown.contains("[needle]") && shown.chars().count() < 130, "{shown}");
    }
}
