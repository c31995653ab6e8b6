//! YAML, read.

use yaml_rust2::{Yaml, YamlLoader};

/// The first document of a text, or what is wrong with it and where.
pub(super) fn parse(text: &str) -> Result<Yaml, (String, usize)> {
    let mut documents = YamlLoader::load_from_str(text)
        .map_err(|error| (error.info().to_owned(), error.marker().line()))?;
    if documents.is_empty() { Ok(Yaml::Null) } else { Ok(documents.swap_remove(0)) }
}

/// A scalar as the text that was written for it.
pub(super) fn text(value: &Yaml) -> Option<String> {
    match value {
        Yaml::Real(text) | Yaml::String(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(fact) => Some(fact.to_string()),
        _ => None,
    }
}
