//! W5: searching a thousand, ten thousand and a hundred thousand runs.

use crate::options::Options;
use crate::stats::Times;
use crate::subject::{Peers, Subject};
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// How many runs there are, and what each question may take then, in milliseconds.
struct Size {
    runs: usize,
    titles: [&'static str; 6],
    most: [f64; 6],
    /// How often our server, and a peer, is asked.
    ours: usize,
    peers: usize,
}

const SIZES: [Size; 3] = [
    Size {
        runs: 1_000,
        titles: [
            "a) first page of 100 of 1k runs",
            "b) metric and param filter, by metric, of 1k",
            "c) a page of 1000 of 1k",
            "c) the last page of 1000 of 1k",
            "d) LIKE on a tag, of 1k",
            "e) words anywhere, of 1k",
        ],
        most: [3.0, 5.0, 30.0, 30.0, 5.0, 5.0],
        ours: 100,
        peers: 10,
    },
    Size {
        runs: 10_000,
        titles: [
            "a) first page of 100 of 10k runs",
            "b) metric and param filter, by metric, of 10k",
            "c) a page of 1000 of 10k",
            "c) the last page of 1000 of 10k",
            "d) LIKE on a tag, of 10k",
            "e) words anywhere, of 10k",
        ],
        most: [3.0, 5.0, 30.0, 30.0, 5.0, 5.0],
        ours: 100,
        peers: 10,
    },
    Size {
        runs: 100_000,
        titles: [
            "a) first page of 100 of 100k runs",
            "b) metric and param filter, by metric, of 100k",
            "c) a page of 1000 of 100k",
            "c) the tenth page of 1000 of 100k",
            "d) LIKE on a tag, of 100k",
            "e) words anywhere, of 100k",
        ],
        most: [4.0, 40.0, 39.0, 39.0, 10.0, 10.0],
        ours: 40,
        peers: 1,
    },
];

/// Medians in milliseconds, in the order of the titles; what nobody else has is missing.
type Figures = [Option<f64>; 6];

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W5") {
        return Ok(());
    }
    let sizes = SIZES.get(..if options.large { 3 } else { 2 }).unwrap_or_default();
    let counts: Vec<usize> = sizes.iter().map(|size| options.count(size.runs)).collect();
    let ours = Subject::ours(options, "ours-search")?;
    let mut mine = Vec::new();
    let mut before = 0;
    for (size, runs) in sizes.iter().zip(counts.iter().copied()) {
        crate::fill::ours(&ours, before, runs)?;
        let mut figures = figures(&ours, size.ours)?;
        figures[5] = Some(words(&ours, size.ours)?);
        mine.push(figures);
        before = runs;
    }
    ours.stop()?;
    let theirs = Subject::each_peer(options, "search", |peer, subject| {
        let mut all = Vec::new();
        let mut before = 0;
        for (size, runs) in sizes.iter().zip(counts.iter().copied()) {
            crate::fill::peer(peer, &subject.database(), before, runs)?;
            all.push(figures(&subject, size.peers)?);
            before = runs;
        }
        Ok(all)
    })?;
    for (place, size) in sizes.iter().enumerate() {
        let peers =
            theirs.each_ref().map(|all| all.as_ref().and_then(|all| all.get(place)).copied());
        add_rows(table, size, mine.get(place).copied().unwrap_or_default(), peers);
    }
    Ok(())
}

fn add_rows(table: &mut Table, size: &Size, mine: Figures, peers: Peers<Figures>) {
    for (question, what) in size.titles.into_iter().enumerate() {
        let of = |figures: Figures| figures.get(question).copied().flatten();
        let Some((ours, most)) = of(mine).zip(size.most.get(question)) else { continue };
        table.add(Row {
            workload: "W5",
            what,
            unit: "ms",
            target: Target::AtMost(*most),
            durability: "read",
            ours,
            peers: peers.map(|figures| figures.and_then(of)),
            limit: None,
        });
    }
}

fn figures(subject: &Subject, count: usize) -> Result<Figures> {
    let time = |body: &Value, count: usize| -> Result<Option<f64>> {
        let request = subject.post("/runs/search", body);
        let mut connection = subject.connect()?;
        let first: Value = serde_json::from_slice(connection.call(&request)?)?;
        first["runs"]
            .as_array()
            .filter(|runs| !runs.is_empty())
            .with_context(|| format!("nothing for {body}"))?;
        Ok(Some(Times::of(count, |_| connection.call(&request).map(drop))?.median()))
    };
    let query = |filter: &str, order: &[&str], max: usize| json!({"experiment_ids": ["0"], "filter": filter, "order_by": order, "max_results": max});
    let wide = query("", &[], 1000);
    let last = last_page(subject, &wide)?;
    let filter = "metrics.m3 > 0.5 AND params.p2 = 'value 7'";
    Ok([
        time(&query("", &[], 100), count)?,
        time(&query(filter, &["metrics.m3 DESC"], 100), count)?,
        time(&wide, count.div_ceil(4))?,
        time(&last, count.div_ceil(4))?,
        time(&query("tags.t1 LIKE '%word12%'", &[], 100), count)?,
        None,
    ])
}

/// Turns pages to the last, at most ten: at a hundred thousand runs a peer that pages by
/// offset would take longer than everything else.
fn last_page(subject: &Subject, wide: &Value) -> Result<Value> {
    let mut last = wide.clone();
    let mut connection = subject.connect()?;
    let mut read = |body: &Value| -> Result<Value> {
        Ok(serde_json::from_slice(connection.call(&subject.post("/runs/search", body))?)?)
    };
    let mut page = read(&last)?;
    for _ in 0..9 {
        let Some(token) = page["next_page_token"].as_str().filter(|token| !token.is_empty()) else {
            break;
        };
        let mut next = wide.clone();
        next["page_token"] = json!(token);
        page = read(&next)?;
        // A peer that pages by offset may offer one page too many.
        if page["runs"].as_array().is_none_or(Vec::is_empty) {
            break;
        }
        last = next;
    }
    Ok(last)
}

/// A part of a word in any name, tag, param or note.
fn words(subject: &Subject, count: usize) -> Result<f64> {
    let request = subject.get("/api/v1/search?q=word123");
    let mut connection = subject.connect()?;
    // Each question takes in some of what was logged since the last.
    loop {
        let answer: Value = serde_json::from_slice(connection.call(&request)?)?;
        if answer["indexing"] != json!(true) {
            break;
        }
    }
    Ok(Times::of(count, |_| connection.call(&request).map(drop))?.median())
}
