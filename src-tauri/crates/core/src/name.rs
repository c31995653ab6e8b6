//! What may be called what: MLflow's rules for keys and names, and its words about them.

use crate::error::{Error, Result};
use crate::limits;
use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a name is of a pattern in which a `*` stands for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Checks the key of a `"metric"`, `"param"` or `"tag"`.
///
/// # Errors
/// `InvalidParameterValue` when it has other characters than letters, digits and
/// `_ - . : / space`, would be another name as a path (`a//b`, `../a`), or is too long.
pub fn check_key(kind: &str, key: &str) -> Result<()> {
    check_key_at(if kind == "metric" { "name" } else { "key" }, kind, key)
}

/// [`check_key`] that calls the field `path` in messages, as `metrics[3].name`.
///
/// # Errors
/// As [`check_key`].
pub fn check_key_at(path: &str, kind: &str, key: &str) -> Result<()> {
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | ' ');
    if !key.chars().all(allowed) {
        return Err(invalid_value(
            path,
            key,
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), \
             spaces ( ), colon(:) and slashes (/).",
        ));
    }
    check_is_own_path(path, key)?;
    let entity = match kind {
        "metric" => "Metric name",
        "param" => "Param key",
        _ => path,
    };
    check_length(entity, key, limits::KEY)
}

/// Checks that a text keeps to a limit; MLflow's words name the field `entity`.
///
/// # Errors
/// `InvalidParameterValue` when it is longer than `max` characters.
pub fn check_length(entity: &str, text: &str, max: usize) -> Result<()> {
    if is_longer(text, max) {
        return Err(Error::invalid(format!(
            "'{entity}' exceeds the maximum length of {max} characters"
        )));
    }
    Ok(())
}

/// Checks an experiment's name.
///
/// # Errors
/// `InvalidParameterValue` when it is empty or too long.
pub fn check_experiment_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid("Invalid experiment name: ''"));
    }
    check_length("name", name, limits::EXPERIMENT_NAME)
}

/// Checks a registered model's name.
///
/// # Errors
/// As [`check_sought_model_name`], and when it is too long.
pub fn check_model_name(name: &str) -> Result<()> {
    check_sought_model_name(name)?;
    check_length("name", name, limits::MODEL_NAME)
}

/// Checks the name of a registered model that is looked for.
///
/// # Errors
/// `InvalidParameterValue` when it is blank, has `/` or `:`, or would be another name as a
/// path.
pub fn check_sought_model_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("Missing value for required parameter 'name'."));
    }
    if name.contains(['/', ':']) {
        return Err(Error::invalid(format!(
            "Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )));
    }
    check_is_own_path("name", name)
}

/// Checks a logged model's name.
///
/// # Errors
/// `InvalidParameterValue` when it is empty, too long or has one of `/ : . % " '`.
pub fn check_logged_model_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(Error::invalid(format!(
            "Invalid model name ('{name}') provided. Model name must be a non-empty string and \
             cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )));
    }
    check_length("name", name, limits::LOGGED_MODEL_NAME)
}

/// Checks an alias that is to be looked up or removed.
///
/// # Errors
/// `InvalidParameterValue` when it is empty, too long or has other characters than
/// letters, digits, `_` and `-`.
pub fn check_alias_name(alias: &str) -> Result<()> {
    if alias.is_empty() {
        return Err(Error::invalid("Registered model alias name cannot be empty."));
    }
    if !alias.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(Error::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores \
             (_), and dashes (-)."
        )));
    }
    check_length("Registered model alias name", alias, limits::ALIAS)
}

/// Checks an alias that is to be set: its form, and that it is not reserved.
///
/// # Errors
/// As [`check_alias_name`], and for `latest` and what looks like a version (`v1`).
pub fn check_alias(alias: &str) -> Result<()> {
    check_alias_name(alias)?;
    if alias.to_lowercase() == "latest" {
        return Err(Error::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let version = alias.strip_prefix(['v', 'V']).unwrap_or_default();
    if !version.is_empty() && version.chars().all(char::is_numeric) {
        return Err(Error::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}

/// The first `max` characters of a text.
pub fn truncate_chars(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Borrowed(&text[..end]),
    }
}

fn is_longer(text: &str, max: usize) -> bool {
    // Bytes are never fewer than characters, so that most texts need no counting.
    text.len() > max && text.chars().nth(max).is_some()
}

/// Refuses names that are another name when read as a path.
fn check_is_own_path(path: &str, name: &str) -> Result<()> {
    let resolved = normal_path(name);
    if resolved != name
        || resolved == "."
        || resolved.starts_with("..")
        || resolved.starts_with('/')
    {
        return Err(invalid_value(
            path,
            name,
            &format!(
                "Names may be treated as files in certain cases, and must not resolve to other \
                 names when treated as such. This name would resolve to '{resolved}'"
            ),
        ));
    }
    Ok(())
}

/// A POSIX path without `.`, `..`, doubled and trailing slashes, as far as that goes
/// without looking at a disk.
fn normal_path(path: &str) -> String {
    let root = match path.bytes().take_while(|&byte| byte == b'/').count() {
        0 => "",
        // POSIX leaves the meaning of exactly two slashes open.
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|&last| last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let joined = format!("{root}{}", parts.join("/"));
    if joined.is_empty() { ".".to_owned() } else { joined }
}

/// MLflow's sentence about a value, with the value as compact JSON.
fn invalid_value(path: &str, value: &str, why: &str) -> Error {
    Error::invalid(format!("Invalid value {} for parameter '{path}' supplied: {why}", json(value)))
}

/// A JSON string in ASCII.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_that_mlflow_takes() {
        let taken = [
            "a",
            "val/loss",
            "a.b",
            "a-b",
            "a:b",
            "a b",
            "été",
            "日本",
            "_",
            "1",
            "a/b/c.d",
            ".a",
            " a",
            "mlflow.source.name",
            "a..b",
            "-",
        ];
        for key in taken {
            check_key("metric", key).unwrap();
        }
        check_key("tag", &"k".repeat(250)).unwrap();
        check_key("tag", &"é".repeat(250)).unwrap();
    }

    #[test]
    fn keys_that_mlflow_refuses() {
        for key in [
            "", ".", "..", "/a", "//a", "a/", "a//b", "a/./b", "a/../b", "../a", "./a", "a\nb",
            "a\tb", "a#b", "a%b", "a\\b", "a,b", "a=b", "a(b)", "a\0", "a@b", "a\n", "🙂",
            "...a/b", "..a",
        ] {
            assert!(check_key("param", key).is_err(), "{key:?}");
        }
        assert!(check_key("param", &"k".repeat(251)).is_err());
    }

    #[test]
    fn refusals_are_in_mlflows_words() {
        let message = |kind: &str, key: &str| check_key(kind, key).unwrap_err().message;
        assert_eq!(
            message("metric", "a//b"),
            "Invalid value \"a//b\" for parameter 'name' supplied: Names may be treated as files in \
             certain cases, and must not resolve to other names when treated as such. This name \
             would resolve to 'a/b'"
        );
        assert_eq!(
            message("param", "é\"!"),
            "Invalid value \"\\u00e9\\\"!\" for parameter 'key' supplied: Names may only contain \
             alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and \
             slashes (/)."
        );
        assert_eq!(
            message("metric", &"k".repeat(251)),
            "'Metric name' exceeds the maximum length of 250 characters"
        );
        assert_eq!(
            message("tag", &"k".repeat(251)),
            "'key' exceeds the maximum length of 250 characters"
        );
        assert!(message("tag", "").contains("would resolve to '.'"));
        assert_eq!(
            check_key_at("metrics[3].name", "metric", "!")
                .unwrap_err()
                .message
                .split(" supplied")
                .next(),
            Some("Invalid value \"!\" for parameter 'metrics[3].name'")
        );
    }

    #[test]
    fn paths_are_normalised_as_posix_does() {
        for (path, normal) in [
            ("", "."),
            ("a", "a"),
            ("a/", "a"),
            ("a//b", "a/b"),
            ("a/./b", "a/b"),
            ("a/../b", "b"),
            ("..", ".."),
            ("../..", "../.."),
            ("a/../..", ".."),
            ("/..", "/"),
            ("/a/../..", "/"),
            ("//a", "//a"),
            ("///a", "/a"),
            ("//", "//"),
            ("/", "/"),
            ("./a", "a"),
            ("a/..", "."),
        ] {
            assert_eq!(normal_path(path), normal, "{path}");
        }
    }

    #[test]
    fn names_of_experiments_and_models() {
        check_experiment_name("/Users/a/My experiment: #1").unwrap();
        assert!(check_experiment_name("").is_err());
        check_experiment_name(&"é".repeat(500)).unwrap();
        assert!(check_experiment_name(&"é".repeat(501)).is_err());
        check_model_name("my model.v2 #3").unwrap();
        for name in ["", "  ", "a/b", "a:b", ".", "..", "..a"] {
            assert!(check_model_name(name).is_err(), "{name:?}");
        }
        check_logged_model_name("my-model").unwrap();
        for name in ["", "a/b", "a:b", "a.b", "a%b", "a\"b", "a'b"] {
            assert!(check_logged_model_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn aliases() {
        for alias in ["champion", "a_b-c", "v", "v1a", "1", "é", "vv1", "latest2"] {
            check_alias(alias).unwrap();
        }
        for alias in ["", "a b", "a.b", "latest", "LATEST", "Latest", "v1", "V20"] {
            assert!(check_alias(alias).is_err(), "{alias:?}");
        }
        assert!(check_alias(&"a".repeat(256)).is_err());
        check_alias_name("v1").unwrap();
        check_alias_name("latest").unwrap();
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(truncate_chars("héllo", 2), "hé");
        assert_eq!(truncate_chars("hé", 2), "hé");
        assert_eq!(truncate_chars("", 2), "");
        assert_eq!(truncate_chars("日本語", 0), "");
    }

    proptest! {
        #[test]
        fn no_key_panics(key in ".{0,300}") {
            let _ = check_key("metric", &key);
            let _ = check_model_name(&key);
            let _ = check_alias(&key);
            prop_assert!(truncate_chars(&key, 10).chars().count() <= 10);
        }

        #[test]
        fn a_key_that_is_taken_stays_inside_its_folder(key in "[a./ ]{1,12}") {
            if check_key("metric", &key).is_ok() {
                prop_assert!(!key.split('/').any(|part| part.is_empty() || part == "." || part == ".."));
            }
        }
    }
}
