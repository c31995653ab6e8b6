//! What is sent: MLflow's body, for a rule with its words, and the signature that shows whose
//! it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use branchline_engine::Delivery;
use chrono::{DateTime, SecondsFormat};
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

#[derive(Serialize)]
struct Body<'a> {
    entity: &'a str,
    action: &'a str,
    timestamp: String,
    data: &'a RawValue,
    /// What chat programs show.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

/// The body of a delivery; `text` is what a rule tells.
pub(super) fn body(delivery: &Delivery, text: Option<&str>) -> serde_json::Result<String> {
    let at = DateTime::from_timestamp_millis(delivery.created_at).unwrap_or_default();
    serde_json::to_string(&Body {
        entity: &delivery.entity,
        action: &delivery.action,
        timestamp: at.to_rfc3339_opts(SecondsFormat::Millis, false),
        data: serde_json::from_str(&delivery.data)?,
        text,
    })
}

/// `v1,` and the HMAC-SHA256 over delivery, time and body, as MLflow's receivers check it.
pub(super) fn signature(secret: &str, delivery_id: &str, timestamp: &str, body: &str) -> String {
    // A key of any length is one; the error is for other kinds of MAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in [delivery_id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use branchline_engine::Channel;

    #[test]
    fn a_body_looks_like_mlflows_and_a_rules_has_a_text() {
        let delivery = Delivery {
            row: 1,
            delivery_id: "id".to_owned(),
            owner: "w".to_owned(),
            channel: Channel::Webhook,
            address: "https://example.org".to_owned(),
            secret: None,
            entity: "model_version_alias".to_owned(),
            action: "deleted".to_owned(),
            data: r#"{"name":"m"}"#.to_owned(),
            told: None,
            attempts: 0,
            created_at: 1_700_000_000_123,
        };
        let mlflows = r#"{"entity":"model_version_alias","action":"deleted","timestamp":"2023-11-14T22:13:20.123+00:00","data":{"name":"m"}"#;
        assert_eq!(body(&delivery, None).unwrap(), format!("{mlflows}}}"));
        let told = body(&delivery, Some("loss is NaN")).unwrap();
        assert_eq!(told, format!(r#"{mlflows},"text":"loss is NaN"}}"#));
    }

    #[test]
    fn a_signature_is_what_mlflow_computes() {
        // hmac.new(b"s3cret", b"id.1700000000.{}", "sha256") in base64.
        assert_eq!(
            signature("s3cret", "id", "1700000000", "{}"),
            "v1,E1jT1gXbthS5zn30uBh7ToafsgF7EE2I1cmPPlN15rY="
        );
    }
}
