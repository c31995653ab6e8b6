//! Metric points by the hundred thousand: what is the same in all of them is
//! encoded once.

use super::object::Double;
use serde::Serialize;

/// Writes `{"metrics": […]}` piece by piece, for one metric after the other.
#[derive(Debug, Default)]
pub struct PointWriter {
    head: Vec<u8>,
    tail: Vec<u8>,
    begun: bool,
}

impl PointWriter {
    /// A writer whose next points are of the metric `key`; `run_id` is written with
    /// them if it is given.
    pub fn new(key: &str, run_id: Option<&str>) -> Self {
        let mut writer = Self::default();
        writer.switch(key, run_id);
        writer
    }

    /// The next points are of another metric or run.
    pub fn switch(&mut self, key: &str, run_id: Option<&str>) {
        self.head = format!(r#"{{"key":{},"value":"#, quoted(key)).into_bytes();
        self.tail = match run_id {
            Some(run_id) => format!(r#","run_id":{}}}"#, quoted(run_id)).into_bytes(),
            None => b"}".to_vec(),
        };
    }

    /// Appends one point.
    pub fn point(&mut self, out: &mut Vec<u8>, value: f64, timestamp: i64, step: i64) {
        out.extend_from_slice(if self.begun { b"," } else { br#"{"metrics":["# });
        self.begun = true;
        out.extend_from_slice(&self.head);
        append(out, &Double(value));
        out.extend_from_slice(br#","timestamp":"#);
        append(out, &timestamp);
        out.extend_from_slice(br#","step":"#);
        append(out, &step);
        out.extend_from_slice(&self.tail);
    }

    /// Ends the answer; a list without points is written too.
    pub fn finish_list(mut self, out: &mut Vec<u8>) {
        if !self.begun {
            out.extend_from_slice(br#"{"metrics":["#);
            self.begun = true;
        }
        self.finish(out, None);
    }

    /// Ends the answer; without points it is `{}`.
    pub fn finish(self, out: &mut Vec<u8>, next_page_token: Option<&str>) {
        out.extend_from_slice(if self.begun { b"]" } else { b"{" });
        if let Some(token) = next_page_token {
            out.extend_from_slice(if self.begun { b"," } else { b"" });
            out.extend_from_slice(br#""next_page_token":"#);
            append(out, token);
        }
        out.push(b'}');
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Numbers and texts are always written, and a vector takes them all.
fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn answer(writer: PointWriter, mut out: Vec<u8>, token: Option<&str>) -> Value {
        writer.finish(&mut out, token);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn no_points_are_an_empty_object() {
        assert_eq!(answer(PointWriter::new("k", None), vec![], None), json!({}));
    }

    #[test]
    fn a_list_without_points() {
        let mut out = Vec::new();
        PointWriter::default().finish_list(&mut out);
        assert_eq!(out, br#"{"metrics":[]}"#);
    }

    #[test]
    fn points_of_one_metric() {
        let mut out = Vec::new();
        let mut writer = PointWriter::new("a\"b", None);
        writer.point(&mut out, 0.5, 1_700_000_000_000, -1);
        writer.point(&mut out, f64::NAN, 2, 3);
        writer.point(&mut out, 1e300, 2, 3);
        assert_eq!(
            answer(writer, out, Some("t")),
            json!({"metrics": [
                {"key": "a\"b", "value": 0.5, "timestamp": 1_700_000_000_000_i64, "step": -1},
                {"key": "a\"b", "value": "NaN", "timestamp": 2, "step": 3},
                {"key": "a\"b", "value": 1e300, "timestamp": 2, "step": 3},
            ], "next_page_token": "t"})
        );
    }

    #[test]
    fn points_of_several_runs() {
        let mut out = Vec::new();
        let mut writer = PointWriter::new("k", Some("r1"));
        writer.point(&mut out, f64::INFINITY, 1, 1);
        writer.switch("k", Some("r2"));
        writer.point(&mut out, f64::NEG_INFINITY, 1, 1);
        let point = |run: &str, value: &str| json!({"key": "k", "value": value, "timestamp": 1, "step": 1, "run_id": run});
        assert_eq!(
            answer(writer, out, None),
            json!({"metrics": [point("r1", "Infinity"), point("r2", "-Infinity")]})
        );
    }
}
