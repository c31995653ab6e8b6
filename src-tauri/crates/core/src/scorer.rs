//! Scorers: what judges the answers of an application. They are kept, never run, here.

use crate::error::{Error, Result};
use crate::id::ExperimentId;

/// One version of a scorer.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerVersion {
    /// A UUID, the same for all versions.
    pub scorer_id: String,
    /// The experiment that holds it.
    pub experiment_id: ExperimentId,
    /// Unique in its experiment.
    pub name: String,
    /// Counts up from 1.
    pub version: i64,
    /// JSON, in the client's own form.
    pub serialized: String,
    /// Milliseconds UTC.
    pub created_at: i64,
}

/// How a scorer is to judge traces as they come.
#[derive(Debug, Clone, PartialEq)]
pub struct OnlineScoringConfig {
    /// 32 hexadecimal digits.
    pub config_id: String,
    /// The scorer.
    pub scorer_id: String,
    /// The scorer's experiment.
    pub experiment_id: ExperimentId,
    /// Which part of the traces, 0 to 1.
    pub sample_rate: f64,
    /// Which traces, in the language of trace searches.
    pub filter: Option<String>,
}

/// Checks a scorer's name.
///
/// # Errors
/// `InvalidParameterValue` when it is blank or too long.
pub fn check_scorer_name(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid("Scorer name cannot be empty or contain only whitespace."));
    }
    crate::name::check_length("Scorer name", name, crate::limits::SCORER_NAME)
}

/// Checks which part of the traces is judged.
///
/// # Errors
/// `InvalidParameterValue` when it is not between 0 and 1.
pub fn check_sample_rate(rate: f64) -> Result<()> {
    if (0.0..=1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::invalid(format!("sample_rate must be between 0.0 and 1.0, got {rate:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_part_of_one() {
        for right in [0.0, 0.5, 1.0] {
            check_sample_rate(right).unwrap();
        }
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(check_sample_rate(wrong).is_err(), "{wrong}");
        }
        assert!(check_scorer_name(" \t").is_err());
    }
}
