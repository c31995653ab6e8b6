//! What a sweep goes over: for each parameter values or a range, every combination or some
//! by chance. Pure: chance comes from a seed.

use super::task::{Parameter, ParameterKind};
use branchline_core::{Error, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Number, Value};

/// Jobs of a sweep at most.
pub const MOST_JOBS: usize = 500;

/// What one parameter goes over.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// These values.
    Values(Vec<Value>),
    /// Numbers between two, both included.
    Range {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// How many of them, for every combination.
        steps: Option<u32>,
        /// Even in their orders of magnitude.
        log: bool,
    },
}

/// How points are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every combination.
    Grid,
    /// So many by chance, the same for the same seed.
    Random {
        /// How many.
        count: usize,
        /// Where chance starts.
        seed: u64,
    },
}

fn wrong(field: &str, what: impl Into<String>) -> Error {
    let what = what.into();
    Error::invalid(format!("{field}: {what}")).fields(vec![(field.to_owned(), what)])
}

/// A number as its parameter has it.
fn number(value: f64, is_whole: bool) -> Value {
    if is_whole {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and ranges are checked")]
        return Value::from(value.round() as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// The number at a part of the way through a range, inside to twelve digits: a step is 0.1,
/// not 0.09999999999999998.
fn at(min: f64, max: f64, log: bool, part: f64) -> f64 {
    // Its ends exactly, which the way there and back through a logarithm may miss.
    if part <= 0.0 {
        return min;
    }
    if part >= 1.0 {
        return max;
    }
    let value = if log {
        (min.ln() + (max.ln() - min.ln()) * part).exp()
    } else {
        min + (max - min) * part
    };
    format!("{value:.11e}").parse().unwrap_or(value).clamp(min, max)
}

fn is_whole(parameters: &[Parameter], name: &str) -> bool {
    parameters.iter().any(|one| one.name == name && one.kind == ParameterKind::Int)
}

fn check(name: &str, axis: &Axis, method: Method) -> Result<()> {
    match axis {
        Axis::Values(values) if values.is_empty() => Err(wrong(name, "It has no values.")),
        Axis::Values(_) => Ok(()),
        Axis::Range { min, max, .. } if !(min.is_finite() && max.is_finite() && min <= max) => {
            Err(wrong(name, "A range goes from a number to one that is not less."))
        }
        Axis::Range { min, log: true, .. } if *min <= 0.0 => {
            Err(wrong(name, "A range over orders of magnitude starts above 0."))
        }
        Axis::Range { steps: None | Some(0), .. } if method == Method::Grid => {
            Err(wrong(name, "For every combination a range says in how many steps."))
        }
        Axis::Range { .. } => Ok(()),
    }
}

/// The values of an axis, for every combination.
fn values(axis: &Axis, is_whole: bool) -> Vec<Value> {
    let (min, max, steps, log) = match axis {
        Axis::Values(values) => return values.clone(),
        Axis::Range { min, max, steps, log } => (*min, *max, steps.unwrap_or(1), *log),
    };
    let part = |step: u32| match steps {
        1 => 0.0,
        _ => f64::from(step) / f64::from(steps - 1),
    };
    let mut values: Vec<Value> =
        (0..steps).map(|step| number(at(min, max, log, part(step)), is_whole)).collect();
    // Whole numbers may come out twice.
    values.dedup();
    values
}

/// The points of a sweep, each with the parameters that it sets.
///
/// # Errors
/// A field that breaks a rule; more points than a sweep has.
pub(super) fn points(
    space: &[(String, Axis)],
    method: Method,
    parameters: &[Parameter],
) -> Result<Vec<Map<String, Value>>> {
    if space.is_empty() {
        return Err(wrong("space", "A sweep goes over at least one parameter."));
    }
    space.iter().try_for_each(|(name, axis)| check(name, axis, method))?;
    match method {
        Method::Grid => grid(space, parameters),
        Method::Random { count, seed } => {
            too_many(count)?;
            let mut chance = StdRng::seed_from_u64(seed);
            Ok((0..count.max(1)).map(|_| draw(space, parameters, &mut chance)).collect())
        }
    }
}

fn too_many(count: usize) -> Result<()> {
    if count <= MOST_JOBS {
        return Ok(());
    }
    Err(wrong("space", format!("These are {count} jobs; a sweep has at most {MOST_JOBS}.")))
}

fn grid(space: &[(String, Axis)], parameters: &[Parameter]) -> Result<Vec<Map<String, Value>>> {
    // Counted first: a product may not fit anywhere.
    let count = |axis: &Axis| match axis {
        Axis::Values(values) => values.len(),
        Axis::Range { steps, .. } => usize::try_from(steps.unwrap_or(1)).unwrap_or(usize::MAX),
    };
    let all = space.iter().fold(1, |all: usize, (_, axis)| all.saturating_mul(count(axis)));
    too_many(all)?;
    let mut points = vec![Map::new()];
    for (name, axis) in space {
        let values = values(axis, is_whole(parameters, name));
        points = points
            .iter()
            .flat_map(|point| {
                values.iter().map(move |value| {
                    let mut point = point.clone();
                    point.insert(name.clone(), value.clone());
                    point
                })
            })
            .collect();
    }
    Ok(points)
}

fn draw(
    space: &[(String, Axis)],
    parameters: &[Parameter],
    chance: &mut StdRng,
) -> Map<String, Value> {
    let one = |(name, axis): &(String, Axis)| {
        let value = match axis {
            Axis::Values(values) => values[chance.random_range(0..values.len())].clone(),
            Axis::Range { min, max, log, .. } => {
                let value = at(*min, *max, *log, chance.random());
                number(value, is_whole(parameters, name))
            }
        };
        (name.clone(), value)
    };
    space.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn whole(name: &str) -> Parameter {
        Parameter {
            name: name.into(),
            kind: ParameterKind::Int,
            optional: false,
            required: true,
            default: None,
            default_text: None,
            annotation: String::new(),
        }
    }

    fn range(min: f64, max: f64, steps: u32, log: bool) -> Axis {
        Axis::Range { min, max, steps: Some(steps), log }
    }

    #[test]
    fn a_grid_is_every_combination() {
        let space = [
            ("a".to_owned(), Axis::Values(vec![json!(1), json!(2)])),
            ("n".to_owned(), range(1.0, 4.0, 3, false)),
        ];
        let points = points(&space, Method::Grid, &[whole("n")]).unwrap();
        let shown: Vec<String> = points.iter().map(|point| json!(point).to_string()).collect();
        assert_eq!(shown.len(), 6);
        assert_eq!(shown[0], r#"{"a":1,"n":1}"#);
        assert_eq!(shown[5], r#"{"a":2,"n":4}"#);
    }

    #[test]
    fn steps_over_orders_of_magnitude_are_even_there() {
        let space = [("a".to_owned(), range(0.001, 1.0, 4, true))];
        let points = points(&space, Method::Grid, &[]).unwrap();
        let shown: Vec<_> = points.iter().map(|point| point["a"].clone()).collect();
        assert_eq!(shown, [json!(0.001), json!(0.01), json!(0.1), json!(1.0)]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_stays_inside() {
        let space = [("a".to_owned(), Axis::Range { min: 2.0, max: 5.0, steps: None, log: true })];
        let draw = |seed| points(&space, Method::Random { count: 50, seed }, &[]).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(draw(3).iter().all(|point| (2.0..=5.0).contains(&point["a"].as_f64().unwrap())));
    }

    #[test]
    fn what_cannot_be_swept_says_why() {
        let refused = |axis, method| {
            let space = [("a".to_owned(), axis)];
            points(&space, method, &[]).unwrap_err().message
        };
        let open = Axis::Range { min: 0.0, max: 1.0, steps: None, log: false };
        assert!(refused(open, Method::Grid).contains("how many steps"));
        assert!(refused(range(0.0, 1.0, 2, true), Method::Grid).contains("above 0"));
        assert!(refused(range(0.0, 1.0, 501, false), Method::Grid).contains("at most 500"));
        let random = Method::Random { count: 501, seed: 0 };
        assert!(refused(Axis::Values(vec![json!(1)]), random).contains("at most 500"));
        assert!(refused(Axis::Values(vec![]), Method::Grid).contains("no values"));
    }
}
