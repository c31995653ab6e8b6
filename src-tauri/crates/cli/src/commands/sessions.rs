//! `branchline sessions`.

use super::jobs::text;
use crate::args::{Globals, Sessions, SessionsAction};
use crate::backend::Backend;
use crate::failure::Done;
use crate::output::{OK, Output, table};
use serde_json::{Value, json};

pub(crate) async fn run(globals: &Globals, args: &Sessions, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    match args.action {
        SessionsAction::List => {
            let list = backend.call("GET", &["sessions"], &[], None).await?;
            output.data(&list, |list| listed(&list["sessions"]))?;
        }
        SessionsAction::Revoke { id } => {
            backend.call("DELETE", &["sessions", &id.to_string()], &[], None).await?;
            output.data(&json!({ "revoked": id }), |_| String::new())?;
            output.remark(format!("Session {id} has ended."));
        }
    }
    backend.close().await;
    Ok(OK)
}

fn listed(sessions: &Value) -> String {
    let row = |session: &Value| {
        let last_used = match &session["last_used_at"] {
            Value::Null => "never".to_owned(),
            at => text(at),
        };
        let [id, kind, agent, created, ends] =
            ["id", "kind", "agent", "created_at", "expires_at"].map(|name| text(&session[name]));
        vec![id, kind, created, ends, last_used, agent]
    };
    let rows: Vec<Vec<String>> = sessions.as_array().into_iter().flatten().map(row).collect();
    table(&["id", "kind", "began", "ends", "last used", "client"], &rows)
}
