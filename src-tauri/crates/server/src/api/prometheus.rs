//! Figures in Prometheus' text form.

use std::fmt::{Display, Write};

/// A page of figures. Writing to a String cannot fail.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// Upper bounds of the buckets of a histogram, those of Prometheus' own clients.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// How often, and how long.
#[derive(Debug, Clone, Default)]
pub(super) struct Histogram {
    counts: [u64; BUCKETS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    pub(super) fn observe(&mut self, value: f64) {
        for (count, bound) in self.counts.iter_mut().zip(BUCKETS) {
            *count += u64::from(value <= bound);
        }
        self.count += 1;
        self.sum += value;
    }
}

/// A label's value between its quotes.
fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn labels(pairs: &[(&str, &str)]) -> String {
    let written: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
    if written.is_empty() { String::new() } else { format!("{{{}}}", written.join(",")) }
}

impl Page {
    /// Begins a family.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One figure of the family that was begun last.
    pub(super) fn figure(&mut self, name: &str, pairs: &[(&str, &str)], value: impl Display) {
        let _ = writeln!(self.0, "{name}{} {value}", labels(pairs));
    }

    /// A family of one figure.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        let name = format!("branchline_{name}");
        self.family(&name, "gauge", help);
        self.figure(&name, &[], value);
    }

    /// One histogram of the family that was begun last.
    pub(super) fn histogram(&mut self, name: &str, pairs: &[(&str, &str)], of: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BUCKETS.iter().zip(of.counts) {
            let bound = bound.to_string();
            let mut with = pairs.to_vec();
            with.push(("le", bound.as_str()));
            self.figure(&bucket, &with, count);
        }
        let mut with = pairs.to_vec();
        with.push(("le", "+Inf"));
        self.figure(&bucket, &with, of.count);
        self.figure(&format!("{name}_sum"), pairs, of.sum);
        self.figure(&format!("{name}_count"), pairs, of.count);
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.family("a_total", "counter", "Things.");
        page.figure("a_total", &[("task", "say \"hi\"\\\n")], 2);
        let mut took = Histogram::default();
        took.observe(0.03);
        took.observe(20.0);
        page.family("took_seconds", "histogram", "Time.");
        page.histogram("took_seconds", &[("task", "t")], &took);
        let text = page.into_text();
        assert!(text.starts_with("# HELP a_total Things.\n# TYPE a_total counter\n"));
        assert!(text.contains("a_total{task=\"say \\\"hi\\\"\\\\\\n\"} 2\n"), "{text}");
        assert!(text.contains("took_seconds_bucket{task=\"t\",le=\"0.025\"} 0\n"));
        assert!(text.contains("took_seconds_bucket{task=\"t\",le=\"0.05\"} 1\n"));
        assert!(text.contains("took_seconds_bucket{task=\"t\",le=\"+Inf\"} 2\n"));
        assert!(
            text.ends_with(
                "took_seconds_sum{task=\"t\"} 20.03\ntook_seconds_count{task=\"t\"} 2\n"
            )
        );
    }
}
