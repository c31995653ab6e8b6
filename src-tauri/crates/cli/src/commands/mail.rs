//! `branchline mail`.

use crate::args::{Globals, Mail, MailAction};
use crate::backend::Backend;
use crate::failure::Done;
use crate::output::{OK, Output, table};
use branchline_client::{OutboxList, OutboxMail};

pub(crate) async fn run(globals: &Globals, args: Mail, output: &Output) -> Done {
    let backend = Backend::open(globals).await?;
    match args.action {
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
