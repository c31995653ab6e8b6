//! How a Python client reaches this server: a token, the environment variables
//! that MLflow reads, and MLflow's credentials file.
//!
//! MLflow's client prefers a user name and password over a token wherever it
//! finds them, the credentials file included, so the token works as a password too.

use branchline_core::{Actor, Clock, Error, ErrorCode, Result, Scope, SystemClock, Token};
use branchline_engine::Engine;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

const SECTION: &str = "mlflow";
const USERNAME: &str = "mlflow_tracking_username";
const PASSWORD: &str = "mlflow_tracking_password";
/// How every token of ours begins; by it we know our own entry in the file.
const TOKEN_PREFIX: &str = "bl_";
/// What a token of `connect` is called.
const TOKEN_NAME: &str = "connect";
/// How long one lasts, unless somebody says otherwise.
pub const USUAL_DAYS: i64 = 90;
/// One that ends sooner is not given out again: what starts with it should be able to finish.
const ENDS_SOON_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Tokens of before that are looked at.
const MOST_KNOWN: usize = 8;

/// What a client needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// MLflow's tracking URI.
    pub tracking_uri: String,
    /// The user name where a client insists on one.
    pub username: String,
    /// The token's secret; cannot be read again.
    pub token: String,
}

impl Connection {
    /// Environment variables for a client, in the order in which to show them.
    pub fn environment(&self) -> [(&'static str, &str); 2] {
        [("MLFLOW_TRACKING_URI", &self.tracking_uri), ("MLFLOW_TRACKING_TOKEN", &self.token)]
    }

    /// The variables that win over a credentials file, for a person who has one.
    pub fn password_environment(&self) -> [(&'static str, &str); 2] {
        [("MLFLOW_TRACKING_USERNAME", &self.username), ("MLFLOW_TRACKING_PASSWORD", &self.token)]
    }

    /// The same as Python.
    pub fn snippet(&self) -> String {
        let mut text = String::from("import os\n\n");
        for (name, value) in self.environment() {
            text.push_str(&format!("os.environ[\"{name}\"] = \"{value}\"\n"));
        }
        text.push_str("\nimport mlflow\n\nmlflow.set_experiment(\"my-experiment\")\n");
        text.push_str("with mlflow.start_run():\n    mlflow.log_metric(\"loss\", 0.5)\n");
        text
    }
}

/// When a token of `connect` ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ends {
    /// After [`USUAL_DAYS`].
    #[default]
    Usual,
    /// Not by itself.
    Never,
    /// Then, milliseconds UTC.
    At(i64),
}

impl Ends {
    fn at(self) -> Option<i64> {
        match self {
            Self::Usual => Some(SystemClock.now_ms() + USUAL_DAYS * DAY_MS),
            Self::Never => None,
            Self::At(end) => Some(end),
        }
    }

    /// Whether a token of before will do. A moment that is named gets a token of its own.
    fn is_met_by(self, token: &Token) -> bool {
        let soon = SystemClock.now_ms() + ENDS_SOON_DAYS * DAY_MS;
        match self {
            Self::Usual => token.expires_at.is_none_or(|end| end > soon),
            Self::Never => token.expires_at.is_none(),
            Self::At(_) => false,
        }
    }
}

/// A connection, and the token behind it.
#[derive(Debug, Clone)]
pub struct Connected {
    /// What a client needs.
    pub connection: Connection,
    /// The token.
    pub token: Token,
    /// It is one that the caller had.
    pub reused: bool,
    /// Another one that the caller had, and that goes on to hold.
    pub older: Option<i64>,
}

/// Gives `actor` a token that can log, and says how to use it at `url`: one of the `known`
/// that they have from here before, or a new one where none of those serves (decision 37).
///
/// # Errors
/// When the token cannot be stored.
pub async fn connect(
    engine: &Engine,
    actor: &Actor,
    url: &str,
    known: &[String],
    ends: Ends,
) -> Result<Connected> {
    let connection = |token: String| Connection {
        tracking_uri: url.to_owned(),
        username: actor.email.clone(),
        token,
    };
    let mut older = None;
    for secret in known.iter().take(MOST_KNOWN) {
        let held = engine.token_with(actor, secret).await?;
        let ours = held.filter(|token| token.name == TOKEN_NAME && token.scope == Scope::Log);
        let Some(token) = ours else { continue };
        if ends.is_met_by(&token) {
            let connection = connection(secret.clone());
            return Ok(Connected { connection, token, reused: true, older });
        }
        older = older.or(Some(token.id));
    }
    let (token, secret) = engine.create_token(actor, TOKEN_NAME, Scope::Log, ends.at()).await?;
    Ok(Connected { connection: connection(secret), token, reused: false, older })
}

/// Where MLflow's client looks for a user name and password.
///
/// # Errors
/// When the person has no home folder.
pub fn credentials_path() -> Result<PathBuf> {
    directories::BaseDirs::new().map(|dirs| credentials_path_in(dirs.home_dir())).ok_or_else(|| {
        Error::internal("There is no home folder to write '.mlflow/credentials' in.")
    })
}

/// Where MLflow's client of a person with this home folder looks.
pub fn credentials_path_in(home: &Path) -> PathBuf {
    home.join(".mlflow").join("credentials")
}

/// The token of ours that the file holds.
pub fn kept_token(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, password) = entry(&text);
    password.filter(|password| password.starts_with(TOKEN_PREFIX)).map(str::to_owned)
}

/// Whether the file holds a user name or password that we did not write.
pub fn has_foreign_credentials(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| is_foreign(&text))
}

/// Puts the user name and token into MLflow's credentials file and keeps
/// everything else that stands there, comments and other sections included.
///
/// # Errors
/// A user name or password of another server, unless `force`; a file that cannot
/// be read or written.
pub fn write_credentials(path: &Path, connection: &Connection, force: bool) -> Result<()> {
    let cannot = |cause: std::io::Error| {
        Error::internal(format!("Cannot write '{}': {cause}.", path.display())).source(cause)
    };
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(cause) => return Err(cannot(cause)),
    };
    if !force && is_foreign(&before) {
        return Err(Error::new(
            ErrorCode::ResourceConflict,
            format!(
                "'{}' already holds the user name or password of another server.",
                path.display()
            ),
        )
        .hint("Use the environment variables instead, or replace the entry with --force."));
    }
    let after = with_entry(&before, &connection.username, &connection.token);
    replace_private_file(path, after.as_bytes()).map_err(cannot)
}

/// The user name and the password in the section.
fn entry(text: &str) -> (Option<&str>, Option<&str>) {
    let (mut username, mut password) = (None, None);
    for line in Lines::of(text) {
        match line {
            Line::Entry { ours: true, key, value, .. } if key == USERNAME => username = Some(value),
            Line::Entry { ours: true, key, value, .. } if key == PASSWORD => password = Some(value),
            _ => {}
        }
    }
    (username, password)
}

/// Whether a user name or password stands in the section that is not ours.
fn is_foreign(text: &str) -> bool {
    match entry(text) {
        (_, Some(password)) => !password.starts_with(TOKEN_PREFIX),
        (username, None) => username.is_some(),
    }
}

/// The file's text with our entry in it.
fn with_entry(text: &str, username: &str, password: &str) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let entry = [(USERNAME, username), (PASSWORD, password)];
    let mut out = String::with_capacity(text.len() + 160);
    let mut written = false;
    for line in Lines::of(text) {
        match line {
            // Every old line of ours goes; a continuation belongs to its entry.
            Line::Entry { ours: true, ref key, .. } if key == USERNAME || key == PASSWORD => {}
            Line::Section { ours, raw } => {
                push_line(&mut out, raw, newline);
                if ours && !written {
                    for (key, value) in entry {
                        push_line(&mut out, &format!("{key} = {value}"), newline);
                    }
                    written = true;
                }
            }
            Line::Entry { raw, .. } | Line::Other(raw) => push_line(&mut out, raw, newline),
        }
    }
    if !written {
        if !out.is_empty() {
            out.push_str(newline);
        }
        push_line(&mut out, &format!("[{SECTION}]"), newline);
        for (key, value) in entry {
            push_line(&mut out, &format!("{key} = {value}"), newline);
        }
    }
    out
}

fn push_line(out: &mut String, line: &str, newline: &str) {
    out.push_str(line);
    out.push_str(newline);
}

enum Line<'a> {
    Section { ours: bool, raw: &'a str },
    Entry { ours: bool, key: String, value: &'a str, raw: &'a str },
    Other(&'a str),
}

/// The lines of a file as Python's `configparser` sees them.
struct Lines<'a> {
    lines: std::str::Lines<'a>,
    in_ours: bool,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { lines: text.lines(), in_ours: false }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let raw = self.lines.next()?;
        let text = raw.trim();
        if text.starts_with(['#', ';']) || text.is_empty() {
            return Some(Line::Other(raw));
        }
        if let Some(name) = text.strip_prefix('[').and_then(|t| t.split_once(']')).map(|t| t.0) {
            self.in_ours = name == SECTION;
            return Some(Line::Section { ours: self.in_ours, raw });
        }
        let Some((key, value)) = text.split_once(['=', ':']) else { return Some(Line::Other(raw)) };
        let key = key.trim().to_ascii_lowercase();
        Some(Line::Entry { ours: self.in_ours, key, value: value.trim(), raw })
    }
}

/// Writes beside the file and renames, so that a crash leaves the old or the new;
/// only this OS user can read it. A link is followed, so that it stays one.
fn replace_private_file(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = target.with_file_name(name);
    let written =
        write_private(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, &target));
    if written.is_err() {
        // The first failure is what the person needs to know.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            tracking_uri: "http://127.0.0.1:5005".into(),
            username: "owner@localhost".into(),
            token: "bl_new".into(),
        }
    }

    #[track_caller]
    fn check(before: &str, after: &str) {
        assert_eq!(with_entry(before, "me", "bl_new"), after);
        assert_eq!(with_entry(after, "me", "bl_new"), after, "writing twice changes nothing");
    }

    #[test]
    fn a_new_file_gets_a_section() {
        check("", "[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = bl_new\n");
    }

    #[test]
    fn everything_foreign_stays() {
        check(
            "# mine\n[other]\nmlflow_tracking_username = kept\n\n[mlflow]\n; note\nfoo: bar\nMLFLOW_TRACKING_PASSWORD=bl_old\n[last]\nx=1\n",
            "# mine\n[other]\nmlflow_tracking_username = kept\n\n[mlflow]\nmlflow_tracking_username = me\nmlflow_tracking_password = bl_new\n; note\nfoo: bar\n[last]\nx=1\n",
        );
    }

    #[test]
    fn windows_line_ends_stay() {
        check(
            "[a]\r\nb=1\r\n",
            "[a]\r\nb=1\r\n\r\n[mlflow]\r\nmlflow_tracking_username = me\r\nmlflow_tracking_password = bl_new\r\n",
        );
    }

    #[test]
    fn only_an_entry_of_ours_is_replaced_without_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = credentials_path_in(folder.path());
        assert_eq!(kept_token(&path), None);
        write_credentials(&path, &connection(), false).unwrap();
        write_credentials(&path, &connection(), false).unwrap();
        assert!(!has_foreign_credentials(&path));
        assert_eq!(kept_token(&path).as_deref(), Some("bl_new"));

        let foreign = "[mlflow]\nmlflow_tracking_username = ann\nmlflow_tracking_password = pw\n";
        std::fs::write(&path, foreign).unwrap();
        assert!(has_foreign_credentials(&path));
        assert_eq!(kept_token(&path), None);
        let refused = write_credentials(&path, &connection(), false).unwrap_err();
        assert_eq!(refused.code, ErrorCode::ResourceConflict);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign, "nothing was touched");
        write_credentials(&path, &connection(), true).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().contains("bl_new"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "a token is nobody else's");
        }
    }

    #[test]
    fn the_snippet_names_both_variables() {
        let snippet = connection().snippet();
        assert!(
            snippet.contains("os.environ[\"MLFLOW_TRACKING_URI\"] = \"http://127.0.0.1:5005\"")
        );
        assert!(snippet.contains("os.environ[\"MLFLOW_TRACKING_TOKEN\"] = \"bl_new\""));
    }
}
