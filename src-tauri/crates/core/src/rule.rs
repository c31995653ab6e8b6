//! Rules: what a user wants to be told of, and how.

use crate::entity::RunStatus;
use crate::error::{Error, Result};
use crate::id::ExperimentId;
use crate::job::JobState;
use crate::limits;
use crate::name::{check_length, matches};

macro_rules! occasions {
    ($($(#[doc = $doc:literal])+ $occasion:ident = $name:literal $words:literal,)+) => {
        /// What a rule can tell of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Occasion {
            $($(#[doc = $doc])+ $occasion,)+
        }

        impl Occasion {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$occasion),+];

            /// The name in the database and on the wire: what it happens to, a dot, and what.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$occasion => $name,)+ }
            }

            /// What a thing does to which it happens.
            fn words(self) -> &'static str {
                match self { $(Self::$occasion => $words,)+ }
            }
        }
    };
}

occasions! {
    /// A job succeeded.
    JobFinished = "job.finished" "finishes",
    /// A job failed, after the last time that it was tried.
    JobFailed = "job.failed" "fails",
    /// A job was cancelled, expired, or was not needed.
    JobRevoked = "job.revoked" "is revoked",
    /// An attempt at a job went away with its worker.
    JobLost = "job.lost" "is lost",
    /// A run ended well.
    RunFinished = "run.finished" "finishes",
    /// A run ended with an error.
    RunFailed = "run.failed" "fails",
    /// A run was ended from outside.
    RunKilled = "run.killed" "is killed",
    /// A value was NaN or infinite.
    MetricNotFinite = "metric.not_finite" "becomes NaN or infinite",
    /// A value was above a threshold.
    MetricAbove = "metric.above" "rises above",
    /// A value was below a threshold.
    MetricBelow = "metric.below" "falls below",
}

/// What something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To a job.
    Job,
    /// To a run.
    Run,
    /// To a metric of a run.
    Metric,
}

impl Occasion {
    /// Reads the name.
    ///
    /// # Errors
    /// There is no such occasion.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|one| one.as_str()).collect();
            Error::invalid(format!(
                "Invalid value for parameter 'on' supplied: there is no '{text}'."
            ))
            .hint(format!("Say one of {}.", names.join(", ")))
        })
    }

    /// What it happens to.
    pub fn kind(self) -> Kind {
        match self {
            Self::JobFinished | Self::JobFailed | Self::JobRevoked | Self::JobLost => Kind::Job,
            Self::RunFinished | Self::RunFailed | Self::RunKilled => Kind::Run,
            Self::MetricNotFinite | Self::MetricAbove | Self::MetricBelow => Kind::Metric,
        }
    }

    /// What it means that a job ended so.
    pub fn of_job(state: JobState) -> Option<Self> {
        match state {
            JobState::Success => Some(Self::JobFinished),
            JobState::Failure => Some(Self::JobFailed),
            JobState::Revoked => Some(Self::JobRevoked),
            _ => None,
        }
    }

    /// What it means that a run came to a status.
    pub fn of_run(status: RunStatus) -> Option<Self> {
        match status {
            RunStatus::Finished => Some(Self::RunFinished),
            RunStatus::Failed => Some(Self::RunFailed),
            RunStatus::Killed => Some(Self::RunKilled),
            RunStatus::Running | RunStatus::Scheduled => None,
        }
    }

    /// Whether a value of a metric is an occasion; nothing where it says neither that it is
    /// nor that it is over: a NaN is on no side of a threshold.
    pub fn holds(self, value: f64, threshold: Option<f64>) -> Option<bool> {
        let limit = threshold.unwrap_or_default();
        match self {
            Self::MetricNotFinite => Some(!value.is_finite()),
            Self::MetricAbove if !value.is_nan() => Some(value > limit),
            Self::MetricBelow if !value.is_nan() => Some(value < limit),
            _ => None,
        }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Watch {
    /// Of what it tells: things that happen to one kind, a metric's alone.
    pub on: Vec<Occasion>,
    /// Only jobs of this queue.
    pub queue: Option<String>,
    /// Only jobs of this task, runs of this name, metrics of this key; a `*` stands for
    /// anything.
    pub name: Option<String>,
    /// Only what is in this experiment.
    pub experiment: Option<ExperimentId>,
    /// Only this job or run.
    pub subject: Option<String>,
    /// What a value rises above or falls below.
    pub threshold: Option<f64>,
}

/// How a rule tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tell {
    /// In the window, and by the desktop while nobody looks at it.
    pub desktop: bool,
    /// By a request to this address.
    pub webhook: Option<String>,
    /// By mail to this address.
    pub email: Option<String>,
}

fn wrong(field: &str, why: &str) -> Error {
    Error::invalid(format!("Invalid value for parameter '{field}' supplied: {why}"))
}

impl Watch {
    /// What holds of every rule.
    ///
    /// # Errors
    /// The field that breaks a rule, and what to do about it.
    pub fn check(&self) -> Result<()> {
        let kind = self.check_on()?;
        if self.queue.is_some() && kind != Kind::Job {
            return Err(wrong("queue", "only jobs are in queues.").hint("Leave it out."));
        }
        if self.experiment.is_some() && kind == Kind::Job {
            return Err(wrong("experiment_id", "jobs are in no experiment.")
                .hint("Leave it out, or watch runs."));
        }
        for (field, text) in
            [("queue", &self.queue), ("name", &self.name), ("subject_id", &self.subject)]
        {
            let Some(text) = text else { continue };
            if text.is_empty() || text.chars().any(char::is_control) {
                return Err(wrong(field, "it is empty or has control characters.")
                    .hint("Leave it out to watch all."));
            }
            check_length(field, text, limits::RULE_TEXT)?;
        }
        self.check_threshold()
    }

    fn check_on(&self) -> Result<Kind> {
        let Some(first) = self.on.first() else {
            return Err(wrong("on", "it names nothing.")
                .hint("Name what to be told of, such as job.failed."));
        };
        let kind = first.kind();
        if self.on.iter().any(|one| one.kind() != kind) {
            return Err(wrong("on", "it mixes jobs, runs and metrics.")
                .hint("Make a rule for each of them."));
        }
        if kind == Kind::Metric && self.on.len() > 1 {
            return Err(wrong("on", "a metric is watched for one thing.")
                .hint("Make a rule for each of them."));
        }
        Ok(kind)
    }

    fn check_threshold(&self) -> Result<()> {
        let compares =
            matches!(self.on.first(), Some(Occasion::MetricAbove | Occasion::MetricBelow));
        match self.threshold {
            None if compares => {
                Err(wrong("threshold", "it is missing.").hint("Say which value is the limit."))
            }
            Some(limit) if compares && !limit.is_finite() => {
                Err(wrong("threshold", "it is a finite number.")
                    .hint("For NaN and infinities watch metric.not_finite."))
            }
            Some(_) if !compares => Err(wrong("threshold", "nothing is compared with it.")
                .hint("Leave it out, or watch metric.above or metric.below.")),
            _ if compares && self.name.is_none() => {
                Err(wrong("name", "a threshold is one of a certain metric.")
                    .hint("Name the metric's key; a * stands for anything."))
            }
            _ => Ok(()),
        }
    }

    /// What happens to, where the rule is a whole one.
    pub fn kind(&self) -> Option<Kind> {
        self.on.first().map(|one| one.kind())
    }

    /// Whether a thing of a name is watched.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref().is_none_or(|pattern| matches(pattern, name))
    }

    /// The rule as a sentence without its end; `experiment` is the name of the one it names.
    pub fn words(&self, experiment: Option<&str>) -> String {
        let whole = matches!(self.kind(), Some(Kind::Job | Kind::Run));
        let thing = match (self.kind(), self.subject.as_deref(), self.name.as_deref()) {
            (Some(Kind::Job), Some(id), _) => format!("Job {id}"),
            (Some(Kind::Run), Some(id), _) => format!("Run {id}"),
            (Some(Kind::Job), None, name) => format!("A job{}", named(" of task ", name)),
            (Some(Kind::Run), None, name) => format!("A run{}", named(" named ", name)),
            (_, _, Some(key)) => key.to_owned(),
            (_, _, None) => "Any metric".to_owned(),
        };
        let does: Vec<&str> = self.on.iter().map(|one| one.words()).collect();
        let does = match does.split_last() {
            Some((last, before)) if !before.is_empty() => {
                format!("{} or {last}", before.join(", "))
            }
            _ => does.concat(),
        };
        let limit = self.threshold.map(|limit| format!(" {limit}")).unwrap_or_default();
        let of_run = named(" of run ", self.subject.as_deref().filter(|_| !whole));
        let queue = named(" in queue ", self.queue.as_deref());
        format!("{thing}{of_run}{queue}{} {does}{limit}", named(" in ", experiment))
    }
}

fn named(before: &str, name: Option<&str>) -> String {
    name.map(|name| format!("{before}{name}")).unwrap_or_default()
}

impl Tell {
    /// It tells somehow.
    ///
    /// # Errors
    /// It does not.
    pub fn check(&self) -> Result<()> {
        if self.desktop || self.webhook.is_some() || self.email.is_some() {
            return Ok(());
        }
        Err(wrong("desktop", "the rule would tell nobody.")
            .hint("Tell in the window, a webhook, or by mail."))
    }
}

/// A rule to be made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewRule {
    /// What it looks at.
    pub watch: Watch,
    /// How it tells.
    pub tell: Tell,
    /// It tells once and is off then.
    pub once: bool,
    /// It tells.
    pub enabled: bool,
}

/// A rule as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its id outside.
    pub uid: String,
    /// Whose.
    pub user_id: i64,
    /// What was asked of it.
    pub what: NewRule,
    /// The name of the experiment that it names.
    pub experiment_name: Option<String>,
    /// Whether the webhook is told with a signature.
    pub is_signed: bool,
    /// How often it held back, because it had told too much within a minute.
    pub withheld: i64,
    /// When it last told, milliseconds UTC.
    pub told_at: Option<i64>,
    /// Milliseconds UTC.
    pub created_at: i64,
    /// Milliseconds UTC.
    pub updated_at: i64,
}

impl Rule {
    /// The rule as a sentence without its end.
    pub fn words(&self) -> String {
        self.what.watch.words(self.experiment_name.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(on: &[Occasion]) -> Watch {
        Watch { on: on.to_vec(), ..Watch::default() }
    }

    #[test]
    fn a_name_is_read_and_belongs_to_its_kind() {
        for one in Occasion::ALL {
            assert_eq!(Occasion::parse(one.as_str()).unwrap(), *one);
            let kind = match one.kind() {
                Kind::Job => "job.",
                Kind::Run => "run.",
                Kind::Metric => "metric.",
            };
            assert!(one.as_str().starts_with(kind), "{one:?}");
        }
        let error = Occasion::parse("job.lunch").unwrap_err();
        assert!(error.message.contains("'on'") && error.hint.unwrap().contains("job.failed"));
    }

    #[test]
    fn a_value_is_on_a_side_or_says_nothing() {
        use Occasion::{MetricAbove, MetricBelow, MetricNotFinite};
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(MetricNotFinite.holds(odd, None), Some(true), "{odd}");
        }
        assert_eq!(MetricNotFinite.holds(f64::MAX, None), Some(false));
        assert_eq!(MetricAbove.holds(1.1, Some(1.0)), Some(true));
        assert_eq!(MetricAbove.holds(1.0, Some(1.0)), Some(false), "at the limit is not above it");
        assert_eq!(MetricAbove.holds(f64::INFINITY, Some(1.0)), Some(true));
        assert_eq!(MetricBelow.holds(-1.0, Some(0.0)), Some(true));
        assert_eq!(MetricBelow.holds(f64::NAN, Some(0.0)), None);
        assert_eq!(Occasion::JobFailed.holds(1.0, None), None);
    }

    #[test]
    fn what_breaks_a_rule_is_named_with_a_remedy() {
        use Occasion::{JobFailed, MetricAbove, MetricNotFinite, RunFailed};
        let refused = |watch: Watch| {
            let error = watch.check().unwrap_err();
            assert!(error.hint.is_some(), "{}", error.message);
            error.message
        };
        assert!(refused(watch(&[])).contains("'on'"));
        assert!(refused(watch(&[JobFailed, RunFailed])).contains("mixes"));
        assert!(refused(watch(&[MetricAbove, MetricNotFinite])).contains("one thing"));
        let queue = Some("q".to_owned());
        assert!(refused(Watch { queue: queue.clone(), ..watch(&[RunFailed]) }).contains("'queue'"));
        let experiment = Some(ExperimentId(0));
        let job = Watch { experiment, ..watch(&[JobFailed]) };
        assert!(refused(job).contains("'experiment_id'"));
        assert!(refused(watch(&[MetricAbove])).contains("'threshold'"));
        let above = Watch { threshold: Some(1.0), ..watch(&[MetricAbove]) };
        assert!(refused(above.clone()).contains("'name'"));
        let named = Watch { name: Some("loss".to_owned()), ..above };
        assert!(named.check().is_ok());
        let never = Watch { threshold: Some(f64::NAN), ..named };
        assert!(refused(never).contains("finite"));
        let compared = Watch { threshold: Some(1.0), ..watch(&[MetricNotFinite]) };
        assert!(refused(compared).contains("'threshold'"));
        assert!(
            refused(Watch { name: Some(String::new()), ..watch(&[JobFailed]) }).contains("'name'")
        );
        assert!(Watch { queue, ..watch(&[JobFailed]) }.check().is_ok());
        let error = Tell::default().check().unwrap_err();
        assert!(error.message.contains("nobody") && error.hint.is_some());
    }

    #[test]
    fn a_pattern_is_of_the_names_that_it_matches() {
        for (pattern, name, fits) in [
            ("loss", "loss", true),
            ("loss", "loss2", false),
            ("*loss", "val/loss", true),
            ("val/*", "val/loss", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("ab*b", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn a_rule_is_a_sentence() {
        use Occasion::{JobFailed, JobLost, JobRevoked, MetricAbove, MetricNotFinite, RunFinished};
        let jobs = Watch {
            queue: Some("gpu".to_owned()),
            name: Some("train.*".to_owned()),
            ..watch(&[JobFailed, JobRevoked, JobLost])
        };
        let words = "A job of task train.* in queue gpu fails, is revoked or is lost";
        assert_eq!(jobs.words(None), words);
        assert_eq!(watch(&[RunFinished]).words(Some("Default")), "A run in Default finishes");
        let one = Watch { subject: Some("7".to_owned()), ..watch(&[RunFinished]) };
        assert_eq!(one.words(None), "Run 7 finishes");
        assert_eq!(watch(&[MetricNotFinite]).words(None), "Any metric becomes NaN or infinite");
        let above = Watch {
            name: Some("loss".to_owned()),
            subject: Some("7".to_owned()),
            threshold: Some(0.5),
            ..watch(&[MetricAbove])
        };
        assert_eq!(above.words(None), "loss of run 7 rises above 0.5");
    }
}
