//! Numbers as they are written down.

/// The word for a number that JSON cannot express, as MLflow's clients write it; nothing for a
/// finite one.
pub fn word(value: f64) -> Option<&'static str> {
    match value {
        finite if finite.is_finite() => None,
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => Some("NaN"),
    }
}
