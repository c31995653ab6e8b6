//! What is written, in plain words and in HTML that needs nothing from elsewhere.

use branchline_core::Words;
use branchline_engine::{MailKind, NewMail, RECOVERY_HOURS};

/// A mail without its recipient.
pub(super) struct Letter {
    kind: MailKind,
    subject: String,
    paragraphs: Vec<String>,
    link: Option<(&'static str, String)>,
}

impl Letter {
    pub(super) fn new_account(project: &str, email: &str, url: &str) -> Self {
        Self {
            kind: MailKind::NewAccount,
            subject: format!("{project} - New account for user {email}"),
            paragraphs: vec![
                format!("You have a new account on {project}."),
                format!("Your user name is {email}. Whoever made the account has your password."),
            ],
            link: Some(("Open it", url.to_owned())),
        }
    }

    pub(super) fn recovery(project: &str, email: &str, link: &str) -> Self {
        Self {
            kind: MailKind::Recovery,
            subject: format!("{project} - Password recovery for user {email}"),
            paragraphs: vec![
                format!("Somebody asked for another password for {email} on {project}."),
                format!(
                    "The link below sets one. It works once, for {RECOVERY_HOURS} hours. If it was \
                     not you who asked, leave it alone: nothing has changed."
                ),
            ],
            link: Some(("Set another password", link.to_owned())),
        }
    }

    pub(super) fn test(project: &str, email: &str) -> Self {
        Self {
            kind: MailKind::Test,
            subject: format!("{project} - Test email"),
            paragraphs: vec![format!("This is a test mail from {project} for {email}.")],
            link: None,
        }
    }

    pub(super) fn told(project: &str, words: &Words, link: Option<String>) -> Self {
        Self {
            kind: MailKind::Notification,
            subject: format!("{project} - {}", words.title),
            paragraphs: vec![words.title.clone(), words.text.clone()],
            link: link.map(|link| ("Open it", link)),
        }
    }

    pub(super) fn addressed(self, recipient: &str) -> NewMail {
        let mut text = self.paragraphs.join("\n\n");
        let mut body: String =
            self.paragraphs.iter().map(|words| format!("<p>{}</p>\n", escaped(words))).collect();
        if let Some((words, link)) = &self.link {
            text.push_str(&format!("\n\n{words}: {link}"));
            let link = escaped(link);
            body.push_str(&format!("<p><a href=\"{link}\">{words}</a><br>{link}</p>\n"));
        }
        text.push('\n');
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n\
             <body style=\"font-family: sans-serif; max-width: 36rem; line-height: 1.5\">\n{body}</body>\n</html>\n",
            escaped(&self.subject)
        );
        NewMail {
            kind: self.kind,
            recipient: recipient.to_owned(),
            subject: self.subject,
            text,
            html,
        }
    }
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_hold_the_link_and_names_cannot_write_html() {
        let mail =
            Letter::recovery("<b>Lab</b>", "a@b.c", "http://h/#/r?token=x&y").addressed("a@b.c");
        assert_eq!(mail.subject, "<b>Lab</b> - Password recovery for user a@b.c");
        assert!(mail.text.contains("Set another password: http://h/#/r?token=x&y"));
        assert!(mail.html.contains("href=\"http://h/#/r?token=x&amp;y\""));
        assert!(mail.html.contains("&lt;b&gt;Lab") && !mail.html.contains("<b>"));
    }
}
