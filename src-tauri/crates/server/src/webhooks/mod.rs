//! Webhooks, the outgoing half: which addresses may be told, how they are told, and the
//! worker that tells them what is owed.

mod address;
mod public;
mod send;
mod sign;
mod worker;

pub(crate) use address::check_url;
pub(crate) use send::Sender;
pub(crate) use worker::run;

use std::time::Duration;

/// Whom to tell, and how hard to try. MLflow's defaults.
#[derive(Debug, Clone)]
pub struct WebhookRules {
    /// `https`, and perhaps `http`.
    pub allowed_schemes: Vec<String>,
    /// Whether addresses that are not public may be told: this machine, a private network.
    pub allow_private_ips: bool,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How often a delivery is tried again.
    pub max_retries: usize,
}

impl Default for WebhookRules {
    fn default() -> Self {
        Self {
            allowed_schemes: vec!["https".to_owned()],
            allow_private_ips: false,
            timeout: Duration::from_secs(30),
            max_retries: 3,
        }
    }
}
