//! The things that Branchline keeps, in the field's own words. Wire formats live
//! at the edges; these types are not serialisable on purpose.

use crate::id::{ExperimentId, ModelId, RunId};

/// Who acts. Every use case takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Row of the user.
    pub user_id: i64,
    /// The user's e-mail, which is also their MLflow user name.
    pub email: String,
    /// May do everything.
    pub is_superuser: bool,
    /// What the credential allows.
    pub scope: Scope,
}

/// What a credential allows; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read everything that the user may read.
    Read,
    /// And log runs, models and artifacts.
    Log,
    /// And administer.
    Admin,
}

impl Scope {
    /// The scope's name in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Log => "log",
            Self::Admin => "admin",
        }
    }
    /// Reads a scope's name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "log" => Some(Self::Log),
            "admin" => Some(Self::Admin),
            _ => None,
        }
    }
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Row.
    pub id: i64,
    /// Global identity.
    pub uid: String,
    /// Unique, lower-cased on comparison.
    pub email: String,
    /// As the person writes it; may be empty.
    pub full_name: String,
    /// May sign in.
    pub is_active: bool,
    /// May do everything.
    pub is_superuser: bool,
    /// Whether a password was set; without one only tokens and sign-in links work.
    pub has_password: bool,
    /// Milliseconds UTC.
    pub created_at: i64,
}

/// A personal access token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Row.
    pub id: i64,
    /// Given by the user.
    pub name: String,
    /// What it allows.
    pub scope: Scope,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC; `None` never ends.
    pub expires_at: Option<i64>,
    /// Milliseconds UTC, to the minute.
    pub last_used_at: Option<i64>,
}

/// Whether a thing is in use or in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    /// In use.
    Active,
    /// In the trash; can be restored.
    Deleted,
}

impl Lifecycle {
    /// MLflow's `lifecycle_stage`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

/// Which lifecycles a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ViewType {
    /// Active only.
    #[default]
    ActiveOnly,
    /// Deleted only.
    DeletedOnly,
    /// Both.
    All,
}

/// A key with a text value, on any entity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Unique on its entity.
    pub key: String,
    /// Free text.
    pub value: String,
}

/// A group of runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Experiment {
    /// MLflow's number.
    pub id: ExperimentId,
    /// Global identity.
    pub uid: String,
    /// Unique in its workspace, deleted ones included.
    pub name: String,
    /// Root under which runs keep artifacts, a URI.
    pub artifact_location: String,
    /// In use or in the trash.
    pub lifecycle: Lifecycle,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
    /// Change sequence number of the last change (an ETag outside).
    pub rev: i64,
    /// Sorted by key.
    pub tags: Vec<Tag>,
}

/// A run's state, MLflow's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Still going.
    Running,
    /// Not started yet.
    Scheduled,
    /// Ended well.
    Finished,
    /// Ended with an error.
    Failed,
    /// Ended from outside.
    Killed,
}

impl RunStatus {
    /// All of them, in MLflow's numbering (1-based).
    pub const ALL: [Self; 5] =
        [Self::Running, Self::Scheduled, Self::Finished, Self::Failed, Self::Killed];

    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
        }
    }
    /// MLflow's number, also the database's.
    pub fn number(self) -> i64 {
        match self {
            Self::Running => 1,
            Self::Scheduled => 2,
            Self::Finished => 3,
            Self::Failed => 4,
            Self::Killed => 5,
        }
    }
    /// Reads MLflow's number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.number() == number)
    }
    /// Reads MLflow's name (any case).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(text))
    }
    /// Whether the run has ended.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

/// What identifies a run and says how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RunInfo {
    /// 32 hexadecimal digits.
    pub run_id: RunId,
    /// Shown name; always equal to tag `mlflow.runName`.
    pub name: String,
    /// The experiment that holds it.
    pub experiment_id: ExperimentId,
    /// MLflow's free-text user.
    pub user_id: String,
    /// How it stands.
    pub status: RunStatus,
    /// Milliseconds UTC, as the client said.
    pub start_time: i64,
    /// Milliseconds UTC, as the client said; absent while running.
    pub end_time: Option<i64>,
    /// Root of its artifacts, a URI.
    pub artifact_uri: String,
    /// In use or in the trash.
    pub lifecycle: Lifecycle,
    /// Change sequence number of the last change; of its metrics only in a [`Run`].
    pub rev: i64,
}

/// One measurement. `value` may be NaN or infinite.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name.
    pub key: String,
    /// The number measured.
    pub value: f64,
    /// Milliseconds UTC, as the client said.
    pub timestamp: i64,
    /// Training step.
    pub step: i64,
    /// The logged model that it measures.
    pub model_id: Option<String>,
    /// The dataset that it was measured on.
    pub dataset_name: Option<String>,
    /// The dataset's digest.
    pub dataset_digest: Option<String>,
    /// The run that logged it; set where a metric is read through its model.
    pub run_id: Option<String>,
}

/// A run's input parameter. Never changes once written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Param {
    /// Name.
    pub key: String,
    /// Text.
    pub value: String,
}

/// A dataset as MLflow describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dataset {
    /// Unique with the digest in an experiment.
    pub name: String,
    /// Short fingerprint.
    pub digest: String,
    /// Kind of source.
    pub source_type: String,
    /// JSON or text.
    pub source: String,
    /// JSON.
    pub schema: Option<String>,
    /// JSON.
    pub profile: Option<String>,
}

/// A dataset that a run used, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatasetInput {
    /// `mlflow.data.context` says what for.
    pub tags: Vec<Tag>,
    /// What was used.
    pub dataset: Dataset,
}

/// A logged model that a run produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOutput {
    /// Which.
    pub model_id: ModelId,
    /// At which training step.
    pub step: i64,
}

/// A run with all that is current about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Identity and state.
    pub info: RunInfo,
    /// Latest point per key, sorted by key.
    pub metrics: Vec<Metric>,
    /// Sorted by key.
    pub params: Vec<Param>,
    /// Sorted by key.
    pub tags: Vec<Tag>,
    /// Datasets used.
    pub dataset_inputs: Vec<DatasetInput>,
    /// Logged models used.
    pub model_inputs: Vec<ModelId>,
    /// Logged models produced.
    pub model_outputs: Vec<ModelOutput>,
}

/// A logged model's state, MLflow's names and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelStatus {
    /// Not known.
    Unspecified,
    /// Files are still being uploaded.
    Pending,
    /// Can be loaded.
    Ready,
    /// The upload failed.
    UploadFailed,
}

impl ModelStatus {
    /// All, in MLflow's numbering (0-based).
    pub const ALL: [Self; 4] = [Self::Unspecified, Self::Pending, Self::Ready, Self::UploadFailed];
    /// MLflow's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "LOGGED_MODEL_STATUS_UNSPECIFIED",
            Self::Pending => "LOGGED_MODEL_PENDING",
            Self::Ready => "LOGGED_MODEL_READY",
            Self::UploadFailed => "LOGGED_MODEL_UPLOAD_FAILED",
        }
    }
    /// MLflow's number, also the database's.
    pub fn number(self) -> i64 {
        match self {
            Self::Unspecified => 0,
            Self::Pending => 1,
            Self::Ready => 2,
            Self::UploadFailed => 3,
        }
    }
    /// Reads MLflow's number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.number() == number)
    }
    /// Reads MLflow's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == text)
    }
}

/// A model that a run logged (MLflow 3).
#[derive(Debug, Clone, PartialEq)]
pub struct LoggedModel {
    /// `m-…`.
    pub model_id: ModelId,
    /// The experiment that holds it.
    pub experiment_id: ExperimentId,
    /// Given or generated.
    pub name: String,
    /// Free text.
    pub model_type: Option<String>,
    /// The run that made it.
    pub source_run_id: Option<RunId>,
    /// How it stands.
    pub status: ModelStatus,
    /// Words to the status.
    pub status_message: Option<String>,
    /// Root of its files, a URI.
    pub artifact_uri: String,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
    /// In use or deleted.
    pub lifecycle: Lifecycle,
    /// Sorted by key.
    pub params: Vec<Param>,
    /// Sorted by key.
    pub tags: Vec<Tag>,
    /// Latest per key and dataset.
    pub metrics: Vec<Metric>,
}

/// A name in the registry, with its versions summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredModel {
    /// Unique in its workspace.
    pub name: String,
    /// Global identity.
    pub uid: String,
    /// Markdown.
    pub description: Option<String>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
    /// Change sequence number of the last change.
    pub rev: i64,
    /// Sorted by key.
    pub tags: Vec<Tag>,
    /// Sorted by alias: (alias, version).
    pub aliases: Vec<(String, i64)>,
    /// Newest per stage.
    pub latest_versions: Vec<ModelVersion>,
}

/// One version of a registered model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelVersion {
    /// The registered model's name.
    pub name: String,
    /// Counts up from 1; never reused.
    pub version: i64,
    /// Global identity.
    pub uid: String,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
    /// MLflow's free-text user.
    pub user_id: Option<String>,
    /// None, Staging, Production or Archived.
    pub stage: String,
    /// Markdown.
    pub description: Option<String>,
    /// URI that it was made from.
    pub source: String,
    /// URI of the files where it differs from the source.
    pub storage_location: Option<String>,
    /// The run that made it.
    pub run_id: Option<String>,
    /// A link to that run elsewhere.
    pub run_link: Option<String>,
    /// The logged model behind it.
    pub model_id: Option<String>,
    /// READY, PENDING_REGISTRATION or FAILED_REGISTRATION.
    pub status: String,
    /// Words to the status.
    pub status_message: Option<String>,
    /// Change sequence number of the last change.
    pub rev: i64,
    /// Sorted by key.
    pub tags: Vec<Tag>,
    /// Sorted.
    pub aliases: Vec<String>,
}

/// One page of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// Opaque; absent on the last page.
    pub next_page_token: Option<String>,
}

/// A file or folder among artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Relative to the artifact root of its run or model, with `/`.
    pub path: String,
    /// A folder.
    pub is_dir: bool,
    /// Bytes; absent for folders.
    pub size: Option<u64>,
}
