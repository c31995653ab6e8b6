//! Values as protobuf's JSON mapping reads them.

use branchline_core::{ModelStatus, RunStatus, Tag, TraceState, ViewType};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A whole number, sent as a number or as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Int64(pub i64);

/// A double, sent as a number or as a string such as `NaN`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Double(pub f64);

/// Yes or no; in a query a word in any case, as Python writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(pub bool);

/// A repeated field; absent and null are the empty list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

/// An enum's value, sent by name or by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<T>(pub T);

/// An enum of MLflow's messages.
pub trait WireEnum: Sized {
    /// Reads a name as MLflow's messages declare it.
    fn from_name(name: &str) -> Option<Self>;
    /// Reads a number as MLflow's messages declare it.
    fn from_number(number: i64) -> Option<Self>;
}

impl WireEnum for RunStatus {
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
    fn from_number(number: i64) -> Option<Self> {
        Self::from_number(number)
    }
}

impl WireEnum for ModelStatus {
    fn from_name(name: &str) -> Option<Self> {
        Self::parse(name)
    }
    fn from_number(number: i64) -> Option<Self> {
        Self::from_number(number)
    }
}

impl WireEnum for TraceState {
    fn from_name(name: &str) -> Option<Self> {
        // Version 2 of the interface has its own name for the first.
        if name == "TRACE_STATUS_UNSPECIFIED" { Some(Self::Unspecified) } else { Self::parse(name) }
    }
    fn from_number(number: i64) -> Option<Self> {
        Self::from_number(number)
    }
}

impl WireEnum for ViewType {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "ACTIVE_ONLY" => Some(Self::ActiveOnly),
            "DELETED_ONLY" => Some(Self::DeletedOnly),
            "ALL" => Some(Self::All),
            _ => None,
        }
    }
    fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::ActiveOnly),
            2 => Some(Self::DeletedOnly),
            3 => Some(Self::All),
            _ => None,
        }
    }
}

/// A map of texts; absent and null are the empty one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts(pub Vec<Tag>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }
    fn visit_unit<E: de::Error>(self) -> Result<Texts, E> {
        Ok(Texts::default())
    }
    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some((key, value)) = map.next_entry()? {
            texts.push(Tag { key, value });
        }
        Ok(Texts(texts))
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|list| Self(list.unwrap_or_default()))
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntVisitor)
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DoubleVisitor)
    }
}

impl<'de, T: WireEnum> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamedVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }
    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Flag, E> {
        Ok(Flag(yes))
    }
    fn visit_str<E: de::Error>(self, word: &str) -> Result<Flag, E> {
        match word.to_ascii_lowercase().as_str() {
            "true" => Ok(Flag(true)),
            "false" => Ok(Flag(false)),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }
}

struct IntVisitor;

impl Visitor<'_> for IntVisitor {
    type Value = Int64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number of 64 bits")
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Int64, E> {
        Ok(Int64(number))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Int64, E> {
        i64::try_from(number).map(Int64).map_err(E::custom)
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Int64, E> {
        // 2^63 itself is one too many, and every f64 below it converts exactly.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if number.fract() == 0.0 && (-LIMIT..LIMIT).contains(&number) {
            #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
            return Ok(Int64(number as i64));
        }
        Err(E::invalid_value(de::Unexpected::Float(number), &self))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Int64, E> {
        text.parse().map(Int64).map_err(E::custom)
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = Double;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Double, E> {
        Ok(Double(number))
    }
    #[expect(clippy::cast_precision_loss, reason = "the field is a double")]
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Double, E> {
        Ok(Double(number as f64))
    }
    #[expect(clippy::cast_precision_loss, reason = "the field is a double")]
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Double, E> {
        Ok(Double(number as f64))
    }
    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Double, E> {
        Ok(Double(f64::from(u8::from(yes))))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Double, E> {
        text.parse().map(Double).map_err(E::custom)
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<T: WireEnum> Visitor<'_> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name or number of an enum's value")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Named<T>, E> {
        T::from_name(text)
            .or_else(|| T::from_number(text.parse().ok()?))
            .map(Named)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Named<T>, E> {
        T::from_number(number)
            .map(Named)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Named<T>, E> {
        self.visit_i64(i64::try_from(number).map_err(E::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(json: &str) -> Option<i64> {
        serde_json::from_str::<Int64>(json).ok().map(|n| n.0)
    }
    fn double(json: &str) -> Option<f64> {
        serde_json::from_str::<Double>(json).ok().map(|n| n.0)
    }
    fn status(json: &str) -> Option<RunStatus> {
        serde_json::from_str::<Named<RunStatus>>(json).ok().map(|n| n.0)
    }

    #[test]
    fn a_whole_number_is_a_number_or_a_string() {
        assert_eq!(int("1700000000000"), Some(1_700_000_000_000));
        assert_eq!(int("\"-5\""), Some(-5));
        assert_eq!(int("3.0"), Some(3));
        assert_eq!(int("-9223372036854775808"), Some(i64::MIN));
        for refused in ["1.5", "1e300", "9223372036854775808", "\"1.0\"", "\"\"", "true", "[]"] {
            assert_eq!(int(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_double_may_be_a_word() {
        assert_eq!(double("0.5"), Some(0.5));
        assert_eq!(double("3"), Some(3.0));
        assert_eq!(double("\"3.25\""), Some(3.25));
        assert_eq!(double("true"), Some(1.0));
        assert_eq!(double("\"Infinity\""), Some(f64::INFINITY));
        assert_eq!(double("\"-Infinity\""), Some(f64::NEG_INFINITY));
        assert!(double("\"NaN\"").is_some_and(f64::is_nan));
        for refused in ["\"abc\"", "\"\"", "{}"] {
            assert_eq!(double(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_enum_has_names_and_numbers() {
        assert_eq!(status("\"FINISHED\""), Some(RunStatus::Finished));
        assert_eq!(status("4"), Some(RunStatus::Failed));
        assert_eq!(status("\"5\""), Some(RunStatus::Killed));
        for refused in ["\"finished\"", "\"BOGUS\"", "99", "0", "1.5", "null"] {
            assert_eq!(status(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_flag_is_a_word_in_any_case() {
        let flag = |json: &str| serde_json::from_str::<Flag>(json).ok().map(|flag| flag.0);
        assert_eq!(flag("true"), Some(true));
        assert_eq!(flag("\"False\""), Some(false));
        for refused in ["\"maybe\"", "1", "null"] {
            assert_eq!(flag(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_list_may_be_null() {
        let list: List<Int64> = serde_json::from_str("null").unwrap();
        assert!(list.0.is_empty());
        let list: List<Int64> = serde_json::from_str("[1,\"2\"]").unwrap();
        assert_eq!(list.0, [Int64(1), Int64(2)]);
    }
}
