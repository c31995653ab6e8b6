//! What can be said about jobs.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    pub(crate) action: JobsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsAction {
    /// Queue a command or a task; prints the job's id.
    Submit(Box<Submit>),
    /// List jobs, newest first unless another order is asked for.
    List {
        /// Only jobs in this state, such as FAILURE; may be repeated.
        #[arg(long)]
        state: Vec<String>,
        /// Only jobs of this queue.
        #[arg(long)]
        queue: Option<String>,
        /// Only jobs of this task.
        #[arg(long)]
        task: Option<String>,
        /// In this order: status, title, name, queue, priority, retries, queued_at, started_at,
        /// ended_at or runtime, with ASC or DESC behind it.
        #[arg(long, value_name = "FIELD")]
        order_by: Option<String>,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Show a job's record; with --json Celery's fields as Celery names them.
    Show {
        /// The job's id.
        id: String,
        /// Wait for its end, at most this many seconds.
        #[arg(long, value_name = "SECONDS")]
        wait: Option<f64>,
    },
    /// Show what a job wrote.
    Logs {
        /// Go on until the job ends.
        #[arg(short, long)]
        follow: bool,
        /// The job's id.
        id: String,
    },
    /// Cancel a job: one that waits never starts, one that runs is ended.
    Cancel {
        /// The job's id.
        id: String,
    },
    /// Queue an ended job again.
    Retry {
        /// The job's id.
        id: String,
    },
    /// Count jobs by state.
    Stats,
    /// Look at what workers do, as `celery inspect` does.
    Inspect {
        /// At what.
        #[arg(value_enum)]
        what: Inspect,
        /// For query-task: the job's id.
        #[arg(required_if_eq("what", "query-task"))]
        id: Option<String>,
    },
    /// Change how jobs are run, as `celery control` does.
    Control {
        #[command(subcommand)]
        action: Control,
    },
    /// Look at queues, and empty them.
    Queue {
        #[command(subcommand)]
        action: Queue,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "The command runs in this folder and with this shell's PATH. It is not a \
shell's string: for pipes, run a shell.")]
pub(crate) struct Submit {
    #[command(flatten)]
    pub(crate) how: How,
    /// A built-in task instead of a command.
    #[arg(long, conflicts_with = "command")]
    pub(crate) task: Option<String>,
    /// The task's arguments, a JSON array.
    #[arg(long, value_name = "JSON", requires = "task")]
    pub(crate) args: Option<String>,
    /// The task's named arguments, a JSON object.
    #[arg(long, value_name = "JSON", requires = "task")]
    pub(crate) kwargs: Option<String>,
    /// A variable for the command; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<String>,
    /// Where the command runs; this folder when left out.
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub(crate) cwd: Option<std::path::PathBuf>,
    /// The command and its arguments, after `--`.
    #[arg(required_unless_present = "task", trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(value_name = "COMMAND", value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<String>,
}

/// How a job is queued and run.
#[derive(Debug, Args)]
pub(crate) struct How {
    /// The queue; main-queue when left out.
    #[arg(long)]
    pub(crate) queue: Option<String>,
    /// 0 to 9; the highest goes first.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) priority: Option<u8>,
    /// Seconds to wait before it may start.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) countdown: Option<f64>,
    /// Not before this moment, RFC 3339.
    #[arg(long, value_name = "WHEN", conflicts_with = "countdown")]
    pub(crate) eta: Option<String>,
    /// Seconds after which it is not started any more.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) expires: Option<f64>,
    /// How often it is tried again when it fails.
    #[arg(long, value_name = "N")]
    pub(crate) max_retries: Option<u32>,
    /// Seconds before the first retry; each wait after it is twice as long.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) retry_delay: Option<f64>,
    /// Run it again when the program ends while it runs, instead of failing it.
    #[arg(long)]
    pub(crate) acks_late: bool,
    /// Seconds after which it is asked to end.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) soft_time_limit: Option<f64>,
    /// Seconds after which it is killed.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) time_limit: Option<f64>,
    /// While a job with this key lives, answer that one.
    #[arg(long, value_name = "KEY")]
    pub(crate) unique_key: Option<String>,
    /// The job's id; the same id twice is one job.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Slots of GPUs that it needs; their numbers are its CUDA_VISIBLE_DEVICES.
    #[arg(long, value_name = "N")]
    pub(crate) gpus: Option<u32>,
    /// Megabytes that it and what it starts may hold together; past that it is killed.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(i64).range(1..=1_000_000_000))]
    pub(crate) memory_limit: Option<i64>,
}

/// What can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Inspect {
    /// Jobs that run.
    Active,
    /// Jobs that could start.
    Reserved,
    /// Jobs that wait for their time.
    Scheduled,
    /// Jobs that were revoked.
    Revoked,
    /// Tasks that can be queued by name.
    Registered,
    /// Queues and numbers.
    Stats,
    /// What is limited: queues, their workers, and rates.
    Conf,
    /// All of this at once.
    Report,
    /// Whether somebody answers.
    Ping,
    /// One job.
    QueryTask,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Control {
    /// Take nothing from a queue; what runs goes on.
    #[command(visible_alias = "cancel-consumer")]
    Pause {
        /// Its name.
        queue: String,
    },
    /// Take from a queue again.
    #[command(visible_alias = "add-consumer")]
    Resume {
        /// Its name.
        queue: String,
    },
    /// Set how many jobs of a queue run at a time.
    Concurrency {
        /// Its name.
        queue: String,
        /// 1 to 256.
        n: u32,
    },
    /// Let more jobs of a queue run at a time.
    PoolGrow {
        /// Its name.
        queue: String,
        /// How many more.
        #[arg(default_value_t = 1)]
        n: u32,
    },
    /// Let fewer jobs of a queue run at a time; what runs goes on.
    PoolShrink {
        /// Its name.
        queue: String,
        /// How many fewer; one is left.
        #[arg(default_value_t = 1)]
        n: u32,
    },
    /// Let a queue follow the machine: a job for each processor within the bounds, and on
    /// battery no more than it must.
    Autoscale {
        /// Its name.
        queue: String,
        /// The most jobs that run at a time, 1 to 256.
        max: u32,
        /// The least.
        #[arg(default_value_t = 1)]
        min: u32,
    },
    /// Set how long jobs of a task may take that start from now on and do not say so
    /// themselves; without any limit they are lifted.
    TimeLimit {
        /// Its name.
        task: String,
        /// Seconds after which one is asked to end.
        #[arg(long, value_name = "SECONDS")]
        soft: Option<f64>,
        /// Seconds after which it is killed.
        #[arg(long, value_name = "SECONDS")]
        hard: Option<f64>,
    },
    /// Stop the server when the jobs that run have ended; no other is started meanwhile.
    Shutdown {
        /// End what runs now; it runs again after the next start.
        #[arg(long, conflicts_with = "now")]
        later: bool,
        /// End what runs now; what does not run again by itself has failed.
        #[arg(long)]
        now: bool,
    },
    /// Set how often a task starts: 10/s, 10/m or 10/h; 0 lifts the limit.
    RateLimit {
        /// Its name.
        task: String,
        /// The rate.
        rate: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Queue {
    /// Show the queues with what is in them.
    List,
    /// Show the jobs of a queue that have not started, in order.
    Ls {
        /// Its name.
        queue: String,
    },
    /// Revoke every job of a queue that has not started.
    Purge {
        /// Its name.
        queue: String,
        /// Do not ask.
        #[arg(long, required = true)]
        yes: bool,
    },
}
