#!/usr/bin/env python3
"""A model that does what it is told: the peer of real agents in a network namespace that has only loopback.

    model.py LOG        prints the port it listens on (127.0.0.1), then serves until it is killed

It speaks what the agents speak, with server-sent events where they ask for them:

    POST /v1/responses                                    OpenAI Responses         codex
    POST /v1/chat/completions                             OpenAI chat completions  qwen, opencode
    POST /v1/messages                                     Anthropic messages       claude-code
    POST /v1beta/models/M:streamGenerateContent           Gemini                   gemini

The last order in the person's messages decides. MARK is a word of the driver's, so that the answer can be told
from the prompt on the screen:

    qb say MARK           answers "MARK-over"
    qb run MARK COMMAND   asks for the shell tool with COMMAND, and after its result answers "MARK-over"
    qb many MARK N        N rounds of a tool that asks nobody, one a request, and then "MARK-over"
    qb fail MARK STATUS   an HTTP error of that status, whose message is "MARK-failed"

A request without tools is a helper's (a title, a summary, what comes next): it gets a short text. Each request is
one line in LOG: when it came and when it was answered (CLOCK_MONOTONIC, which driver and model share), what it
was, and what it got.
"""
import http.server
import json
import re
import sys
import threading
import time

ORDER = re.compile(r"\bqb (say|run|many|fail) ([a-z0-9]+)(?: ([^\n<\"]*))?")
LOG_LOCK = threading.Lock()
# Codex asks only for what wants to leave its sandbox.
ASKING = {"sandbox_permissions": "require_escalated", "justification": "As told"}
# How each shell tool that an agent may offer takes a command; the first that is offered is used.
SHELLS = {
    "exec_command": lambda command: dict({"cmd": command}, **({} if command in ("ls", "pwd") else ASKING)),
    "shell_command": lambda command: {"command": command},
    "shell": lambda command: {"command": ["sh", "-c", command]},
    "Bash": lambda command: {"command": command, "description": "As told"},
    "bash": lambda command: {"command": command, "description": "As told"},
    "run_shell_command": lambda command: {"command": command, "description": "As told", "is_background": False},
}
# A tool that asks nobody, where the shell would. Some agents stop a model that does the same thing five times.
HARMLESS = {"list_directory": lambda odd: {"dir_path": "./" if odd else ".", "path": "./" if odd else "."}}


class Turn:
    """What a request asks for: the order that stands, how many results came after it, the tools on offer."""

    def __init__(self, entries, tools):
        self.tools, self.order, self.results = tools, None, 0
        for kind, text in entries:
            found = ORDER.findall(text) if kind == "user" else None
            if found:
                self.order, self.results = found[-1], 0
            elif kind == "result":
                self.results += 1

    def answer(self):
        """("text", words) | ("tool", name, arguments) | ("error", status, words)"""
        if not self.tools or not self.order:
            return ("text", "A small task")
        word, mark, rest = self.order
        if word == "fail":
            return ("error", int(rest or 500), mark + "-failed")
        if word == "run" and not self.results:
            return self.shell(rest.strip())
        if word == "many" and self.results < int(rest):
            for name, arguments in HARMLESS.items():
                if name in self.tools:
                    return ("tool", name, arguments(self.results % 2))
            return self.shell("ls" if self.results % 2 else "pwd")
        return ("text", mark + "-over")

    def shell(self, command):
        for name, arguments in SHELLS.items():
            if name in self.tools:
                return ("tool", name, arguments(command))
        return ("text", "no shell among " + " ".join(sorted(self.tools)))


def texts(content, key="text"):
    if isinstance(content, str):
        return [content]
    return [part[key] for part in content or [] if isinstance(part, dict) and isinstance(part.get(key), str)]


def sse(events, named=False):
    lines = []
    for event in events:
        if named:
            lines.append(f"event: {event['type']}\n")
        lines.append(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
    return "".join(lines)


class Responses:
    """https://platform.openai.com/docs/api-reference/responses-streaming"""

    @staticmethod
    def turn(body):
        entries = []
        for item in body.get("input") or []:
            if item.get("type") in ("function_call_output", "custom_tool_call_output"):
                entries.append(("result", ""))
            elif item.get("role") == "user":
                entries += [("user", text) for text in texts(item.get("content"))]
        return Turn(entries, {tool.get("name") or tool.get("type") for tool in body.get("tools") or []})

    @staticmethod
    def reply(answer, number, _body):
        if answer[0] == "text":
            item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": answer[1], "annotations": []}]}
            delta = [{"type": "response.output_text.delta", "item_id": item["id"], "output_index": 0,
                      "content_index": 0, "delta": answer[1]}]
        else:
            item = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": answer[1],
                    "arguments": json.dumps(answer[2]), "status": "completed"}
            delta = []
        response = {"id": f"resp_{number}", "object": "response", "status": "in_progress", "output": []}
        done = dict(response, status="completed", output=[item], usage={
            "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15})
        return sse([{"type": "response.created", "response": response},
                    {"type": "response.output_item.added", "output_index": 0, "item": item}, *delta,
                    {"type": "response.output_item.done", "output_index": 0, "item": item},
                    {"type": "response.completed", "response": done}], named=True)

    @staticmethod
    def error(status, words):
        return {"error": {"message": words, "type": "invalid_request_error", "code": str(status)}}


class Chat:
    """https://platform.openai.com/docs/api-reference/chat"""

    @staticmethod
    def turn(body):
        entries = []
        for message in body.get("messages") or []:
            if message.get("role") == "tool":
                entries.append(("result", ""))
            elif message.get("role") == "user":
                entries += [("user", text) for text in texts(message.get("content"))]
        return Turn(entries, {tool["function"]["name"] for tool in body.get("tools") or []})

    @staticmethod
    def reply(answer, number, body):
        head = {"id": f"chatcmpl-{number}", "created": int(time.time()), "model": body.get("model", "stub")}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        if answer[0] == "text":
            delta, reason = {"role": "assistant", "content": answer[1]}, "stop"
        else:
            call = {"index": 0, "id": f"call_{number}", "type": "function",
                    "function": {"name": answer[1], "arguments": json.dumps(answer[2])}}
            delta, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        if not body.get("stream"):
            choice = {"index": 0, "message": delta, "finish_reason": reason}
            return dict(head, object="chat.completion", choices=[choice], usage=usage)

        def chunk(delta, reason=None):
            return dict(head, object="chat.completion.chunk",
                        choices=[{"index": 0, "delta": delta, "finish_reason": reason}])
        return sse([chunk(delta), chunk({}, reason),
                    dict(head, object="chat.completion.chunk", choices=[], usage=usage), "[DONE]"])

    error = Responses.error


class Messages:
    """https://docs.anthropic.com/en/api/messages-streaming"""

    @staticmethod
    def turn(body):
        entries = []
        for message in body.get("messages") or []:
            content = message.get("content")
            for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
                if part.get("type") == "tool_result":
                    entries.append(("result", ""))
                elif part.get("type") == "text" and message.get("role") == "user":
                    entries.append(("user", part["text"]))
        return Turn(entries, {tool.get("name") for tool in body.get("tools") or []})

    @staticmethod
    def reply(answer, number, body):
        if answer[0] == "text":
            block, reason = {"type": "text", "text": answer[1]}, "end_turn"
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": answer[1]}
        else:
            block, reason = {"type": "tool_use", "id": f"toolu_{number:024}", "name": answer[1],
                             "input": answer[2]}, "tool_use"
            empty = dict(block, input={})
            delta = {"type": "input_json_delta", "partial_json": json.dumps(answer[2])}
        usage = {"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0,
                 "cache_read_input_tokens": 0}
        message = {"id": f"msg_{number:024}", "type": "message", "role": "assistant",
                   "model": body.get("model", "stub"), "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": usage}
        if not body.get("stream"):
            return dict(message, content=[block], stop_reason=reason)
        return sse([{"type": "message_start", "message": message},
                    {"type": "content_block_start", "index": 0, "content_block": empty},
                    {"type": "content_block_delta", "index": 0, "delta": delta},
                    {"type": "content_block_stop", "index": 0},
                    {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
                     "usage": {"output_tokens": 5}},
                    {"type": "message_stop"}], named=True)

    @staticmethod
    def error(status, words):
        names = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error",
                 529: "overloaded_error"}
        return {"type": "error", "error": {"type": names.get(status, "api_error"), "message": words}}


class Gemini:
    """https://ai.google.dev/api/generate-content"""

    @staticmethod
    def turn(body):
        entries = []
        for message in body.get("contents") or []:
            for part in message.get("parts") or []:
                if "functionResponse" in part:
                    entries.append(("result", ""))
                elif message.get("role") == "user" and isinstance(part.get("text"), str):
                    entries.append(("user", part["text"]))
        tools = {declaration["name"] for tool in body.get("tools") or []
                 for declaration in tool.get("functionDeclarations") or []}
        return Turn(entries, tools)

    @staticmethod
    def reply(answer, number, body):
        part = {"text": answer[1]} if answer[0] == "text" else {
            "functionCall": {"id": f"call_{number}", "name": answer[1], "args": answer[2]}}
        if body.get("generationConfig", {}).get("responseMimeType") == "application/json":
            part = {"text": '{"reasoning":"as told","next_speaker":"user","complexity_score":1}'}
        reply = {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}],
                 "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
                 "modelVersion": "stub", "responseId": f"resp-{number}"}
        return sse([reply]) if body["_stream"] else reply

    @staticmethod
    def error(status, words):
        names = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}
        return {"error": {"code": status, "message": words, "status": names.get(status, "INTERNAL")}}


def protocol_of(path):
    if path.endswith("/responses"):
        return Responses
    if path.endswith("/chat/completions"):
        return Chat
    if path.endswith("/messages"):
        return Messages
    if re.search(r":(streamG|g)enerateContent$", path):
        return Gemini
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    number = 0

    def do_POST(self):
        began = time.monotonic()
        path = self.path.split("?")[0]
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        protocol = protocol_of(path)
        if not protocol:
            self.send(200, {"input_tokens": 10, "totalTokens": 10, "candidates": []})
            self.note(began, path, None, None)
            return
        body = json.loads(data)
        body["_stream"] = "stream" in path.rsplit(":", 1)[-1].lower()
        turn = protocol.turn(body)
        answer = turn.answer()
        with LOG_LOCK:
            Handler.number += 1
            number = Handler.number
        if answer[0] == "error":
            self.send(answer[1], protocol.error(answer[1], answer[2]))
        else:
            self.send(200, protocol.reply(answer, number, body))
        self.note(began, path, turn, answer)

    def do_GET(self):
        began = time.monotonic()
        self.send(200, {"object": "list", "data": [{"id": "stub", "object": "model"}], "models": []})
        self.note(began, self.path, None, None)

    do_HEAD = do_PUT = do_DELETE = do_GET

    def send(self, status, reply):
        text = (reply if isinstance(reply, str) else json.dumps(reply)).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream" if isinstance(reply, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def note(self, began, path, turn, answer):
        line = {"began": began, "ended": time.monotonic(), "path": path}
        if turn:
            line.update(order=turn.order, results=turn.results, tools=sorted(filter(None, turn.tools)), answer=answer)
        with LOG_LOCK:
            with open(sys.argv[1], "a", encoding="utf-8") as log:
                log.write(json.dumps(line) + "\n")

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
