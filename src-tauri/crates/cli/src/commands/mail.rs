//! `branchline mail`.

use crate::args::{Globals, Mail, MailAction};
use crate::backend::{Backend, config, data_dir};
use crate::commands::users::read_password;
use crate::failure::Done;
use crate::output::{OK, Output, table};
use branchline_client::{OutboxList, OutboxMail};
use branchline_engine::{KeptIn, OsSecrets};
use serde_json::json;

pub(crate) async fn run(globals: &Globals, args: Mail, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    match args.action {
        MailAction::Password { forget } => {
            let store = backend.status().await?.store_uuid;
            let secrets =
                OsSecrets::new(data_dir(globals)?.root(), &store, config(globals)?.keyring);
            backend.close().await;
            return password(secrets, forget, output).await;
        }
        MailAction::List { limit } => {
            let list = backend.outbox(i64::from(limit)).await?;
            output.data(&list, listed)?;
        }
        MailAction::Show { id } => {
            let mail = backend.mail(id).await?;
            output.data(&mail, shown)?;
        }
    }
    backend.close().await;
    Ok(OK)
}

/// Not by way of a running server: the keyring and the folder belong to whoever types this.
async fn password(secrets: OsSecrets, forget: bool, output: &Output) -> Done {
    let (done, place) = if forget {
        (secrets.forget_mail_password().await?, None)
    } else {
        (true, Some(secrets.keep_mail_password(read_password()?).await?))
    };
    let place = place.map(|place| match place {
        KeptIn::Keyring => ("keyring", None),
        KeptIn::File(file) => ("file", Some(file)),
    });
    let name = place.as_ref().map(|(name, _)| *name);
    output.data(&json!({ "kept_in": name, "forgotten": forget && done }), |_| String::new())?;
    output.remark(match place {
        Some((_, None)) => "The keyring of the operating system keeps the password.".to_owned(),
        Some((_, Some(file))) => format!(
            "No keyring took the password: {} keeps it, readable to you alone.",
            file.display()
        ),
        None if done => "The password is forgotten.".to_owned(),
        None => "No password was kept.".to_owned(),
    });
    Ok(OK)
}

fn listed(list: &OutboxList) -> String {
    let rows: Vec<Vec<String>> = list
        .mail
        .iter()
        .map(|mail| {
            vec![
                mail.id.to_string(),
                mail.created_at.clone(),
                mail.state.clone(),
                mail.to.clone(),
                mail.subject.clone(),
            ]
        })
        .collect();
    table(&["id", "written", "state", "to", "subject"], &rows)
}

fn shown(mail: &OutboxMail) -> String {
    let failed = mail.error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
    format!(
        "To: {}\nSubject: {}\nState: {}{failed}\n\n{}",
        mail.to, mail.subject, mail.state, mail.text
    )
}
