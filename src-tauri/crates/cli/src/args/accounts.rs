//! Who may do what: tokens, sessions, users, and the mail that they get.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    pub(crate) action: TokensAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokensAction {
    /// Make a token; its secret is shown this once.
    Create {
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it allows; each includes those before it.
        #[arg(long, value_enum, default_value_t = TokenScope::Log)]
        scope: TokenScope,
        /// When it ends: `30d`, `12h`, `2027-01-31` or RFC 3339; never when left out.
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List the tokens, without their secrets.
    List,
    /// End a token at once.
    Revoke {
        /// Its number, from the list.
        id: i64,
    },
    /// Make another signing key: everybody is signed out. Personal access tokens stay.
    RotateKey,
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) action: SessionsAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsAction {
    /// List the sessions of browsers, windows and the stack's clients, newest first.
    List,
    /// End a session at once, with what it has open.
    Revoke {
        /// Its number, from the list.
        id: i64,
    },
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Users {
    #[command(subcommand)]
    pub(crate) action: UsersAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsersAction {
    /// Make a user; without --password-stdin a password is made up and shown this once.
    Create {
        /// Also their name for MLflow's clients.
        email: String,
        /// As they write it.
        #[arg(long, value_name = "NAME")]
        full_name: Option<String>,
        /// They may do everything.
        #[arg(long)]
        superuser: bool,
        /// Read the password from the first line of stdin.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users.
    List,
    /// Change a user. Other rights end their sessions.
    Update {
        /// Whose.
        email: String,
        /// Another e-mail.
        #[arg(long, value_name = "EMAIL")]
        new_email: Option<String>,
        /// As they write it.
        #[arg(long, value_name = "NAME")]
        full_name: Option<String>,
        /// Whether they may sign in.
        #[arg(long, value_name = "BOOL")]
        active: Option<bool>,
        /// Whether they may do everything.
        #[arg(long, value_name = "BOOL")]
        superuser: Option<bool>,
    },
    /// Set a user's password, read from the first line of stdin. Ends their sessions.
    Password {
        /// Whose.
        email: String,
    },
    /// Remove a user. What they made stays.
    Delete {
        /// Whom.
        email: String,
    },
}

#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Mail {
    #[command(subcommand)]
    pub(crate) action: MailAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MailAction {
    /// List the mail, newest first.
    List {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 50, value_name = "N")]
        limit: u16,
    },
    /// Show a mail with its words.
    Show {
        /// Its number, from the list.
        id: i64,
    },
    /// Keep the password to the mail server, from the first line of stdin, in the keyring of
    /// the operating system; where none runs, in a file that only you may read.
    Password {
        /// Forget it instead.
        #[arg(long)]
        forget: bool,
    },
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenScope {
    /// Read everything.
    Read,
    /// And log runs, models and artifacts.
    Log,
    /// And administer.
    Admin,
}
