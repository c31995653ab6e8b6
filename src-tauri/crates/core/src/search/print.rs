//! How keys and values are written so that they read back as they were.

use super::lexer::is_word;
use super::tree::{
    ExperimentField, LoggedModelField, ModelVersionField, RegisteredModelField, RunField,
};
use std::fmt;

/// A key of a metric, param or tag: bare where that is unambiguous, else quoted.
pub(super) struct Key<'a>(pub(super) &'a str);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.0;
        if !key.is_empty() && !key.ends_with('.') && key.chars().all(|c| is_word(c) || c == '.') {
            return f.write_str(key);
        }
        // A backslash before the closing quote would swallow it inside " and '.
        match ['`', '"']
            .into_iter()
            .find(|&quote| !(key.contains(quote) || quote == '"' && key.ends_with('\\')))
        {
            Some(quote) => write!(f, "{quote}{key}{quote}"),
            None => write_escaped(f, key),
        }
    }
}

/// A text value.
pub(super) struct Text<'a> {
    text: &'a str,
    /// Whether a backslash in it would be read as an escape.
    escapes: bool,
}

impl<'a> Text<'a> {
    /// A value that stands alone: MLflow knows no escapes there.
    pub(super) fn plain(text: &'a str) -> Self {
        Self { text, escapes: false }
    }

    /// A value within a list, where MLflow reads Python's escapes.
    pub(super) fn in_list(text: &'a str) -> Self {
        Self { text, escapes: true }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text;
        let backslash = if self.escapes { text.contains('\\') } else { text.ends_with('\\') };
        match ['\'', '"'].into_iter().find(|&quote| !backslash && !text.contains(quote)) {
            Some(quote) => write!(f, "{quote}{text}{quote}"),
            None => write_escaped(f, text),
        }
    }
}

/// `E'…'`, the one form that can hold any text.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A number with a point or exponent, so that it reads back as a number.
pub(super) fn write_number(f: &mut fmt::Formatter<'_>, number: f64) -> fmt::Result {
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "1e999" } else { "-1e999" });
    }
    write!(f, "{number:?}")
}

impl fmt::Display for RunField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric(key) => write!(f, "metrics.{}", Key(key)),
            Self::MetricAgg(agg, key) => write!(f, "{}(metrics.{})", agg.as_str(), Key(key)),
            Self::Param(key) => write!(f, "params.{}", Key(key)),
            Self::Tag(key) => write!(f, "tags.{}", Key(key)),
            Self::Attribute(attribute) => f.write_str(attribute.as_str()),
            Self::Dataset(attribute) => write!(f, "dataset.{}", attribute.as_str()),
        }
    }
}

impl fmt::Display for ExperimentField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::ExperimentId => "experiment_id",
            Self::CreationTime => "creation_time",
            Self::LastUpdateTime => "last_update_time",
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
        })
    }
}

impl fmt::Display for RegisteredModelField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::CreationTime => "creation_timestamp",
            Self::LastUpdatedTime => "last_updated_timestamp",
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
        })
    }
}

impl fmt::Display for ModelVersionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::VersionNumber => "version_number",
            Self::RunId => "run_id",
            Self::SourcePath => "source_path",
            Self::CreationTime => "creation_timestamp",
            Self::LastUpdatedTime => "last_updated_timestamp",
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
        })
    }
}

impl fmt::Display for LoggedModelField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::ModelId => "model_id",
            Self::ModelType => "model_type",
            Self::Status => "status",
            Self::SourceRunId => "source_run_id",
            Self::CreationTime => "creation_timestamp",
            Self::LastUpdatedTime => "last_updated_timestamp",
            Self::Metric(key) => return write!(f, "metrics.{}", Key(key)),
            Self::Param(key) => return write!(f, "params.{}", Key(key)),
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
        })
    }
}
