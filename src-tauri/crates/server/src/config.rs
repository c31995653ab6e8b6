//! Settings: one documented declaration of every key, and the layers that say
//! what is in force. Used by the command line and by the desktop shell.

mod dotenv;
mod file;
mod keys;
mod layer;
mod reference;
mod stack;
mod value;

pub use file::{File, closest, template};
pub use keys::{Config, KEYS, Key};
pub use layer::{
    CONFIG_DIR_VARIABLE, Overrides, Resolved, Setting, Source, Surroundings, Variable,
};
pub use reference::page as reference_page;
pub(crate) use value::list;
pub use value::{Form, LogFormat, Niceness, Secret};

use branchline_core::Result;

impl Config {
    /// The settings in force for this process.
    ///
    /// # Errors
    /// A file that cannot be read or names unknown settings; a value that its
    /// setting does not accept.
    pub fn load(overrides: &Overrides) -> Result<Self> {
        Self::resolve(&Resolved::load(overrides, &Surroundings::of_process())?)
    }

    /// The settings that were resolved, typed.
    ///
    /// # Errors
    /// A value that its setting does not accept.
    pub fn resolve(resolved: &Resolved) -> Result<Self> {
        Self::from_resolved(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn surroundings(folder: &Path, variables: &[(&str, &str)]) -> Surroundings {
        let variables: BTreeMap<_, _> =
            variables.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        Surroundings { config_dir: Some(folder.to_owned()), variables }
    }

    fn port(overrides: &Overrides, surroundings: &Surroundings) -> (u16, Source) {
        let resolved = Resolved::load(overrides, surroundings).unwrap();
        let source = resolved.get("server.port").unwrap().source.clone();
        (Config::resolve(&resolved).unwrap().port, source)
    }

    #[test]
    fn each_layer_wins_over_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut overrides = Overrides::default();
        let mut around = surroundings(folder.path(), &[]);
        assert_eq!(port(&overrides, &around), (5005, Source::Default));

        let file = around.file().unwrap();
        file.set(Key::find("server.port").unwrap(), Some("1")).unwrap();
        assert_eq!(port(&overrides, &around), (1, Source::File(file.path().to_owned())));

        let env_file = folder.path().join(".env");
        std::fs::write(&env_file, "MLFLOW_PORT=2\n").unwrap();
        let stack = Source::DotEnv(env_file.clone(), "MLFLOW_PORT".into());
        assert_eq!(port(&overrides, &around), (2, stack));
        std::fs::write(&env_file, "MLFLOW_PORT=2\nBRANCHLINE_PORT=3\n").unwrap();
        let own = Source::DotEnv(env_file, "BRANCHLINE_PORT".into());
        assert_eq!(port(&overrides, &around), (3, own), "our own name is more exact");

        around.variables.insert("BRANCHLINE_PORT".into(), "4".into());
        around.variables.insert("MLFLOW_PORT".into(), "9".into());
        assert_eq!(port(&overrides, &around).0, 4, "a stack's name is read from .env only");

        overrides.set("server.port", Some("5"));
        assert_eq!(port(&overrides, &around), (5, Source::Flag("--port")));
    }

    #[test]
    fn an_env_file_that_is_named_is_read_instead_and_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".env"), "BRANCHLINE_PORT=2\n").unwrap();
        let other = folder.path().join("other.env");
        std::fs::write(&other, "BRANCHLINE_NO_AUTH=1\n").unwrap();
        let around = surroundings(folder.path(), &[]);
        let mut overrides = Overrides::default();
        overrides.env_file = Some(other);
        assert_eq!(port(&overrides, &around).0, 5005);
        overrides.env_file = Some(folder.path().join("missing.env"));
        let error = Resolved::load(&overrides, &around).unwrap_err();
        assert!(error.message.contains("missing.env"), "{}", error.message);
    }

    #[test]
    fn a_stacks_file_is_accounted_for_name_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = "DOMAIN=ml.example.org\nBACKEND_CORS_ORIGINS=[\"http://a\", \"http://b\"]\n\
                    FIRST_SUPERUSER=admin@example.org\nFIRST_SUPERUSER_PASSWORD=changethis\n\
                    MLFLOW_PORT=5007\nTRAEFIK_TAG=x\nPOSTGRES_USER=y\nWHATEVER=1\nSMTP_HOST=\n";
        std::fs::write(folder.path().join(".env"), text).unwrap();
        let around = surroundings(folder.path(), &[("BRANCHLINE_PORT", "6000")]);
        let resolved = Resolved::load(&Overrides::default(), &around).unwrap();
        let config = Config::resolve(&resolved).unwrap();
        assert_eq!(config.allowed_hosts, ["ml.example.org"]);
        assert_eq!(config.cors_allowed_origins, ["http://a", "http://b"]);
        assert_eq!(config.first_superuser.as_deref(), Some("admin@example.org"));
        assert_eq!(config.first_superuser_password.expose(), "changethis");

        let fate = |name: &str| {
            let found = resolved.variables.iter().find(|v| v.name == name).unwrap();
            (found.key, found.ignored.clone())
        };
        assert_eq!(fate("DOMAIN"), (Some("server.allowed_hosts"), None));
        assert_eq!(fate("BRANCHLINE_PORT"), (Some("server.port"), None));
        let overruled = fate("MLFLOW_PORT");
        assert_eq!(overruled.0, Some("server.port"));
        assert!(overruled.1.unwrap().contains("BRANCHLINE_PORT in the environment"));
        assert!(fate("TRAEFIK_TAG").1.unwrap().contains("proxy"));
        assert_eq!(fate("WHATEVER"), (None, Some("unknown to Branchline".into())));
        assert_eq!(resolved.variables.len(), 10);
    }

    #[test]
    fn a_value_that_is_not_accepted_names_its_origin() {
        let folder = tempfile::tempdir().unwrap();
        let around = surroundings(folder.path(), &[("BRANCHLINE_DURABILITY", "quick")]);
        let error = Resolved::load(&Overrides::default(), &around).unwrap_err();
        assert_eq!(
            error.message,
            "Setting storage.durability: 'quick' is not balanced, power-safe or fast \
             (from BRANCHLINE_DURABILITY in the environment)."
        );
    }
}
