//! What can be said about schedules.

use super::Submit;
use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Schedules {
    #[command(subcommand)]
    pub(crate) action: SchedulesAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SchedulesAction {
    /// List schedules with their next time and what the last came to.
    List,
    /// Make a schedule; it fires while a server or the app is open on the data folder.
    Add(Box<AddSchedule>),
    /// Show a schedule.
    Show {
        /// Its name or id.
        schedule: String,
    },
    /// Change when a schedule fires, its policy or its name.
    Change {
        /// Its name or id.
        schedule: String,
        /// The new name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        when: When,
        /// What becomes of times that were missed.
        #[arg(long, value_enum)]
        catch_up: Option<CatchUp>,
    },
    /// Let a schedule fire.
    Enable {
        /// Its name or id.
        schedule: String,
    },
    /// Let a schedule fire no more; times that pass meanwhile are not missed.
    Disable {
        /// Its name or id.
        schedule: String,
    },
    /// Queue a schedule's job now; prints the job's id.
    Run {
        /// Its name or id.
        schedule: String,
    },
    /// Show at what times a schedule fired and what each came to, newest first.
    History {
        /// Its name or id.
        schedule: String,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Show what an expression means, and its next times.
    Next {
        #[command(flatten)]
        when: When,
        /// How many.
        #[arg(short = 'n', long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
        count: u64,
    },
    /// Remove a schedule with its history; its jobs stay.
    Delete {
        /// Its name or id.
        schedule: String,
        /// Do not ask.
        #[arg(long, required = true)]
        yes: bool,
    },
}

/// When a schedule fires.
#[derive(Debug, Args)]
pub(crate) struct When {
    /// Minute, hour, day, month, weekday; six fields start with seconds.
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
    /// The time zone of --cron, such as Europe/Berlin; the server's own when left out.
    #[arg(long, value_name = "ZONE", conflicts_with = "every")]
    pub(crate) zone: Option<String>,
    /// Time between two: 90s, 15m, 2h, 1d; counted from now.
    #[arg(long, value_name = "TIME", conflicts_with = "cron", value_parser = seconds)]
    pub(crate) every: Option<f64>,
}

#[derive(Debug, Args)]
#[command(after_help = "The command runs in this folder and with this shell's PATH. It is not a \
shell's string: for pipes, run a shell.")]
pub(crate) struct AddSchedule {
    /// A name of its own.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) when: When,
    /// What becomes of times that were missed: nothing, one job, or one for each.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) catch_up: CatchUp,
    /// Make it, and do not let it fire yet.
    #[arg(long)]
    pub(crate) disabled: bool,
    #[command(flatten)]
    pub(crate) job: Submit,
}

/// What becomes of times that were missed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatchUp {
    /// Nothing.
    Skip,
    /// One job, however many were missed.
    #[default]
    Once,
    /// A job for each.
    All,
}

impl CatchUp {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

/// Reads `90`, `90s`, `15m`, `2h` or `1d`.
fn seconds(text: &str) -> Result<f64, String> {
    const UNITS: [(char, f64); 4] = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0)];
    let unit = UNITS.iter().find(|(unit, _)| text.ends_with(*unit));
    let number = unit.map_or(text, |(unit, _)| text.trim_end_matches(*unit));
    let number: f64 = number.parse().map_err(|_| "a time is 90s, 15m, 2h or 1d".to_owned())?;
    Ok(number * unit.map_or(1.0, |(_, seconds)| *seconds))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_have_units() {
        assert_eq!(seconds("90"), Ok(90.0));
        assert_eq!(seconds("15m"), Ok(900.0));
        assert_eq!(seconds("1.5h"), Ok(5400.0));
        assert!(seconds("soon").is_err());
    }
}
