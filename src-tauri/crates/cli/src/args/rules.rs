//! What can be said about rules.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Rules {
    #[command(subcommand)]
    pub(crate) action: RulesAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesAction {
    /// List your rules, newest first.
    List,
    /// Make a rule; prints its id. It tells while a server or the app is open on the data folder.
    Add(Box<AddRule>),
    /// Show what a rule told, newest first, and what became of it.
    History {
        /// Its id.
        rule: String,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Tell a test by every channel of a rule, and show what became of it.
    Test {
        /// Its id.
        rule: String,
    },
    /// Let a rule tell.
    Enable {
        /// Its id.
        rule: String,
    },
    /// Let a rule tell no more.
    Disable {
        /// Its id.
        rule: String,
    },
    /// Remove a rule with its history.
    Remove {
        /// Its id.
        rule: String,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "A metric is told of once per run, until a value comes five minutes or later \
that is none to tell of, or the run ends.

Examples:
  branchline rules add job.failed job.lost --queue gpu
  branchline rules add metric.not_finite --experiment 0 --email ada@example.org
  branchline rules add metric.above --name val/acc --threshold 0.95 --webhook https://example.org/hook"
)]
pub(crate) struct AddRule {
    /// What to tell of: job.finished, job.failed, job.revoked, job.lost; run.finished,
    /// run.failed, run.killed; or one of metric.not_finite, metric.above, metric.below.
    #[arg(required = true, value_name = "OCCASION")]
    pub(crate) on: Vec<String>,
    /// Only jobs of this queue.
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<String>,
    /// Only jobs of this task, runs of this name, metrics of this key; a * stands for anything.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only what is in the experiment of this id.
    #[arg(long, value_name = "ID")]
    pub(crate) experiment: Option<String>,
    /// Only this job or run, which has not ended.
    #[arg(long, value_name = "ID")]
    pub(crate) subject: Option<String>,
    /// What a value rises above or falls below.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) threshold: Option<f64>,
    /// Do not tell in the window.
    #[arg(long)]
    pub(crate) no_desktop: bool,
    /// Tell by a request to this address.
    #[arg(long, value_name = "URL")]
    pub(crate) webhook: Option<String>,
    /// Sign what the webhook is told with the first line of stdin.
    #[arg(long, requires = "webhook")]
    pub(crate) secret_stdin: bool,
    /// Tell by mail to this address.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// Tell once, and be off then.
    #[arg(long)]
    pub(crate) once: bool,
}
