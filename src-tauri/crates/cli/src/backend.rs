//! Who does the work: this process as the owner of the data folder, or the server
//! that owns it, over HTTP. Commands do not need to know which.

use crate::VERSION;
use crate::args::Globals;
use crate::failure::{Exit, Failure};
use crate::time::rfc3339;
use branchline_client::{
    Account, AccountUpdate, BackupDone, CheckDone, Client, Connected, DatabaseStatus, EmptiedTrash,
    Migration, NewAccount, NewToken, OutboxList, OutboxMail, QueryRows, Token,
};
use branchline_core::{Actor, Error, Scope};
use branchline_engine::home::DataDir;
use branchline_engine::instance::{InstanceInfo, LockError, OwnerLock};
use branchline_engine::{Engine, NewUser, TrashChoice, UserUpdate};
use branchline_server::config::{Config, Overrides};
use branchline_server::connect::{Connected as Made, Ends};
use branchline_server::host::HostOptions;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long an owner that just starts or ends is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(25);

/// The settings in force for a command without flags of its own.
pub(crate) fn config(globals: &Globals) -> Result<Config, Failure> {
    let mut overrides = Overrides::default();
    overrides.env_file.clone_from(&globals.env_file);
    Ok(Config::load(&overrides)?)
}

/// The data folder that was asked for.
pub(crate) fn data_dir(globals: &Globals) -> Result<DataDir, Failure> {
    Ok(DataDir::locate(globals.data_dir.clone())?)
}

/// What the settings say about a server of the data folder that was asked for.
pub(crate) fn host_options(globals: &Globals, config: &Config) -> Result<HostOptions, Failure> {
    let mut options = HostOptions::from_config(config, VERSION)?;
    options.data_dir = data_dir(globals)?;
    Ok(options)
}

/// Whether the data folder is ours, or whose guest we are.
pub(crate) enum Tenancy {
    /// Nobody had it; now we have.
    Owner(OwnerLock),
    /// This server has it, and answers.
    Guest(Client, InstanceInfo),
}

impl Tenancy {
    /// Takes the data folder, or finds the server that has it. An owner that just
    /// starts, ends, or does one command is waited for.
    pub(crate) async fn find(data_dir: &DataDir) -> Result<Self, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let in_use = match OwnerLock::acquire(data_dir) {
                Ok(lock) => return Ok(Self::Owner(lock)),
                Err(error) => error,
            };
            let LockError::InUse { info, .. } = &in_use else { return Err(in_use.into()) };
            let refused = match info {
                Some(info) => match greet(info).await {
                    Ok(client) => return Ok(Self::Guest(client, info.clone())),
                    Err(refused) => refused,
                },
                None => in_use.into(),
            };
            if Instant::now() >= deadline {
                return Err(refused);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn greet(info: &InstanceInfo) -> Result<Client, Failure> {
    let client = Client::new(&info.url, Some(info.secret.clone()))?;
    client.health().await?;
    Ok(client)
}

/// Does what commands ask for.
pub(crate) enum Backend {
    /// In this process.
    Owner(Box<Owner>),
    /// In the server's.
    Guest(Client),
}

/// The engine in this process, and the lock that makes it ours.
pub(crate) struct Owner {
    engine: Engine,
    actor: Actor,
    // Dropped after the engine, so that the folder is free only then.
    _lock: OwnerLock,
}

impl Backend {
    /// Becomes the owner or a guest of the data folder.
    pub(crate) async fn open(globals: &Globals) -> Result<Self, Failure> {
        let options = host_options(globals, &config(globals)?)?;
        let lock = match Tenancy::find(&options.data_dir).await? {
            Tenancy::Guest(client, _) => return Ok(Self::Guest(client)),
            Tenancy::Owner(lock) => lock,
        };
        options.data_dir.create()?;
        let engine = Engine::open(options.engine_options())?;
        let actor = engine.owner_actor().await?;
        Ok(Self::Owner(Box::new(Owner { engine, actor, _lock: lock })))
    }

    /// Finishes what is open. Not needed after a failure: the database is sound at
    /// every moment.
    pub(crate) async fn close(self) {
        if let Self::Owner(owner) = self {
            owner.engine.close().await;
        }
    }

    /// Gives a token for a client of the server, or of the one at `url` when none runs.
    pub(crate) async fn connect(
        &self,
        url: &str,
        known: &[String],
        ends: Ends,
    ) -> Result<Connected, Failure> {
        match self {
            Self::Owner(owner) => {
                let Owner { engine, actor, .. } = &**owner;
                let made = branchline_server::connect::connect(engine, actor, url, known, ends);
                Ok(connected_of(made.await?))
            }
            Self::Guest(client) => {
                let expires_at = match ends {
                    Ends::Usual => None,
                    Ends::Never => Some(Value::Null),
                    Ends::At(end) => Some(rfc3339(end).into()),
                };
                Ok(client.connect(known, expires_at).await?)
            }
        }
    }

    /// The user name that clients of the data folder's owner give.
    pub(crate) async fn username(&self) -> Result<String, Failure> {
        match self {
            Self::Owner(owner) => Ok(owner.actor.email.clone()),
            Self::Guest(client) => Ok(client.me().await?.email),
        }
    }

    pub(crate) async fn create_token(
        &self,
        name: &str,
        scope: Scope,
        expires_at: Option<i64>,
    ) -> Result<NewToken, Failure> {
        match self {
            Self::Owner(owner) => {
                let made = owner.engine.create_token(&owner.actor, name, scope, expires_at);
                let (token, secret) = made.await?;
                Ok(NewToken { token: token_of(token), secret })
            }
            Self::Guest(client) => {
                let expires_at = expires_at.map(rfc3339);
                Ok(client.create_token(name, scope.as_str(), expires_at.as_deref()).await?)
            }
        }
    }

    pub(crate) async fn tokens(&self) -> Result<Vec<Token>, Failure> {
        match self {
            Self::Owner(owner) => {
                let tokens = owner.engine.tokens(&owner.actor).await?;
                Ok(tokens.into_iter().map(token_of).collect())
            }
            Self::Guest(client) => Ok(client.tokens().await?.tokens),
        }
    }

    pub(crate) async fn revoke_token(&self, id: i64) -> Result<(), Failure> {
        match self {
            Self::Owner(owner) => Ok(owner.engine.revoke_token(&owner.actor, id).await?),
            Self::Guest(client) => Ok(client.revoke_token(id).await?),
        }
    }

    pub(crate) async fn rotate_signing_key(&self) -> Result<(), Failure> {
        match self {
            Self::Owner(owner) => Ok(owner.engine.rotate_signing_key(&owner.actor).await?),
            Self::Guest(client) => Ok(client.rotate_signing_key().await?),
        }
    }

    pub(crate) async fn users(&self) -> Result<Vec<Account>, Failure> {
        match self {
            Self::Owner(owner) => {
                let users = owner.engine.users(&owner.actor, 0, i64::MAX).await?;
                Ok(users.into_iter().map(account_of).collect())
            }
            Self::Guest(client) => Ok(client.users().await?),
        }
    }

    async fn user_id(&self, email: &str) -> Result<i64, Failure> {
        let users = self.users().await?;
        users
            .into_iter()
            .find(|user| user.email.eq_ignore_ascii_case(email))
            .map(|user| user.id)
            .ok_or_else(|| Failure::new(Exit::NotFound, format!("There is no user '{email}'.")))
    }

    pub(crate) async fn create_user(&self, new: NewAccount) -> Result<Account, Failure> {
        match self {
            Self::Owner(owner) => {
                let new = NewUser {
                    email: new.email,
                    password: Some(new.password),
                    full_name: new.full_name,
                    inactive: false,
                    is_superuser: new.is_superuser,
                };
                Ok(account_of(owner.engine.create_user(&owner.actor, new).await?))
            }
            Self::Guest(client) => Ok(client.create_user(&new).await?),
        }
    }

    pub(crate) async fn update_user(
        &self,
        email: &str,
        update: AccountUpdate,
    ) -> Result<Account, Failure> {
        let id = self.user_id(email).await?;
        match self {
            Self::Owner(owner) => {
                let AccountUpdate { email, full_name, is_active, is_superuser, password } = update;
                let update = UserUpdate { email, full_name, is_active, is_superuser, password };
                Ok(account_of(owner.engine.update_user(&owner.actor, id, update).await?))
            }
            Self::Guest(client) => Ok(client.update_user(id, &update).await?),
        }
    }

    pub(crate) async fn delete_user(&self, email: &str) -> Result<(), Failure> {
        let id = self.user_id(email).await?;
        match self {
            Self::Owner(owner) => {
                owner.engine.delete_user(&owner.actor, id).await?;
                Ok(())
            }
            Self::Guest(client) => Ok(client.delete_user(id).await?),
        }
    }

    pub(crate) async fn outbox(&self, limit: i64) -> Result<OutboxList, Failure> {
        match self {
            Self::Owner(owner) => {
                let mail = owner.engine.mails(&owner.actor, 0, limit).await?;
                Ok(OutboxList { mail: mail.into_iter().map(mail_of).collect() })
            }
            Self::Guest(client) => Ok(client.outbox(limit).await?),
        }
    }

    pub(crate) async fn mail(&self, id: i64) -> Result<OutboxMail, Failure> {
        match self {
            Self::Owner(owner) => Ok(mail_of(owner.engine.mail(&owner.actor, id).await?)),
            Self::Guest(client) => Ok(client.mail(id).await?),
        }
    }

    pub(crate) async fn backup(&self, file: &Path) -> Result<BackupDone, Failure> {
        let path = file.to_str().ok_or_else(|| {
            Failure::new(Exit::Usage, format!("'{}' is not UTF-8.", file.display()))
        })?;
        match self {
            Self::Owner(owner) => {
                owner.engine.backup(&owner.actor, file).await?;
                let size_bytes = std::fs::metadata(file).map_or(0, |meta| meta.len());
                Ok(BackupDone { path: path.to_owned(), size_bytes })
            }
            Self::Guest(client) => Ok(client.backup(path).await?),
        }
    }

    pub(crate) async fn check(&self) -> Result<CheckDone, Failure> {
        match self {
            Self::Owner(owner) => {
                let problems = owner.engine.check(&owner.actor).await?;
                Ok(CheckDone { ok: problems.is_empty(), problems })
            }
            Self::Guest(client) => Ok(client.check_database().await?),
        }
    }

    pub(crate) async fn query(&self, sql: &str, limit: usize) -> Result<QueryRows, Failure> {
        match self {
            Self::Owner(owner) => {
                let found = owner.engine.query(&owner.actor, sql, limit).await?;
                Ok(QueryRows {
                    columns: found.columns,
                    rows: found.rows,
                    truncated: found.truncated,
                })
            }
            Self::Guest(client) => Ok(client.query(sql, limit).await?),
        }
    }

    pub(crate) async fn rebuild_index(&self) -> Result<(), Failure> {
        match self {
            Self::Owner(owner) => Ok(owner.engine.rebuild_index(&owner.actor).await?),
            Self::Guest(client) => Ok(client.rebuild_index().await?),
        }
    }

    /// Removes for good what is in the trash since before `before`, milliseconds UTC.
    pub(crate) async fn empty_trash(
        &self,
        before: Option<i64>,
        dry_run: bool,
    ) -> Result<EmptiedTrash, Failure> {
        let owner = match self {
            Self::Owner(owner) => owner,
            Self::Guest(client) => {
                let before = before.map(rfc3339);
                return Ok(client.empty_trash(before.as_deref(), dry_run).await?);
            }
        };
        let choice = TrashChoice::All { before };
        let gone = match dry_run {
            true => owner.engine.plan_trash(&owner.actor, &choice).await?,
            false => owner.engine.empty_trash(&owner.actor, &choice).await?,
        };
        Ok(EmptiedTrash {
            dry_run,
            experiments: gone.experiments,
            runs: gone.runs,
            logged_models: gone.models,
            database_bytes: gone.database_bytes,
            artifact_bytes: gone.artifact_bytes,
            versions: gone.versions,
            kept: gone.kept,
            elsewhere: gone.elsewhere,
        })
    }

    /// Calls a route of the own API, in this process or in the server's.
    pub(crate) async fn call(
        &self,
        method: &str,
        segments: &[&str],
        query: &[(&str, String)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        match self {
            Self::Owner(owner) => {
                let call = branchline_server::local::call;
                Ok(call(&owner.engine, method, segments, query, body).await?)
            }
            Self::Guest(client) => Ok(client.call(method, segments, query, body).await?),
        }
    }

    pub(crate) async fn status(&self) -> Result<DatabaseStatus, Failure> {
        match self {
            Self::Owner(owner) => Ok(status_of(&owner.engine).await?),
            Self::Guest(client) => Ok(client.database_status().await?),
        }
    }
}

async fn status_of(engine: &Engine) -> Result<DatabaseStatus, Error> {
    let stats = engine.stats(&engine.owner_actor().await?).await?;
    let migrations = engine.migration_status().await?.into_iter().map(|migration| Migration {
        version: migration.version,
        name: migration.name,
        applied: migration.applied,
    });
    Ok(DatabaseStatus {
        migrations: migrations.collect(),
        db_bytes: stats.db_bytes,
        wal_bytes: stats.wal_bytes,
        store_uuid: engine.store_uuid().to_owned(),
        cursor: engine.cursor().to_string(),
    })
}

/// A user as the API writes them, so that owner and guest print the same.
fn account_of(user: branchline_core::User) -> Account {
    Account {
        id: user.id,
        email: user.email,
        full_name: user.full_name,
        is_active: user.is_active,
        is_superuser: user.is_superuser,
    }
}

/// The same for a connection.
fn connected_of(made: Made) -> Connected {
    let Made { connection, token, reused, older } = made;
    let environment = connection.environment();
    Connected {
        environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        snippet: connection.snippet(),
        tracking_uri: connection.tracking_uri,
        username: connection.username,
        token: connection.token,
        token_id: token.id,
        expires_at: token.expires_at.map(rfc3339),
        reused,
        older_token_id: older,
        credentials_path: None,
        written: false,
    }
}

/// The same for a mail.
fn mail_of(mail: branchline_engine::Mail) -> OutboxMail {
    OutboxMail {
        id: mail.id,
        kind: mail.mail.kind.as_str().to_owned(),
        to: mail.mail.recipient,
        subject: mail.mail.subject,
        state: mail.state.as_str().to_owned(),
        error: mail.error,
        created_at: rfc3339(mail.created_at),
        sent_at: mail.sent_at.map(rfc3339),
        text: mail.mail.text,
        html: mail.mail.html,
    }
}

/// A token as the API writes it, so that owner and guest print the same.
fn token_of(token: branchline_core::Token) -> Token {
    Token {
        id: token.id,
        name: token.name,
        scope: token.scope.as_str().to_owned(),
        created_at: rfc3339(token.created_at),
        expires_at: token.expires_at.map(rfc3339),
        last_used_at: token.last_used_at.map(rfc3339),
    }
}
