//! The beginning of a request or a response, for lists: of a conversation the last
//! message, of everything else its JSON.

use crate::json::Json;
use branchline_core::limits::TRACE_PREVIEW;
use branchline_core::name::truncate_chars;

/// Whose message is looked for first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    User,
    Assistant,
}

/// A preview of a JSON text.
pub(super) fn of(text: &str, role: Role) -> String {
    let said = Json::parse(text).and_then(|value| last_words(&value, role));
    let words = said.filter(|words| !words.is_empty()).unwrap_or_else(|| text.to_owned());
    let kept = truncate_chars(&words, TRACE_PREVIEW - 3);
    if kept.len() == words.len() || truncate_chars(&words, TRACE_PREVIEW).len() == words.len() {
        return words;
    }
    format!("{kept}...")
}

fn last_words(value: &Json, role: Role) -> Option<String> {
    let messages = messages(value)?;
    let role = match role {
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let is_of_role = |message: &&&Json| message.get("role").and_then(Json::text) == Some(role);
    let message = messages.iter().rev().find(is_of_role).or(messages.last())?;
    match message.get("content")? {
        Json::Text(text) => Some(text.clone()),
        Json::List(parts) => parts.iter().find_map(|part| {
            let kind = part.get("type").and_then(Json::text);
            let text = match kind {
                Some("text" | "output_text") => part.get("text").and_then(Json::text),
                _ => part.text(),
            };
            text.map(str::to_owned)
        }),
        _ => None,
    }
}

/// The messages of a request or response of the well-known chat interfaces.
fn messages(value: &Json) -> Option<Vec<&Json>> {
    let listed = |key: &str| {
        let items = value.get(key)?.items().filter(|items| !items.is_empty())?;
        Some(items.iter().filter(|item| is_message(item)).collect())
    };
    let chosen = || {
        let message = value.get("choices")?.items()?.first()?.get("message")?;
        is_message(message).then(|| vec![message])
    };
    listed("messages")
        .or_else(chosen)
        .or_else(|| listed("input"))
        .or_else(|| listed("output"))
        .or_else(|| messages(value.get("request")?))
}

fn is_message(item: &Json) -> bool {
    item.get("role").is_some() && item.get("content").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_conversation_it_is_the_last_message() {
        let chat = r#"{"messages": [{"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "last"}]},
            {"role": "assistant", "content": "answer"}]}"#;
        assert_eq!(of(chat, Role::User), "last");
        assert_eq!(of(chat, Role::Assistant), "answer");
        let answer = r#"{"choices": [{"message": {"role": "assistant", "content": "hi"}}]}"#;
        assert_eq!(of(answer, Role::Assistant), "hi");
        let agent = r#"{"request": {"input": [{"role": "user", "content": "go"}]}}"#;
        assert_eq!(of(agent, Role::User), "go");
    }

    #[test]
    fn everything_else_is_shown_as_it_is_and_cut() {
        assert_eq!(of(r#"{"x": 3}"#, Role::User), r#"{"x": 3}"#);
        assert_eq!(of(r#"{"messages": []}"#, Role::User), r#"{"messages": []}"#);
        let exact = "ü".repeat(TRACE_PREVIEW);
        assert_eq!(of(&exact, Role::User), exact);
        let long = of(&"ü".repeat(TRACE_PREVIEW + 1), Role::User);
        assert_eq!(long.chars().count(), TRACE_PREVIEW);
        assert!(long.ends_with("..."));
    }
}
