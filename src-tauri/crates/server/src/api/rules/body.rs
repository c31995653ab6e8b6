//! Bodies of rules and of what they told.

use crate::api::wire::Time;
use branchline_core::rule::Kind;
use branchline_core::{
    Error, ExperimentId, NewRule, Notification, Occasion, Result, Rule, Tell, Watch,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rule to make, or what one becomes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"on": ["metric.not_finite"], "experiment_id": "0", "desktop": true, "email": "ada@example.org"}))]
pub(super) struct SubmitRule {
    /// What to tell of: `job.finished`, `job.failed`, `job.revoked`, `job.lost`;
    /// `run.finished`, `run.failed`, `run.killed`; or one of `metric.not_finite`,
    /// `metric.above`, `metric.below`.
    on: Vec<String>,
    /// Only jobs of this queue.
    queue: Option<String>,
    /// Only jobs of this task, runs of this name, metrics of this key; a `*` stands for
    /// anything.
    name: Option<String>,
    /// Only what is in this experiment.
    experiment_id: Option<String>,
    /// Only this job or run, which has not ended.
    subject_id: Option<String>,
    /// What a value rises above or falls below.
    threshold: Option<f64>,
    /// Tell in the window; so when absent.
    desktop: Option<bool>,
    /// Tell by a request to this address; for superusers.
    webhook: Option<String>,
    /// Signs what the webhook is told; absent it stays, empty it goes.
    #[schema(write_only)]
    secret: Option<String>,
    /// Tell by mail to this address; for others than superusers their own.
    email: Option<String>,
    /// Tell once, and be off then.
    #[serde(default)]
    once: bool,
    /// It tells; so when absent.
    enabled: Option<bool>,
}

impl SubmitRule {
    /// The rule, and the secret of its webhook.
    pub(super) fn read(self) -> Result<(NewRule, Option<String>)> {
        let on = self.on.iter().map(|one| Occasion::parse(one)).collect::<Result<_>>()?;
        let experiment = self.experiment_id.map(|id| id.parse::<ExperimentId>()).transpose()?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let what = NewRule {
            watch: Watch {
                on,
                queue: self.queue,
                name: self.name,
                experiment,
                subject: self.subject_id,
                threshold: self.threshold,
            },
            tell: Tell {
                desktop: self.desktop.unwrap_or(true),
                webhook: filled(self.webhook),
                email: filled(self.email),
            },
            once: self.once,
            enabled: self.enabled.unwrap_or(true),
        };
        if self.secret.as_deref().is_some_and(|secret| !secret.is_empty())
            && what.tell.webhook.is_none()
        {
            return Err(Error::invalid(
                "Invalid value for parameter 'secret' supplied: there is no webhook.",
            )
            .hint("Name the webhook's address, or leave the secret out."));
        }
        Ok((what, self.secret))
    }
}

/// A rule as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub(super) struct RuleBody {
    id: String,
    /// The rule as a sentence.
    words: String,
    /// `job`, `run` or `metric`.
    kind: &'static str,
    on: Vec<&'static str>,
    queue: Option<String>,
    name: Option<String>,
    experiment_id: Option<String>,
    experiment_name: Option<String>,
    subject_id: Option<String>,
    threshold: Option<f64>,
    desktop: bool,
    webhook: Option<String>,
    /// What the webhook is told is signed.
    signed: bool,
    email: Option<String>,
    once: bool,
    enabled: bool,
    /// How often it held back, because it had told too much within a minute.
    withheld: i64,
    /// When it last told.
    told_at: Option<Time>,
    created_at: Time,
    updated_at: Time,
}

impl From<Rule> for RuleBody {
    fn from(rule: Rule) -> Self {
        let words = rule.words();
        let NewRule { watch, tell, once, enabled } = rule.what;
        Self {
            id: rule.uid,
            words,
            kind: match watch.kind() {
                Some(Kind::Run) => "run",
                Some(Kind::Metric) => "metric",
                Some(Kind::Job) | None => "job",
            },
            on: watch.on.iter().map(|one| one.as_str()).collect(),
            queue: watch.queue,
            name: watch.name,
            experiment_id: watch.experiment.map(|id| id.to_string()),
            experiment_name: rule.experiment_name,
            subject_id: watch.subject,
            threshold: watch.threshold,
            desktop: tell.desktop,
            webhook: tell.webhook,
            signed: rule.is_signed,
            email: tell.email,
            once,
            enabled,
            withheld: rule.withheld,
            told_at: rule.told_at.map(Time),
            created_at: Time(rule.created_at),
            updated_at: Time(rule.updated_at),
        }
    }
}

/// What a rule told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationBody {
    id: i64,
    /// The rule, while there is one.
    rule_id: Option<String>,
    /// What happened, such as `job.failed`; absent for a test.
    on: Option<&'static str>,
    /// To which job or run.
    subject_id: Option<String>,
    /// The run's experiment.
    experiment_id: Option<String>,
    /// What happened, in a few words.
    title: String,
    /// Where, and why.
    text: String,
    at: Time,
    /// It is in the list of the window.
    desktop: bool,
    /// When it was seen there.
    read_at: Option<Time>,
    /// What became of telling the webhook: `owed`, `told`, or why not; absent where it is not
    /// told.
    webhook: Option<String>,
    /// What became of telling by mail: `owed`, `told`, `kept` in the outbox for want of a mail
    /// server, or why not; absent where nobody is mailed.
    email: Option<String>,
}

impl From<Notification> for NotificationBody {
    fn from(told: Notification) -> Self {
        Self {
            id: told.id,
            rule_id: told.rule,
            on: told.occasion.map(|one| one.as_str()),
            subject_id: told.subject,
            experiment_id: told.experiment.map(|id| id.to_string()),
            title: told.words.title,
            text: told.words.text,
            at: Time(told.at),
            desktop: told.desktop,
            read_at: told.read_at.map(Time),
            webhook: told.webhook,
            email: told.email,
        }
    }
}
