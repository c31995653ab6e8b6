//! Python writes doubles that JSON cannot express as bare words.

const TOKENS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];

/// Puts quotes around the bare words `NaN`, `Infinity` and `-Infinity` outside of
/// strings; `None` when there is none.
pub(crate) fn quote(json: &[u8]) -> Option<Vec<u8>> {
    replace(json, |token| [b"\"", token, b"\""].concat())
}

/// Puts `null` in the place of those words, for JSON that is kept: nothing else says that
/// a number is missing.
pub(crate) fn blank(json: &[u8]) -> Option<Vec<u8>> {
    replace(json, |_| b"null".to_vec())
}

fn replace(json: &[u8], with: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let mut quoted = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while at < json.len() {
        if json[at] == b'"' {
            at = end_of_string(json, at);
        } else if let Some(token) = token_at(json, at) {
            quoted.extend_from_slice(&json[copied..at]);
            quoted.extend(with(token));
            at += token.len();
            copied = at;
        } else {
            at += 1;
        }
    }
    if copied == 0 {
        return None;
    }
    quoted.extend_from_slice(&json[copied..]);
    Some(quoted)
}

fn token_at(json: &[u8], at: usize) -> Option<&'static [u8]> {
    TOKENS.into_iter().find(|token| json[at..].starts_with(token))
}

/// The place after the string whose opening quote stands at `start`.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() {
        match json[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<&str>) {
        let quoted = quote(json.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(quoted.as_deref(), expected);
    }

    #[test]
    fn bare_words_get_quotes() {
        check(r#"{"value":NaN}"#, Some(r#"{"value":"NaN"}"#));
        check("[Infinity, -Infinity,1]", Some(r#"["Infinity", "-Infinity",1]"#));
    }

    #[test]
    fn what_is_kept_has_nothing_instead() {
        let blanked = blank(br#"{"a":NaN,"b":"NaN"}"#).unwrap();
        assert_eq!(String::from_utf8(blanked).unwrap(), r#"{"a":null,"b":"NaN"}"#);
    }

    #[test]
    fn words_within_strings_stay() {
        check(r#"{"key":"NaN","v":"a\"NaN\\"}"#, None);
        check(r#"["\\", NaN]"#, Some(r#"["\\", "NaN"]"#));
        check(r#"["NaN", -Infinity]"#, Some(r#"["NaN", "-Infinity"]"#));
    }

    #[test]
    fn a_body_that_ends_early_does_no_harm() {
        check("\"abc", None);
        check("\"abc\\", None);
        check("", None);
        check("[NaN", Some("[\"NaN\""));
    }
}
