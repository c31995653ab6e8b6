//! `branchline ml`.

use super::jobs::text;
use super::tasks::result_of;
use crate::args::{Globals, Ml, MlAction};
use crate::backend::Backend;
use crate::failure::{Done, Failure};
use crate::output::Output;
use serde_json::json;

pub(crate) async fn run(globals: &Globals, args: Ml, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    let MlAction::Train { alpha, l1_ratio, wait } = args.action;
    let done = train(&backend, alpha, l1_ratio, wait, output).await;
    backend.close().await;
    done
}

async fn train(backend: &Backend, alpha: f64, l1_ratio: f64, wait: f64, output: &Output) -> Done {
    if matches!(backend, Backend::Owner(_)) {
        return Err(Failure::failed("No server runs that would train.")
            .hint("Start one with `branchline serve`, or open the app."));
    }
    let body = json!({ "alpha": alpha, "l1_ratio": l1_ratio });
    let queued = backend.call("POST", &["ml", "train-model"], &[], Some(&body)).await?;
    result_of(backend, &text(&queued["task_id"]), wait, output).await
}
