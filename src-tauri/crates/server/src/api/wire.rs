//! Types that the own API's bodies share: times, numbers that may be NaN, and the
//! small rules of patches.

use branchline_core::{Error, Lifecycle, Result, RunStatus, Tag, number};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// A moment: milliseconds UTC inside, RFC 3339 with `Z` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub i64);

impl Time {
    fn text(self) -> String {
        let end = if self.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
        DateTime::from_timestamp_millis(self.0)
            .unwrap_or(end)
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|time| Self(time.timestamp_millis())).map_err(
            |_| {
                serde::de::Error::custom(format!(
                    "'{text}' is not a time such as 2026-01-31T12:00:00Z"
                ))
            },
        )
    }
}

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        "Time".into()
    }
}

/// A field that is there, be it null.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// A measured number; what JSON cannot say is `"NaN"`, `"Infinity"` or `"-Infinity"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match number::word(self.0) {
            None => serializer.serialize_f64(self.0),
            Some(word) => serializer.serialize_str(word),
        }
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([
            "NaN",
            "Infinity",
            "-Infinity",
        ]));
        let number = ObjectBuilder::new()
            .schema_type(Type::Number)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)));
        OneOfBuilder::new()
            .item(number)
            .item(words)
            .description(Some("A number, or a word where JSON has no number."))
            .into()
    }
}

impl ToSchema for Number {
    fn name() -> Cow<'static, str> {
        "Number".into()
    }
}

/// Whether a thing is in use or in the trash.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Lifecycle)]
pub(crate) enum LifecycleBody {
    /// In use.
    Active,
    /// In the trash; can be restored.
    Deleted,
}

impl From<Lifecycle> for LifecycleBody {
    fn from(lifecycle: Lifecycle) -> Self {
        match lifecycle {
            Lifecycle::Active => Self::Active,
            Lifecycle::Deleted => Self::Deleted,
        }
    }
}

/// A run's state.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = RunStatus)]
pub(crate) enum RunStatusBody {
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

impl From<RunStatus> for RunStatusBody {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Running => Self::Running,
            RunStatus::Scheduled => Self::Scheduled,
            RunStatus::Finished => Self::Finished,
            RunStatus::Failed => Self::Failed,
            RunStatus::Killed => Self::Killed,
        }
    }
}

impl From<RunStatusBody> for RunStatus {
    fn from(status: RunStatusBody) -> Self {
        match status {
            RunStatusBody::Running => Self::Running,
            RunStatusBody::Scheduled => Self::Scheduled,
            RunStatusBody::Finished => Self::Finished,
            RunStatusBody::Failed => Self::Failed,
            RunStatusBody::Killed => Self::Killed,
        }
    }
}

/// Tags as an object. Bodies write the type out, since the OpenAPI macros take an
/// alias for a schema of its own.
pub(crate) type Tags = BTreeMap<String, String>;

/// Changes of tags: a value sets, `null` removes.
pub(crate) type TagPatch = BTreeMap<String, Option<String>>;

/// The tag that holds an entity's note (Markdown), as MLflow's UI keeps it.
pub(crate) const NOTE: &str = "mlflow.note.content";

/// Tags as an object.
pub(crate) fn tag_map(tags: Vec<Tag>) -> Tags {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Tags as the domain has them.
pub(crate) fn tag_list(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

/// Splits a patch, with the note as one more tag, into what to set and what to
/// remove. An empty note is removed.
pub(crate) fn split_patch(mut tags: TagPatch, note: Option<String>) -> (Vec<Tag>, Vec<String>) {
    if let Some(note) = note {
        tags.insert(NOTE.to_owned(), Some(note).filter(|note| !note.is_empty()));
    }
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    for (key, value) in tags {
        match value {
            Some(value) => set.push(Tag { key, value }),
            None => remove.push(key),
        }
    }
    (set, remove)
}

/// A page's size: `default` when not said, at most `most`.
pub(crate) fn page_size(asked: Option<usize>, default: usize, most: usize) -> Result<usize> {
    match asked {
        None => Ok(default),
        Some(0) => Err(Error::invalid("max_results must be at least 1.")),
        Some(size) => Ok(size.min(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_rfc_3339_in_utc_and_never_fail() {
        let text = |ms| serde_json::to_value(Time(ms)).unwrap();
        assert_eq!(text(0), json!("1970-01-01T00:00:00.000Z"));
        assert_eq!(text(1_764_000_000_123), json!("2025-11-24T16:00:00.123Z"));
        assert_eq!(text(-1), json!("1969-12-31T23:59:59.999Z"));
        assert!(text(i64::MAX).is_string() && text(i64::MIN).is_string());
        let read: Time = serde_json::from_value(json!("2025-11-24T17:00:00+01:00")).unwrap();
        assert_eq!(read, Time(1_764_000_000_000));
        assert!(serde_json::from_value::<Time>(json!("tomorrow")).is_err());
    }

    #[test]
    fn numbers_that_json_lacks_are_words() {
        let values = [1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(Number);
        assert_eq!(
            serde_json::to_string(&values).unwrap(),
            r#"[1.5,"NaN","Infinity","-Infinity"]"#
        );
    }

    #[test]
    fn a_patch_sets_and_removes() {
        let patch = TagPatch::from([("a".into(), Some("1".into())), ("b".into(), None)]);
        let (set, remove) = split_patch(patch, Some(String::new()));
        assert_eq!(set, [Tag { key: "a".into(), value: "1".into() }]);
        assert_eq!(remove, ["b", NOTE]);
    }
}
