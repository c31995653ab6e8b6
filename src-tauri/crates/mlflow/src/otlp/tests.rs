//! From JSON and protobuf to spans and back out.

use super::*;
use crate::json::Json;
use branchline_core::{SpanStatus, TokenUsage};

fn span(fields: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"s"}}}}]}},
            "scopeSpans":[{{"spans":[{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331",
            "name":"n","startTimeUnixNano":"1000","endTimeUnixNano":"3000"{fields}}}]}}]}}]}}"#
    )
}

#[track_caller]
fn read(fields: &str) -> Span {
    let mut traces = from_json(span(fields).as_bytes()).unwrap();
    assert_eq!(traces.len(), 1);
    let mut trace = traces.remove(0);
    assert_eq!(trace.trace_id.as_str(), "tr-0af7651916cd43dd8448eb211c80319c");
    assert_eq!(trace.resource, [Tag { key: "service.name".into(), value: "s".into() }]);
    trace.spans.remove(0)
}

fn attribute(key: &str, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(r#"{{"key":"{key}","value":{{"stringValue":{text}}}}}"#)
}

fn with(attributes: &[(&str, &str)]) -> Span {
    let attributes: Vec<String> = attributes.iter().map(|(k, v)| attribute(k, v)).collect();
    read(&format!(r#","attributes":[{}]"#, attributes.join(",")))
}

fn kept(span: &Span, key: &str) -> Option<String> {
    let content = Json::parse(&span.content)?;
    content.get("attributes")?.get(key)?.text().map(str::to_owned)
}

#[test]
fn the_content_is_what_mlflow_writes() {
    let span = read(r#","status":{"code":2,"message":"m"}"#);
    assert_eq!(
        span.content,
        concat!(
            r#"{"trace_id": "CvdlGRbNQ92ESOshHIAxnA==", "span_id": "t61rcWkgMzE=", "#,
            r#""parent_span_id": null, "name": "n", "start_time_unix_nano": 1000, "#,
            r#""end_time_unix_nano": 3000, "events": [], "#,
            r#""status": {"code": "STATUS_CODE_ERROR", "message": "m"}, "#,
            r#""attributes": {"mlflow.traceRequestId": "\"tr-0af7651916cd43dd8448eb211c80319c\""}, "#,
            r#""links": []}"#,
        )
    );
    assert_eq!((span.status, span.start_ns, span.end_ns), (SpanStatus::Error, 1000, Some(3000)));
    assert_eq!(span.span_id, "b7ad6b7169203331");
    assert_eq!(span.span_type, "UNKNOWN");
}

#[test]
fn a_text_that_is_json_already_is_not_made_json_again() {
    for (text, expected) in [
        (r#"{"a": 1}"#, r#"{"a": 1}"#),
        ("[1]", "[1]"),
        (r#""quoted""#, r#""quoted""#),
        ("1", r#""1""#),
        ("true", r#""true""#),
        ("{no json", r#""{no json""#),
        ("", r#""""#),
    ] {
        assert_eq!(kept(&with(&[("k", text)]), "k").as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_clients_own_id_of_the_trace_is_not_believed() {
    let span = with(&[("mlflow.traceRequestId", "tr-another")]);
    let id = kept(&span, "mlflow.traceRequestId");
    assert_eq!(id.as_deref(), Some("\"tr-0af7651916cd43dd8448eb211c80319c\""));
}

#[test]
fn of_a_key_that_comes_twice_the_last_counts() {
    assert_eq!(kept(&with(&[("k", "a"), ("k", "b")]), "k").as_deref(), Some("\"b\""));
}

#[test]
fn mlflows_own_attributes_win_over_other_conventions() {
    let span = with(&[
        ("mlflow.spanType", "AGENT"),
        ("openinference.span.kind", "LLM"),
        ("mlflow.spanInputs", "mine"),
        ("input.value", "theirs"),
        ("llm.token_count.prompt", "3"),
        ("mlflow.chat.tokenUsage", r#"{"input_tokens": 9}"#),
    ]);
    assert_eq!(span.span_type, "AGENT");
    assert_eq!(kept(&span, "mlflow.spanInputs").as_deref(), Some("\"mine\""));
    assert_eq!(span.usage, Some(TokenUsage { input: Some(9), ..TokenUsage::default() }));
}

#[test]
fn the_model_is_found_in_what_went_in() {
    let span = with(&[("mlflow.spanInputs", r#"{"model": "m-1", "messages": []}"#)]);
    assert_eq!(span.model.as_deref(), Some("m-1"));
}

#[test]
fn messages_may_come_as_events() {
    let span = read(
        r#","events":[
            {"name":"gen_ai.user.message","attributes":[{"key":"content","value":{"stringValue":"hi"}}]},
            {"name":"gen_ai.choice","attributes":[{"key":"content","value":{"stringValue":"ho"}}]}]"#,
    );
    let inputs = kept(&span, "mlflow.spanInputs");
    assert_eq!(inputs.as_deref(), Some(r#"[{"role": "user", "content": "hi"}]"#));
    let outputs = kept(&span, "mlflow.spanOutputs");
    assert_eq!(outputs.as_deref(), Some(r#"[{"role": "assistant", "content": "ho"}]"#));
}

#[test]
fn a_parent_of_zeroes_is_none_and_only_a_root_speaks_for_its_trace() {
    let attributes = r#","attributes":[{"key":"mlflow.traceTag.a","value":{"stringValue":"b"}},
        {"key":"mlflow.spanInputs","value":{"stringValue":"q"}}]"#;
    let root = read(&format!(r#","parentSpanId":"0000000000000000"{attributes}"#));
    assert_eq!(root.parent_id, None);
    assert_eq!(root.trace_tags, [Tag { key: "a".into(), value: "b".into() }]);
    assert_eq!(root.request_preview.as_deref(), Some("\"q\""));
    let child = read(&format!(r#","parentSpanId":"00000000000000ff"{attributes}"#));
    assert_eq!(child.parent_id.as_deref(), Some("00000000000000ff"));
    assert!(child.trace_tags.is_empty() && child.request_preview.is_none());
}

#[test]
fn times_and_ids_must_fit() {
    for wrong in [
        r#","endTimeUnixNano":"9223372036854775808""#,
        r#","spanId":"""#,
        r#","spanId":"000000000000000001""#,
        r#","traceId":"000000000000000000000000000000000001""#,
        r#","events":[{"timeUnixNano":"9223372036854775808"}]"#,
    ] {
        assert_eq!(from_json(span(wrong).as_bytes()), Err(Malformed::Span), "{wrong}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    for (body, reason) in [
        ("", Malformed::Shape),
        ("[]", Malformed::Shape),
        ("{}", Malformed::Empty),
        (r#"{"resourceSpans":{}}"#, Malformed::Shape),
        (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0"}]}]}]}"#, Malformed::Shape),
    ] {
        assert_eq!(from_json(body.as_bytes()), Err(reason), "{body}");
    }
    assert_eq!(from_protobuf(b""), Err(Malformed::Empty));
    assert_eq!(from_protobuf(b"\xff"), Err(Malformed::Shape));
    // A resource without spans is fine.
    assert_eq!(from_protobuf(b"\x0a\x00"), Ok(Vec::new()));
}

#[test]
fn values_nest_so_deep_and_no_deeper() {
    let nested = |depth: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(depth);
        let close = "]}}".repeat(depth);
        span(&format!(r#","attributes":[{{"key":"k","value":{open}{close}}}]"#))
    };
    assert!(from_json(nested(20).as_bytes()).is_ok());
    assert!(from_json(nested(200).as_bytes()).is_err());
    let mut value = Vec::new();
    for _ in 0..70 {
        let mut list = vec![0x0a];
        push_length(&mut list, value.len());
        list.extend(&value);
        value = vec![0x2a];
        push_length(&mut value, list.len());
        value.extend(&list);
    }
    let mut message = vec![0x12];
    push_length(&mut message, value.len());
    message.extend(&value);
    for tag in [0x4a, 0x12, 0x12, 0x0a] {
        let mut outer = vec![tag];
        push_length(&mut outer, message.len());
        outer.extend(&message);
        message = outer;
    }
    assert_eq!(from_protobuf(&message), Err(Malformed::TooMuch));
}

fn push_length(out: &mut Vec<u8>, mut size: usize) {
    while size > 0x7f {
        out.push(u8::try_from(size & 0x7f).unwrap() | 0x80);
        size >>= 7;
    }
    out.push(u8::try_from(size).unwrap());
}

#[test]
fn a_stored_span_goes_out_as_otlp() {
    let span = read(
        r#","parentSpanId":"00000000000000ff","attributes":[
            {"key":"o","value":{"kvlistValue":{"values":[{"key":"z","value":{"intValue":1}},
                {"key":"a","value":{}}]}}},
            {"key":"l","value":{"arrayValue":{}}},{"key":"d","value":{"doubleValue":"NaN"}}],
            "events":[{"name":"e","timeUnixNano":5}],
            "links":[{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202"}]"#,
    );
    let out = serde_json::to_string(&OtlpSpan(&span.content)).unwrap();
    let expected = concat!(
        r#"{"trace_id":"CvdlGRbNQ92ESOshHIAxnA==","span_id":"t61rcWkgMzE=","#,
        r#""parent_span_id":"AAAAAAAAAP8=","name":"n","start_time_unix_nano":1000,"#,
        r#""end_time_unix_nano":3000,"attributes":["#,
        r#"{"key":"o","value":{"kvlist_value":{"values":[{"key":"z","value":{"int_value":1}},{"key":"a"}]}}},"#,
        r#"{"key":"l","value":{"array_value":{"values":[]}}},"#,
        r#"{"key":"d","value":{"string_value":"NaN"}},"#,
        r#"{"key":"mlflow.traceRequestId","value":{"string_value":"tr-0af7651916cd43dd8448eb211c80319c"}}],"#,
        r#""events":[{"time_unix_nano":5,"name":"e"}],"#,
        r#""links":[{"trace_id":"AQEBAQEBAQEBAQEBAQEBAQ==","span_id":"AgICAgICAgI="}],"#,
        r#""status":{"code":"STATUS_CODE_UNSET"}}"#,
    );
    assert_eq!(out, expected);
    assert_eq!(serde_json::to_string(&OtlpSpan("broken")).unwrap(), "{}");
}

#[test]
fn root_spans_of_known_programs_are_named_after_them() {
    for (service, named) in [("gemini-cli", true), ("my-app", false)] {
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},
                "scopeSpans":[{{"spans":[
                {{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"root"}},
                {{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203332","parentSpanId":"b7ad6b7169203331","name":"child"}}
                ]}}]}}]}}"#
        );
        let spans = from_json(body.as_bytes()).unwrap().remove(0).spans;
        let name = named.then(|| format!("{service:?}"));
        assert_eq!(kept(&spans[0], "service.name"), name);
        assert_eq!(kept(&spans[1], "service.name"), None);
    }
}
