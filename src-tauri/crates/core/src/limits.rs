//! How much of what is accepted: MLflow's limits. Lengths are in characters.

/// Metrics in one `log-batch`.
pub const MAX_METRICS_PER_BATCH: usize = 1000;
/// Params in one `log-batch`, and tags likewise.
pub const MAX_PARAMS_TAGS_PER_BATCH: usize = 100;
/// Metrics, params and tags together in one `log-batch`.
pub const MAX_ENTITIES_PER_BATCH: usize = 1000;
/// Datasets in one `log-inputs`.
pub const MAX_DATASETS_PER_BATCH: usize = 1000;
/// Characters of a whole `log-batch` body.
pub const MAX_BATCH_LOG_REQUEST_SIZE: usize = 1_000_000;

/// Key of a metric, param or tag.
pub const KEY: usize = 250;
/// A param's value; longer ones are cut.
pub const PARAM_VALUE: usize = 6000;
/// A run tag's value; longer ones are cut.
pub const TAG_VALUE: usize = 8000;

/// An experiment's name.
pub const EXPERIMENT_NAME: usize = 500;
/// Key of an experiment's tag.
pub const EXPERIMENT_TAG_KEY: usize = 250;
/// Value of an experiment's tag; longer ones are refused.
pub const EXPERIMENT_TAG_VALUE: usize = 20_000;
/// An artifact location.
pub const ARTIFACT_LOCATION: usize = 2048;

/// A registered model's name.
pub const MODEL_NAME: usize = 256;
/// A logged model's name.
pub const LOGGED_MODEL_NAME: usize = 500;
/// Key of a tag in the registry.
pub const REGISTRY_TAG_KEY: usize = 250;
/// Value of a tag in the registry; longer ones are refused.
pub const REGISTRY_TAG_VALUE: usize = 100_000;
/// An alias.
pub const ALIAS: usize = 255;

/// A dataset's name.
pub const DATASET_NAME: usize = 500;
/// A dataset's digest.
pub const DATASET_DIGEST: usize = 36;
/// A dataset's source.
pub const DATASET_SOURCE: usize = 65_535;
/// A dataset's schema.
pub const DATASET_SCHEMA: usize = 1_048_575;
/// A dataset's profile.
pub const DATASET_PROFILE: usize = 16_777_215;
/// Key of a dataset input's tag.
pub const INPUT_TAG_KEY: usize = 255;
/// Value of a dataset input's tag.
pub const INPUT_TAG_VALUE: usize = 500;

/// An evaluation dataset's name.
pub const EVALUATION_DATASET_NAME: usize = 255;
/// Key of an evaluation dataset's tag.
pub const EVALUATION_TAG_KEY: usize = 255;
/// Value of an evaluation dataset's tag.
pub const EVALUATION_TAG_VALUE: usize = 100_000;
/// A scorer's name.
pub const SCORER_NAME: usize = 256;
/// A webhook's address.
pub const WEBHOOK_URL: usize = 2048;
/// A webhook's description, and its secret.
pub const WEBHOOK_TEXT: usize = 10_000;
/// Most webhooks that one page may ask for.
pub const MAX_RESULTS_WEBHOOKS: usize = 1000;

/// Most experiments, runs or metric points that one page may ask for.
pub const MAX_RESULTS: usize = 50_000;
/// Most registered models that one page may ask for.
pub const MAX_RESULTS_REGISTERED_MODELS: usize = 1000;
/// Most traces that one page may ask for.
pub const MAX_TRACE_RESULTS: usize = 500;
/// Most model versions that one page may ask for.
pub const MAX_RESULTS_MODEL_VERSIONS: usize = 200_000;

/// A trace's id.
pub const TRACE_ID: usize = 250;
/// Key of a trace's tag or metadata.
pub const TRACE_KEY: usize = 250;
/// A trace tag's or metadata's value; longer ones are cut.
pub const TRACE_VALUE: usize = 8000;
/// A trace's name.
pub const TRACE_NAME: usize = 4096;
/// The id of a session.
pub const SESSION_ID: usize = 250;
/// A preview of a request or response; longer ones are cut.
pub const TRACE_PREVIEW: usize = 1000;
/// A model's name, and its provider's; longer ones are cut.
pub const MODEL_DIMENSION: usize = 500;
/// Traces that one request may link to a run.
pub const MAX_TRACE_LINKS: usize = 100;
/// An assessment's name.
pub const ASSESSMENT_NAME: usize = 250;
/// A queue, name, key or id that a rule is about.
pub const RULE_TEXT: usize = 250;
