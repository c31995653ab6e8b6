//! Where a new model version comes from: what the client claims is looked up and
//! checked before anything is written.

use branchline_core::{
    Actor, Error, ErrorCode, LoggedModel, ModelId, ModelVersion, Result, RunId, Tag,
};
use branchline_engine::Engine;
use branchline_mlflow::request::version_number;
use branchline_mlflow::source::{self, ModelUri, Owner, Place};

/// Says that a registered model is a prompt.
const PROMPT_TAG: &str = "mlflow.prompt.is_prompt";

/// A source and whose it is said to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    /// A URI.
    pub(crate) source: String,
    /// The run that made it.
    pub(crate) run_id: Option<String>,
    /// The logged model behind it.
    pub(crate) model_id: Option<String>,
}

/// Checks a claim. A copy of another version comes back with that one's number, run
/// and logged model.
pub(crate) async fn check(
    engine: &Engine,
    actor: &Actor,
    claim: Claim,
    tags: &[Tag],
) -> Result<Claim> {
    source::check_scheme("source", &claim.source)?;
    if is_prompt(tags) {
        source::check_prompt(&claim.source)?;
        return Ok(claim);
    }
    let claim = match original(engine, actor, &claim.source).await? {
        Some(original) => {
            let mut copy = copy_of(&claim, &original)?;
            if claim.model_id.is_none() {
                // A copy outlives the logged model that its original was made of.
                copy.model_id = existing(engine, actor, copy.model_id).await?;
            }
            copy
        }
        None => claim,
    };
    let given = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
    if let Some(id) = given(&claim.model_id) {
        let root = model_root(engine, actor, &claim.source, &id).await?;
        let place = Place { id: &id, root: root.as_deref() };
        source::check(&claim.source, Owner::Model(place))?;
    } else if let Some(id) = given(&claim.run_id) {
        let root = run_root(engine, actor, &claim.source, &id).await?;
        let place = Place { id: &id, root: root.as_deref() };
        source::check(&claim.source, Owner::Run(Some(place)))?;
    } else {
        source::check(&claim.source, Owner::Run(None))?;
    }
    Ok(claim)
}

/// Whether what has these tags is a prompt.
pub(crate) fn is_prompt(tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.key == PROMPT_TAG && tag.value.eq_ignore_ascii_case("true"))
}

/// The version that a `models:/name/…` source stands for.
async fn original(engine: &Engine, actor: &Actor, source: &str) -> Result<Option<ModelVersion>> {
    let Some(uri) = source::model_uri(source)? else { return Ok(None) };
    let (name, number) = match uri {
        ModelUri::Logged(_) => return Ok(None),
        ModelUri::Version(name, version) => {
            let number = version_number(&version)?;
            (name, number)
        }
        ModelUri::Latest(name) => {
            let number = newest(engine, actor, &name, None).await?;
            (name, number)
        }
        ModelUri::Stage(name, stage) => {
            let number = newest(engine, actor, &name, Some(stage)).await?;
            (name, number)
        }
        ModelUri::Alias(name, alias) => {
            let number = engine.version_by_alias(actor, &name, &alias).await?.version;
            (name, number)
        }
    };
    if is_prompt(&engine.registered_model(actor, &name).await?.tags) {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{source}'. Prompt versions cannot be used as model \
             version sources."
        )));
    }
    engine.model_version(actor, &name, number).await.map(Some)
}

async fn newest(engine: &Engine, actor: &Actor, name: &str, stage: Option<String>) -> Result<i64> {
    let words = stage.as_ref().map(|stage| format!(" and stage '{stage}'")).unwrap_or_default();
    let stages = stage.into_iter().collect();
    let versions = engine.latest_versions(actor, name, stages).await?;
    versions.iter().map(|version| version.version).max().ok_or_else(|| {
        Error::invalid(format!("No versions of model with name '{name}'{words} found"))
    })
}

fn copy_of(claim: &Claim, original: &ModelVersion) -> Result<Claim> {
    let differs = |claimed: &Option<String>, real: &Option<String>| {
        let real = real.as_deref().unwrap_or_default();
        claimed.as_deref().is_some_and(|claimed| claimed != real)
    };
    if differs(&claim.run_id, &original.run_id) || differs(&claim.model_id, &original.model_id) {
        return Err(Error::invalid(format!(
            "Invalid model version source: '{}'. The run_id and model_id request parameters must \
             match the referenced model version.",
            claim.source
        )));
    }
    Ok(Claim {
        source: format!("models:/{}/{}", original.name, original.version),
        run_id: claim.run_id.clone().or_else(|| original.run_id.clone()),
        model_id: claim.model_id.clone().or_else(|| original.model_id.clone()),
    })
}

async fn existing(engine: &Engine, actor: &Actor, id: Option<String>) -> Result<Option<String>> {
    let Some(id) = id else { return Ok(None) };
    Ok(logged_model(engine, actor, &id).await?.map(|_| id))
}

async fn model_root(
    engine: &Engine,
    actor: &Actor,
    source: &str,
    id: &str,
) -> Result<Option<String>> {
    if !source::needs_root(source) {
        return Ok(None);
    }
    Ok(logged_model(engine, actor, id).await?.map(|model| model.artifact_uri))
}

async fn logged_model(engine: &Engine, actor: &Actor, id: &str) -> Result<Option<LoggedModel>> {
    match engine.logged_model(actor, &ModelId::new(id)).await {
        Ok(model) => Ok(Some(model)),
        Err(error) if error.code == ErrorCode::ResourceDoesNotExist => Ok(None),
        Err(error) => Err(error),
    }
}

async fn run_root(
    engine: &Engine,
    actor: &Actor,
    source: &str,
    id: &str,
) -> Result<Option<String>> {
    if !source::needs_root(source) {
        return Ok(None);
    }
    let runs = engine.run_infos(actor, vec![RunId::new(id)]).await?;
    Ok(runs.into_iter().next().map(|run| run.artifact_uri))
}
