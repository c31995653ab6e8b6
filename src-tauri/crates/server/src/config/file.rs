//! `config.toml`: reading it, and changing one value without disturbing the rest.

use super::keys::{KEYS, Key};
use super::value::{Form, Value as _};
use branchline_core::{Error, ErrorCode, Result};
use std::path::{Path, PathBuf};
use toml_edit::{Array, Document, Item, Table, Value};

/// The settings file, whether or not it exists.
#[derive(Debug, Clone)]
pub struct File {
    path: PathBuf,
}

impl File {
    /// The file at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file with every setting commented out, unless there is one;
    /// answers whether it was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create_if_missing(&self) -> Result<bool> {
        if self.path.exists() {
            return Ok(false);
        }
        self.write(&template())?;
        Ok(true)
    }

    /// The settings that the file changes, as text. Nothing for a missing file.
    pub(super) fn read(&self) -> Result<Vec<(&'static Key, String)>> {
        let Some(text) = self.text()? else { return Ok(Vec::new()) };
        let document = self.parse(&text)?;
        let mut found = Vec::new();
        for (section, item) in document.iter() {
            let Some(table) = item.as_table_like() else {
                return Err(self.unknown(section));
            };
            for (name, item) in table.iter() {
                let full = format!("{section}.{name}");
                let key = Key::find(&full).ok_or_else(|| self.unknown(&full))?;
                if key.secret {
                    return Err(Error::invalid(format!(
                        "'{}': {full} is a secret and is not read from here.",
                        self.path.display()
                    ))
                    .hint(format!("Set {} in .env or in the environment.", key.variable)));
                }
                found.push((key, self.value_text(key, item)?));
            }
        }
        Ok(found)
    }

    /// Changes one setting, or with nothing takes it out again; comments and all
    /// other lines stay.
    ///
    /// # Errors
    /// A value that the setting does not accept; a file that cannot be used.
    pub fn set(&self, key: &'static Key, value: Option<&str>) -> Result<()> {
        if key.secret {
            return Err(Error::invalid(format!("{} is a secret.", key.name))
                .hint(format!("Set {} in .env or in the environment.", key.variable)));
        }
        if let Some(value) = value {
            (key.check)(value).map_err(|problem| {
                Error::invalid(format!("Setting {}: '{value}' {problem}.", key.name))
            })?;
        }
        let before = self.text()?.unwrap_or_else(template);
        let after = match value {
            Some(value) => self.with(&before, key, &toml_value(key, value))?,
            None => self.without(&before, key)?,
        };
        self.write(&after)
    }

    fn with(&self, text: &str, key: &Key, value: &Value) -> Result<String> {
        let (section, name) = key.path();
        let document = self.parse(text)?;
        let old = document.get(section).and_then(|item| item.get(name));
        if let Some(span) = old.and_then(Item::span) {
            let (head, tail) = (&text[..span.start], &text[span.end..]);
            return Ok(format!("{head}{value}{tail}"));
        }
        if let Some(uncommented) = uncomment(text, section, name, &value.to_string()) {
            return Ok(uncommented);
        }
        let mut document = document.into_mut();
        let table = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        let table = table.as_table_like_mut().ok_or_else(|| self.unknown(section))?;
        table.insert(name, Item::Value(value.clone()));
        Ok(document.to_string())
    }

    fn without(&self, text: &str, key: &Key) -> Result<String> {
        let (section, name) = key.path();
        let document = self.parse(text)?;
        let old = document.get(section).and_then(|item| item.get(name));
        let Some(span) = old.and_then(Item::span) else { return Ok(text.to_owned()) };
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        if !text[start..span.start].trim_start().starts_with(name) {
            // An inline table or a dotted key: there is no line to comment out.
            let mut document = document.into_mut();
            if let Some(table) = document.get_mut(section).and_then(Item::as_table_like_mut) {
                table.remove(name);
            }
            return Ok(document.to_string());
        }
        let commented = commented_default(key);
        Ok(format!("{}{commented}{}", &text[..start], &text[span.end..]))
    }

    fn text(&self) -> Result<Option<String>> {
        match std::fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => {
                Err(Error::invalid(format!("Cannot read '{}': {cause}.", self.path.display()))
                    .source(cause))
            }
        }
    }

    fn parse(&self, text: &str) -> Result<Document<String>> {
        Document::parse(text.to_owned()).map_err(|problem| {
            let text = problem.to_string();
            Error::invalid(format!("'{}' is not TOML: {}", self.path.display(), text.trim_end()))
        })
    }

    fn unknown(&self, name: &str) -> Error {
        let error =
            Error::invalid(format!("'{}' has an unknown setting '{name}'.", self.path.display()));
        match closest(name) {
            Some(close) => error.hint(format!("Did you mean {close}?")),
            None => error.hint("`branchline config list` shows every setting."),
        }
    }

    fn value_text(&self, key: &Key, item: &Item) -> Result<String> {
        let text = match (item.as_value(), key.form) {
            (Some(Value::String(text)), Form::Text) => Some(text.value().clone()),
            (Some(Value::Integer(number)), Form::Integer) => Some(number.value().to_string()),
            (Some(Value::Boolean(yes)), Form::Boolean) => Some(yes.value().to_string()),
            (Some(Value::Array(items)), Form::List) => items
                .iter()
                .map(|item| item.as_str().map(serde_json::Value::from))
                .collect::<Option<Vec<_>>>()
                .map(|items| serde_json::Value::from(items).to_string()),
            _ => None,
        };
        text.ok_or_else(|| {
            let form = match key.form {
                Form::Text => "text in quotes",
                Form::Integer => "a whole number",
                Form::Boolean => "true or false",
                Form::List => "a list of texts",
            };
            Error::invalid(format!(
                "'{}': {} should be {form}, and is `{}`.",
                self.path.display(),
                key.name,
                item.to_string().trim()
            ))
        })
    }

    fn write(&self, text: &str) -> Result<()> {
        let cannot = |cause: std::io::Error| {
            let code = match cause.kind() {
                std::io::ErrorKind::PermissionDenied => ErrorCode::PermissionDenied,
                _ => ErrorCode::Internal,
            };
            Error::new(code, format!("Cannot write '{}': {cause}.", self.path.display()))
                .source(cause)
        };
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        let target = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let temporary = target.with_extension(format!("toml.{}.new", std::process::id()));
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::rename(&temporary, &target))
            .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
            .map_err(cannot)
    }
}

/// The setting whose name is nearest to one that does not exist.
pub fn closest(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    KEYS.iter()
        .map(|key| {
            let whole = strsim::jaro_winkler(key.name, name);
            (whole.max(strsim::jaro_winkler(key.path().1, last)), key.name)
        })
        .filter(|(likeness, _)| *likeness > 0.82)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The file with every setting at its default and commented out.
pub fn template() -> String {
    let mut text = String::from(
        "# Settings of Branchline. Each stands here with its default: take the `#` away to\n\
         # change it. `branchline config list` shows what is in force, and why.\n\
         # A .env file beside this one, BRANCHLINE_* variables and flags win over it.\n",
    );
    let mut current = "";
    for key in KEYS {
        let (section, name) = key.path();
        if section != current {
            text.push_str(&format!("\n[{section}]\n"));
            current = section;
        }
        text.push('\n');
        for line in key.help {
            text.push_str(&format!("#{line}\n"));
        }
        if key.secret {
            text.push_str(&format!("# A secret: set {} in .env instead.\n", key.variable));
        } else {
            text.push_str(&format!("# {name} = {}\n", toml_value(key, key.default)));
        }
    }
    text
}

fn commented_default(key: &Key) -> String {
    format!("# {} = {}", key.path().1, toml_value(key, key.default))
}

/// A value that was checked, as it stands in the file.
fn toml_value(key: &Key, text: &str) -> Value {
    match key.form {
        Form::Text => Value::from(text),
        Form::Integer => text.trim().parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        Form::Boolean => bool::read(text).map_or_else(|_| Value::from(text), Value::from),
        Form::List => {
            Value::Array(Vec::<String>::read(text).unwrap_or_default().iter().collect::<Array>())
        }
    }
}

/// Turns the line `# name = …` of a section into `name = value`.
fn uncomment(text: &str, section: &str, name: &str, value: &str) -> Option<String> {
    let header = format!("[{section}]");
    let mut inside = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('[') {
            inside = trimmed == header;
        } else if inside && is_comment_of(trimmed, name) {
            let end = at + line.trim_end().len();
            return Some(format!("{}{name} = {value}{}", &text[..at], &text[end..]));
        }
        at += line.len();
    }
    None
}

fn is_comment_of(line: &str, name: &str) -> bool {
    line.strip_prefix('#')
        .and_then(|rest| rest.trim_start().strip_prefix(name))
        .is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        let file = File::at(folder.path().join("sub/config.toml"));
        if !text.is_empty() {
            file.write(text).unwrap();
        }
        (folder, file)
    }

    fn key(name: &str) -> &'static Key {
        Key::find(name).unwrap()
    }

    fn said(file: &File) -> Vec<(&'static str, String)> {
        file.read().unwrap().into_iter().map(|(key, text)| (key.name, text)).collect()
    }

    #[test]
    fn the_template_says_nothing_and_setting_uncomments_its_line() {
        let (_folder, file) = file("");
        assert!(file.create_if_missing().unwrap());
        assert!(!file.create_if_missing().unwrap());
        assert_eq!(said(&file), []);

        file.set(key("server.port"), Some("5006")).unwrap();
        file.set(key("server.allowed_hosts"), Some("a,b")).unwrap();
        file.set(key("storage.durability"), Some("fast")).unwrap();
        assert_eq!(
            said(&file),
            [
                ("server.port", "5006".to_owned()),
                ("server.allowed_hosts", "[\"a\",\"b\"]".to_owned()),
                ("storage.durability", "fast".to_owned()),
            ]
        );
        let text = file.text().unwrap().unwrap();
        assert!(text.contains("\nport = 5006\n"), "{text}");
        assert!(!text.contains("# port = "), "the commented line became the setting");

        for name in ["server.port", "server.allowed_hosts", "storage.durability"] {
            file.set(key(name), None).unwrap();
        }
        assert_eq!(file.text().unwrap().unwrap(), template(), "unset leaves no trace");
    }

    #[test]
    fn what_a_person_wrote_stays() {
        let before = "# mine\n[server] # here\nport   = 1 # one\n\n# end\n";
        let (_folder, file) = file(before);
        file.set(key("server.port"), Some("2")).unwrap();
        file.set(key("log.level"), Some("debug")).unwrap();
        let text = file.text().unwrap().unwrap();
        assert!(text.contains("# mine\n[server] # here\nport   = 2 # one\n"), "{text}");
        assert!(text.contains("# end"), "{text}");
        assert!(text.contains("[log]\nlevel = \"debug\"\n"), "{text}");
    }

    #[test]
    fn inline_tables_are_understood() {
        let (_folder, file) = file("server = { port = 1, host = \"::1\" }\n");
        file.set(key("server.port"), Some("2")).unwrap();
        file.set(key("server.host"), None).unwrap();
        assert_eq!(said(&file), [("server.port", "2".to_owned())]);
    }

    #[track_caller]
    fn check_refused(text: &str, message: &str, hint: &str) {
        let (_folder, file) = file(text);
        let error = file.read().unwrap_err();
        assert!(error.message.contains(message), "{}", error.message);
        assert!(error.hint.unwrap_or_default().contains(hint));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check_refused("[server]\nprot = 1\n", "unknown setting 'server.prot'", "server.port");
        check_refused("port = 1\n", "unknown setting 'port'", "server.port");
        check_refused("[server]\nport = \"1\"\n", "server.port should be a whole number", "");
        check_refused("[server\n", "is not TOML", "");
        check_refused("[accounts]\nfirst_superuser_password = \"x\"\n", "is a secret", ".env");
    }

    #[test]
    fn a_value_that_is_not_accepted_is_not_written() {
        let (_folder, file) = file("");
        assert!(file.set(key("server.port"), Some("many")).is_err());
        assert!(file.set(key("accounts.first_superuser_password"), Some("x")).is_err());
        assert!(!file.path().exists());
    }
}
