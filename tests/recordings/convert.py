#!/usr/bin/env python3
"""Made the recordings beside this file: convert.py AGENTS_FOLDER [AGENT…]

Reads AGENTS_FOLDER/AGENT/sessions/*.jsonl (one raw hook call a line, as a recorder saw it) and writes AGENT/*.jsonl: the
messages that quietbell-hook would have sent (design.md section 10), cut to the fields that a mapping or a test reads.
Long texts are cut; tool results, suggestions, what a vendor wrote for a model, and what the person did (@type, @keys:
see the truth tables) are left out. Files named syn-*.jsonl were written by hand and are left alone.
"""
import hashlib
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
AGENTS = "claude-code codex gemini qwen copilot opencode osc".split()
TEXT = 80  # bytes kept of a text; the same for every event, so that equal inputs stay equal
SHORT = {"input-messages": 30, "stack": 0}  # and of these

KEEP = """session_id cwd hook_event_name source model reason prompt prompt_id tool_name tool_input agent_id agent_type
    notification_type message error last_assistant_message stop_hook_active mcp_server_name action trigger
    expansion_type command_name new_cwd worktree_path name teammate_name""".split()
KEEP_MORE = KEEP + """transcript_path transcriptPath permission_mode turn_id status details prompt_response error_details
    tool_use_id timestamp sessionId hookName toolName toolArgs toolInput errorContext error_context recoverable stopReason
    stop_reason initialPrompt initial_prompt title type thread-id turn-id client input-messages last-assistant-message
    id osc terminal state kind app text""".split()
OPENCODE = """id type properties sessionID requestID reply permission patterns metadata command questions question header
    options label description status attempt name error data message statusCode isRetryable info parentID directory title
    role input output parts text""".split()
MARKS = """CLAUDECODE CLAUDE_CODE_ENTRYPOINT CLAUDE_CODE_SESSION_ID CLAUDE_PROJECT_DIR CODEX_MANAGED_BY_NPM
    CODEX_MANAGED_PACKAGE_ROOT CODEX_HOME GEMINI_SESSION_ID GEMINI_PROJECT_DIR GEMINI_CLI QWEN_CODE_SESSION_ID
    QWEN_PROJECT_DIR COPILOT_CLI OPENCODE""".split()


def cut(value, size=TEXT):
    if isinstance(value, str):
        return value[:size]
    if isinstance(value, list):
        return [cut(item, size) for item in value]
    if isinstance(value, dict):
        return {key: cut(item, SHORT.get(key, size)) for key, item in value.items()}
    return value


def sift(value):
    """Of opencode's events, at any depth, only what is known to be small and read."""
    if isinstance(value, list):
        return [sift(item) for item in value[:3]]
    if isinstance(value, dict):
        return {key: sift(item) for key, item in value.items() if key in OPENCODE}
    return value


def raw_payload(raw):
    return json.loads(raw["stdin"] or (raw["argv"] or ["{}"])[-1])


def payload_of(raw, agent):
    whole = raw_payload(raw)
    if agent == "opencode":
        return cut(sift(whole))
    keep = KEEP if agent == "claude-code" else KEEP_MORE
    payload = {key: cut(whole[key], SHORT.get(key, TEXT)) for key in keep if key in whole}
    if "background_tasks" in whole:
        payload["background_tasks"] = [
            {key: task[key] for key in ("id", "type", "status") if key in task} for task in whole["background_tasks"]]
    if "tool_calls" in whole:
        payload["tool_calls"] = [
            {key: call[key] for key in ("tool_name", "status") if key in call} for call in whole["tool_calls"]]
    return payload


def place_of(raw):
    env, place = raw.get("env", {}), {}
    if "TMUX" in env:
        place["tmux"] = env["TMUX"].split(",")[0]
    for key, variable in (("pane", "TMUX_PANE"), ("window", "WINDOWID"), ("term", "TERM_PROGRAM")):
        if variable in env:
            place[key] = env[variable]
    tty = raw.get("ancestry", [{}])[0].get("tty_nr", 0) if raw.get("ancestry") else 0
    if 136 <= tty >> 8 & 255 <= 143:
        place["tty"] = f"/dev/pts/{tty & 255}"
    return place


def context_of(raw):
    context = {}
    pid = raw.get("ppid") or (raw.get("ancestry") or [{}])[0].get("pid") or (raw["pid"] if "env" not in raw else None)
    if pid:
        context["pid"] = pid
    context["cwd"] = raw.get("hook_cwd") or raw["cwd"]
    context["marks"] = [mark for mark in MARKS if mark in raw.get("env", {})]
    context["place"] = place_of(raw)
    return context


def message_of(raw, agent, name, number):
    event = re.sub("^(event|hook|claude-project-settings):", "", raw["event"])
    return {
        "type": "hook",
        "id": hashlib.sha256(f"{name}:{number}".encode()).hexdigest()[:16],
        "at_ms": raw["received_at_ns"] // 1000000,
        "agent": "claude-code" if raw.get("agent") == "cross" else raw.get("agent", agent),
        "event": event,
        "payload": payload_of(raw, agent),
        "context": context_of(raw),
    }


def write(target, messages):
    target.parent.mkdir(exist_ok=True)
    with target.open("w") as out:
        for message in messages:
            out.write(json.dumps(message, separators=(",", ":"), ensure_ascii=False) + "\n")


def convert(source, agent, target):
    rows = [json.loads(line) for line in source.read_text().splitlines() if line.strip()]
    rows.sort(key=lambda row: row["received_at_ns"])
    rows = [row for row in rows if not row["event"].startswith("@")]
    name = source.stem if agent == "claude-code" else f"{agent}/{target.stem}"
    write(target, [message_of(raw, agent, name, number) for number, raw in enumerate(rows)])


def convert_osc(source, target):
    """Of a terminal's output, the reports of OSC 7501 and the texts of OSC 9, as a terminal would post them."""
    messages = []
    for line in source.read_text().splitlines():
        row = json.loads(line)
        found = re.search(r"(?:^|\x1b\])(7501|9);(.*?)<(?:ST|BEL)>", row["data"])
        if not found:
            continue
        payload = {"osc": found[1], "terminal": f"pts:{target.stem}"}
        if found[1] == "9":
            payload["text"] = found[2][:TEXT]
        else:
            payload.update(pair.split("=", 1) for pair in found[2].split(":"))
        name = f"osc/{target.stem}:{len(messages)}"
        messages.append({"type": "hook", "id": hashlib.sha256(name.encode()).hexdigest()[:16],
                         "at_ms": row["t_ns"] // 1000000, "agent": "osc", "payload": payload})
    write(target, messages)


def convert_stream(source, target):
    """opencode's event stream bears no times: a tenth of a second between its events."""
    messages = []
    for number, line in enumerate(source.read_text().split("data: ")[1:]):
        event = json.loads(line)
        messages.append({"type": "hook", "id": hashlib.sha256(f"opencode/stream:{number}".encode()).hexdigest()[:16],
                         "at_ms": 1795455930000 + number * 100, "agent": "opencode", "event": event["type"],
                         "payload": cut(sift(event)), "context": {"cwd": "/home/dev/src/opencode"}})
    write(target, messages)


def main():
    agents = pathlib.Path(sys.argv[1])
    for agent in sys.argv[2:] or AGENTS:
        for source in sorted((agents / agent / "sessions").glob("*.jsonl")):
            name = source.name.removesuffix(".jsonl")
            if agent == "claude-code":
                convert(source, agent, HERE / agent / source.name)
            elif name.endswith("hooks"):
                name = name.removesuffix(".hooks").removeprefix(f"{agent}-")
                name = {"running-project-claude-settings-hooks": "claude-hooks"}.get(name, name)
                convert(source, agent, HERE / agent / f"{name}.jsonl")
        if agent == "osc":
            for source in sorted(agents.glob("codex/sessions/*.osc.jsonl")) + sorted(agents.glob("gemini/sessions/*.osc.jsonl")):
                convert_osc(source, HERE / agent / f"{source.name.removesuffix('.osc.jsonl')}.jsonl")
        if agent == "opencode":
            convert_stream(agents / "opencode-sse" / "payloads" / "event-stream.txt", HERE / agent / "stream.jsonl")


if __name__ == "__main__":
    main()
