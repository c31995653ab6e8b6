//! W5: searching ten thousand runs.

use crate::options::Options;
use crate::stats::Times;
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Medians in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Figures {
    first_page: f64,
    filtered: f64,
    thousand: f64,
    last_thousand: f64,
    like: f64,
}

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W5") {
        return Ok(());
    }
    let runs = options.count(10_000);
    let ours = Subject::ours(options, "ours-search")?;
    crate::fill::runs(&ours, runs)?;
    let mine = figures(&ours, options.count(100).max(10))?;
    ours.stop()?;
    let theirs = match Subject::peer(options, "peer-search")? {
        Some(peer) => {
            crate::fill::runs(&peer, runs)?;
            Some(figures(&peer, options.count(10).max(3))?)
        }
        None => None,
    };
    let row = |what, most, pick: fn(&Figures) -> f64| Row {
        workload: "W5",
        what,
        unit: "ms",
        target: Target::AtMost(most),
        durability: "read",
        ours: pick(&mine),
        peer: theirs.as_ref().map(pick),
        limit: None,
    };
    table.add(row("a) first page of 100 of 10k runs", 3.0, |f| f.first_page));
    table.add(row("b) metric and param filter, by metric", 5.0, |f| f.filtered));
    table.add(row("c) a page of 1000", 30.0, |f| f.thousand));
    table.add(row("c) the last page of 1000", 30.0, |f| f.last_thousand));
    table.add(row("d) LIKE on a tag", 5.0, |f| f.like));
    Ok(())
}

fn figures(subject: &Subject, count: usize) -> Result<Figures> {
    let time = |body: &Value, count: usize| -> Result<f64> {
        let request = subject.post("/runs/search", body);
        let mut connection = subject.connect()?;
        let first: Value = serde_json::from_slice(connection.call(&request)?)?;
        first["runs"]
            .as_array()
            .filter(|runs| !runs.is_empty())
            .with_context(|| format!("nothing for {body}"))?;
        Ok(Times::of(count, |_| connection.call(&request).map(drop))?.median())
    };
    let query = |filter: &str, order: &[&str], max: usize| json!({"experiment_ids": ["0"], "filter": filter, "order_by": order, "max_results": max});
    let wide = query("", &[], 1000);
    let mut last = wide.clone();
    let mut connection = subject.connect()?;
    loop {
        let page: Value =
            serde_json::from_slice(connection.call(&subject.post("/runs/search", &last))?)?;
        match page["next_page_token"].as_str() {
            Some(token) => last["page_token"] = json!(token),
            None => break,
        }
    }
    Ok(Figures {
        first_page: time(&query("", &[], 100), count)?,
        filtered: time(
            &query("metrics.m3 > 0.5 AND params.p2 = 'value 7'", &["metrics.m3 DESC"], 100),
            count,
        )?,
        thousand: time(&wide, count.div_ceil(4))?,
        last_thousand: time(&last, count.div_ceil(4))?,
        like: time(&query("tags.t1 LIKE '%word12%'", &[], 100), count)?,
    })
}
