//! The one table, on the screen and as JSON.

use crate::options::Options;
use crate::subject::Peers;
use anyhow::Result;
use branchline_testkit::Peer;
use serde_json::{Value, json};

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// Small is good.
    AtMost(f64),
    /// Large is good.
    AtLeast(f64),
}

impl Target {
    /// How much of it a figure reaches: 1 and more is all of it.
    fn share(self, figure: f64) -> f64 {
        match self {
            Self::AtMost(most) => most / figure,
            Self::AtLeast(least) => figure / least,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtMost(most) => format!("≤ {}", number(most)),
            Self::AtLeast(least) => format!("≥ {}", number(least)),
        }
    }
}

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) workload: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    /// Which guarantee our figure comes with.
    pub(crate) durability: &'static str,
    pub(crate) ours: f64,
    pub(crate) peers: Peers<f64>,
    pub(crate) limit: Option<f64>,
}

impl Row {
    /// How many times better ours is than that.
    fn better(&self, other: Option<f64>) -> Option<f64> {
        let other = other?;
        Some(match self.target {
            Target::AtMost(_) => other / self.ours,
            Target::AtLeast(_) => self.ours / other,
        })
    }

    fn verdict(&self) -> String {
        let share = self.target.share(self.ours);
        let word = if share >= 1.0 {
            "reached"
        } else if share >= 0.5 {
            "half"
        } else {
            "MISSED"
        };
        format!("{word} {:.0} %", (share * 100.0).min(999.0))
    }
}

/// The rows so far.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    load_before: String,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), load_before: load() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{:4} {:42} {:>10} {}", row.workload, row.what, number(row.ours), row.unit);
        self.rows.push(row);
    }

    /// Prints everything, and writes it where that was asked for.
    pub(crate) fn finish(mut self, options: &Options) -> Result<()> {
        self.rows
            .sort_by_key(|row| row.workload.trim_start_matches('W').parse::<u32>().unwrap_or(0));
        let mut out = std::io::stdout().lock();
        self.print(&mut out, options)?;
        if let Some(path) = &options.json {
            std::fs::write(path, serde_json::to_string_pretty(&self.to_json(options))?)?;
        }
        Ok(())
    }

    fn print(&self, out: &mut impl std::io::Write, options: &Options) -> Result<()> {
        let lines: Vec<[String; 12]> = self.rows.iter().map(line).collect();
        let [first, second] = Peer::ALL.map(Peer::name);
        let titles = [
            "", "workload", "unit", "ours", first, "×", second, "×", "limit", "of limit", "target",
            "reached",
        ];
        let mut widths = titles.map(|title| title.chars().count());
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        writeln!(out, "{}", aligned(&titles.map(str::to_owned), &widths))?;
        writeln!(out, "{}", widths.map(|width| "─".repeat(width)).join("  "))?;
        for line in &lines {
            writeln!(out, "{}", aligned(line, &widths))?;
        }
        let missed = self.rows.iter().filter(|row| row.target.share(row.ours) < 0.5).count();
        writeln!(out, "\nLess than half of the target: {missed} of {}.", self.rows.len())?;
        for (key, value) in versions(options, &self.load_before) {
            writeln!(out, "{key}: {value}")?;
        }
        Ok(())
    }

    fn to_json(&self, options: &Options) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "workload": row.workload, "what": row.what, "unit": row.unit, "durability": row.durability,
                    "ours": row.ours, "peers": by_name(row.peers), "limit": row.limit,
                    "times": by_name(row.peers.map(|peer| row.better(peer))), "of_limit": row.better(row.limit),
                    "target": row.target.text(), "share_of_target": row.target.share(row.ours),
                })
            })
            .collect();
        let about: serde_json::Map<String, Value> = versions(options, &self.load_before)
            .into_iter()
            .map(|(key, value)| (key.to_owned(), json!(value)))
            .collect();
        json!({"rows": rows, "about": about})
    }
}

/// Figures of the peers under their names.
fn by_name(figures: Peers<f64>) -> Value {
    let named =
        Peer::ALL.iter().zip(figures).map(|(peer, figure)| (peer.name().to_owned(), json!(figure)));
    Value::Object(named.collect())
}

fn line(row: &Row) -> [String; 12] {
    let optional = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), number);
    let times = |peer: Option<f64>| {
        row.better(peer).map_or_else(|| "–".to_owned(), |times| format!("{times:.1}×"))
    };
    let [first, second] = row.peers;
    [
        row.workload.to_owned(),
        format!("{} ({})", row.what, row.durability),
        row.unit.to_owned(),
        number(row.ours),
        optional(first),
        times(first),
        optional(second),
        times(second),
        optional(row.limit),
        row.better(row.limit)
            .map_or_else(|| "–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
        row.target.text(),
        row.verdict(),
    ]
}

fn aligned(cells: &[String; 12], widths: &[usize; 12]) -> String {
    let mut text = String::new();
    for (place, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let gap = " ".repeat(width - cell.chars().count());
        let left = place < 3 || place == 11;
        text += &if left { format!("{cell}{gap}  ") } else { format!("{gap}{cell}  ") };
    }
    text.trim_end().to_owned()
}

/// A figure with as many digits as mean something, thousands apart.
fn number(figure: f64) -> String {
    if figure.abs() < 1.0 {
        return format!("{figure:.3}");
    }
    if figure.abs() < 100.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn versions(options: &Options, load_before: &str) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let peers: Vec<String> = options.peers.iter().map(|peer| about(*peer)).collect();
    vec![
        ("ours", format!("branchline {}, release build, token checked on every call", env!("CARGO_PKG_VERSION"))),
        ("peers", peers.join("; ")),
        ("SQLite of the limits", rusqlite::version().to_owned()),
        ("durability", "balanced: tracking survives the death of the process at once, a power cut after 100 ms; registry is synced before it answers".to_owned()),
        ("machine", format!("{cores} cores, load average {load_before} before, {} after", load())),
        ("mode", if options.quick { "quick: a tenth of the work, not for quoting" } else { "full" }.to_owned()),
    ]
}

/// A peer, its version, and how it was set.
fn about(peer: Peer) -> String {
    let version = peer.version().unwrap_or_default();
    let how = match peer {
        Peer::Mlflow => {
            "2 uvicorn workers, uvloop, httptools, SQLite in WAL mode (syncs every transaction)"
        }
        Peer::FastTrackMl => "SQLite in WAL mode (as at our level fast: no sync at a commit)",
    };
    format!("{} {version}, {how}", peer.name())
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}
