//! What a setting's value can be, read from text whichever layer it came from.

use branchline_core::Permission;
use branchline_engine::{Addressing, Durability};
use std::path::PathBuf;
use std::str::FromStr;

/// A type that a setting can have.
pub(super) trait Value: Sized {
    /// What is accepted, for people.
    const ACCEPTS: &'static str;
    /// How it stands in `config.toml`.
    const FORM: Form;
    /// Reads the text of a layer; the error says what is accepted.
    fn read(text: &str) -> Result<Self, String>;
}

/// How a value stands in `config.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In quotes.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of texts.
    List,
}

impl Value for String {
    const ACCEPTS: &'static str = "text";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for Option<String> {
    const ACCEPTS: &'static str = "text";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }
}

impl Value for u16 {
    const ACCEPTS: &'static str = "a whole number from 0 to 65535";
    const FORM: Form = Form::Integer;
    fn read(text: &str) -> Result<Self, String> {
        whole(text, Self::ACCEPTS)
    }
}

/// By how much a process gives way to others, as Unixes count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Niceness(pub u8);

impl Value for Niceness {
    const ACCEPTS: &'static str = "a whole number from 0 to 19";
    const FORM: Form = Form::Integer;
    fn read(text: &str) -> Result<Self, String> {
        let nice = whole(text, Self::ACCEPTS)?;
        if nice <= 19 { Ok(Self(nice)) } else { Err(format!("is not {}", Self::ACCEPTS)) }
    }
}

impl Value for usize {
    const ACCEPTS: &'static str = "a whole number";
    const FORM: Form = Form::Integer;
    fn read(text: &str) -> Result<Self, String> {
        whole(text, Self::ACCEPTS)
    }
}

fn whole<T: FromStr>(text: &str, accepts: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("is not {accepts}"))
}

impl Value for bool {
    const ACCEPTS: &'static str = "true or false";
    const FORM: Form = Form::Boolean;
    fn read(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" | "" => Ok(false),
            _ => Err(format!("is not {}", Self::ACCEPTS)),
        }
    }
}

impl Value for Vec<String> {
    const ACCEPTS: &'static str = "a list: `[\"a\", \"b\"]` or `a,b`";
    const FORM: Form = Form::List;
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('[') {
            return serde_json::from_str(text).map_err(|_| format!("is not {}", Self::ACCEPTS));
        }
        Ok(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect())
    }
}

/// A list that was checked.
pub(crate) fn list(text: &str) -> Vec<String> {
    Vec::read(text).unwrap_or_default()
}

impl Value for Vec<PathBuf> {
    const ACCEPTS: &'static str = <Vec<String> as Value>::ACCEPTS;
    const FORM: Form = Form::List;
    fn read(text: &str) -> Result<Self, String> {
        Ok(Vec::<String>::read(text)?.into_iter().map(PathBuf::from).collect())
    }
}

impl Value for Durability {
    const ACCEPTS: &'static str = "balanced, power-safe or fast";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).ok_or_else(|| format!("is not {}", Self::ACCEPTS))
    }
}

impl Value for Permission {
    const ACCEPTS: &'static str = "READ, USE, EDIT, MANAGE or NO_PERMISSIONS";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).ok_or_else(|| format!("is not {}", Self::ACCEPTS))
    }
}

impl Value for Addressing {
    const ACCEPTS: &'static str = "auto, path or virtual";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Self::parse(text.trim()).ok_or_else(|| format!("is not {}", Self::ACCEPTS))
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

impl Value for LogFormat {
    const ACCEPTS: &'static str = "text or json";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("is not {}", Self::ACCEPTS)),
        }
    }
}

impl Value for tracing::Level {
    const ACCEPTS: &'static str = "error, warn, info, debug or trace";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "error" | "warn" | "info" | "debug" | "trace" => {
                text.trim().parse().map_err(|_| format!("is not {}", Self::ACCEPTS))
            }
            _ => Err(format!("is not {}", Self::ACCEPTS)),
        }
    }
}

/// A password that no debug output shows.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// The secret itself; empty when it was not given.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Secret {
    const ACCEPTS: &'static str = "text";
    const FORM: Form = Form::Text;
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_json_or_comma_lists() {
        let both = vec!["http://a".to_owned(), "http://b:1".to_owned()];
        assert_eq!(Vec::<String>::read(r#"["http://a", "http://b:1"]"#).unwrap(), both);
        assert_eq!(Vec::<String>::read("http://a, http://b:1,").unwrap(), both);
        assert_eq!(Vec::<String>::read("").unwrap(), Vec::<String>::new());
        assert!(Vec::<String>::read("[1, 2]").is_err());
    }

    #[test]
    fn what_is_not_accepted_says_what_is() {
        assert_eq!(u16::read("70000").unwrap_err(), "is not a whole number from 0 to 65535");
        assert_eq!(bool::read("maybe").unwrap_err(), "is not true or false");
        assert!(Durability::read("quick").unwrap_err().contains("power-safe"));
        assert!(tracing::Level::read("2").is_err(), "tracing's numbers are not a spelling of ours");
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::read("hunter2").unwrap()), "Secret(…)");
    }
}
