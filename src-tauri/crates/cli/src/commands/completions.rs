//! `branchline completions`.

use crate::args::{Cli, CompletionShell, Completions};
use crate::failure::{Done, Failure};
use crate::output::{OK, Output};
use clap::CommandFactory;
use clap_complete::{Shell, generate};

pub(crate) fn run(args: &Completions, output: &Output) -> Done {
    let shell = match args.shell {
        CompletionShell::Bash => Shell::Bash,
        CompletionShell::Zsh => Shell::Zsh,
        CompletionShell::Fish => Shell::Fish,
        CompletionShell::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "branchline", &mut script);
    let script = String::from_utf8(script)
        .map_err(|_| Failure::failed("The completion script is not UTF-8."))?;
    output.line(script.trim_end())?;
    Ok(OK)
}
