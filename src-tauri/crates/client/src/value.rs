//! Values whose form on the wire needs care.

use branchline_core::number;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A measurement: a JSON number, or the text `NaN`, `Infinity` or `-Infinity`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Finite(f64),
            Named(String),
        }
        match Wire::deserialize(deserializer)? {
            Wire::Finite(value) => Ok(Self(value)),
            Wire::Named(name) => match name.as_str() {
                "NaN" => Ok(Self(f64::NAN)),
                "Infinity" => Ok(Self(f64::INFINITY)),
                "-Infinity" => Ok(Self(f64::NEG_INFINITY)),
                _ => Err(serde::de::Error::custom(format!("'{name}' is not a number"))),
            },
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match number::word(self.0) {
            None => serializer.serialize_f64(self.0),
            Some(word) => serializer.serialize_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_has_not_are_names() {
        let text = r#"[1,0.5,"NaN","Infinity","-Infinity"]"#;
        let values: Vec<Number> = serde_json::from_str(text).unwrap();
        assert_eq!(values[1], Number(0.5));
        assert!(values[2].0.is_nan());
        assert_eq!(serde_json::to_string(&values).unwrap(), text.replace("[1,", "[1.0,"));
        assert!(serde_json::from_str::<Number>(r#""many""#).is_err());
    }
}
