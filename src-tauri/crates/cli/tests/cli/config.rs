//! `config`, and which layer wins.

use crate::sandbox::{Ran, Sandbox};
use serde_json::Value;

fn port(sandbox: &Sandbox, environment: &[(&str, &str)]) -> (String, String) {
    let mut command = sandbox.command(&["config", "get", "server.port", "--json"]);
    command.envs(environment.iter().copied());
    let setting = Ran::of(&mut command).ok().json();
    let text = |name: &str| setting[name].as_str().unwrap().to_owned();
    (text("value"), text("source"))
}

#[test]
fn the_later_layer_wins_and_is_named() {
    let sandbox = Sandbox::new();
    let is = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(port(&sandbox, &[]), is("5005", "default"));
    sandbox.run(&["config", "set", "server.port", "6001"]).ok();
    assert_eq!(port(&sandbox, &[]), is("6001", "file"));
    std::fs::write(sandbox.path("config/.env"), "MLFLOW_PORT=6002\n").unwrap();
    assert_eq!(port(&sandbox, &[]), is("6002", ".env"));
    assert_eq!(port(&sandbox, &[("BRANCHLINE_PORT", "6003")]), is("6003", "environment"));
    assert_eq!(port(&sandbox, &[("MLFLOW_PORT", "6009")]), is("6002", ".env"));

    // A flag is the last word: it is free, so the server starts.
    let server = sandbox.serve_with(&["--port", "0"]);
    assert!(!["5005", "6001", "6002"].contains(&server.port().to_string().as_str()));
}

#[test]
fn the_file_keeps_its_comments_and_can_go_back() {
    let sandbox = Sandbox::new();
    let path = sandbox.run(&["config", "path"]).ok().stdout;
    let path = std::path::Path::new(path.trim_end());
    assert_eq!(path, sandbox.path("config/config.toml"));
    sandbox.run(&["config", "set", "log.level", "debug"]).ok();
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("# port = 5005") && text.contains("\nlevel = \"debug\"\n"), "{text}");
    sandbox.run(&["config", "set", "log.level", "--unset"]).ok();
    assert_eq!(sandbox.run(&["config", "get", "log.level"]).ok().stdout, "info\n");
}

#[test]
fn what_is_wrong_is_named_with_what_is_right() {
    let sandbox = Sandbox::new();
    sandbox.run(&["config", "get", "server.prot"]).exits(3).says("Did you mean server.port?");
    sandbox.run(&["config", "set", "server.port", "70000"]).exits(2).says("0 to 65535");
    sandbox
        .run(&["config", "set", "accounts.first_superuser_password", "x"])
        .exits(2)
        .says("is a secret");
    std::fs::create_dir_all(sandbox.path("config")).unwrap();
    std::fs::write(sandbox.path("config/config.toml"), "[server]\nprot = 1\n").unwrap();
    sandbox.run(&["serve"]).exits(2).says("server.prot").says("server.port");
}

#[test]
fn a_setting_that_does_not_win_is_warned_about() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["config", "set", "server.port", "6001"]);
    Ran::of(command.env("BRANCHLINE_PORT", "6002")).ok().says("BRANCHLINE_PORT");
}

#[test]
fn a_stacks_env_file_is_used_or_ignored_name_by_name() {
    let sandbox = Sandbox::new();
    let text = "DOMAIN=localhost\nBACKEND_CORS_ORIGINS=[\"http://localhost:8080\"]\n\
                MLFLOW_PORT=5005\nFIRST_SUPERUSER=admin@ml.test\nFIRST_SUPERUSER_PASSWORD=hunter22\n\
                POSTGRES_PASSWORD=pg\nTRAEFIK_TAG=x\nSMTP_HOST=mail\n";
    std::fs::write(sandbox.path("stack.env"), text).unwrap();
    let list = sandbox.json(&["config", "list", "--env-file", "stack.env"]);
    let fate = |name: &str| {
        let all = list["variables"].as_array().unwrap();
        all.iter().find(|v| v["name"] == name).unwrap_or(&Value::Null).clone()
    };
    assert_eq!(fate("DOMAIN")["key"], "server.allowed_hosts");
    assert_eq!(fate("MLFLOW_PORT")["used"], true);
    assert_eq!(fate("SMTP_HOST")["used"], true);
    for name in ["POSTGRES_PASSWORD", "TRAEFIK_TAG"] {
        assert_eq!(fate(name)["used"], false, "{name}");
        assert!(fate(name)["reason"].is_string());
    }
    let ran = sandbox.run(&["config", "list", "--env-file", "stack.env"]).ok();
    assert!(ran.stdout.contains("used for server.port"), "{}", ran.stdout);
    assert!(ran.stdout.contains("ignored: "), "{}", ran.stdout);
    for secret in ["hunter22", "pg\t"] {
        assert!(!ran.stdout.contains(secret) && !list.to_string().contains("hunter22"));
    }
}

/// Every name of the stack's `.env`, of its code, of its frontend, and of what came after it:
/// those that mean something here, and those that do not.
const STACK: (&[&str], &[&str]) = (
    &[
        "DOMAIN",
        "SERVER_HOST",
        "BACKEND_CORS_ORIGINS",
        "FRONTEND_HOST",
        "PROJECT_NAME",
        "FIRST_SUPERUSER",
        "FIRST_SUPERUSER_PASSWORD",
        "SMTP_TLS",
        "SMTP_SSL",
        "SMTP_HOST",
        "SMTP_PORT",
        "SMTP_USER",
        "SMTP_PASSWORD",
        "EMAILS_FROM_EMAIL",
        "EMAILS_FROM_NAME",
        "USERS_OPEN_REGISTRATION",
        "MLFLOW_PORT",
    ],
    &[
        "STACK_NAME",
        "TRAEFIK_PUBLIC_NETWORK",
        "TRAEFIK_TAG",
        "TRAEFIK_PUBLIC_TAG",
        "DOCKER_IMAGE_BACKEND",
        "DOCKER_IMAGE_CELERYWORKER",
        "DOCKER_IMAGE_FRONTEND",
        "DOCKER_IMAGE_MLFLOW",
        "DOCKER_IMAGE_MLFLOWUI",
        "BROKER_URL",
        "CELERY_RESULT_BACKEND",
        "SECRET_KEY",
        "SENTRY_DSN",
        "FLOWER_BASIC_AUTH",
        "POSTGRES_SERVER",
        "POSTGRES_USER",
        "POSTGRES_PASSWORD",
        "POSTGRES_DB",
        "POSTGRES_MULTI_DB",
        "PGADMIN_LISTEN_PORT",
        "PGADMIN_DEFAULT_EMAIL",
        "PGADMIN_DEFAULT_PASSWORD",
        "PROJECT_ROOT",
        "PROXY_PORT_A",
        "PROXY_PORT_B",
        "PGADMIN_PORT",
        "FLOWER_PORT",
        "BACKEND_PORT",
        "FRONTEND_PORT",
        "MLFLOWUI_PORT",
        "MAILHOG_PORT",
        "MAILHOGUI_PORT",
        "API_V1_STR",
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "SERVER_NAME",
        "EMAIL_RESET_TOKEN_EXPIRE_HOURS",
        "EMAIL_TEMPLATES_DIR",
        "EMAILS_ENABLED",
        "EMAIL_TEST_USER",
        "SQLALCHEMY_DATABASE_URI",
        "VUE_APP_DOMAIN_DEV",
        "VUE_APP_DOMAIN_STAG",
        "VUE_APP_DOMAIN_PROD",
        "VUE_APP_NAME",
        "VUE_APP_ENV",
        "FASTAPI_ENV",
        "DATABASE_URL",
    ],
);

fn value_of(name: &str) -> &'static str {
    match name {
        "SMTP_TLS" | "SMTP_SSL" | "USERS_OPEN_REGISTRATION" => "true",
        _ if name.ends_with("_PORT") => "5005",
        _ if name.contains("PASSWORD") || name == "SECRET_KEY" => "hush-hush",
        "BACKEND_CORS_ORIGINS" | "FRONTEND_HOST" | "SERVER_HOST" => "http://localhost:8080",
        _ => "a.example",
    }
}

#[test]
fn every_name_of_the_stack_is_shown_with_what_became_of_it_and_where_it_stands() {
    let sandbox = Sandbox::new();
    let (used, ignored) = STACK;
    for name in used.iter().chain(ignored) {
        // One at a time: two names of one setting overrule each other.
        std::fs::write(sandbox.path("one.env"), format!("{name}={}\n", value_of(name))).unwrap();
        let list = sandbox.json(&["config", "list", "--env-file", "one.env"]);
        let all = list["variables"].as_array().unwrap();
        let row = all.iter().find(|row| row["name"] == *name);
        let row = row.unwrap_or_else(|| panic!("{name} has no row"));
        assert_eq!(row["used"], used.contains(name), "{row}");
        assert!(row["file"].as_str().unwrap().ends_with("one.env"), "{row}");
        if used.contains(name) {
            let key = row["key"].as_str().unwrap_or_else(|| panic!("{name} sets nothing"));
            let settings = list["settings"].as_array().unwrap();
            let setting = settings.iter().find(|setting| setting["key"] == key).unwrap();
            assert_eq!(setting["source"], ".env", "{setting}");
            assert!(setting["from"].as_str().unwrap().contains(name), "{setting}");
        } else {
            let reason = row["reason"].as_str().unwrap();
            assert!(!reason.contains("unknown"), "{name}: {reason}");
        }
        assert!(!list.to_string().contains("hush-hush"), "{name} is shown");
    }
}
