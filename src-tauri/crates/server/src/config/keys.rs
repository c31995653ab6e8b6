//! Every setting there is, declared once: its name, type, default, help and the
//! other names under which it is known. The template of `config.toml`, `config
//! list` and the reference page are made from these declarations.

use super::layer::Resolved;
use super::value::{Form, LogFormat, Niceness, Secret, Value};
use branchline_core::{Permission, Result};
use branchline_engine::{Addressing, Durability};
use std::path::PathBuf;

/// What is known about a setting.
#[derive(Debug)]
pub struct Key {
    /// `section.name`, its place in `config.toml`.
    pub name: &'static str,
    /// Lines of help; the first stands alone.
    pub help: &'static [&'static str],
    /// Its environment variable.
    pub variable: &'static str,
    /// The flag of `serve` that sets it.
    pub flag: &'static str,
    /// Its value when nothing says otherwise, as text.
    pub default: &'static str,
    /// Names in a stack's `.env` that mean the same; the first wins.
    pub stack: &'static [&'static str],
    /// How it stands in `config.toml`.
    pub form: Form,
    /// What is accepted.
    pub accepts: &'static str,
    /// Not shown, and not kept in `config.toml`.
    pub secret: bool,
    /// Refuses what is not accepted.
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl Key {
    /// The section of `config.toml` and the name in it.
    pub fn path(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }

    /// Whether a text is a value of it; the error says what is.
    pub(crate) fn accept(&self, text: &str) -> Result<(), String> {
        (self.check)(text)
    }

    /// Finds a setting by its name.
    pub fn find(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }
}

macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $default:literal,
        $name:literal, $variable:literal, $flag:literal, [$($stack:literal),*] $(, $secret:ident)?;
    )+) => {
        /// The settings that are in force.
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub struct Config {
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        /// Every setting, in the order in which to show them.
        pub static KEYS: &[Key] = &[$(Key {
            name: $name,
            help: &[$($help),+],
            variable: $variable,
            flag: $flag,
            default: $default,
            stack: &[$($stack),*],
            form: <$type as Value>::FORM,
            accepts: <$type as Value>::ACCEPTS,
            secret: false $(|| settings!(@ $secret))?,
            check: |text| <$type as Value>::read(text).map(drop),
        }),+];

        impl Config {
            /// Reads every setting from the layer that has the last word on it.
            pub(super) fn from_resolved(resolved: &Resolved) -> Result<Self> {
                Ok(Self { $($field: resolved.read($name)?,)+ })
            }
        }
    };
    (@ secret) => { true };
}

settings! {
    /// Address to listen on.
    /// `127.0.0.1` is this machine only, over IPv4 and, where it exists, IPv6.
    /// Any other address opens the server to the network.
    host: String = "127.0.0.1",
        "server.host", "BRANCHLINE_HOST", "--host", [];

    /// Port to listen on; 0 takes any free one.
    port: u16 = "5005",
        "server.port", "BRANCHLINE_PORT", "--port", ["MLFLOW_PORT"];

    /// Listen on a free port when the port is taken.
    port_fallback: bool = "false",
        "server.port_fallback", "BRANCHLINE_PORT_FALLBACK", "--port-fallback", [];

    /// Let whoever can connect act as the owner, without a credential.
    /// Every program of every user of this machine can then read and change everything.
    /// Refused when listening beyond this machine.
    no_auth: bool = "false",
        "server.no_auth", "BRANCHLINE_NO_AUTH", "--no-auth", [];

    /// Answer the APIs only, without the user interface.
    api_only: bool = "false",
        "server.api_only", "BRANCHLINE_API_ONLY", "--api-only", [];

    /// Host names, beside those of this machine, under which the server may be called.
    /// `name`, `name:port`, or with `*`. Requests for other hosts are refused.
    allowed_hosts: Vec<String> = "",
        "server.allowed_hosts", "BRANCHLINE_ALLOWED_HOSTS", "--allowed-hosts", ["DOMAIN"];

    /// Origins whose web pages may call the server from another site.
    cors_allowed_origins: Vec<String> = "",
        "server.cors_allowed_origins", "BRANCHLINE_CORS_ALLOWED_ORIGINS", "--cors-allowed-origins",
        ["BACKEND_CORS_ORIGINS", "FRONTEND_HOST"];

    /// File with the certificate that the server shows, in PEM, then those that vouch for it.
    /// From the network only `https` is spoken then; programs of this machine may go on
    /// without. Empty: no TLS.
    tls_certificate: Option<String> = "",
        "server.tls_certificate", "BRANCHLINE_TLS_CERTIFICATE", "", [];

    /// File with the private key that belongs to the certificate, in PEM.
    tls_key: Option<String> = "",
        "server.tls_key", "BRANCHLINE_TLS_KEY", "", [];

    /// How far a write has gone when it is acknowledged.
    /// `balanced`: metrics, params and tags survive the end of the process, and a power cut
    /// costs at most 100 ms of them; everything else is on the disk.
    /// `power-safe`: everything is on the disk.
    /// `fast`: nothing waits for the disk; for throw-away work.
    durability: Durability = "balanced",
        "storage.durability", "BRANCHLINE_DURABILITY", "--durability", [];

    /// Artifact root that new experiments get, as a URI or a folder.
    /// Empty: the server keeps their artifacts itself.
    default_artifact_root: Option<String> = "",
        "artifacts.default_root", "BRANCHLINE_DEFAULT_ARTIFACT_ROOT", "--default-artifact-root", [];

    /// Folder or `s3://bucket/prefix` in which the server keeps artifacts.
    /// Empty: `artifacts` in the data folder.
    artifacts_destination: Option<String> = "",
        "artifacts.destination", "BRANCHLINE_ARTIFACTS_DESTINATION", "--artifacts-destination", [];

    /// Folders beside the data folder whose files may be shown as artifacts.
    allowed_roots: Vec<PathBuf> = "",
        "artifacts.allowed_roots", "BRANCHLINE_ALLOWED_ROOTS", "", [];

    /// Base URL of S3-compatible storage, such as `https://minio.example:9000`.
    /// Empty: Amazon S3.
    s3_endpoint: Option<String> = "",
        "s3.endpoint", "BRANCHLINE_S3_ENDPOINT", "",
        ["MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

    /// Region of the buckets.
    s3_region: String = "us-east-1",
        "s3.region", "BRANCHLINE_S3_REGION", "", ["AWS_REGION", "AWS_DEFAULT_REGION"];

    /// Key with which the server reads, writes and deletes artifacts in buckets.
    s3_access_key_id: Option<String> = "",
        "s3.access_key_id", "BRANCHLINE_S3_ACCESS_KEY_ID", "", ["AWS_ACCESS_KEY_ID"];

    /// Secret that belongs to `s3.access_key_id`.
    s3_secret_access_key: Secret = "",
        "s3.secret_access_key", "BRANCHLINE_S3_SECRET_ACCESS_KEY", "",
        ["AWS_SECRET_ACCESS_KEY"], secret;

    /// Token that belongs to a key which expires.
    s3_session_token: Secret = "",
        "s3.session_token", "BRANCHLINE_S3_SESSION_TOKEN", "", ["AWS_SESSION_TOKEN"], secret;

    /// Speak to an endpoint on another machine without TLS.
    /// What is stored and read can then be seen and changed on the way. On this machine
    /// `http` needs no leave.
    s3_allow_http: bool = "false",
        "s3.allow_http", "BRANCHLINE_S3_ALLOW_HTTP", "", [];

    /// Where the bucket's name stands in a URL: `path`, `virtual`, or `auto`.
    /// `auto` is `virtual` (in the host) for Amazon, and `path` for an endpoint.
    s3_addressing: Addressing = "auto",
        "s3.addressing", "BRANCHLINE_S3_ADDRESSING", "", ["MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE"];

    /// Let clients move the bytes of large files between themselves and the bucket.
    /// They get addresses for it that hold for a while. Set it to false where clients cannot
    /// reach the endpoint: then everything passes through the server.
    s3_presigned: bool = "true",
        "s3.presigned", "BRANCHLINE_S3_PRESIGNED", "", [];

    /// Buckets, as `s3://bucket` or `s3://bucket/prefix`, that experiments may name.
    /// Whoever may make an experiment can then read there with the server's key. Empty: all
    /// that the key reaches.
    s3_buckets: Vec<String> = "",
        "s3.buckets", "BRANCHLINE_S3_BUCKETS", "", [];

    /// Schemes that the address of a webhook may have: `https`, and perhaps `http`.
    webhook_allowed_schemes: Vec<String> = "https",
        "webhooks.allowed_schemes", "BRANCHLINE_WEBHOOK_ALLOWED_SCHEMES", "",
        ["MLFLOW_WEBHOOK_ALLOWED_SCHEMES"];

    /// Tell webhooks on this machine and in private networks too.
    /// Whoever may make a webhook can then make the server call what only it can reach,
    /// such as the services of a cloud: for trying things out.
    webhook_allow_private_ips: bool = "false",
        "webhooks.allow_private_ips", "BRANCHLINE_WEBHOOK_ALLOW_PRIVATE_IPS", "",
        ["MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"];

    /// How many seconds a webhook has to answer.
    webhook_request_timeout: u16 = "30",
        "webhooks.request_timeout", "BRANCHLINE_WEBHOOK_REQUEST_TIMEOUT", "",
        ["MLFLOW_WEBHOOK_REQUEST_TIMEOUT"];

    /// How often a webhook that does not answer well is told again.
    /// The waits double from one second, with up to one second of chance.
    webhook_request_max_retries: usize = "3",
        "webhooks.request_max_retries", "BRANCHLINE_WEBHOOK_REQUEST_MAX_RETRIES", "",
        ["MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES"];

    /// Days after which what lies in the trash is removed for good.
    /// 0: never; `branchline db gc` and the window's trash remove it when you say so.
    trash_retention_days: u16 = "0",
        "trash.retention_days", "BRANCHLINE_TRASH_RETENTION_DAYS", "", [];

    /// Let jobs run commands also while the server listens beyond this machine.
    /// Whoever has a superuser's credential can then run any program as you, from the network.
    jobs_allow_remote_submit: bool = "false",
        "jobs.allow_remote_submit", "BRANCHLINE_JOBS_ALLOW_REMOTE_SUBMIT", "", [];

    /// Megabytes that are kept of what a job writes; the rest is dropped.
    jobs_log_megabytes: u16 = "64",
        "jobs.log_megabytes", "BRANCHLINE_JOBS_LOG_MEGABYTES", "", [];

    /// Seconds that a job has to end after it was asked to, before it is asked harder.
    /// Asked first as by Ctrl-C, then as by the system; then it is made to.
    jobs_grace_seconds: u16 = "3",
        "jobs.grace_seconds", "BRANCHLINE_JOBS_GRACE_SECONDS", "", [];

    /// By how much more than Branchline itself the processes of jobs give way to others.
    /// 0: not at all; 19: they run when nobody else does. So the window, this server and what
    /// else you do stay quick while all processors train; alone, a job is as fast as at 0.
    jobs_niceness: Niceness = "5",
        "jobs.niceness", "BRANCHLINE_JOBS_NICENESS", "", [];

    /// Graphics processors that jobs share out among themselves, one job each at a time.
    /// A job that asks for some gets their numbers as CUDA_VISIBLE_DEVICES; one that asks for
    /// none sees none. 0: jobs ask for none, and see what Branchline itself sees.
    jobs_gpu_slots: u16 = "0",
        "jobs.gpu_slots", "BRANCHLINE_JOBS_GPU_SLOTS", "", [];

    /// Which queue jobs go to that name none, by task: `train.*=gpu, app.worker.*=slow`.
    /// The first that matches; `*` stands for anything. Else they go to `main-queue`.
    jobs_routes: Vec<String> = "",
        "jobs.routes", "BRANCHLINE_JOBS_ROUTES", "", [];

    /// Whoever asks for a job is answered after its end, and nothing is put off: for tests.
    /// As `branchline serve --jobs inline`. Jobs run as they do otherwise, in their queues.
    jobs_inline: bool = "false",
        "jobs.inline", "BRANCHLINE_JOBS_INLINE", "--jobs", [];

    /// Ended jobs that are remembered; the oldest go with their logs when there are more.
    /// Jobs of a chain, group or chord stay until all of it has ended.
    jobs_keep_count: usize = "10000",
        "jobs.keep_count", "BRANCHLINE_JOBS_KEEP_COUNT", "", [];

    /// Days after which an ended job is forgotten, with its log.
    /// 0: never, as long as there are not more than `jobs.keep_count`.
    jobs_keep_days: u16 = "0",
        "jobs.keep_days", "BRANCHLINE_JOBS_KEEP_DAYS", "", [];

    /// The project that trains for the stack's `ml/train-model`, by name.
    /// Its first task that takes alpha and l1_ratio does. Empty: the training that is built in.
    ml_project: Option<String> = "",
        "ml.project", "BRANCHLINE_ML_PROJECT", "", [];

    /// The Python of the training that is built in; it has mlflow and scikit-learn.
    /// Empty: the one of the environment that Branchline was started in, or a project's.
    ml_python: Option<String> = "",
        "ml.python", "BRANCHLINE_ML_PYTHON", "", [];

    /// How much is logged: error, warn, info, debug or trace.
    log_level: tracing::Level = "info",
        "log.level", "BRANCHLINE_LOG_LEVEL", "--log-level", [];

    /// How the log on stderr looks: text for people, json for log collectors.
    /// The files in the data folder are always text.
    log_format: LogFormat = "text",
        "log.format", "BRANCHLINE_LOG_FORMAT", "--log-format", [];

    /// How many daily log files are kept.
    log_files: usize = "14",
        "log.files", "BRANCHLINE_LOG_FILES", "", [];

    /// E-mail of the owner of an empty database.
    first_superuser: Option<String> = "",
        "accounts.first_superuser", "BRANCHLINE_FIRST_SUPERUSER", "", ["FIRST_SUPERUSER"];

    /// Password of the owner of an empty database.
    first_superuser_password: Secret = "",
        "accounts.first_superuser_password", "BRANCHLINE_FIRST_SUPERUSER_PASSWORD", "",
        ["FIRST_SUPERUSER_PASSWORD"], secret;

    /// Let people make accounts for themselves.
    open_registration: bool = "false",
        "accounts.open_registration", "BRANCHLINE_OPEN_REGISTRATION", "",
        ["USERS_OPEN_REGISTRATION"];

    /// What users may do with experiments and models that they were given nothing of.
    /// Superusers may do everything, and who makes a thing manages it.
    default_permission: Permission = "READ",
        "accounts.default_permission", "BRANCHLINE_DEFAULT_PERMISSION", "", [];

    /// Keep the signing key and the mail server's password in the system's keyring.
    /// Where none runs, and when false: in files of the data folder that only you may read.
    keyring: bool = "true",
        "accounts.keyring", "BRANCHLINE_KEYRING", "", [];

    /// Tell whoever asks for password recovery that there is no such user.
    /// As the stack did; anybody can then find out who has an account.
    reveal_unknown_users: bool = "false",
        "accounts.reveal_unknown_users", "BRANCHLINE_REVEAL_UNKNOWN_USERS", "", [];

    /// Server that mail is given to.
    /// Empty: mail is kept in the outbox, where the owner finds recovery links.
    smtp_host: Option<String> = "",
        "mail.smtp_host", "BRANCHLINE_SMTP_HOST", "", ["SMTP_HOST"];

    /// Its port.
    smtp_port: u16 = "587",
        "mail.smtp_port", "BRANCHLINE_SMTP_PORT", "", ["SMTP_PORT"];

    /// Go over to TLS after the greeting, and refuse to send without.
    smtp_tls: bool = "true",
        "mail.smtp_tls", "BRANCHLINE_SMTP_TLS", "", ["SMTP_TLS"];

    /// Speak TLS from the beginning, as on port 465.
    smtp_ssl: bool = "false",
        "mail.smtp_ssl", "BRANCHLINE_SMTP_SSL", "", ["SMTP_SSL"];

    /// Name to sign in to the mail server with; empty: without.
    smtp_user: Option<String> = "",
        "mail.smtp_user", "BRANCHLINE_SMTP_USER", "", ["SMTP_USER"];

    /// Password to it; `branchline mail password` keeps it in the system's keyring instead.
    smtp_password: Secret = "",
        "mail.smtp_password", "BRANCHLINE_SMTP_PASSWORD", "", ["SMTP_PASSWORD"], secret;

    /// Address that mail is sent from.
    mail_from: Option<String> = "",
        "mail.from", "BRANCHLINE_MAIL_FROM", "", ["EMAILS_FROM_EMAIL"];

    /// Name that mail is sent from, and what the server is called in it.
    mail_from_name: String = "Branchline",
        "mail.from_name", "BRANCHLINE_MAIL_FROM_NAME", "", ["EMAILS_FROM_NAME", "PROJECT_NAME"];

    /// Address that links in mail begin with.
    /// Empty: the address that the server listens on.
    public_url: Option<String> = "",
        "mail.public_url", "BRANCHLINE_PUBLIC_URL", "", ["SERVER_HOST"];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_holds_together() {
        for key in KEYS {
            assert!((key.check)(key.default).is_ok(), "{}'s own default is refused", key.name);
            assert!(key.variable.starts_with("BRANCHLINE_"), "{}", key.name);
            assert!(key.name.split('.').count() == 2, "{} has no section", key.name);
            assert!(key.help[0].trim().ends_with('.'), "{}: the first line stands alone", key.name);
        }
        for (n, key) in KEYS.iter().enumerate() {
            for other in &KEYS[n + 1..] {
                assert_ne!(key.name, other.name);
                assert_ne!(key.variable, other.variable);
                assert!(!key.stack.iter().any(|name| other.stack.contains(name)));
            }
        }
    }
}
