//! How the server is reached: the settings of that, read and changed in `config.toml`. A change
//! takes effect at the next start.

use super::extract::Json;
use crate::api::routing::{Routes, routes};
use crate::auth::Administrator;
use crate::config::{Form, Key, Overrides, Resolved, Setting, Source, Surroundings, list};
use crate::error::{ApiResult, Failure};
use crate::state::AppState;
use crate::tls::TlsFiles;
use axum::extract::State;
use branchline_core::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use utoipa::ToSchema;

pub(super) fn routes() -> Routes {
    Routes::new().routes(routes!(get_network, set_network))
}

/// Which settings these are, in the order in which to show them.
const NAMES: [&str; 7] = [
    "server.host",
    "server.port",
    "server.allowed_hosts",
    "server.cors_allowed_origins",
    "mail.public_url",
    CERTIFICATE,
    KEY,
];
const CERTIFICATE: &str = "server.tls_certificate";
const KEY: &str = "server.tls_key";

/// A setting and who has the last word on it.
#[derive(Debug, Serialize, ToSchema)]
struct NetworkSetting {
    #[schema(example = "server.allowed_hosts")]
    name: &'static str,
    /// At the next start; of a list with commas between.
    value: String,
    default: String,
    /// What it means.
    help: String,
    /// `text`, `integer` or `list`.
    form: &'static str,
    /// Who says so: `default`, a file or a variable.
    source: String,
    /// A variable has the last word: what is set here changes nothing.
    overruled: bool,
}

/// How the server is reached.
#[derive(Debug, Serialize, ToSchema)]
struct Network {
    /// Where it listens now.
    #[schema(example = "http://127.0.0.1:5005")]
    url: String,
    /// It shows a certificate now.
    tls: bool,
    /// Where the settings are kept.
    file: String,
    settings: Vec<NetworkSetting>,
}

fn shown(setting: &Setting) -> NetworkSetting {
    let key = setting.key;
    let text = |text: &str| match key.form {
        Form::List => list(text).join(", "),
        _ => text.to_owned(),
    };
    NetworkSetting {
        name: key.name,
        value: text(&setting.value),
        default: text(key.default),
        help: key.help.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
        form: match key.form {
            Form::Text => "text",
            Form::Integer => "integer",
            Form::Boolean => "boolean",
            Form::List => "list",
        },
        source: setting.source.to_string(),
        overruled: !matches!(setting.source, Source::Default | Source::File(_)),
    }
}

fn network(state: &AppState) -> Result<Network> {
    let around = Surroundings::of_process();
    let resolved = Resolved::load(&Overrides::default(), &around)?;
    Ok(Network {
        url: state.options.url.clone(),
        tls: state.options.tls.is_some(),
        file: around.file()?.path().display().to_string(),
        settings: NAMES.iter().filter_map(|name| resolved.get(name)).map(shown).collect(),
    })
}

/// Shows the settings of the network.
#[utoipa::path(
    get,
    path = "/api/v1/settings/network",
    tag = "server",
    responses((status = 200, description = "As the next start finds them.", body = Network), Failure)
)]
async fn get_network(State(state): State<AppState>, _: Administrator) -> ApiResult<Json<Network>> {
    Ok(Json(network(&state)?))
}

/// Changes settings of the network, for the next start. All are checked before one is kept;
/// `null` takes one back to its default.
#[utoipa::path(
    patch,
    path = "/api/v1/settings/network",
    tag = "server",
    request_body(
        content = BTreeMap<String, Option<String>>,
        example = json!({"server.allowed_hosts": "ml.example.org", "server.tls_key": null})
    ),
    responses((status = 200, description = "As the next start finds them.", body = Network), Failure)
)]
async fn set_network(
    State(state): State<AppState>,
    _: Administrator,
    Json(body): Json<BTreeMap<String, Option<String>>>,
) -> ApiResult<Json<Network>> {
    let around = Surroundings::of_process();
    let resolved = Resolved::load(&Overrides::default(), &around)?;
    let changes =
        body.into_iter().map(|(name, value)| read(&name, value)).collect::<Result<Vec<_>>>()?;
    check_tls(&resolved, &changes)?;
    let file = around.file()?;
    tracing::info!(settings.changed = changes.len(), "network settings change at the next start");
    for (key, value) in changes {
        file.set(key, value.as_deref())?;
    }
    Ok(Json(network(&state)?))
}

type Change = (&'static Key, Option<String>);

fn read(name: &str, value: Option<String>) -> Result<Change> {
    let key = NAMES.iter().find(|known| **known == name).and_then(|known| Key::find(known));
    let Some(key) = key else {
        return Err(Error::invalid(format!("'{name}' is no setting of the network."))
            .hint(format!("They are {}.", NAMES.join(", "))));
    };
    let value = value.map(|value| value.trim().to_owned()).filter(|value| *value != key.default);
    if let Some(value) = &value {
        check(key, value).map_err(|problem| {
            Error::invalid(format!("Setting {}: '{value}' {problem}.", key.name))
        })?;
    }
    Ok((key, value))
}

/// What only a person would notice at the next start, when the window does not open.
fn check(key: &Key, value: &str) -> Result<(), String> {
    if value.chars().any(char::is_control) {
        return Err("holds signs that cannot be seen".to_owned());
    }
    key.accept(value)?;
    match key.name {
        "server.host" => {
            let bare = value.trim_matches(['[', ']']);
            let known = bare == "localhost" || bare.parse::<IpAddr>().is_ok();
            known.then_some(()).ok_or_else(|| {
                "is not an address of this machine, such as 127.0.0.1 or 0.0.0.0".to_owned()
            })
        }
        "mail.public_url" => is_origin(value.trim_end_matches('/')),
        "server.cors_allowed_origins" => list(value).iter().try_for_each(|one| is_origin(one)),
        "server.allowed_hosts" => match list(value).iter().find(|one| one.contains(['/', ' '])) {
            Some(odd) => {
                Err(format!("has '{odd}', which is no host name: leave out https:// and paths"))
            }
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// A scheme and a host, perhaps a port.
fn is_origin(text: &str) -> Result<(), String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', ' ', '?', '#', '@']) => Ok(()),
        _ => Err(format!("has '{text}', which is no address such as https://ml.example.org")),
    }
}

/// The certificate as it will be has to be one that can be shown.
fn check_tls(resolved: &Resolved, changes: &[Change]) -> Result<()> {
    if !changes.iter().any(|(key, _)| [CERTIFICATE, KEY].contains(&key.name)) {
        return Ok(());
    }
    let becomes = |name: &str| {
        let changed =
            changes.iter().find(|(key, _)| key.name == name).map(|(_, value)| value.clone());
        let now = || resolved.get(name).map(|setting| setting.value.clone());
        changed.unwrap_or_else(now).filter(|value| !value.is_empty())
    };
    let (certificate, key) = (becomes(CERTIFICATE), becomes(KEY));
    if let Some(files) = TlsFiles::of(certificate.as_deref(), key.as_deref())? {
        files.load()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str, value: &str, words: &str) {
        let error = read(name, Some(value.to_owned())).unwrap_err();
        assert!(error.message.contains(words), "{}", error.message);
    }

    #[test]
    fn what_would_keep_the_server_from_starting_is_refused() {
        refused("server.no_auth", "true", "no setting of the network");
        refused("server.port", "many", "whole number");
        refused("server.host", "my laptop", "no");
        refused("server.host", "127.0.0.1\nno_auth = true", "cannot be seen");
        refused("server.allowed_hosts", "https://ml.example.org", "no host name");
        refused("server.cors_allowed_origins", "localhost:5173", "no address");
        refused("mail.public_url", "ml.example.org", "no address");
    }

    #[test]
    fn what_is_right_is_taken_and_a_default_is_none() {
        for (name, value) in [
            ("server.host", "0.0.0.0"),
            ("server.host", "[::1]"),
            ("server.allowed_hosts", "ml.example.org, *.lab"),
            ("server.cors_allowed_origins", "http://localhost:5173"),
            ("mail.public_url", "https://ml.example.org/"),
        ] {
            assert_eq!(read(name, Some(value.to_owned())).unwrap().1.as_deref(), Some(value));
        }
        assert_eq!(read("server.port", Some("5005".to_owned())).unwrap().1, None);
        assert_eq!(read("server.port", None).unwrap().1, None);
    }
}
