//! JSON that stays as it was sent: objects in the order of their keys, merged without
//! reading the values.

use branchline_core::{Error, Result};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// An object's fields, in order; of a key that comes twice the last value counts.
#[derive(Debug, Default)]
pub(super) struct Fields {
    fields: Vec<(String, Box<RawValue>)>,
    /// Where each key stands, so that many keys cost no more each than few.
    places: HashMap<String, usize>,
}

impl Fields {
    /// Reads an object.
    pub(super) fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .map_err(|error| Error::invalid(format!("Not a JSON object: {error}.")).source(error))
    }

    fn set(&mut self, key: String, value: Box<RawValue>) {
        match self.places.get(&key).and_then(|place| self.fields.get_mut(*place)) {
            Some((_, old)) => *old = value,
            None => {
                self.places.insert(key.clone(), self.fields.len());
                self.fields.push((key, value));
            }
        }
    }

    /// Takes over the fields of another object.
    pub(super) fn update(&mut self, newer: Self) {
        for (key, value) in newer.fields {
            self.set(key, value);
        }
    }

    /// Each key with the name of its value's type.
    pub(super) fn types(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), type_of(value.get())))
    }

    /// A field's text.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let (_, value) = self.fields.get(*self.places.get(key)?)?;
        serde_json::from_str(value.get()).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(super) fn to_json(&self) -> String {
        // Texts and raw values always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((key, value)) = map.next_entry()? {
                    fields.set(key, value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (key, value) in &self.fields {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// MLflow's name for the type of a value.
pub(super) fn type_of(json: &str) -> &'static str {
    let json = json.trim_start();
    match json.as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "boolean",
        Some(b'"') => "string",
        Some(b'[') => "array",
        Some(b'{') => "object",
        _ if json.contains(['.', 'e', 'E']) => "float",
        _ => "integer",
    }
}

/// The same text for the same value, however its keys are ordered and spaced.
pub(super) fn canonical(json: &str) -> Result<String> {
    let value: Value = serde_json::from_str(json)
        .map_err(|error| Error::invalid(format!("Not valid JSON: {error}.")).source(error))?;
    let mut text = String::with_capacity(json.len());
    write_canonical(&value, &mut text);
    Ok(text)
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            // The map's own order depends on how serde_json was built.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.0.cmp(b.0));
            text.push('{');
            for (place, (key, value)) in fields.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_order_and_values_as_they_were() {
        let mut fields = Fields::read(r#"{"b": 1.50, "a": {"y":1, "x":2}}"#).unwrap();
        fields.update(Fields::read(r#"{"c": [1,  2], "b": null}"#).unwrap());
        assert_eq!(fields.to_json(), r#"{"b":null,"a":{"y":1, "x":2},"c":[1,  2]}"#);
        assert!(Fields::read("[]").is_err());
    }

    #[test]
    fn types_have_names() {
        for (json, name) in [
            ("null", "null"),
            ("true", "boolean"),
            (" -1", "integer"),
            ("1e3", "float"),
            ("1.0", "float"),
            ("\"e\"", "string"),
            ("[1]", "array"),
            ("{}", "object"),
        ] {
            assert_eq!(type_of(json), name, "{json}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter() {
        let one = canonical(r#"{"b":{"d":1,"c":"ü"},"a":[1,2]}"#).unwrap();
        assert_eq!(one, canonical("{ \"a\":[1, 2], \"b\":{\"c\":\"\\u00fc\",\"d\":1} }").unwrap());
        assert_ne!(one, canonical(r#"{"b":{"d":1,"c":"ü"},"a":[2,1]}"#).unwrap());
        assert_ne!(canonical("1").unwrap(), canonical("1.0").unwrap());
    }
}
