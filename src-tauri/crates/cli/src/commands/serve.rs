//! `branchline serve`.

use crate::args::{Answered, Globals, Serve};
use crate::backend::host_options;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output};
use crate::platform;
use branchline_server::config::{Config, LogFormat, Overrides, Surroundings};
use branchline_server::host::{Host, HostOptions};
use branchline_server::logs::{self, LogGuard, LogOptions};
use serde_json::json;
use std::time::Duration;

/// How long the sign-in link that is printed works.
const SIGN_IN: Duration = Duration::from_secs(60 * 60);
/// What a stack's `.env.example` has where a password should be.
const PLACEHOLDER: &str = "changethis";

pub(crate) async fn run(globals: &Globals, args: &Serve, output: &Output) -> Done {
    let config = Config::load(&overrides(globals, args))?;
    let options = host_options(globals, &config)?;
    refuse_placeholder(&config, &options, output)?;
    let _log = begin_log(&config, &options)?;
    write_template();
    // Whoever reads the first line may ask us to end at once.
    let stop = platform::stop_signal();
    let wanted = options.port;
    let api_only = options.api_only;
    let no_auth = options.no_auth;
    let host = Host::start(options).await?;
    let sign_in = sign_in_url(&host, no_auth, api_only).await?;
    announce(&host, sign_in.as_deref(), &config, output)?;
    if wanted != 0 && !host.url().ends_with(&format!(":{wanted}")) {
        output.remark(format!("Port {wanted} was taken; this is another one."));
    }
    if config.tls_certificate.is_some() {
        output.remark("Speaks TLS; from the network nothing else.");
    }
    if no_auth {
        output.remark("Without sign-in: every program on this machine acts as the owner.");
    }
    tokio::select! {
        () = stop => tracing::info!("asked to end"),
        () = host.stopped() => {}
    }
    host.shutdown().await?;
    Ok(OK)
}

fn overrides(globals: &Globals, args: &Serve) -> Overrides {
    let mut overrides = Overrides::default();
    overrides.env_file.clone_from(&globals.env_file);
    let on = |flag: bool| flag.then_some("true");
    overrides.set("server.host", args.host.as_deref());
    overrides.set("server.port", args.port.as_deref());
    overrides.set("server.port_fallback", on(args.port_fallback));
    overrides.set("server.no_auth", on(args.no_auth));
    overrides.set("server.api_only", on(args.api_only));
    overrides.set("server.allowed_hosts", args.allowed_hosts.as_deref());
    overrides.set("server.cors_allowed_origins", args.cors_allowed_origins.as_deref());
    overrides.set("storage.durability", args.durability.as_deref());
    overrides.set("artifacts.default_root", args.default_artifact_root.as_deref());
    overrides.set("artifacts.destination", args.artifacts_destination.as_deref());
    let inline = args.jobs.map(|when| if when == Answered::Inline { "true" } else { "false" });
    overrides.set("jobs.inline", inline);
    overrides.set("log.level", args.log_level.as_deref());
    overrides.set("log.format", args.log_format.as_deref());
    overrides
}

/// A password that everybody knows is no password once others can connect.
fn refuse_placeholder(
    config: &Config,
    options: &HostOptions,
    output: &Output,
) -> Result<(), Failure> {
    if config.first_superuser_password.expose() != PLACEHOLDER {
        return Ok(());
    }
    let words = format!("FIRST_SUPERUSER_PASSWORD is still '{PLACEHOLDER}'");
    if matches!(options.host.as_str(), "127.0.0.1" | "localhost" | "::1" | "[::1]") {
        output.say(format!("warning: {words}, which everybody can guess"));
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{words}, and others can connect."))
        .hint("Choose a password of your own, or listen on 127.0.0.1."))
}

fn begin_log(config: &Config, options: &HostOptions) -> Result<LogGuard, Failure> {
    options.data_dir.create()?;
    Ok(logs::init(&LogOptions {
        dir: Some(options.data_dir.logs()),
        level: config.log_level,
        format: config.log_format,
        stderr: true,
        max_files: config.log_files,
    })?)
}

/// Makes config.toml with every setting commented out, for the person to find.
fn write_template() {
    let written = Surroundings::of_process().file().and_then(|file| file.create_if_missing());
    if let Err(error) = written {
        tracing::debug!("config.toml was not made: {error}");
    }
}

/// A link to sign in with, where there is something to sign in to and no password
/// yet to do it with.
async fn sign_in_url(
    host: &Host,
    no_auth: bool,
    api_only: bool,
) -> Result<Option<String>, Failure> {
    if no_auth || api_only || host.engine().owner().await?.has_password {
        return Ok(None);
    }
    Ok(Some(host.sign_in_url(SIGN_IN)))
}

fn announce(
    host: &Host,
    sign_in: Option<&str>,
    config: &Config,
    output: &Output,
) -> Result<(), Failure> {
    let data_dir = host.data_dir().root().display().to_string();
    let ready = json!({
        "url": host.url(),
        "pid": std::process::id(),
        "data_dir": data_dir,
    });
    // One line in either form: whoever started us reads the first.
    output.line(&if output.is_json() { ready.to_string() } else { host.url().to_owned() })?;
    if config.log_format == LogFormat::Json {
        // One object, so that a log collector can read it; it is not written to files.
        let said = json!({ "level": "INFO", "message": "ready", "url": host.url(),
            "data_dir": data_dir, "sign_in_url": sign_in });
        output.say(said.to_string());
        return Ok(());
    }
    output.say(format!("Branchline {} answers at {}", crate::VERSION, host.url()));
    output.say(format!("Data folder: {data_dir}"));
    if let Some(url) = sign_in {
        output.say(format!("Sign in, once and within an hour: {url}"));
    }
    output.say("Connect a Python client with `branchline connect`; stop with Ctrl-C.");
    Ok(())
}
