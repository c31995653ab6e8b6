//! How a server serves: what the settings say, made ready for the engine and for the surfaces.

use crate::config::Config;
use crate::tls::{Tls, TlsFiles};
use crate::{MailRules, ServerOptions, WebhookRules};
use branchline_core::location::split_scheme;
use branchline_core::{Error, JobRoute, Permission, Result, SystemClock};
use branchline_engine::home::DataDir;
use branchline_engine::{
    BucketOptions, Destination, Durability, EngineOptions, Hidden, JobRetention, JobRules,
    JobsHost, Location, TrainRules,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The data folder; made where it is missing.
    pub data_dir: DataDir,
    /// Address to listen on; any name of the loopback stands for both protocols.
    pub host: String,
    /// Port to listen on; 0 takes any free one.
    pub port: u16,
    /// Take another port when it is taken.
    pub port_fallback: bool,
    /// Whoever connects is the owner; only on the loopback.
    pub no_auth: bool,
    /// Do not serve the UI.
    pub api_only: bool,
    /// The window runs in this process.
    pub desktop: bool,
    /// Hosts beside the loopback names.
    pub allowed_hosts: Vec<String>,
    /// Origins whose pages may call from another site.
    pub cors_origins: Vec<String>,
    /// The certificate to show, with its key.
    pub tls: Option<TlsFiles>,
    /// How far a write has gone when its caller is answered.
    pub durability: Durability,
    /// Where new experiments keep artifacts; the server itself when `None`.
    pub default_artifact_root: Option<String>,
    /// What is behind `mlflow-artifacts:/`; in the data folder when `None`.
    pub artifacts_destination: Option<Destination>,
    /// Folders beside the data folder whose files may be shown.
    pub allowed_roots: Vec<PathBuf>,
    /// How S3-compatible storage is reached.
    pub buckets: BucketOptions,
    /// What lies longer in the trash goes for good; never when `None`.
    pub trash_days: Option<u32>,
    /// E-mail and password of the owner of an empty database.
    pub first_superuser: Option<(String, String)>,
    /// Which webhooks are told, and how.
    pub webhooks: WebhookRules,
    /// How mail leaves.
    pub mail: MailRules,
    /// Let people make accounts for themselves.
    pub open_registration: bool,
    /// Tell whoever asks for recovery that there is no such user.
    pub reveal_unknown_users: bool,
    /// What users may do with what they were given nothing of.
    pub default_permission: Permission,
    /// Run jobs; a server that only stands for a moment leaves them queued.
    pub run_jobs: bool,
    /// Let jobs run commands also while listening beyond this machine.
    pub jobs_allow_remote_submit: bool,
    /// What is kept of a job's log.
    pub jobs_log_bytes: u64,
    /// How long a job that was asked to end may take.
    pub jobs_grace: Duration,
    /// By how much their processes give way to others, 0 to 19.
    pub jobs_niceness: u8,
    /// Graphics processors that jobs share out among themselves.
    pub jobs_gpu_slots: u32,
    /// Whether secrets may be in the keyring of the operating system.
    pub keyring: bool,
    /// What the settings say of jobs.
    pub job_rules: JobRules,
    /// How many ended jobs are remembered, and how long.
    pub jobs_retention: JobRetention,
    /// The program's version.
    pub version: String,
}

impl HostOptions {
    /// What the settings say, for the data folder that the environment names.
    ///
    /// # Errors
    /// There is no home folder; half of the first superuser is missing; a relative
    /// artifact folder that cannot be made absolute.
    pub fn from_config(config: &Config, version: impl Into<String>) -> Result<Self> {
        let mut allowed_roots = config.allowed_roots.clone();
        let default_artifact_root = match &config.default_artifact_root {
            Some(root) => Some(absolute_root(root, &mut allowed_roots)?),
            None => None,
        };
        Ok(Self {
            data_dir: DataDir::locate(None)?,
            host: config.host.clone(),
            port: config.port,
            port_fallback: config.port_fallback,
            no_auth: config.no_auth,
            api_only: config.api_only,
            desktop: false,
            allowed_hosts: config.allowed_hosts.clone(),
            cors_origins: config.cors_allowed_origins.clone(),
            tls: TlsFiles::of(config.tls_certificate.as_deref(), config.tls_key.as_deref())?,
            durability: config.durability,
            default_artifact_root,
            artifacts_destination: config
                .artifacts_destination
                .as_deref()
                .map(destination)
                .transpose()?,
            allowed_roots,
            buckets: buckets(config)?,
            trash_days: Some(u32::from(config.trash_retention_days)).filter(|days| *days > 0),
            first_superuser: first_superuser(config)?,
            webhooks: WebhookRules {
                allowed_schemes: config.webhook_allowed_schemes.clone(),
                allow_private_ips: config.webhook_allow_private_ips,
                timeout: Duration::from_secs(u64::from(config.webhook_request_timeout.max(1))),
                max_retries: config.webhook_request_max_retries,
            },
            mail: MailRules {
                host: config.smtp_host.clone(),
                port: config.smtp_port,
                starttls: config.smtp_tls,
                tls: config.smtp_ssl,
                user: config.smtp_user.clone(),
                password: config.smtp_password.clone(),
                from: config.mail_from.clone(),
                from_name: config.mail_from_name.clone(),
                public_url: config.public_url.clone(),
            },
            open_registration: config.open_registration,
            reveal_unknown_users: config.reveal_unknown_users,
            default_permission: config.default_permission,
            run_jobs: true,
            jobs_allow_remote_submit: config.jobs_allow_remote_submit,
            jobs_log_bytes: u64::from(config.jobs_log_megabytes) * 1024 * 1024,
            jobs_grace: Duration::from_secs(u64::from(config.jobs_grace_seconds)),
            jobs_niceness: config.jobs_niceness.0,
            jobs_gpu_slots: u32::from(config.jobs_gpu_slots),
            keyring: config.keyring,
            job_rules: job_rules(config)?,
            jobs_retention: JobRetention {
                count: i64::try_from(config.jobs_keep_count).unwrap_or(i64::MAX),
                days: Some(u32::from(config.jobs_keep_days)).filter(|days| *days > 0),
            },
            version: version.into(),
        })
    }

    /// How the engine behind such a server is opened.
    pub fn engine_options(&self) -> EngineOptions {
        EngineOptions {
            data_dir: self.data_dir.root().to_owned(),
            durability: self.durability,
            clock: Arc::new(SystemClock),
            default_artifact_root: self.default_artifact_root.clone(),
            artifacts_destination: self.artifacts_destination.clone(),
            allowed_roots: self.allowed_roots.clone(),
            buckets: self.buckets.clone(),
            gpu_slots: self.jobs_gpu_slots,
            keyring: self.keyring,
        }
    }

    /// How jobs of a server at `url` are run: this program supervises their processes.
    pub(super) fn jobs_host(&self, url: &str) -> Result<JobsHost> {
        let supervisor = std::env::current_exe().map_err(|cause| {
            Error::internal("The program does not know where it is itself.").source(cause)
        })?;
        Ok(JobsHost {
            url: url.to_owned(),
            supervisor,
            log_bytes: self.jobs_log_bytes,
            grace: self.jobs_grace,
            niceness: self.jobs_niceness,
            read_job: crate::api::jobs::read_job,
            retention: self.jobs_retention,
        })
    }

    pub(super) fn server_options(
        &self,
        secret: &str,
        url: &str,
        started_at: i64,
        loopback: bool,
        tls: Option<Tls>,
    ) -> ServerOptions {
        ServerOptions {
            no_auth: self.no_auth,
            api_only: self.api_only,
            desktop: self.desktop,
            allowed_hosts: self.allowed_hosts.clone(),
            cors_origins: self.cors_origins.clone(),
            instance_secret: Some(secret.to_owned()),
            version: self.version.clone(),
            url: url.to_owned(),
            data_dir: self.data_dir.root().to_owned(),
            tls,
            durability: self.durability.as_str().to_owned(),
            started_at,
            default_artifact_root: self.default_artifact_root.clone(),
            webhooks: self.webhooks.clone(),
            trash_days: self.trash_days,
            mail: self.mail.clone(),
            open_registration: self.open_registration,
            reveal_unknown_users: self.reveal_unknown_users,
            refuse_commands: !loopback && !self.jobs_allow_remote_submit,
        }
    }
}

fn job_rules(config: &Config) -> Result<JobRules> {
    let routes = config.jobs_routes.iter().map(|route| JobRoute::parse(route));
    Ok(JobRules {
        routes: routes.collect::<Result<_>>()?,
        train: TrainRules {
            project: config.ml_project.clone(),
            python: config.ml_python.clone().map(PathBuf::from),
        },
        inline: config.jobs_inline,
    })
}

/// Where the server keeps artifacts: a folder, or a place in a bucket.
fn destination(text: &str) -> Result<Destination> {
    if Location::is_meant(text) {
        return Location::parse(text).map(Destination::Bucket);
    }
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(Error::invalid(format!(
            "Setting artifacts.destination: artifacts are not kept in '{scheme}:' locations."
        ))
        .hint("Name a folder, or a place in a bucket as `s3://bucket/prefix`."));
    }
    absolute(PathBuf::from(text)).map(Destination::Folder)
}

fn buckets(config: &Config) -> Result<BucketOptions> {
    let allowed = config.s3_buckets.iter().map(|uri| Location::parse(uri));
    Ok(BucketOptions {
        endpoint: config.s3_endpoint.clone(),
        region: config.s3_region.clone(),
        access_key_id: config.s3_access_key_id.clone(),
        secret_access_key: Hidden::new(config.s3_secret_access_key.expose()),
        session_token: Hidden::new(config.s3_session_token.expose()),
        allow_http: config.s3_allow_http,
        addressing: config.s3_addressing,
        no_presigned: !config.s3_presigned,
        allowed: allowed.collect::<Result<_>>()?,
    })
}

/// A folder given as a root is made absolute and may be read; a URI stays.
fn absolute_root(root: &str, allowed_roots: &mut Vec<PathBuf>) -> Result<String> {
    if split_scheme(root).is_some() {
        return Ok(root.to_owned());
    }
    let folder = absolute(PathBuf::from(root))?;
    allowed_roots.push(folder.clone());
    Ok(folder.to_string_lossy().into_owned())
}

fn absolute(path: PathBuf) -> Result<PathBuf> {
    std::path::absolute(&path).map_err(|cause| {
        Error::invalid(format!("'{}' is no folder.", path.display())).source(cause)
    })
}

fn first_superuser(config: &Config) -> Result<Option<(String, String)>> {
    let password = config.first_superuser_password.expose();
    match (&config.first_superuser, password.is_empty()) {
        (Some(email), false) => Ok(Some((email.clone(), password.to_owned()))),
        (None, true) => Ok(None),
        (Some(_), true) => Err(Error::invalid("FIRST_SUPERUSER is set without its password.")
            .hint("Set FIRST_SUPERUSER_PASSWORD too, or neither.")),
        (None, false) => Err(Error::invalid("FIRST_SUPERUSER_PASSWORD is set without a user.")
            .hint("Set FIRST_SUPERUSER to an e-mail address too, or neither.")),
    }
}
