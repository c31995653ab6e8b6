//! Messages of the socket.

use crate::api::wire::Number;
use branchline_core::Error;
use branchline_core::event::Cursor;
use serde::{Deserialize, Serialize};

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub(super) enum Request {
    /// Shows a credential; the first message of a client without another.
    Auth { token: String },
    /// Wants to hear about a topic, from a place in the change log on.
    Subscribe { id: String, topic: String, after: Option<String> },
    /// Has heard enough.
    Unsubscribe { id: String },
}

/// Why the server closes a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// No credential, one that does not hold, or one that ended.
    Unauthenticated,
    /// The server stops.
    Stopping,
    /// The client does not read what it is sent.
    TooSlow,
}

impl Close {
    /// The close code and its words.
    pub(super) fn code(self) -> (u16, &'static str) {
        match self {
            Self::Unauthenticated => (4401, "a credential is needed"),
            Self::Stopping => (1001, "the server is stopping"),
            Self::TooSlow => (1013, "messages were not read in time"),
        }
    }
}

/// What a subscription is told.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "data", rename_all = "lowercase")]
pub(super) enum Told {
    /// Something of the topic changed.
    Changed(Changed),
    /// Files of the run came or went.
    Artifacts(Empty),
    /// Runs were made, changed or got metrics.
    Runs { run_ids: Vec<String> },
    /// Jobs came to states, in this order.
    Jobs { jobs: Vec<JobState> },
    /// The job wrote to its log; what is new is read from the API.
    Log(Empty),
    /// Points of the steps that changed; a set, to be merged by step and time.
    Points { series: Vec<Points> },
}

/// Which things changed, where the topic has several.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Changed {
    /// The run itself.
    Itself(Empty),
    /// These experiments.
    Experiments { experiment_ids: Vec<String> },
    /// These traces of the experiment; those deleted are not named.
    Traces { trace_ids: Vec<String> },
    /// These registered models; those deleted are not named.
    Models { names: Vec<String> },
    /// These schedules.
    Schedules { schedule_ids: Vec<String> },
    /// These projects.
    Projects { project_ids: Vec<i64> },
    /// These of what the listener was told, and of their rules.
    Notifications { notification_ids: Vec<String>, rule_ids: Vec<String> },
}

/// A job and what it came to.
#[derive(Debug, Serialize)]
pub(super) struct JobState {
    pub(super) task_id: String,
    pub(super) state: String,
}

/// `{}`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Empty {}

/// Points of one metric.
#[derive(Debug, Serialize)]
pub(super) struct Points {
    /// The metric's name.
    pub(super) key: String,
    /// Training steps.
    pub(super) steps: Vec<i64>,
    /// Milliseconds UTC.
    pub(super) timestamps: Vec<i64>,
    /// The numbers measured.
    pub(super) values: Vec<Number>,
}

#[derive(Serialize)]
struct Frame<'a> {
    id: &'a str,
    seq: i64,
    cursor: String,
    #[serde(flatten)]
    told: &'a Told,
}

/// A message about a change.
pub(super) fn told(id: &str, cursor: Cursor, told: &Told) -> String {
    encode(&Frame { id, seq: cursor.seq, cursor: cursor.to_string(), told })
}

/// A message that says from where a subscription without a cursor starts.
pub(super) fn subscribed(id: &str, cursor: Cursor) -> String {
    #[derive(Serialize)]
    struct Subscribed<'a> {
        id: &'a str,
        kind: &'static str,
        cursor: String,
    }
    encode(&Subscribed { id, kind: "subscribed", cursor: cursor.to_string() })
}

/// A message that says to read everything again and go on from `cursor`.
pub(super) fn resync(id: &str, cursor: Cursor) -> String {
    #[derive(Serialize)]
    struct Resync<'a> {
        id: &'a str,
        resync: bool,
        cursor: String,
    }
    encode(&Resync { id, resync: true, cursor: cursor.to_string() })
}

/// A message that says what was wrong with the client's.
pub(super) fn refused(id: Option<&str>, error: &Error) -> String {
    #[derive(Serialize)]
    struct Refused<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        kind: &'static str,
        detail: &'a str,
        code: &'static str,
    }
    encode(&Refused { id, kind: "error", detail: &error.message, code: error.code.as_str() })
}

fn encode(message: &impl Serialize) -> String {
    // Nothing above can fail to be written as JSON.
    serde_json::to_string(message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Cursor = Cursor { epoch: 3, seq: 7 };

    #[test]
    fn messages_look_as_documented() {
        let points = Points {
            key: "loss".into(),
            steps: vec![1],
            timestamps: vec![10],
            values: vec![Number(f64::NAN)],
        };
        assert_eq!(
            told("a", AT, &Told::Points { series: vec![points] }),
            r#"{"id":"a","seq":7,"cursor":"3:7","kind":"points","data":{"series":[{"key":"loss","steps":[1],"timestamps":[10],"values":["NaN"]}]}}"#
        );
        assert_eq!(
            told("a", AT, &Told::Changed(Changed::Itself(Empty {}))),
            r#"{"id":"a","seq":7,"cursor":"3:7","kind":"changed","data":{}}"#
        );
        assert_eq!(
            told("a", AT, &Told::Runs { run_ids: vec!["r".into()] }),
            r#"{"id":"a","seq":7,"cursor":"3:7","kind":"runs","data":{"run_ids":["r"]}}"#
        );
        assert_eq!(resync("a", AT), r#"{"id":"a","resync":true,"cursor":"3:7"}"#);
        assert_eq!(subscribed("a", AT), r#"{"id":"a","kind":"subscribed","cursor":"3:7"}"#);
    }

    #[test]
    fn requests_are_read() {
        let text = r#"{"op":"subscribe","id":"x","topic":"models","after":"1:2"}"#;
        assert!(matches!(
            serde_json::from_str(text),
            Ok(Request::Subscribe { id, after: Some(after), .. }) if id == "x" && after == "1:2"
        ));
        assert!(serde_json::from_str::<Request>(r#"{"op":"dance"}"#).is_err());
    }
}
