//! W8: the model registry, whose writes are synced before they are acknowledged.

use crate::limits;
use crate::options::Options;
use crate::stats::{Times, on_threads, seconds};
use crate::subject::Subject;
use crate::table::{Row, Table, Target};
use anyhow::Result;
use branchline_testkit::Peer;
use serde_json::json;

#[derive(Debug, Clone, Copy)]
struct Figures {
    model: f64,
    version: f64,
    search: f64,
    crowd: f64,
}

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W8") {
        return Ok(());
    }
    let ours = Subject::ours(options, "ours-registry")?;
    let mine = figures(&ours, options.count(1000), options.count(100))?;
    ours.stop()?;
    // FastTrackML has no such thing.
    let theirs = Subject::each_peer(options, "registry", |peer, subject| {
        (peer == Peer::Mlflow)
            .then(|| figures(&subject, options.count(100), options.count(5)))
            .transpose()
    })?
    .map(Option::flatten);
    let synced = limits::append_and_sync(options, options.count(500))?;
    // The targets were set where a sync took 0.24 ms; what this disk takes more is not ours.
    let once = Target::AtMost(0.7 + (synced - 0.24).max(0.0));
    let row = |what, unit, target, pick: fn(&Figures) -> f64, limit| Row {
        workload: "W8",
        what,
        unit,
        target,
        durability: "synced",
        ours: pick(&mine),
        peers: theirs.each_ref().map(|figures| figures.as_ref().map(pick)),
        limit,
    };
    table.add(row("create model; limit: append and sync", "ms", once, |f| f.model, Some(synced)));
    table.add(row("create version", "ms", once, |f| f.version, Some(synced)));
    table.add(Row {
        durability: "read",
        ..row("search 100 models", "ms", Target::AtMost(3.0), |f| f.search, None)
    });
    table.add(row(
        "create models from 64 clients",
        "1/s",
        Target::AtLeast(5000.0),
        |f| f.crowd,
        None,
    ));
    Ok(())
}

fn figures(subject: &Subject, count: usize, crowd: usize) -> Result<Figures> {
    const CLIENTS: usize = 64;
    let mut connection = subject.connect()?;
    let (run, path) = subject.create_run(&mut connection)?;
    let model = |name: String| subject.post("/registered-models/create", &json!({"name": name}));
    let models: Vec<_> = (0..count).map(|number| model(format!("model {number:05}"))).collect();
    let source = format!("mlflow-artifacts:/{path}");
    let version =
        |number| json!({"name": format!("model {number:05}"), "source": source, "run_id": run});
    let versions: Vec<_> =
        (0..count).map(|number| subject.post("/model-versions/create", &version(number))).collect();
    let search = subject.get("/api/2.0/mlflow/registered-models/search?max_results=100");
    let mut each = |requests: &[crate::http::Request]| -> Result<f64> {
        Ok(Times::of(requests.len(), |i| {
            requests.get(i).map_or(Ok(()), |request| connection.call(request).map(drop))
        })?
        .median())
    };
    let (model_time, version_time) = (each(&models)?, each(&versions)?);
    let search = each(&vec![search; (count / 10).max(5)])?;
    let taken = seconds(|| {
        on_threads(CLIENTS, |client| {
            let mut connection = subject.connect()?;
            for number in 0..crowd {
                connection.call(&model(format!("crowd {client} {number}")))?;
            }
            Ok(())
        })
        .map(drop)
    })?;
    Ok(Figures {
        model: model_time,
        version: version_time,
        search,
        crowd: (CLIENTS * crowd) as f64 / taken,
    })
}
