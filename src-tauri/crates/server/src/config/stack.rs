//! Names of a Docker stack's `.env` that Branchline knows and has no use for, each
//! with the reason, so that a person who brings the file along is not left guessing.

/// Why a name is ignored; the first pattern that fits.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    IGNORED
        .iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(head) => name.starts_with(head),
            None => *pattern == name,
        })
        .map(|(_, reason)| *reason)
}

/// The patterns and reasons, for the reference page.
pub(super) static IGNORED: &[(&str, &str)] = &[
    ("STACK_NAME", "there are no containers to name"),
    ("TRAEFIK_*", "one address answers everything; there is no proxy"),
    ("PROXY_PORT_*", "one address answers everything; there is no proxy"),
    ("DOCKER_IMAGE_*", "there are no containers"),
    ("COMPOSE_*", "there are no containers"),
    ("PROJECT_ROOT", "artifacts are in the data folder"),
    ("BROKER_URL", "there is no message broker"),
    ("CELERY_*", "there is no Celery"),
    ("FLOWER*", "superusers read Flower's API under /flower, signed in as everywhere"),
    ("POSTGRES_*", "the database is a file in the data folder"),
    ("DATABASE_URL", "the database is a file in the data folder"),
    ("SQLALCHEMY_DATABASE_URI", "the database is a file in the data folder"),
    ("PGADMIN*", "`branchline db query` reads the database"),
    (
        "SECRET_KEY",
        "the key that signs tokens is made and kept by the program; `branchline tokens rotate-key` makes another",
    ),
    (
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "a sign-in lasts 8 days; personal access tokens say when they end",
    ),
    ("EMAIL_RESET_TOKEN_EXPIRE_HOURS", "a recovery link lives 48 hours"),
    ("EMAIL_TEMPLATES_DIR", "the mails are part of the program"),
    ("EMAIL_TEST_USER", "there is no user for tests"),
    ("EMAILS_ENABLED", "mail is sent when SMTP_HOST and EMAILS_FROM_EMAIL are set"),
    ("MAILHOG*", "every mail is kept in the outbox"),
    ("SENTRY_DSN", "no errors are sent anywhere"),
    ("API_V1_STR", "the path is always /api/v1"),
    ("SERVER_NAME", "set server.allowed_hosts"),
    ("BACKEND_PORT", "one port answers everything"),
    ("FRONTEND", "one port answers everything"),
    ("FRONTEND_PORT", "one port answers everything"),
    ("BACKEND", "one port answers everything"),
    ("MLFLOWUI*", "one port answers everything"),
    ("FASTAPI_ENV", "there is one environment"),
    ("ENVIRONMENT", "there is one environment"),
    ("VUE_APP_*", "the user interface is part of the program"),
    ("BRANCHLINE_DATA_DIR", "set it in the environment, or use --data-dir"),
    ("BRANCHLINE_CONFIG_DIR", "set it in the environment"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    #[test]
    fn nothing_that_is_used_is_called_ignored() {
        for key in KEYS {
            for name in key.stack.iter().chain([&key.variable]) {
                assert_eq!(reason(name), None, "{name} is used by {}", key.name);
            }
        }
        assert!(reason("TRAEFIK_TAG").is_some());
        assert!(reason("FLOWER_BASIC_AUTH").is_some());
        assert_eq!(reason("SOMETHING_ELSE"), None);
    }
}
