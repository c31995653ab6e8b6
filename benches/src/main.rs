//! The load generator: the workloads of the benchmark table, run in turn against our
//! release binary, its peers and the limits of this machine.

mod artifacts;
mod client;
mod credentials;
mod fill;
mod history;
mod http;
mod in_turn;
mod limits;
mod logging;
mod options;
mod queue;
mod registry;
mod rules;
mod search;
mod sink;
mod start;
mod stats;
mod subject;
mod table;

use anyhow::Result;
use options::Options;
use std::process::ExitCode;
use table::Table;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some("floor") => limits::serve_floor(),
        Some("sink") => sink::serve(arguments.get(1).map_or("sink.bin", String::as_str).as_ref()),
        _ => Options::parse(&arguments).and_then(|options| run(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let mut table = Table::new();
    start::measure(options, &mut table)?;
    logging::measure(options, &mut table)?;
    search::measure(options, &mut table)?;
    history::measure(options, &mut table)?;
    artifacts::measure(options, &mut table)?;
    registry::measure(options, &mut table)?;
    client::measure(options, &mut table)?;
    credentials::measure(options, &mut table)?;
    rules::measure(options, &mut table)?;
    queue::measure(options, &mut table)?;
    table.finish(options)
}
