//! `branchline connect`.

use crate::args::{Connect, Globals, Shell};
use crate::backend::{Backend, config};
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output};
use crate::time;
use branchline_client::Connected;
use branchline_core::{Clock, Error, ErrorCode, SystemClock};
use branchline_server::connect::{
    Connection, Ends, credentials_path, has_foreign_credentials, kept_token, write_credentials,
};
use std::path::Path;

pub(crate) async fn run(globals: &Globals, args: &Connect, output: &Output) -> Done {
    let ends = ends(args.expires.as_deref())?;
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
    let known = known(&credentials);
    let mut connected = backend.connect(url.as_deref().unwrap_or_default(), &known, ends).await?;
    backend.close().await;
    let connection = Connection {
        tracking_uri: connected.tracking_uri.clone(),
        username: connected.username.clone(),
        token: connected.token.clone(),
    };
    if args.write {
        write_credentials(&credentials, &connection, args.force)?;
        connected.credentials_path = Some(credentials.display().to_string());
        connected.written = true;
    }
    // MLflow prefers a user name and password over a token wherever it finds them.
    let overruled = foreign && !args.write || has_password_in_environment();
    let environment = environment(&connection, args.write, overruled);
    connected.environment =
        environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    output.data(&connected, |_| exports(&environment, args.shell))?;
    tell(&connected, runs, output);
    Ok(OK)
}

fn ends(expires: Option<&str>) -> Result<Ends, Failure> {
    match expires {
        None => Ok(Ends::Usual),
        Some("never") => Ok(Ends::Never),
        Some(text) => time::read(text, SystemClock.now_ms())
            .map(Ends::At)
            .map_err(|problem| Failure::new(Exit::Usage, problem).hint("Or write `never`.")),
    }
}

/// Tokens of before: that in the file, which would be replaced, and that of this shell.
fn known(credentials: &Path) -> Vec<String> {
    kept_token(credentials).into_iter().chain(std::env::var("MLFLOW_TRACKING_TOKEN").ok()).collect()
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

fn tell(connected: &Connected, runs: bool, output: &Output) {
    if let Some(path) = &connected.credentials_path {
        output.remark(format!(
            "The token is in {path}. MLflow's client sends it to every server that asks for a \
             password, not only to this one."
        ));
    } else {
        output.remark("In a shell: eval \"$(branchline connect)\". In Python:\n");
        output.remark(&connected.snippet);
    }
    let id = connected.token_id;
    let (age, ends) = (if connected.reused { "as before" } else { "new" }, &connected.expires_at);
    output.remark(match ends {
        Some(at) => format!("Token {id} ({age}) ends {at}; --expires makes another."),
        None => format!("Token {id} ({age}) never ends; `branchline tokens revoke {id}` ends it."),
    });
    if let Some(older) = connected.older_token_id {
        output.remark(format!(
            "Token {older} of before still works, for what runs with it; \
             `branchline tokens revoke {older}` ends it."
        ));
    }
    if !runs {
        output.remark(format!(
            "No server runs now; start `branchline serve` or the app, which answers at {}.",
            connected.tracking_uri
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
