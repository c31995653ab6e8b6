//! Scorers: kept and given back, never run. What one of them says about a model that only
//! a gateway has is refused, because there is no gateway.

use crate::Engine;
use crate::experiment::active;
use branchline_core::scorer::{check_sample_rate, check_scorer_name};
use branchline_core::{Actor, Error, ExperimentId, OnlineScoringConfig, Result, ScorerVersion};
use serde_json::Value;

/// A configuration for judging traces as they come.
#[derive(Debug, Clone, Default)]
pub struct NewOnlineScoring {
    /// The scorer's name.
    pub name: String,
    /// Which part of the traces, 0 to 1.
    pub sample_rate: f64,
    /// Which traces, in the language of trace searches.
    pub filter: Option<String>,
}

/// How deep a scorer may hold others.
const DEEPEST: usize = 64;

/// The model that a serialised scorer asks.
fn model(scorer: &Value, depth: usize) -> Option<&Value> {
    let part = |name: &str| scorer.get(name).filter(|part| part.is_object());
    if let Some(judge) = part("instructions_judge_pydantic_data") {
        return judge.get("model");
    }
    if let Some(built_in) = part("builtin_scorer_pydantic_data") {
        return built_in.get("model");
    }
    if let Some(memory) = part("memory_augmented_judge_data").filter(|_| depth < DEEPEST) {
        return model(memory.get("base_judge")?, depth + 1);
    }
    part("third_party_scorer_data")?.get("model")
}

fn check_serialized(json: &str) -> Result<()> {
    let scorer: Value = serde_json::from_str(json)
        .map_err(|error| Error::invalid("serialized_scorer must be valid JSON").source(error))?;
    if !scorer.is_object() {
        return Err(Error::invalid("serialized_scorer must be a JSON object"));
    }
    match model(&scorer, 0) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(model)) if model.trim().is_empty() => {
            Err(Error::invalid("Scorer model cannot be empty or contain only whitespace."))
        }
        Some(Value::String(model)) => match model.strip_prefix("gateway:/") {
            Some(endpoint) => Err(Error::not_found(format!(
                "GatewayEndpoint not found (name='{}')",
                endpoint.trim_start_matches('/')
            ))
            .hint("This server has no gateway; name the model of a provider instead.")),
            None => Ok(()),
        },
        Some(_) => Err(Error::invalid("Scorer model must be a string.")),
    }
}

impl Engine {
    /// Keeps a new version of a scorer.
    ///
    /// # Errors
    /// The experiment is not there or in the trash; the name or the scorer breaks a rule.
    pub async fn register_scorer(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
        serialized: String,
    ) -> Result<ScorerVersion> {
        check_scorer_name(name)?;
        check_serialized(&serialized)?;
        let name = name.to_owned();
        self.track(actor, move |tx, actor| {
            active(tx, experiment)?;
            tx.insert_scorer_version(actor, experiment, &name, &serialized)
        })
        .await
    }

    /// The newest version of each scorer of an experiment.
    ///
    /// # Errors
    /// The experiment is not there or in the trash.
    pub async fn scorers_of(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
    ) -> Result<Vec<ScorerVersion>> {
        self.read(actor, move |view| {
            active(view, experiment)?;
            view.latest_scorers(Some(&[experiment]))
        })
        .await
    }

    /// The newest version of each scorer of these experiments, or of all; those that are
    /// not there or in the trash are passed over.
    ///
    /// # Errors
    /// The database's.
    pub async fn scorers(
        &self,
        actor: &Actor,
        experiments: Option<Vec<ExperimentId>>,
    ) -> Result<Vec<ScorerVersion>> {
        let experiments = experiments.map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            ids
        });
        self.read(actor, move |view| view.latest_scorers(experiments.as_deref())).await
    }

    /// All versions of a scorer, oldest first.
    ///
    /// # Errors
    /// There is no such experiment or scorer.
    pub async fn scorer_versions(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
    ) -> Result<Vec<ScorerVersion>> {
        let name = name.to_owned();
        self.read(actor, move |view| {
            active(view, experiment)?;
            view.scorer_versions(experiment, &name)
        })
        .await
    }

    /// A version of a scorer, the newest unless one is named.
    ///
    /// # Errors
    /// There is no such experiment, scorer or version.
    pub async fn scorer(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
        version: Option<i64>,
    ) -> Result<ScorerVersion> {
        let name = name.to_owned();
        self.read(actor, move |view| {
            active(view, experiment)?;
            view.scorer_version(experiment, &name, version)
        })
        .await
    }

    /// Removes a version of a scorer, or the scorer with all of them.
    ///
    /// # Errors
    /// There is no such experiment, scorer or version.
    pub async fn delete_scorer(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        name: &str,
        version: Option<i64>,
    ) -> Result<()> {
        let name = name.to_owned();
        self.track(actor, move |tx, actor| {
            active(tx, experiment)?;
            let scorer = tx.scorer_row(experiment, &name)?;
            match version {
                Some(version) => tx.delete_scorer_version(actor, &scorer, version),
                None => {
                    tx.scorer_version(experiment, &name, None)?;
                    tx.delete_scorer(actor, &scorer)
                }
            }
        })
        .await
    }

    /// The configurations that some of these scorers have.
    ///
    /// # Errors
    /// The database's.
    pub async fn online_scoring_configs(
        &self,
        actor: &Actor,
        scorer_ids: Vec<String>,
    ) -> Result<Vec<OnlineScoringConfig>> {
        self.read(actor, move |view| view.online_scoring_configs(&scorer_ids)).await
    }

    /// Configures how a scorer judges traces as they come. More than none needs a scorer
    /// whose model a gateway has, and there is no gateway: only a rate of 0 is accepted.
    ///
    /// # Errors
    /// There is no such experiment or scorer; the rate is none, or not 0.
    pub async fn configure_online_scoring(
        &self,
        actor: &Actor,
        experiment: ExperimentId,
        new: NewOnlineScoring,
    ) -> Result<OnlineScoringConfig> {
        check_sample_rate(new.sample_rate)?;
        self.track(actor, move |tx, actor| {
            active(tx, experiment)?;
            let scorer = tx.scorer_row(experiment, &new.name)?;
            if new.sample_rate > 0.0 {
                return Err(Error::invalid(format!(
                    "Scorer '{}' does not use a gateway model. Automatic evaluation is only supported for scorers that use gateway models.",
                    new.name
                ))
                .into());
            }
            let config = OnlineScoringConfig {
                config_id: branchline_core::new_uuid().replace('-', ""),
                scorer_id: scorer.scorer_id.clone(),
                experiment_id: experiment,
                sample_rate: new.sample_rate,
                filter: new.filter,
            };
            tx.put_online_scoring_config(actor, &scorer, &config)?;
            Ok(config)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_a_scorer_is_checked() {
        for right in [
            r#"{"name":"s","call_source":"return True"}"#,
            r#"{"builtin_scorer_pydantic_data":{"model":"openai:/gpt-4"}}"#,
            r#"{"instructions_judge_pydantic_data":{"model":null}}"#,
        ] {
            check_serialized(right).unwrap();
        }
        for (wrong, words) in [
            ("{", "valid JSON"),
            ("[]", "JSON object"),
            (r#"{"instructions_judge_pydantic_data":{"model":" "}}"#, "cannot be empty"),
            (r#"{"builtin_scorer_pydantic_data":{"model":5}}"#, "must be a string"),
            (
                r#"{"memory_augmented_judge_data":{"base_judge":{"builtin_scorer_pydantic_data":
                    {"model":"gateway:/mine"}}}}"#,
                "GatewayEndpoint not found (name='mine')",
            ),
        ] {
            let error = check_serialized(wrong).unwrap_err();
            assert!(error.message.contains(words), "{wrong}: {}", error.message);
        }
    }
}
