"""Autologging of an LLM library, against a chat service of this test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
import openai
import pytest
from mlflow import MlflowClient

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


class ChatService(BaseHTTPRequestHandler):
    """Answers as OpenAI's chat completions do."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words = asked["messages"][-1]["content"]
        if words == "fail":
            return self.reply(400, {"error": {"message": "no such words", "type": "invalid_request_error"}})
        message = {"role": "assistant", "content": f"You said: {words}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.reply(
            200,
            {
                "id": "chat-1",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": asked["model"],
                "choices": [choice],
                "usage": USAGE,
            },
        )

    def reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def chat() -> Iterator[openai.OpenAI]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), ChatService)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    mlflow.openai.autolog()
    url = f"http://127.0.0.1:{service.server_address[1]}/v1"
    yield openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    mlflow.openai.autolog(disable=True)
    service.shutdown()
    service.server_close()


def ask(chat: openai.OpenAI, words: str) -> str | None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": words}]
    answer = chat.chat.completions.create(model="small-1", messages=messages, temperature=0.5)
    return answer.choices[0].message.content


def test_a_chat_is_traced(client: MlflowClient, experiment: str, chat: openai.OpenAI) -> None:
    assert ask(chat, "hi") == "You said: hi"
    mlflow.flush_trace_async_logging()
    trace = client.get_trace(mlflow.get_last_active_trace_id())
    [span] = trace.data.spans
    assert span.span_type == "CHAT_MODEL"
    assert span.inputs["messages"][-1]["content"] == "hi"
    assert span.outputs["choices"][0]["message"]["content"] == "You said: hi"
    assert span.model_name == "small-1"
    assert trace.info.token_usage == {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}
    assert (trace.info.request_preview, trace.info.response_preview) == ("hi", "You said: hi")


def test_a_failing_chat_is_traced(client: MlflowClient, experiment: str, chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(chat, "fail")
    mlflow.flush_trace_async_logging()
    trace = client.get_trace(mlflow.get_last_active_trace_id())
    assert trace.info.state.value == "ERROR"
    [span] = trace.data.spans
    assert any("no such words" in json.dumps(event.attributes) for event in span.events)


def test_calls_within_an_agent_are_summed_up(client: MlflowClient, experiment: str, chat: openai.OpenAI) -> None:
    @mlflow.trace(span_type="AGENT")
    def agent(question: str) -> str | None:
        return ask(chat, ask(chat, question) or "")

    agent("why")
    mlflow.flush_trace_async_logging()
    trace = client.get_trace(mlflow.get_last_active_trace_id())
    assert [span.span_type for span in trace.data.spans] == ["AGENT", "CHAT_MODEL", "CHAT_MODEL"]
    assert trace.info.token_usage["total_tokens"] == 24
