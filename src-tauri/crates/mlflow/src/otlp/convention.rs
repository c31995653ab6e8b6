//! What other instrumentations call the things that MLflow shows: their attributes are
//! read, in this order, where MLflow's own is missing.

use super::span::Attributes;
use crate::json::Json;

pub(super) const TRACE_ID: &str = "mlflow.traceRequestId";
pub(super) const TYPE: &str = "mlflow.spanType";
pub(super) const INPUTS: &str = "mlflow.spanInputs";
pub(super) const OUTPUTS: &str = "mlflow.spanOutputs";
pub(super) const USAGE: &str = "mlflow.chat.tokenUsage";
pub(super) const COST: &str = "mlflow.llm.cost";
pub(super) const MODEL: &str = "mlflow.llm.model";
pub(super) const PROVIDER: &str = "mlflow.llm.provider";
const TOOLS: &str = "mlflow.chat.tools";
/// The type of a span that says nothing better.
pub(super) const UNKNOWN: &str = "UNKNOWN";

/// One instrumentation's names.
struct Convention {
    /// The attribute that says what kind of span it is, and the kinds.
    kind: &'static str,
    kinds: &'static [(&'static str, &'static str)],
    input_tokens: &'static str,
    output_tokens: &'static str,
    total_tokens: &'static str,
    cache_read: &'static str,
    cache_write: &'static [&'static str],
    inputs: &'static [&'static str],
    outputs: &'static [&'static str],
    models: &'static [&'static str],
    provider: &'static str,
    tools: &'static str,
}

const NONE: Convention = Convention {
    kind: "",
    kinds: &[],
    input_tokens: "",
    output_tokens: "",
    total_tokens: "",
    cache_read: "",
    cache_write: &[],
    inputs: &[],
    outputs: &[],
    models: &[],
    provider: "",
    tools: "",
};

const CONVENTIONS: [Convention; 4] = [
    // OpenInference.
    Convention {
        kind: "openinference.span.kind",
        kinds: &[
            ("TOOL", "TOOL"),
            ("CHAIN", "CHAIN"),
            ("LLM", "LLM"),
            ("RETRIEVER", "RETRIEVER"),
            ("EMBEDDING", "EMBEDDING"),
            ("AGENT", "AGENT"),
            ("RERANKER", "RERANKER"),
            ("GUARDRAIL", "GUARDRAIL"),
            ("EVALUATOR", "EVALUATOR"),
        ],
        input_tokens: "llm.token_count.prompt",
        output_tokens: "llm.token_count.completion",
        total_tokens: "llm.token_count.total",
        cache_read: "llm.token_count.prompt_details.cache_read",
        cache_write: &["llm.token_count.prompt_details.cache_write"],
        inputs: &["input.value"],
        outputs: &["output.value"],
        models: &[
            "llm.response.model_name",
            "llm.model_name",
            "llm.request.model_name",
            "embedding.model_name",
        ],
        provider: "llm.provider",
        ..NONE
    },
    // OpenTelemetry's semantic conventions for GenAI.
    Convention {
        kind: "gen_ai.operation.name",
        kinds: &[
            ("chat", "CHAT_MODEL"),
            ("create_agent", "AGENT"),
            ("embeddings", "EMBEDDING"),
            ("execute_tool", "TOOL"),
            ("generate_content", "LLM"),
            ("invoke_agent", "AGENT"),
            ("text_completion", "LLM"),
            ("response", "LLM"),
        ],
        input_tokens: "gen_ai.usage.input_tokens",
        output_tokens: "gen_ai.usage.output_tokens",
        cache_read: "gen_ai.usage.cache_read.input_tokens",
        cache_write: &[
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
        ],
        inputs: &["gen_ai.input.messages", "gen_ai.tool.call.arguments"],
        outputs: &["gen_ai.output.messages", "gen_ai.tool.call.result"],
        models: &["gen_ai.response.model", "gen_ai.request.model"],
        provider: "gen_ai.provider.name",
        tools: "gen_ai.tool.definitions",
        ..NONE
    },
    // Traceloop, OpenLLMetry.
    Convention {
        kind: "traceloop.span.kind",
        kinds: &[("workflow", "WORKFLOW"), ("task", "TASK"), ("agent", "AGENT"), ("tool", "TOOL")],
        input_tokens: "gen_ai.usage.prompt_tokens",
        output_tokens: "gen_ai.usage.completion_tokens",
        total_tokens: "llm.usage.total_tokens",
        inputs: &["traceloop.entity.input", "gen_ai.prompt.0.content"],
        outputs: &["traceloop.entity.output", "gen_ai.completion.0.content"],
        provider: "gen_ai.system",
        ..NONE
    },
    // Vercel's AI SDK.
    Convention {
        kind: "ai.operationId",
        kinds: &[
            ("ai.generateText", "LLM"),
            ("ai.generateText.doGenerate", "LLM"),
            ("ai.streamText", "LLM"),
            ("ai.streamText.doStream", "LLM"),
            ("ai.generateObject", "LLM"),
            ("ai.generateObject.doGenerate", "LLM"),
            ("ai.streamObject", "LLM"),
            ("ai.streamObject.doStream", "LLM"),
            ("ai.toolCall", "TOOL"),
            ("ai.embed", "EMBEDDING"),
            ("ai.embed.doEmbed", "EMBEDDING"),
            ("ai.embedMany", "EMBEDDING"),
        ],
        inputs: &["ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"],
        outputs: &["ai.response.text", "ai.toolCall.result", "ai.response.object", "ai.embedding"],
        ..NONE
    },
];

/// Adds MLflow's attributes where only another convention's are there.
pub(super) fn translate(attributes: &mut Attributes, events: &[Json]) {
    if attributes.text(TYPE).is_none_or(|kind| kind == UNKNOWN)
        && let Some(kind) = CONVENTIONS.iter().find_map(|c| kind_of(c, attributes))
    {
        attributes.set(TYPE, Json::from(kind).dump());
    }
    let inputs = |c: &Convention| c.inputs;
    let outputs = |c: &Convention| c.outputs;
    let from_events = |role| messages(events, role);
    fill(attributes, INPUTS, first(attributes, inputs).or_else(|| from_events(Said::Before)));
    fill(attributes, OUTPUTS, first(attributes, outputs).or_else(|| from_events(Said::After)));
    fill(attributes, USAGE, CONVENTIONS.iter().find_map(|c| usage(c, attributes)));
    fill(attributes, TOOLS, CONVENTIONS.iter().find_map(|c| present(attributes, c.tools)));
    let model = first(attributes, |c| c.models).or_else(|| model_of(attributes));
    fill(attributes, MODEL, model);
    fill(attributes, PROVIDER, CONVENTIONS.iter().find_map(|c| present(attributes, c.provider)));
}

fn fill(attributes: &mut Attributes, key: &str, text: Option<String>) {
    if let Some(text) = text.filter(|_| !attributes.has(key)) {
        attributes.set(key, text);
    }
}

fn kind_of(convention: &Convention, attributes: &Attributes) -> Option<&'static str> {
    let kind = attributes.text(convention.kind)?;
    convention.kinds.iter().find(|(theirs, _)| *theirs == kind).map(|(_, ours)| *ours)
}

fn first(
    attributes: &Attributes,
    keys: impl Fn(&Convention) -> &'static [&'static str],
) -> Option<String> {
    CONVENTIONS.iter().flat_map(keys).find_map(|key| present(attributes, key))
}

/// The JSON text of an attribute with something in it.
fn present(attributes: &Attributes, key: &str) -> Option<String> {
    let raw = attributes.raw(key)?;
    let has_something = Json::parse(raw).is_none_or(|value| !value.is_empty());
    has_something.then(|| raw.to_owned())
}

fn usage(convention: &Convention, attributes: &Attributes) -> Option<String> {
    let count = |key: &str| attributes.json(key).and_then(|value| value.whole());
    let (input, output) = (count(convention.input_tokens), count(convention.output_tokens));
    let both = || input.zip(output).map(|(input, output)| input.saturating_add(output));
    let total = count(convention.total_tokens).or_else(both);
    if input.is_none() && output.is_none() && total.is_none() {
        return None;
    }
    let cache_write = convention.cache_write.iter().find_map(|key| count(key));
    let fields = [
        ("input_tokens", input),
        ("output_tokens", output),
        ("total_tokens", total),
        ("cache_read_input_tokens", count(convention.cache_read)),
        ("cache_creation_input_tokens", cache_write),
    ];
    let fields = fields.into_iter().filter_map(|(key, n)| Some((key.to_owned(), Json::Int(n?))));
    Some(Json::Map(fields.collect()).dump())
}

/// The model that a call's own input or output names.
fn model_of(attributes: &Attributes) -> Option<String> {
    [INPUTS, OUTPUTS].into_iter().find_map(|key| {
        let value = attributes.json(key)?;
        let model = value.get("model")?.text()?;
        (!model.is_empty()).then(|| Json::from(model).dump())
    })
}

/// Which side of a conversation.
#[derive(Clone, Copy, PartialEq)]
enum Said {
    Before,
    After,
}

/// Messages that come as events of OpenTelemetry's conventions for GenAI.
fn messages(events: &[Json], side: Said) -> Option<String> {
    let message = |event: &Json| {
        let role = match (event.get("name")?.text()?, side) {
            ("gen_ai.system.message", Said::Before) => "system",
            ("gen_ai.user.message", Said::Before) => "user",
            ("gen_ai.assistant.message", Said::Before) | ("gen_ai.choice", Said::After) => {
                "assistant"
            }
            _ => return None,
        };
        let attributes = event.get("attributes")?;
        let content = attributes.get("content").filter(|content| !content.is_empty())?;
        let named = attributes.get("role").filter(|_| side == Said::After).cloned();
        let role = named.unwrap_or_else(|| Json::from(role));
        Some(Json::Map(vec![("role".into(), role), ("content".into(), content.clone())]))
    };
    let messages: Vec<Json> = events.iter().filter_map(message).collect();
    (!messages.is_empty()).then(|| Json::List(messages).dump())
}
