//! `branchline connect`.

use crate::args::{Connect, Globals, Shell};
use crate::backend::{Backend, config};
use crate::failure::{Done, Failure};
use crate::output::{OK, Output};
use branchline_core::{Error, ErrorCode};
use branchline_server::connect::{
    Connection, credentials_path, has_foreign_credentials, write_credentials,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the command prints as JSON.
#[derive(Serialize)]
struct Printed {
    tracking_uri: String,
    username: String,
    token: String,
    environment: BTreeMap<&'static str, String>,
    snippet: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_path: Option<PathBuf>,
    written: bool,
}

pub(crate) async fn run(globals: &Globals, args: &Connect, output: &Output) -> Done {
    let credentials = credentials_path()?;
    let foreign = has_foreign_credentials(&credentials);
    if args.write && foreign && !args.force {
        // Said before a token is minted that nobody would know.
        return Err(Error::new(
            ErrorCode::ResourceConflict,
            format!(
                "'{}' already holds the user name or password of another server.",
                credentials.display()
            ),
        )
        .hint("Leave out --write to get environment variables, or replace the entry with --force.")
        .into());
    }
    let url = usual_url(globals)?;
    let backend = Backend::open(globals).await?;
    let runs = matches!(backend, Backend::Guest(_));
    if !runs && url.is_none() {
        return Err(no_usual_port());
    }
    let connection = backend.connect(url.as_deref().unwrap_or_default()).await?;
    backend.close().await;
    if args.write {
        write_credentials(&credentials, &connection, args.force)?;
    }
    // MLflow prefers a user name and password over a token wherever it finds them.
    let overruled = foreign && !args.write || has_password_in_environment();
    let environment = environment(&connection, args.write, overruled);
    let printed = Printed {
        environment: environment.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
        snippet: connection.snippet(),
        credentials_path: args.write.then_some(credentials),
        written: args.write,
        tracking_uri: connection.tracking_uri.clone(),
        username: connection.username.clone(),
        token: connection.token.clone(),
    };
    output.data(&printed, |_| exports(&environment, args.shell))?;
    tell(&printed, runs, output);
    Ok(OK)
}

/// Where a server would answer, if none runs now.
fn usual_url(globals: &Globals) -> Result<Option<String>, Failure> {
    let port = config(globals)?.port;
    Ok((port != 0).then(|| format!("http://127.0.0.1:{port}")))
}

fn no_usual_port() -> Failure {
    Failure::failed("No server runs, and its port is chosen at each start.")
        .hint("Start `branchline serve` or the app first.")
}

fn has_password_in_environment() -> bool {
    std::env::var_os("MLFLOW_TRACKING_USERNAME").is_some_and(|name| !name.is_empty())
}

fn environment(
    connection: &Connection,
    written: bool,
    overruled: bool,
) -> Vec<(&'static str, &str)> {
    let [uri, token] = connection.environment();
    if overruled {
        return [uri, token].into_iter().chain(connection.password_environment()).collect();
    }
    if written { vec![uri] } else { vec![uri, token] }
}

fn exports(environment: &[(&'static str, &str)], shell: Shell) -> String {
    environment
        .iter()
        .map(|(name, value)| match shell {
            Shell::Sh => format!("export {name}={}\n", quoted(value, "'\\''")),
            Shell::Fish => format!("set -gx {name} {}\n", quoted(value, "\\'")),
            Shell::Powershell => format!("$env:{name} = '{}'\n", value.replace('\'', "''")),
            Shell::Cmd => format!("set \"{name}={value}\"\n"),
        })
        .collect()
}

/// A value that the shell takes as it is: an e-mail may hold any character.
fn quoted(value: &str, quote: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', quote))
}

fn tell(printed: &Printed, runs: bool, output: &Output) {
    if let Some(path) = &printed.credentials_path {
        output.remark(format!(
            "The token is in {}. MLflow's client sends it to every server that asks for a \
             password, not only to this one.",
            path.display()
        ));
    } else {
        output.remark("In a shell: eval \"$(branchline connect)\". In Python:\n");
        output.remark(&printed.snippet);
    }
    if !runs {
        output.remark(format!(
            "No server runs now; start `branchline serve` or the app, which answers at {}.",
            printed.tracking_uri
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_in_every_shell() {
        let environment = [("A", "http://h:1"), ("B", "o'neil;$x@h")];
        assert_eq!(
            exports(&environment, Shell::Sh),
            "export A=http://h:1\nexport B='o'\\''neil;$x@h'\n"
        );
        assert_eq!(
            exports(&environment, Shell::Fish),
            "set -gx A http://h:1\nset -gx B 'o\\'neil;$x@h'\n"
        );
        assert_eq!(
            exports(&environment, Shell::Powershell),
            "$env:A = 'http://h:1'\n$env:B = 'o''neil;$x@h'\n"
        );
        assert_eq!(exports(&environment[..1], Shell::Cmd), "set \"A=http://h:1\"\n");
    }

    #[test]
    fn a_password_that_would_win_is_overruled() {
        let connection = Connection {
            tracking_uri: "http://h".into(),
            username: "u".into(),
            token: "bl_t".into(),
        };
        let names = |written, overruled| {
            environment(&connection, written, overruled)
                .into_iter()
                .map(|(name, _)| name.trim_start_matches("MLFLOW_TRACKING_"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(false, false), ["URI", "TOKEN"]);
        assert_eq!(names(true, false), ["URI"]);
        assert_eq!(names(false, true), ["URI", "TOKEN", "USERNAME", "PASSWORD"]);
    }
}
