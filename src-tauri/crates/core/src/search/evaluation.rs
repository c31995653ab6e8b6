//! What evaluation datasets can be searched by.

use super::field::{FEW, FEW_NAMES, Field, Group, Path, Type, no_tag_order};
use super::print::Key;
use crate::error::Result;
use std::fmt;

/// What evaluation datasets can be searched by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EvaluationDatasetField {
    /// `name`
    Name,
    /// `created_time`
    CreatedTime,
    /// `last_update_time`
    LastUpdateTime,
    /// `created_by`
    CreatedBy,
    /// `last_updated_by`
    LastUpdatedBy,
    /// `tags.team`
    Tag(String),
}

impl Field for EvaluationDatasetField {
    fn resolve(path: &Path<'_>) -> Result<Self> {
        path.no_aggregate()?;
        if path.group(&FEW, FEW_NAMES)? == Group::Tag {
            return Ok(Self::Tag(path.key()));
        }
        Ok(match path.word.key.as_str() {
            "name" => Self::Name,
            "created_time" => Self::CreatedTime,
            "last_update_time" => Self::LastUpdateTime,
            "created_by" => Self::CreatedBy,
            "last_updated_by" => Self::LastUpdatedBy,
            _ => {
                return Err(path.unknown(
                    "attribute",
                    "'name', 'created_time', 'last_update_time', 'created_by', 'last_updated_by'",
                ));
            }
        })
    }

    fn kind(&self) -> Type {
        match self {
            Self::Name | Self::CreatedBy | Self::LastUpdatedBy => Type::Text("attributes"),
            Self::CreatedTime | Self::LastUpdateTime => Type::Whole,
            Self::Tag(_) => Type::Text("tag"),
        }
    }

    fn resolve_order(path: &Path<'_>) -> Result<Self> {
        match Self::resolve(path)? {
            Self::Tag(_) => Err(no_tag_order()),
            field => Ok(field),
        }
    }
}

impl fmt::Display for EvaluationDatasetField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "name",
            Self::CreatedTime => "created_time",
            Self::LastUpdateTime => "last_update_time",
            Self::CreatedBy => "created_by",
            Self::LastUpdatedBy => "last_updated_by",
            Self::Tag(key) => return write!(f, "tags.{}", Key(key)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::EvaluationDatasetField::{CreatedBy, CreatedTime, LastUpdateTime, Name, Tag};
    use crate::search::tests::{cond, list, text};
    use crate::search::{
        Literal, Op, Order, parse_evaluation_dataset_filter, parse_evaluation_dataset_order,
    };

    #[test]
    fn evaluation_datasets() {
        let one = |filter: &str| parse_evaluation_dataset_filter(filter).unwrap().unwrap();
        assert_eq!(one("name LIKE 'a%'"), cond(Name, Op::Like, text("a%")));
        assert_eq!(one("name IN ('a', 'b')"), cond(Name, Op::In, list(&["a", "b"])));
        assert_eq!(one("created_time > 5"), cond(CreatedTime, Op::Gt, Literal::Integer(5)));
        assert_eq!(one("created_by = 'me'"), cond(CreatedBy, Op::Eq, text("me")));
        assert_eq!(one("tags.`a b` != 'x'"), cond(Tag("a b".into()), Op::Ne, text("x")));
        for (filter, words) in [
            ("dataset_id = 'd'", "Invalid attribute key"),
            ("params.a = 'x'", "Invalid entity type 'params'"),
            ("name > 'a'", "Invalid comparator"),
            ("created_time > 1.5", "Invalid value for numeric attribute"),
        ] {
            let error = parse_evaluation_dataset_filter(filter).unwrap_err();
            assert!(error.message.contains(words), "{filter}: {}", error.message);
        }
        let orders = ["last_update_time DESC".to_owned(), "name".to_owned()];
        assert_eq!(
            parse_evaluation_dataset_order(&orders).unwrap(),
            [
                Order { field: LastUpdateTime, ascending: false },
                Order { field: Name, ascending: true }
            ]
        );
        assert!(parse_evaluation_dataset_order(&["tags.a".to_owned()]).is_err());
    }
}
