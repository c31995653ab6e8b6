//! W13: what it costs to be asked who one is: the same requests with a credential and, in turn
//! with them, to a server that asks nobody.

use crate::http::Request;
use crate::in_turn::{Side, on_one_core, ratio};
use crate::options::Options;
use crate::subject::{Subject, point};
use crate::table::{Row, Table, Target};
use anyhow::Result;
use branchline_testkit::Peer;
use serde_json::json;

/// The owner's e-mail and password, as Basic sends them.
const BASIC: &str = "Basic YmVuY2hAZXhhbXBsZS5vcmc6YmVuY2gtcGFzc3dvcmQ=";

pub(crate) fn measure(options: &Options, table: &mut Table) -> Result<()> {
    if !options.wants("W13") {
        return Ok(());
    }
    let open = Subject::open(options, "ours-open")?;
    let closed = Subject::owned(options, "ours-closed", "bench@example.org", "bench-password")?;
    let token = format!("Bearer {}", closed.token().unwrap_or_default());
    let calls = options.count(300);
    let _pinned = on_one_core([&open, &closed])?;
    for (what, write, credential) in [
        ("reading with a token, × without sign-in", false, token.as_str()),
        ("logging with a token, × without sign-in", true, &token),
        ("reading with a password, × without sign-in", false, BASIC),
    ] {
        let mut plain = Side::new(&open, vec![request(&open, write, None)?])?;
        let mut asked = Side::new(&closed, vec![request(&closed, write, Some(credential))?])?;
        table.add(Row {
            workload: "W13",
            what,
            unit: "×",
            target: Target::AtMost(1.05),
            durability: "balanced",
            ours: ratio(&mut plain, &mut asked, calls)?,
            peers: Peer::ALL.map(|_| None),
            limit: None,
        });
    }
    open.stop()?;
    closed.stop()
}

fn request(subject: &Subject, write: bool, credential: Option<&str>) -> Result<Request> {
    let fields = credential.map_or_else(
        || format!("Host: {}", subject.address()),
        |value| format!("Host: {}\r\nAuthorization: {value}", subject.address()),
    );
    if !write {
        let path = "/api/2.0/mlflow/experiments/get?experiment_id=0";
        return Ok(Request::new("GET", path, &fields, "application/json", b""));
    }
    let (run, _) = subject.create_run(&mut subject.connect()?)?;
    let mut body = point("loss", 1);
    body["run_id"] = json!(run);
    let (path, body) = ("/api/2.0/mlflow/runs/log-metric", body.to_string());
    Ok(Request::new("POST", path, &fields, "application/json", body.as_bytes()))
}
