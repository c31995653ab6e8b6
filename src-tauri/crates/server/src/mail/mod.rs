//! Mail: written, kept in the outbox, and given to the mail server where one is set up.
//! Passwords are never written into a mail; links that set one live 48 hours and work once.

mod letter;

use crate::config::Secret;
use crate::state::AppState;
use crate::told;
use branchline_core::{Actor, Error, ErrorCode, Result};
use branchline_engine::{Delivery, Mail, MailState, NewMail};
use letter::Letter;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// How long the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How mail leaves.
#[derive(Debug, Clone)]
pub struct MailRules {
    /// The mail server; mail is only kept when `None`.
    pub host: Option<String>,
    /// Its port.
    pub port: u16,
    /// Go over to TLS after the greeting (STARTTLS).
    pub starttls: bool,
    /// Speak TLS from the beginning.
    pub tls: bool,
    /// Sign in as; not at all when `None`.
    pub user: Option<String>,
    /// The password to it.
    pub password: Secret,
    /// The sender's address.
    pub from: Option<String>,
    /// The sender's name, and what the server is called in mail.
    pub from_name: String,
    /// What links begin with; the server's own address when `None`.
    pub public_url: Option<String>,
}

impl Default for MailRules {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            starttls: true,
            tls: false,
            user: None,
            password: Secret::default(),
            from: None,
            from_name: "Branchline".to_owned(),
            public_url: None,
        }
    }
}

impl MailRules {
    /// Whether there is a server to give mail to, and somebody to send it as.
    pub fn is_on(&self) -> bool {
        self.host.is_some() && self.from.is_some()
    }
}

/// Writes to the user with this e-mail, if there is one, a link that sets another password.
/// What fails stands in the log and the outbox.
pub(crate) async fn recovery(state: AppState, email: String) {
    let written = async {
        let Some((user, token)) = state.engine.recovery_token(&email).await? else {
            return Ok(None);
        };
        // After the #, it is in no request, and so in no log.
        let link = format!("{}/#/reset-password?token={token}", state.options.public_url());
        let project = &state.options.mail.from_name;
        let letter = Letter::recovery(project, &user.email, &link).addressed(&user.email);
        post(&state, letter).await.map(Some)
    };
    note(written.await);
}

/// Tells somebody that they have an account.
pub(crate) async fn new_account(state: AppState, email: String) {
    let letter =
        Letter::new_account(&state.options.mail.from_name, &email, state.options.public_url());
    note(post(&state, letter.addressed(&email)).await);
}

/// Sends a mail to see whether it arrives.
///
/// # Errors
/// Mail is off; the server's words.
pub(crate) async fn test(state: &AppState, email: &str) -> Result<()> {
    if email.parse::<Address>().is_err() {
        return Err(Error::invalid(format!("'{email}' is no e-mail address.")));
    }
    let letter = Letter::test(&state.options.mail.from_name, email).addressed(email);
    if post(state, letter).await? == Given::Taken {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::TemporarilyUnavailable,
        "No mail server is set up: the mail is kept in the outbox and was not sent.",
    )
    .hint("Set mail.smtp_host and mail.from (SMTP_HOST and EMAILS_FROM_EMAIL)."))
}

fn note<T>(written: Result<T>) {
    if let Err(error) = written {
        tracing::warn!("A mail was not sent: {error}");
    }
}

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// The server took it.
    Taken,
    /// There is no server: it is in the outbox.
    Kept,
}

impl Given {
    /// The word for it.
    pub(crate) fn became(self) -> &'static str {
        match self {
            Self::Taken => told::TOLD,
            Self::Kept => told::KEPT,
        }
    }
}

/// Makes one attempt to mail what a rule tells; all attempts are one mail in the outbox.
///
/// # Errors
/// The server's words.
pub(crate) async fn deliver(state: &AppState, actor: &Actor, delivery: &Delivery) -> Result<Given> {
    let sending = state.options.mail.is_on();
    let mail = told(state, delivery)?;
    let kept = match delivery.row {
        0 => state.engine.keep_mail(mail, sending).await?,
        row => state.engine.mail_of_delivery(actor, row, mail, sending).await?,
    };
    give(state, &kept).await
}

fn told(state: &AppState, delivery: &Delivery) -> Result<NewMail> {
    let told = delivery
        .told
        .as_ref()
        .ok_or_else(|| Error::invalid("A webhook of the registry is told by no mail."))?;
    let rules = &state.options.mail;
    let link = told::link(told, state.options.public_url());
    Ok(Letter::told(&rules.from_name, &told.words, link).addressed(&delivery.address))
}

/// Keeps a mail, and gives it to the server where there is one.
async fn post(state: &AppState, mail: NewMail) -> Result<Given> {
    let kept = state.engine.keep_mail(mail, state.options.mail.is_on()).await?;
    give(state, &kept).await
}

/// Gives a mail to the server, where there is one.
async fn give(state: &AppState, kept: &Mail) -> Result<Given> {
    let rules = &state.options.mail;
    if kept.state == MailState::Sent {
        return Ok(Given::Taken);
    }
    if !rules.is_on() {
        return Ok(Given::Kept);
    }
    let outcome = match password(state).await {
        Ok(password) => send(rules, password, kept).await,
        Err(error) => Err(error.to_string()),
    };
    state.engine.settle_mail(kept.id, outcome.as_ref().err().cloned()).await?;
    outcome.map(|()| Given::Taken).map_err(|words| {
        Error::new(
            ErrorCode::TemporarilyUnavailable,
            format!("The mail server did not take the mail: {words}"),
        )
        .hint("The mail is in the outbox. Check the settings of the section `mail`.")
    })
}

/// The password to the mail server: from the settings, or else the one that was kept for it.
async fn password(state: &AppState) -> Result<String> {
    let given = state.options.mail.password.expose();
    if !given.is_empty() || state.options.mail.user.is_none() {
        return Ok(given.to_owned());
    }
    Ok(state.engine.mail_password().await?.unwrap_or_default())
}

/// Gives a mail to the server; the error is what it, or the way to it, said.
async fn send(rules: &MailRules, password: String, kept: &Mail) -> Result<(), String> {
    let words = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let more = cause.to_string();
            if !text.contains(&more) {
                text = format!("{text}: {more}");
            }
            source = cause.source();
        }
        text
    };
    let address = |text: &str| text.parse::<Address>().map_err(|e| format!("'{text}': {e}"));
    let from = address(rules.from.as_deref().unwrap_or_default())?;
    let to = address(&kept.mail.recipient)?;
    let message = Message::builder()
        .from(Mailbox::new(Some(rules.from_name.clone()), from))
        .to(Mailbox::new(None, to))
        .subject(&kept.mail.subject)
        // The same for all attempts, so that who gets two knows them for one.
        .message_id(Some(format!("<{}.{}@branchline>", kept.id, kept.created_at)))
        .multipart(MultiPart::alternative_plain_html(
            kept.mail.text.clone(),
            kept.mail.html.clone(),
        ))
        .map_err(|e| words(&e))?;
    let host = rules.host.as_deref().unwrap_or_default();
    let tls = if rules.tls || rules.starttls {
        let parameters = TlsParameters::new(host.to_owned()).map_err(|e| words(&e))?;
        if rules.tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) }
    } else {
        Tls::None
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(rules.port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if let Some(user) = &rules.user {
        transport = transport.credentials(Credentials::new(user.clone(), password));
    }
    transport.build().send(message).await.map(drop).map_err(|e| words(&e))
}
