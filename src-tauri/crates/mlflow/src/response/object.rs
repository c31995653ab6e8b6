//! The shapes that all messages share.

use super::Wire;
use branchline_core::{Param, Tag, number};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::fmt::Display;

/// A JSON object in the making.
pub(super) struct Object<S: Serializer>(S::SerializeMap);

impl<S: Serializer> Object<S> {
    pub(super) fn new(serializer: S) -> Result<Self, S::Error> {
        serializer.serialize_map(None).map(Self)
    }

    /// A field that is always there.
    pub(super) fn set<V: Serialize + ?Sized>(
        mut self,
        key: &'static str,
        value: &V,
    ) -> Result<Self, S::Error> {
        self.0.serialize_entry(key, value)?;
        Ok(self)
    }

    /// A field that is there when it has a value.
    pub(super) fn some<V: Serialize + ?Sized>(
        self,
        key: &'static str,
        value: Option<&V>,
    ) -> Result<Self, S::Error> {
        match value {
            Some(value) => self.set(key, value),
            None => Ok(self),
        }
    }

    /// A list, which is there when it is not empty.
    pub(super) fn list<T>(self, key: &'static str, items: &[T]) -> Result<Self, S::Error>
    where
        for<'v> Wire<'v, T>: Serialize,
    {
        if items.is_empty() { Ok(self) } else { self.set(key, &Each(items)) }
    }

    pub(super) fn end(self) -> Result<S::Ok, S::Error> {
        self.0.end()
    }
}

/// The items of a list.
pub(super) struct Each<'a, T>(pub(super) &'a [T]);

impl<T> Serialize for Each<'_, T>
where
    for<'v> Wire<'v, T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Wire))
    }
}

/// What is a number inside and a string on the wire, as ids are.
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A double, which JSON cannot always express.
pub(super) struct Double(pub(super) f64);

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match number::word(self.0) {
            None => serializer.serialize_f64(self.0),
            Some(word) => serializer.serialize_str(word),
        }
    }
}

impl Serialize for Wire<'_, Tag> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pair(serializer, &self.0.key, &self.0.value)
    }
}

impl Serialize for Wire<'_, Param> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pair(serializer, &self.0.key, &self.0.value)
    }
}

impl Serialize for Wire<'_, String> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

fn pair<S: Serializer>(serializer: S, key: &str, value: &str) -> Result<S::Ok, S::Error> {
    Object::new(serializer)?.set("key", key)?.set("value", value)?.end()
}
