//! Layers of settings, the later winning: defaults, `config.toml`, `.env`, the
//! environment, flags. Which layer had the last word is remembered.

use super::file::File;
use super::keys::{KEYS, Key};
use super::value::Value;
use super::{dotenv, stack};
use branchline_core::{Error, Result};
use directories::ProjectDirs;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Names the folder of `config.toml` and `.env` in place of the platform's.
pub const CONFIG_DIR_VARIABLE: &str = "BRANCHLINE_CONFIG_DIR";
/// Names of a stack's `.env` that are read from the environment too: one sets them
/// where one would not write a file. Those of S3 are where every client of it looks.
pub(super) const ALSO_FROM_ENVIRONMENT: [&str; 11] = [
    "FIRST_SUPERUSER",
    "FIRST_SUPERUSER_PASSWORD",
    "MLFLOW_S3_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE",
];

/// What flags say.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    values: Vec<(&'static str, String)>,
    /// Read instead of the `.env` beside `config.toml`.
    pub env_file: Option<PathBuf>,
}

impl Overrides {
    /// Sets what a flag says about the setting `name`; one without a value changes
    /// nothing.
    pub fn set(&mut self, name: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.values.push((name, value.into()));
        }
    }
}

/// Where a process looks for settings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The folder of `config.toml` and `.env`; nothing is read without one.
    pub config_dir: Option<PathBuf>,
    /// The environment.
    pub variables: BTreeMap<String, String>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variables: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let config_dir = variables
            .get(CONFIG_DIR_VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from)
            .or_else(|| Some(ProjectDirs::from("", "", "branchline")?.config_dir().to_owned()));
        Self { config_dir, variables }
    }

    /// `config.toml`, whether or not it exists.
    ///
    /// # Errors
    /// When there is no folder to keep it in.
    pub fn file(&self) -> Result<File> {
        self.config_dir.as_ref().map(|dir| File::at(dir.join("config.toml"))).ok_or_else(|| {
            Error::internal("There is no home folder to keep settings in.")
                .hint(format!("Name a folder with {CONFIG_DIR_VARIABLE}."))
        })
    }
}

/// Who had the last word on a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// `config.toml`.
    File(PathBuf),
    /// A variable of the `.env` file.
    DotEnv(PathBuf, String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::DotEnv(path, name) => write!(f, "{name} in {}", path.display()),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// A setting's value as text, and who said it.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Which setting.
    pub key: &'static Key,
    /// Its value.
    pub value: String,
    /// Who said it.
    pub source: Source,
}

/// What became of a variable that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Where it stands: a `.env` file, or the environment.
    pub file: Option<PathBuf>,
    /// The setting that it stands for.
    pub key: Option<&'static str>,
    /// Why it has no effect; absent when it is used.
    pub ignored: Option<String>,
}

/// Every setting, in the order of [`KEYS`], and what was found on the way.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// One for each of [`KEYS`].
    pub settings: Vec<Setting>,
    /// Variables of the `.env` file, and those of the environment that begin with
    /// `BRANCHLINE_`.
    pub variables: Vec<Variable>,
}

impl Resolved {
    /// Lays the layers over each other and checks every value.
    ///
    /// # Errors
    /// A file that cannot be read or names unknown settings; a value that its
    /// setting does not accept.
    pub fn load(overrides: &Overrides, surroundings: &Surroundings) -> Result<Self> {
        let default = |key: &'static Key| Setting {
            key,
            value: key.default.to_owned(),
            source: Source::Default,
        };
        let mut resolved =
            Self { settings: KEYS.iter().map(default).collect(), variables: Vec::new() };
        if surroundings.config_dir.is_some() {
            let file = surroundings.file()?;
            for (key, value) in file.read()? {
                resolved.put(key, value, Source::File(file.path().to_owned()));
            }
        }
        let dot_env = resolved.lay_dotenv(overrides, surroundings)?;
        resolved.lay_environment(&surroundings.variables);
        for (name, value) in &overrides.values {
            if let Some(key) = Key::find(name) {
                resolved.put(key, value.clone(), Source::Flag(key.flag));
            }
        }
        resolved.account_for(dot_env, &surroundings.variables);
        resolved.check()?;
        Ok(resolved)
    }

    /// The setting `name` with its source.
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key.name == name)
    }

    pub(super) fn read<T: Value>(&self, name: &str) -> Result<T> {
        let setting = self
            .get(name)
            .ok_or_else(|| Error::internal(format!("There is no setting '{name}'.")))?;
        T::read(&setting.value).map_err(|problem| refused(setting, &problem))
    }

    fn put(&mut self, key: &'static Key, value: String, source: Source) {
        if let Some(setting) = self.settings.iter_mut().find(|s| s.key.name == key.name) {
            setting.value = value;
            setting.source = source;
        }
    }

    fn lay_dotenv(
        &mut self,
        overrides: &Overrides,
        surroundings: &Surroundings,
    ) -> Result<Option<(PathBuf, BTreeMap<String, String>)>> {
        let usual = surroundings.config_dir.as_ref().map(|dir| dir.join(".env"));
        let path = match &overrides.env_file {
            Some(path) => path.clone(),
            None => match usual.filter(|path| path.exists()) {
                Some(path) => path,
                None => return Ok(None),
            },
        };
        let found: BTreeMap<_, _> = dotenv::read(&path)?.into_iter().collect();
        for key in KEYS {
            // Our own name says it more exactly than a stack's.
            let names = std::iter::once(&key.variable).chain(key.stack);
            let said = names.copied().find_map(|name| {
                let value = found.get(name)?;
                (name == key.variable || !value.is_empty()).then_some((name, value))
            });
            if let Some((name, value)) = said {
                let source = Source::DotEnv(path.clone(), name.to_owned());
                self.put(key, value.clone(), source);
            }
        }
        Ok(Some((path, found)))
    }

    fn lay_environment(&mut self, variables: &BTreeMap<String, String>) {
        for key in KEYS {
            let stack = key.stack.iter().filter(|name| ALSO_FROM_ENVIRONMENT.contains(name));
            let said = std::iter::once(&key.variable).chain(stack).find_map(|name| {
                variables.get(*name).filter(|value| !value.is_empty()).map(|value| (name, value))
            });
            if let Some((name, value)) = said {
                self.put(key, value.clone(), Source::Environment((*name).to_owned()));
            }
        }
    }

    fn account_for(
        &mut self,
        dot_env: Option<(PathBuf, BTreeMap<String, String>)>,
        environment: &BTreeMap<String, String>,
    ) {
        let mut variables = Vec::new();
        if let Some((path, found)) = dot_env {
            for name in found.into_keys() {
                let source = Source::DotEnv(path.clone(), name.clone());
                variables.push(self.fate(name, Some(path.clone()), &source));
            }
        }
        let ours = environment.keys().filter(|name| {
            ALSO_FROM_ENVIRONMENT.contains(&name.as_str())
                || KEYS.iter().any(|key| key.variable == name.as_str())
        });
        for name in ours {
            let source = Source::Environment(name.clone());
            variables.push(self.fate(name.clone(), None, &source));
        }
        self.variables = variables;
    }

    /// What became of the variable `name` that stands in `source`.
    fn fate(&self, name: String, file: Option<PathBuf>, source: &Source) -> Variable {
        let meant = self
            .settings
            .iter()
            .find(|s| s.key.variable == name || s.key.stack.contains(&name.as_str()));
        let ignored = match meant {
            Some(setting) if setting.source == *source => None,
            Some(Setting { source: Source::Default | Source::File(_), .. }) => {
                Some("it is empty".to_owned())
            }
            Some(setting) => Some(format!("{} says otherwise", setting.source)),
            None => Some(stack::reason(&name).unwrap_or("unknown to Branchline").to_owned()),
        };
        Variable { name, file, key: meant.map(|setting| setting.key.name), ignored }
    }

    fn check(&self) -> Result<()> {
        for setting in &self.settings {
            (setting.key.check)(&setting.value).map_err(|problem| refused(setting, &problem))?;
        }
        Ok(())
    }
}

fn refused(setting: &Setting, problem: &str) -> Error {
    let Setting { key, value, source } = setting;
    let value = if key.secret { "its value" } else { value };
    Error::invalid(format!("Setting {}: '{value}' {problem} (from {source}).", key.name))
}
