//! `branchline tokens`.

use crate::args::{Globals, TokenScope, Tokens, TokensAction};
use crate::backend::Backend;
use crate::failure::{Done, Exit, Failure};
use crate::output::{OK, Output, table};
use crate::time;
use branchline_client::{NewToken, Token, TokenList};
use branchline_core::{Clock, Scope, SystemClock};
use serde_json::json;

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Read,
            TokenScope::Log => Self::Log,
            TokenScope::Admin => Self::Admin,
        }
    }
}

pub(crate) async fn run(globals: &Globals, args: Tokens, output: &Output) -> Done {
    match args.action {
        TokensAction::Create { name, scope, expires } => {
            let expires = expires
                .map(|text| time::read(&text, SystemClock.now_ms()))
                .transpose()
                .map_err(|problem| Failure::new(Exit::Usage, problem))?;
            let backend = Backend::open(globals).await?;
            let made = backend.create_token(&name, scope.into(), expires).await?;
            backend.close().await;
            output.data(&made, |made| made.secret.clone())?;
            output.remark(told(&made));
        }
        TokensAction::List => {
            let backend = Backend::open(globals).await?;
            let tokens = TokenList { tokens: backend.tokens().await? };
            backend.close().await;
            output.data(&tokens, |list| listed(&list.tokens))?;
        }
        TokensAction::Revoke { id } => {
            let backend = Backend::open(globals).await?;
            backend.revoke_token(id).await?;
            backend.close().await;
            output.data(&json!({ "revoked": id }), |_| String::new())?;
            output.remark(format!("Token {id} no longer works."));
        }
        TokensAction::RotateKey => {
            let backend = Backend::open(globals).await?;
            backend.rotate_signing_key().await?;
            backend.close().await;
            output.data(&json!({ "rotated": true }), |_| String::new())?;
            output.remark("Every session and signed token has ended.");
        }
    }
    Ok(OK)
}

fn told(made: &NewToken) -> String {
    let NewToken { token, .. } = made;
    let ends =
        token.expires_at.as_deref().map_or("never ends".to_owned(), |at| format!("ends {at}"));
    format!(
        "Token {} ({}, scope {}) {ends}. Its secret is shown only now.",
        token.id, token.name, token.scope
    )
}

fn listed(tokens: &[Token]) -> String {
    let rows: Vec<Vec<String>> = tokens
        .iter()
        .map(|token| {
            vec![
                token.id.to_string(),
                token.name.clone(),
                token.scope.clone(),
                token.created_at.clone(),
                token.expires_at.clone().unwrap_or_else(|| "never".to_owned()),
                token.last_used_at.clone().unwrap_or_else(|| "never".to_owned()),
            ]
        })
        .collect();
    table(&["id", "name", "scope", "created", "ends", "last used"], &rows)
}
