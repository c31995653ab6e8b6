//! What a rule tells of, and how it is said.

use crate::id::ExperimentId;
use crate::number;
use crate::rule::Occasion;

/// What a rule tells of, once it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// What.
    pub occasion: Occasion,
    /// The job or run.
    pub subject: String,
    /// Its name.
    pub name: String,
    /// Where it happened.
    pub place: Place,
}

/// Where something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// To a job.
    Queue {
        /// In this queue.
        queue: String,
        /// In the attempt of this number.
        attempt: u32,
        /// Why, where it did not go well.
        message: Option<String>,
    },
    /// To a run.
    Experiment {
        /// In this experiment.
        id: ExperimentId,
        /// The experiment's name.
        name: String,
        /// The point that was logged, where it happened to a metric.
        point: Option<Point>,
    },
}

/// A point of a metric, as it was logged.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric.
    pub key: String,
    /// The number measured.
    pub value: f64,
    /// Training step.
    pub step: i64,
}

/// What a rule told its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// Its number.
    pub id: i64,
    /// The rule, while there is one.
    pub rule: Option<String>,
    /// What happened; nothing for a test.
    pub occasion: Option<Occasion>,
    /// To which job or run.
    pub subject: Option<String>,
    /// In which experiment.
    pub experiment: Option<ExperimentId>,
    /// In words.
    pub words: Words,
    /// Milliseconds UTC.
    pub at: i64,
    /// It is in the list of the window.
    pub desktop: bool,
    /// When it was seen there, milliseconds UTC.
    pub read_at: Option<i64>,
    /// What became of telling a webhook: `owed`, `told`, or why not.
    pub webhook: Option<String>,
    /// What became of telling by mail: `owed`, `told`, `kept` in the outbox, or why not.
    pub email: Option<String>,
}

/// A line in which something is told, and the words under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happened, in a few words.
    pub title: String,
    /// Where, and why.
    pub text: String,
}

impl Happening {
    /// How it is told.
    pub fn words(&self, threshold: Option<f64>) -> Words {
        let limit = threshold.unwrap_or_default();
        let (name, did) = (&self.name, self.did());
        match &self.place {
            Place::Queue { queue, attempt, message } => Words {
                title: format!("Job {name} {did}"),
                text: message
                    .clone()
                    .unwrap_or_else(|| format!("In queue {queue}, attempt {attempt}.")),
            },
            Place::Experiment { name: experiment, point: None, .. } => Words {
                title: format!("Run {name} {did}"),
                text: format!("In experiment {experiment}."),
            },
            Place::Experiment {
                name: experiment, point: Some(Point { key, value, step }), ..
            } => {
                let place = format!("In run {name} of experiment {experiment}, at step {step}.");
                match self.occasion {
                    Occasion::MetricNotFinite => {
                        Words { title: format!("{key} is {}", shown(*value)), text: place }
                    }
                    _ => Words {
                        title: format!("{key} {did} {limit}"),
                        text: format!("It is {}. {place}", shown(*value)),
                    },
                }
            }
        }
    }

    fn did(&self) -> &'static str {
        match self.occasion {
            Occasion::JobFinished | Occasion::RunFinished => "finished",
            Occasion::JobFailed | Occasion::RunFailed => "failed",
            Occasion::JobRevoked => "was revoked",
            Occasion::JobLost => "was lost",
            Occasion::RunKilled => "was killed",
            Occasion::MetricNotFinite => "is not finite",
            Occasion::MetricAbove => "rose above",
            Occasion::MetricBelow => "fell below",
        }
    }
}

fn shown(value: f64) -> String {
    number::word(value).map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told_in_words() {
        let place =
            |point| Place::Experiment { id: ExperimentId(0), name: "Default".into(), point };
        let happened = |occasion, value| Happening {
            occasion,
            subject: "7".into(),
            name: "bold-ox-1".into(),
            place: place(Some(Point { key: "loss".into(), value, step: 12 })),
        };
        let words = happened(Occasion::MetricNotFinite, f64::NAN).words(None);
        assert_eq!(words.title, "loss is NaN");
        assert_eq!(words.text, "In run bold-ox-1 of experiment Default, at step 12.");
        let words = happened(Occasion::MetricBelow, 0.25).words(Some(0.5));
        assert_eq!(words.title, "loss fell below 0.5");
        assert!(words.text.starts_with("It is 0.25. In run"), "{}", words.text);
        let run = Happening { place: place(None), ..happened(Occasion::RunKilled, 0.0) };
        assert_eq!(run.words(None).title, "Run bold-ox-1 was killed");
        let message = Some("ValueError: no data".to_owned());
        let job = Happening {
            occasion: Occasion::JobFailed,
            subject: "9".into(),
            name: "train".into(),
            place: Place::Queue { queue: "gpu".into(), attempt: 2, message },
        };
        let words = job.words(None);
        assert_eq!(
            (words.title.as_str(), words.text.as_str()),
            ("Job train failed", "ValueError: no data")
        );
    }
}
