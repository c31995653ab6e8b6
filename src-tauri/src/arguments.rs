//! The shell's few arguments. Everything else is configuration, which the shell
//! reads as `branchline serve` does.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use branchline_core::Result;

use crate::VERSION;
use crate::server::{Config, DataDir, Overrides};

const HELP: &str = "\
Opens Branchline's window, and in it the server that `branchline serve` would run.

Usage: branchline-desktop [--data-dir FOLDER]

Options:
  --data-dir FOLDER  where everything is kept [also: BRANCHLINE_DATA_DIR]
  --version          print the version
  --help             print this text

Every other setting comes from config.toml and BRANCHLINE_*: see `branchline config list`.
";

/// How the app was asked to start.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    data_dir: Option<PathBuf>,
}

/// What is said instead of starting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Help,
    Version,
    Unknown(String),
}

impl Answer {
    /// Prints the answer and gives the exit code that goes with it.
    #[expect(clippy::print_stdout, reason = "help and version are what was asked for")]
    pub(crate) fn say(self) -> ExitCode {
        match self {
            Self::Help => print!("{HELP}"),
            Self::Version => println!("branchline-desktop {VERSION}"),
            Self::Unknown(argument) => {
                eprintln!("branchline-desktop does not know `{argument}`; see --help");
                return ExitCode::from(2);
            }
        }
        ExitCode::SUCCESS
    }
}

impl Arguments {
    /// Reads the arguments that follow the program's name.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> std::result::Result<Self, Answer> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.to_string_lossy().as_ref() {
                "--help" | "-h" => return Err(Answer::Help),
                "--version" | "-V" => return Err(Answer::Version),
                "--data-dir" => match arguments.next() {
                    Some(folder) => parsed.data_dir = Some(folder.into()),
                    None => return Err(Answer::Unknown("--data-dir without a folder".into())),
                },
                other => return Err(Answer::Unknown(other.to_owned())),
            }
        }
        Ok(parsed)
    }

    /// Reads the settings; the shell has no flags of its own to lay over them.
    pub(crate) fn config(&self) -> Result<Config> {
        Config::load(&Overrides::default())
    }

    /// The data folder that was asked for, or the usual one.
    pub(crate) fn data_dir(&self) -> Result<DataDir> {
        DataDir::locate(self.data_dir.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> std::result::Result<Arguments, Answer> {
        Arguments::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn nothing_is_needed() {
        assert_eq!(parse(&[]), Ok(Arguments::default()));
    }

    #[test]
    fn the_data_folder_can_be_given() {
        let folder = Some(PathBuf::from("/somewhere"));
        assert_eq!(parse(&["--data-dir", "/somewhere"]), Ok(Arguments { data_dir: folder }));
    }

    #[test]
    fn questions_are_answered_before_anything_starts() {
        assert_eq!(parse(&["--data-dir", "/x", "--version"]), Err(Answer::Version));
        assert_eq!(parse(&["-h"]), Err(Answer::Help));
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        assert_eq!(parse(&["--sevre"]), Err(Answer::Unknown("--sevre".into())));
        assert!(matches!(parse(&["--data-dir"]), Err(Answer::Unknown(_))));
    }
}
