//! What can be said on the command line.

mod accounts;
mod jobs;
mod projects;
mod rules;
mod schedules;

pub(crate) use accounts::*;
pub(crate) use jobs::*;
pub(crate) use projects::*;
pub(crate) use rules::*;
pub(crate) use schedules::*;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 in use, 5 not allowed, \
6 server unreachable, 8 conflict.
Data goes to stdout, words to stderr.";

/// Tracks experiments, runs and models on this machine; MLflow's clients can use it
/// as it is.
#[derive(Debug, Parser)]
#[command(name = "branchline", version, after_help = EXIT_CODES)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// Where everything is kept [also: BRANCHLINE_DATA_DIR].
    #[arg(long, global = true, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Read settings from this .env file instead of the one beside config.toml.
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(crate) env_file: Option<PathBuf>,
    /// Write data as JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server without a window.
    Serve(Box<Serve>),
    /// Get a token for a Python client, and the environment to use it.
    Connect(Connect),
    /// Show and change settings.
    Config(Config),
    /// Run any command with MLflow's environment set to this tracking server.
    Run(Run),
    /// Queue jobs, watch them and control them.
    Jobs(Jobs),
    /// Open folders as projects, and see what they offer.
    Projects(Projects),
    /// Queue functions and entry points of projects.
    Tasks(Tasks),
    /// Run tasks over a space of arguments, and compare what comes out.
    Sweeps(Sweeps),
    /// Start JupyterLab, and queue notebooks.
    Notebook(Notebook),
    /// Open a Python with a project, mlflow and credentials set up.
    Console(Console),
    /// Train the diabetes model, as the stack's console did.
    Ml(Ml),
    /// Queue jobs by themselves, by the clock.
    Schedules(Schedules),
    /// Be told of what happens to jobs, runs and metrics.
    Rules(Rules),
    /// Back up, restore, check and read the database.
    Db(Db),
    /// Show the server's log.
    Logs(Logs),
    /// Make, list and revoke personal access tokens.
    Tokens(Tokens),
    /// Show where you are signed in, and sign out there.
    Sessions(Sessions),
    /// Make, list, change and remove users.
    Users(Users),
    /// Show the mail that was written, sent or not; recovery links among it.
    Mail(Mail),
    /// Check that everything is in order, and say what to do where it is not.
    Doctor,
    /// Write the completion script of a shell.
    Completions(Completions),
}

/// Each flag wins over the setting of the same meaning.
#[derive(Debug, Args)]
#[command(after_help = "The server's address is the first line of stdout. \
See `branchline config list` for the settings behind these flags.")]
pub(crate) struct Serve {
    /// Address to listen on; 127.0.0.1 is this machine only, over IPv4 and IPv6.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Port to listen on; 0 takes any free one.
    #[arg(long, short, value_name = "PORT")]
    pub(crate) port: Option<String>,
    /// Listen on a free port when the port is taken.
    #[arg(long)]
    pub(crate) port_fallback: bool,
    /// Let whoever can connect act as the owner; this machine only.
    #[arg(long)]
    pub(crate) no_auth: bool,
    /// Answer the APIs only, without the user interface.
    #[arg(long)]
    pub(crate) api_only: bool,
    /// How the log on stderr looks: text or json.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// How much is logged: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Artifact root that new experiments get, a URI or a folder.
    #[arg(long, value_name = "URI")]
    pub(crate) default_artifact_root: Option<String>,
    /// Folder or s3://bucket/prefix in which the server keeps artifacts.
    #[arg(long, value_name = "PLACE", value_hint = clap::ValueHint::DirPath)]
    pub(crate) artifacts_destination: Option<String>,
    /// Host names, beside those of this machine, under which the server may be called.
    #[arg(long, value_name = "A,B")]
    pub(crate) allowed_hosts: Option<String>,
    /// Origins whose web pages may call the server from another site.
    #[arg(long, value_name = "A,B")]
    pub(crate) cors_allowed_origins: Option<String>,
    /// How far a write has gone when it is acknowledged: balanced, power-safe or fast.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) durability: Option<String>,
    /// When whoever asks for a job is answered.
    #[arg(long, value_enum)]
    pub(crate) jobs: Option<Answered>,
}

/// When whoever asks for a job is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Answered {
    /// At once, as is usual.
    Queued,
    /// After its end, for tests.
    Inline,
}

/// A shell whose syntax to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// bash, zsh and other POSIX shells.
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
    /// The Windows command prompt.
    Cmd,
}

#[derive(Debug, Args)]
#[command(after_help = "Use it in a shell with: eval \"$(branchline connect)\"")]
pub(crate) struct Connect {
    /// Put the token into ~/.mlflow/credentials, which MLflow's client uses for every
    /// server that asks for a password.
    #[arg(long)]
    pub(crate) write: bool,
    /// With --write, replace an entry that somebody else wrote.
    #[arg(long, requires = "write")]
    pub(crate) force: bool,
    /// Make a new token that ends then: `30d`, `2027-01-31`, RFC 3339 or `never`. When left
    /// out, the token of before is used again, or a new one ends in 90 days.
    #[arg(long, value_name = "WHEN")]
    pub(crate) expires: Option<String>,
    /// The shell whose syntax to write.
    #[arg(long, value_enum, default_value_t = crate::platform::SHELL)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Show every setting with its value and where that comes from, and what became
    /// of each name in the .env file.
    List,
    /// Show one setting's value.
    Get {
        /// Such as server.port.
        key: String,
    },
    /// Change one setting in config.toml.
    Set {
        /// Such as server.port.
        key: String,
        /// Its new value; a list is written as a,b.
        #[arg(
            required_unless_present = "unset",
            conflicts_with = "unset",
            allow_hyphen_values = true
        )]
        value: Option<String>,
        /// Go back to the default.
        #[arg(long)]
        unset: bool,
    },
    /// Show where config.toml is.
    Path,
}

#[derive(Debug, Args)]
#[command(after_help = "Exits with the command's own code.")]
pub(crate) struct Run {
    /// Run it in this project's folder and environment; its name, number or folder.
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The command and its arguments, after `--`.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(value_name = "COMMAND", value_hint = clap::ValueHint::CommandWithArguments)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Db {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DbAction {
    /// Write a consistent copy of the database, also while it is in use.
    Backup {
        /// The file to write; it must not exist.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Put a copy in the place of the database; the present one is kept beside.
    Restore {
        /// A file that `db backup` wrote.
        #[arg(value_hint = clap::ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Look for damage; exits 1 when there is some.
    Check,
    /// Bring the database to the form that this program uses.
    Migrate,
    /// Show the database's migrations and size.
    Status,
    /// Remove for good what lies in the trash, files included.
    Gc {
        /// Only what was deleted longer ago than that: `30d`, `12h`; or before a date.
        #[arg(long, value_name = "AGE")]
        older_than: Option<String>,
        /// Only tell what would go, and how many bytes.
        #[arg(long)]
        dry_run: bool,
    },
    /// Make the index of words that search uses anew.
    Reindex,
    /// Read the database with SQL.
    Query {
        /// One statement that only reads.
        sql: String,
        /// Most rows.
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        limit: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// How many lines.
    #[arg(short = 'n', long, default_value_t = 100, value_name = "N")]
    pub(crate) lines: usize,
    /// Go on as lines are added.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only this level and worse.
    #[arg(long, value_enum)]
    pub(crate) level: Option<Level>,
    /// What this job wrote, instead of the server's log.
    #[arg(long, value_name = "ID", conflicts_with_all = ["level", "lines"])]
    pub(crate) job: Option<String>,
}

/// How severe a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    Info,
    /// How it happens.
    Debug,
    /// Every detail.
    Trace,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Whose.
    #[arg(value_enum)]
    pub(crate) shell: CompletionShell,
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CompletionShell {
    /// bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
    /// PowerShell.
    Powershell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_declarations_hold_together() {
        Cli::command().debug_assert();
    }

    #[cfg(unix)]
    #[test]
    fn the_reference_page_is_what_the_declarations_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/command-line.md");
        let mut page = String::from(
            "<!-- Made from the declarations in cli/src/args.rs; a test keeps it so. -->\n\n\
             # Command line\n",
        );
        describe(&Cli::command().term_width(88), "", &mut page);
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == page, "run this test with UPDATE_SNAPSHOTS=1 and commit {path}");
    }

    #[cfg(unix)]
    fn describe(command: &clap::Command, parents: &str, page: &mut String) {
        let name = format!("{parents}{}", command.get_name());
        let help = command.clone().bin_name(&name).render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        page.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n")));
        for inner in command.get_subcommands() {
            describe(&inner.clone().term_width(88), &format!("{name} "), page);
        }
    }

    #[test]
    fn what_follows_run_is_the_command_whole() {
        let cli = Cli::parse_from(["branchline", "run", "--", "python", "-c", "x", "--json"]);
        let Command::Run(run) = cli.command else { panic!("another command") };
        assert_eq!(run.command, ["python", "-c", "x", "--json"]);
        assert!(!cli.globals.json, "the command's own flags are not ours");
    }

    /// Whoever adds a flag of `serve` adds its setting.
    #[test]
    fn every_flag_of_serve_is_declared_as_a_setting() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let flags = serve.get_arguments().filter_map(clap::Arg::get_long);
        for flag in flags.filter(|flag| *flag != "help" && *flag != "version") {
            let name = format!("--{flag}");
            let known = branchline_server::config::KEYS.iter().any(|key| key.flag == name);
            assert!(known, "{name} has no setting");
        }
    }
}
