//! `branchline users`.

use crate::args::{Globals, Users, UsersAction};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use branchline_client::{Account, AccountUpdate, NewAccount};
use serde::Serialize;
use serde_json::json;
use std::io::BufRead;

/// A user who was made, with the password when it was made up.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    user: Account,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

pub(crate) async fn run(globals: &Globals, args: Users, output: &Output) -> Done {
    match args.action {
        UsersAction::Create { email, full_name, superuser, password_stdin } => {
            let given = password_stdin.then(read_password).transpose()?;
            let made_up = given.is_none().then(branchline_engine::random_secret);
            let password = given.or_else(|| made_up.clone()).unwrap_or_default();
            let new = NewAccount {
                email,
                password,
                full_name: full_name.unwrap_or_default(),
                is_superuser: superuser,
            };
            let backend = Backend::open(globals).await?;
            let user = backend.create_user(new).await?;
            backend.close().await;
            output.remark(format!("User {} ({}) is made.", user.id, user.email));
            if made_up.is_some() {
                output.remark("Their password is shown only now.");
            }
            output.data(&Made { user, password: made_up }, |made| {
                made.password.clone().unwrap_or_default()
            })?;
        }
        UsersAction::List => {
            let backend = Backend::open(globals).await?;
            let users = backend.users().await?;
            backend.close().await;
            output.data(&json!({ "users": users }), |_| listed(&users))?;
        }
        UsersAction::Update { email, new_email, full_name, active, superuser } => {
            let update = AccountUpdate {
                email: new_email,
                full_name,
                is_active: active,
                is_superuser: superuser,
                password: None,
            };
            let backend = Backend::open(globals).await?;
            let user = backend.update_user(&email, update).await?;
            backend.close().await;
            output.data(&user, |user| listed(std::slice::from_ref(user)))?;
        }
        UsersAction::Password { email } => {
            let password = Some(read_password()?);
            let backend = Backend::open(globals).await?;
            let update = AccountUpdate { password, ..AccountUpdate::default() };
            let user = backend.update_user(&email, update).await?;
            backend.close().await;
            output.data(&user, |_| String::new())?;
            output.remark(format!("{} has another password; their sessions ended.", user.email));
        }
        UsersAction::Delete { email } => {
            let backend = Backend::open(globals).await?;
            backend.delete_user(&email).await?;
            backend.close().await;
            output.data(&json!({ "deleted": email }), |_| String::new())?;
            output.remark(format!("{email} is gone; what they made stays."));
        }
    }
    Ok(OK)
}

/// The first line of stdin: a password on the command line would be seen by everybody.
pub(crate) fn read_password() -> Result<String, Failure> {
    read_secret("password")
}

/// The first line of stdin, which is `what`.
pub(crate) fn read_secret(what: &str) -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|cause| Failure::failed(format!("The {what} cannot be read: {cause}.")))?;
    let secret = line.trim_end_matches(['\r', '\n']).to_owned();
    if secret.is_empty() {
        let words = format!("Write the {what} on the first line of stdin.");
        return Err(Failure::new(Exit::Usage, words));
    }
    Ok(secret)
}

fn listed(users: &[Account]) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            vec![
                user.id.to_string(),
                user.email.clone(),
                user.full_name.clone(),
                yes(user.is_active),
                yes(user.is_superuser),
            ]
        })
        .collect();
    table(&["id", "email", "name", "active", "superuser"], &rows)
}
